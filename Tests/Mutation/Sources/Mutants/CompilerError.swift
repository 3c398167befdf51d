/// An error that the compiler reports, in a file of the mutated sources.
package struct CompilerError {
  package let file: String
  package let line: Int
  package let message: String

  /// A line of the compiler's output as `DIRECTORY/Sources/Agent/Agent.swift:12:5: error: ...`.
  package init?(line text: Substring, below directory: String) {
    guard text.hasPrefix(directory) else { return nil }
    let fields = text.dropFirst(directory.count).split(separator: ":", maxSplits: 3)
    let word = " error: "
    guard fields.count == 4, fields[3].hasPrefix(word), let line = Int(fields[1]) else {
      return nil
    }
    message = String(fields[3].dropFirst(word.count))
    file = String(fields[0])
    self.line = line
  }
}
