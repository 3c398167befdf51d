import TestSupport
import Testing

/// The examples of a document: commands after `$`, each with its output.
///
/// `apreserve` is run with its words, in a temporary directory; `> FILE` writes its output to a file.
/// `cat FILE` shows a file that exists, or creates it with the text that is shown. A line `...` stands for any
/// number of lines, and `...` at the end of a line for the rest of it.
/// Commands after `#` are for root on a real machine, and are not run.
struct ShellTranscript {
  struct Step {
    var command: String
    var output: [String]

    /// Whether it shows a file.
    var isFile: Bool { command.hasPrefix("cat ") }
  }

  private(set) var steps: [Step] = []

  init(_ blocks: [String]) {
    for block in blocks {
      var isOpen = false
      for line in block.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
        if line.hasPrefix("$ ") {
          steps.append(Step(command: String(line.dropFirst(2)), output: []))
          isOpen = true
        } else if line.hasPrefix("# "), !isOpen || !steps[steps.count - 1].isFile {
          isOpen = false
        } else if isOpen {
          steps[steps.count - 1].output.append(String(line))
        }
      }
    }
  }

  /// Does all steps in a directory; what was printed otherwise than shown.
  func differences(in bench: Workbench) throws -> [String] {
    var differences: [String] = []
    for step in steps {
      let words = step.command.split(separator: " ").map(String.init)
      if words.first == "cat", words.count == 2 {
        let text = step.output.map { $0 + "\n" }.joined()
        if !bench.has(words[1]) {
          try bench.file(words[1], text)
        } else if try bench.text(words[1]) != text {
          differences.append("$ \(step.command)\n\(try bench.text(words[1]))")
        }
        continue
      }
      guard words.first == "apreserve" else {
        differences.append("\(step.command): only apreserve and cat are understood")
        continue
      }
      let target = words.firstIndex(of: ">")
      let result = try Program.run(Array(words[1..<(target ?? words.count)]), in: bench)
      var printed = result.messages
      if let target {
        try bench.file(words[target + 1], result.output)
      } else {
        printed += result.output
      }
      let lines = printed.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
      let trimmed = lines.map(Self.trimmed).reversed().drop { $0.isEmpty }.reversed()
      let shown = step.output.map(Self.trimmed).reversed().drop { $0.isEmpty }.reversed()
      if !Self.matches(ArraySlice(trimmed), ArraySlice(shown)) {
        differences.append("$ \(step.command)\n\(printed)")
      }
    }
    return differences
  }

  private static func trimmed(_ line: some StringProtocol) -> String {
    String(line.reversed().drop { $0 == " " }.reversed())
  }

  private static func matches(_ lines: ArraySlice<String>, _ pattern: ArraySlice<String>) -> Bool {
    guard let first = pattern.first else { return lines.isEmpty }
    if first == "..." {
      return (lines.startIndex...lines.endIndex).contains {
        matches(lines[$0...], pattern.dropFirst())
      }
    }
    guard let line = lines.first else { return false }
    let isShown = first.hasSuffix("...") ? line.hasPrefix(first.dropLast(3)) : line == first
    return isShown && matches(lines.dropFirst(), pattern.dropFirst())
  }
}
