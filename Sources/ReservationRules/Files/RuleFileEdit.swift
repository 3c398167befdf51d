/// A rule file that is changed by whole rules. All other lines stay as they are, byte by byte: comments too, even those
/// between the lines of a rule that is removed.
package struct RuleFileEdit: Equatable, Sendable {
  package private(set) var file: RuleFile

  package init(_ file: RuleFile) {
    self.file = file
  }

  /// What came of adding a rule.
  package enum Addition: Equatable, Sendable {
    /// It is on this line.
    case added(line: Int)
    /// The file has had a rule of this text, which begins on this line.
    case present(line: Int)
  }

  /// Adds a rule at the end, where it is stronger than the rules before it. It need not be valid: the diagnostics of
  /// the file say what is wrong with it.
  @discardableResult
  package mutating func add(_ text: String) throws(RuleEditError) -> Addition {
    let line = text.utf8.drop(while: ClauseLexer.isBlank)
    guard let first = line.first, first != UInt8(ascii: "#") else { throw .notRule }
    guard !line.contains(UInt8(ascii: "\n")) else { throw .severalLines }
    // A carriage return would end the line for some programs; U+FFFD is what was no text.
    guard text.unicodeScalars.allSatisfy({ $0 == "\t" || $0.value >= 0x20 && $0 != "\u{fffd}" })
    else { throw .notText }
    let (statements, lines) = scan()
    guard file.bytes.isEmpty || file.bytes.last == UInt8(ascii: "\n"),
      statements.last?.isFinished != false
    else { throw .unfinished(file.path) }
    let new = RuleFile(path: file.path, text: String(Substring(line)))
    if let rule = Self.rules(of: new).first,
      let same = Self.rules(of: file).first(where: { $0.text == rule.text })
    {
      return .present(line: same.location.line)
    }
    file.bytes += line + lineEnd
    return .added(line: lines + 1)
  }

  /// Removes the rule that begins on a line, also one with errors, and returns it: its lines, without their ends.
  @discardableResult
  package mutating func remove(atLine number: Int) throws(RuleEditError) -> [String] {
    let (statements, count) = scan()
    guard number >= 1, number <= count else {
      throw .noLine(number, file: file.path, count: count)
    }
    guard let statement = statements.first(where: { $0.covers(number) }) else {
      throw .noRule(number, file: file.path)
    }
    let rules = Self.rules(of: file)
    let start = statement.lines.map(\.number).first { line in
      rules.contains { $0.location.line == line }
    }
    let first = start ?? statement.lines[0].number
    guard number == first else { throw .inside(number, file: file.path, first: first) }
    let texts = statement.lines.map { String(decoding: file.bytes[$0.bytes], as: UTF8.self) }
    for line in statement.lines.reversed() {
      let end = file.bytes[line.bytes.upperBound...].firstIndex(of: UInt8(ascii: "\n"))
      file.bytes.removeSubrange(line.bytes.lowerBound..<(end.map { $0 + 1 } ?? file.bytes.count))
    }
    return texts
  }

  /// The end of a line as the last line has it.
  private var lineEnd: [UInt8] {
    Array((file.bytes.suffix(2) == Array("\r\n".utf8)[...] ? "\r\n" : "\n").utf8)
  }

  private static func rules(of file: RuleFile) -> [Rule] {
    var parser = RuleFileParser(file)
    parser.parse()
    return parser.rules
  }
}

extension RuleFileEdit {
  /// The lines of one rule, or of what was meant as one.
  private struct Statement {
    /// Those that have a part of it: neither comments between them nor blank ones.
    var lines: [SourceMap.PhysicalLine]
    /// Whether its last line is not continued.
    var isFinished: Bool

    func covers(_ number: Int) -> Bool { lines.contains { $0.number == number } }
  }

  /// The statements as `RuleFileParser` joins them, and how many lines the file has.
  private func scan() -> (statements: [Statement], lines: Int) {
    var statements: [Statement] = []
    var number = 0
    var start = 0
    while start < file.bytes.count {
      number += 1
      let end = file.bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? file.bytes.count
      let hasReturn = end > start && file.bytes[end - 1] == UInt8(ascii: "\r")
      let line = SourceMap.PhysicalLine(
        number: number, bytes: start..<(hasReturn ? end - 1 : end))
      start = end + 1
      let content = file.bytes[line.bytes].drop(while: ClauseLexer.isBlank)
      guard content.first != UInt8(ascii: "#") else { continue }
      let isFinished = content.last != UInt8(ascii: "\\")
      let last = statements.count - 1
      if last >= 0, !statements[last].isFinished {
        if !content.isEmpty { statements[last].lines.append(line) }
        statements[last].isFinished = isFinished
      } else if !content.isEmpty {
        statements.append(Statement(lines: [line], isFinished: isFinished))
      }
    }
    return (statements, number)
  }
}

/// Why a rule file cannot be changed like that.
package enum RuleEditError: Error, Equatable, Sendable {
  /// What is to be added is empty, or a comment.
  case notRule
  /// What is to be added has several lines.
  case severalLines
  /// What is to be added has control characters, or bytes that are no text.
  case notText
  /// The last line of this file is not complete, and would be one with a line added after it.
  case unfinished(String)
  /// There is no line of this number.
  case noLine(Int, file: String, count: Int)
  /// The line is blank, or a comment.
  case noRule(Int, file: String)
  /// The line belongs to the rule that begins on an earlier one.
  case inside(Int, file: String, first: Int)
}

extension RuleEditError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notRule:
      #"this is not a rule; write one as a rule file has it, such as 'ADAPTER=="5", RESERVE="vfio_ap"'"#
    case .severalLines: "a rule to add is one line; join its lines, and add one rule at a time"
    case .notText: "a rule to add has only printable characters, in UTF-8"
    case .unfinished(let file):
      "\(file) ends in the middle of a line or rule; complete it before a rule is added"
    case .noLine(let number, let file, let count):
      "\(file) has no line \(number); it has \(count == 1 ? "1 line" : "\(count) lines"), and "
        + "\"apreserve rules\" shows on which the rules begin"
    case .noRule(let number, let file):
      "line \(number) of \(file) is blank or a comment; \"apreserve rules\" shows on which lines rules begin"
    case .inside(let number, let file, let first):
      "line \(number) of \(file) is a part of the rule that begins on line \(first); write \(file):\(first)"
    }
  }
}
