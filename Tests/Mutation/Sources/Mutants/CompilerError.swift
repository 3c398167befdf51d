/// An error that the compiler reports, in a file of the mutated sources.
package struct CompilerError {
  package let file: String
  package let line: Int
  package let message: String

  /// A line of the compiler's output as `DIRECTORY/Sources/Agent/Agent.swift:12:5: error: ...`, or, where the
  /// compiler itself fails, as ` for 'act()' (at DIRECTORY/Sources/Agent/Agent.swift:12:5)`.
  package init?(line text: Substring, below directory: String) {
    if text.hasPrefix(directory) {
      let fields = text.dropFirst(directory.count).split(separator: ":", maxSplits: 3)
      let word = " error: "
      guard fields.count == 4, fields[3].hasPrefix(word), let line = Int(fields[1]) else {
        return nil
      }
      self.init(fields[0], line, String(fields[3].dropFirst(word.count)))
    } else {
      let words = text.split(separator: " ")
      guard text.hasPrefix(" for "), words.count >= 4, words[words.count - 2] == "(at",
        let place = words.last, place.hasPrefix(directory), place.hasSuffix(")")
      else { return nil }
      let fields = place.dropFirst(directory.count).split(separator: ":")
      guard fields.count == 3, let line = Int(fields[1]) else { return nil }
      self.init(fields[0], line, "the compiler fails")
    }
  }

  private init(_ file: Substring, _ line: Int, _ message: String) {
    self.file = String(file)
    self.line = line
    self.message = message
  }
}
