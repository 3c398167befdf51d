/// A rule file as read: its path and its bytes, not yet trusted to be text.
package struct RuleFile: Hashable, Sendable {
  /// The path, as diagnostics print it.
  package var path: String
  package var bytes: [UInt8]

  /// The longest line that is read, in bytes; udev has the same limit.
  package static let longestLine = 16 * 1024 - 1
  /// The largest file that is read, in bytes.
  package static let largestFile = 1024 * 1024

  package init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
  }

  /// A file of these lines. The last one is ended if it is not.
  package init(path: String, text: String) {
    let isEnded = text.isEmpty || text.utf8.last == UInt8(ascii: "\n")
    self.init(path: path, bytes: Array((isEnded ? text : text + "\n").utf8))
  }
}

/// Reads one rule file: cuts it into lines, checks that they are text, joins continued ones and hands
/// them on.
struct RuleFileParser {
  private(set) var rules: [Rule] = []
  private(set) var diagnostics: [Diagnostic] = []
  private let file: RuleFile
  private var omitted = OmittedFindings()
  private var hasReturns = false
  private var map: SourceMap
  private var pending = LogicalLine()
  private var lastLine: SourceMap.PhysicalLine?
  /// The backslash that the next line which is not a comment continues.
  private var continuation: Place?
  /// The comma after which the last rule ends.
  private var lastComma: Place?

  private typealias Place = (offset: Int, line: SourceMap.PhysicalLine)

  private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

  init(_ file: RuleFile) {
    self.file = file
    map = SourceMap(file)
  }

  /// Reads the whole file. Diagnostics are sorted by their places.
  mutating func parse() {
    guard file.bytes.count <= RuleFile.largestFile else {
      reportSize()
      return
    }
    guard !reportJSON() else { return }
    var number = 1
    var start = 0
    while start < file.bytes.count {
      let end = file.bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? file.bytes.count
      let hasReturn = end > start && file.bytes[end - 1] == UInt8(ascii: "\r")
      let line = SourceMap.PhysicalLine(
        number: number, bytes: start..<(hasReturn ? end - 1 : end))
      if hasReturn { noteReturn(line) }
      read(line)
      lastLine = line
      number += 1
      start = end + 1
    }
    finishRule()
    checkEnd()
    diagnostics += omitted.diagnostics
    diagnostics.sort {
      ($0.location.line, $0.location.column) < ($1.location.line, $1.location.column)
    }
  }

  private mutating func read(_ line: SourceMap.PhysicalLine) {
    let isText = check(line)
    var content = file.bytes[line.bytes]
    if line.number == 1, content.starts(with: Self.byteOrderMark) {
      report(
        .byteOrderMark, at: content.startIndex..<content.startIndex + 3, in: line,
        "the file begins with a byte order mark; save it as UTF-8 without one")
      content = content.dropFirst(Self.byteOrderMark.count)
    }
    content = content.drop(while: ClauseLexer.isBlank)
    if content.first == UInt8(ascii: "#") { return }
    if !isText { pending.isBroken = true }
    let isContinued = content.last == UInt8(ascii: "\\")
    if isContinued { content = content.dropLast() }
    if !content.isEmpty { pending.append(content, of: line) }
    continuation = isContinued ? (content.endIndex, line) : nil
    if !isContinued { finishRule() }
  }

  private mutating func finishRule() {
    let line = pending
    pending = LogicalLine()
    guard !line.isEmpty else { return }
    lastComma = comma(atEndOf: line)
    guard !line.isBroken else { return }
    guard let content = line.content, let start = line.place(of: content) else { return }
    var parser = RuleParser(
      line.bytes,
      limit: min(LineDiagnostics.limit, max(0, OmittedFindings.limit - diagnostics.count)))
    let rule = parser.parse(
      content, at: map.location(of: start.bytes.lowerBound, in: start.line),
      source: map.excerpt(trimmed(start.bytes), in: start.line))
    if let rule { rules.append(rule) }
    for diagnostic in parser.diagnostics.kept {
      guard let place = line.place(of: diagnostic.range) else { continue }
      report(
        diagnostic.code, at: place.bytes, in: place.line, diagnostic.message,
        fixes: diagnostic.fixes)
    }
    if let place = parser.diagnostics.firstOmitted.flatMap(line.place) {
      let location = map.location(of: place.bytes.lowerBound, in: place.line)
      omitted.add(parser.diagnostics.omittedErrors, of: .error, at: location)
      omitted.add(parser.diagnostics.omittedWarnings, of: .warning, at: location)
    }
  }

  /// The bytes without blanks and commas at the end.
  private func trimmed(_ range: Range<Int>) -> Range<Int> {
    var end = range.upperBound
    while end > range.lowerBound,
      ClauseLexer.isBlank(file.bytes[end - 1]) || file.bytes[end - 1] == UInt8(ascii: ",")
    {
      end -= 1
    }
    return range.lowerBound..<end
  }

  /// Reports a diagnostic, or counts it if there are too many.
  private mutating func report(
    _ code: DiagnosticCode, at bytes: Range<Int>, in line: SourceMap.PhysicalLine,
    _ message: String, fixes: [String] = []
  ) {
    if diagnostics.count < OmittedFindings.limit {
      diagnostics.append(map.diagnostic(code, at: bytes, in: line, message, fixes: fixes))
    } else {
      omitted.add(1, of: code.severity, at: map.location(of: bytes.lowerBound, in: line))
    }
  }
}

// MARK: - Checks of the text

extension RuleFileParser {
  /// The comma after which nothing follows in a line, although it promises another clause. A blank line
  /// leaves that of the rule before.
  private func comma(atEndOf line: LogicalLine) -> Place? {
    guard let last = line.bytes.lastIndex(where: { !ClauseLexer.isBlank($0) }) else {
      return lastComma
    }
    guard line.bytes[last] == UInt8(ascii: ","), let place = line.place(of: last..<last + 1)
    else { return nil }
    return (place.bytes.lowerBound, place.line)
  }

  /// Looks for signs that the file was read before its writer had finished: something promises to go
  /// on, or the last line has no end.
  private mutating func checkEnd() {
    if let (offset, line) = continuation {
      reportEnd(at: offset, in: line, of: "a rule; write the rest of it, or remove the backslash")
    } else if let (offset, line) = lastComma {
      reportEnd(at: offset, in: line, of: "a rule; write the rest of it, or remove the comma")
    } else if let line = lastLine, file.bytes.last != UInt8(ascii: "\n") {
      // The last character may have several bytes.
      let last = file.bytes[line.bytes].lastIndex { $0 & 0xc0 != 0x80 }
      reportEnd(
        at: last ?? line.bytes.lowerBound, in: line,
        of: "a line; write the rest of it, and end it with a line feed")
    }
  }

  private mutating func reportEnd(
    at offset: Int, in line: SourceMap.PhysicalLine, of rest: String
  ) {
    report(
      .incompleteFile, at: offset..<offset + 1, in: line,
      "the file ends in the middle of \(rest)")
  }

  private mutating func reportSize() {
    diagnostics.append(
      Diagnostic(
        code: .fileTooLarge, location: SourceLocation(file: file.path, line: 1, column: 1),
        length: 0, sourceLine: "",
        message: "the file has \(file.bytes.count) bytes, and at most \(RuleFile.largestFile) are "
          + "read; divide it into several files"))
  }

  /// Reports a file that is JSON, such as the description of a machine, once instead of line by line.
  private mutating func reportJSON() -> Bool {
    let blanks = " \t\r\n".utf8
    let start = file.bytes.starts(with: Self.byteOrderMark) ? Self.byteOrderMark.count : 0
    guard
      let brace = file.bytes[start...].firstIndex(where: { !blanks.contains($0) }),
      file.bytes[brace] == UInt8(ascii: "{"),
      let next = file.bytes[(brace + 1)...].first(where: { !blanks.contains($0) }),
      next == UInt8(ascii: "\"") || next == UInt8(ascii: "}")
    else { return false }
    let before = file.bytes[..<brace]
    let number = 1 + before.count { $0 == UInt8(ascii: "\n") }
    let first = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let end = file.bytes[brace...].firstIndex { blanks.dropFirst(2).contains($0) }
    let line = SourceMap.PhysicalLine(number: number, bytes: first..<(end ?? file.bytes.count))
    guard line.bytes.count <= RuleFile.longestLine,
      !file.bytes[line.bytes].contains(where: { Self.isControl($0) || $0 >= 0x80 })
    else { return false }
    report(
      .unexpectedText, at: brace..<brace + 1, in: line,
      "this is JSON, not a rule file; a description of a machine is given with --inventory")
    return true
  }

  /// Whether the line is text of a permitted length; reports what is wrong otherwise.
  private mutating func check(_ line: SourceMap.PhysicalLine) -> Bool {
    let content = file.bytes[line.bytes]
    if content.count > RuleFile.longestLine {
      report(
        .lineTooLong, at: line.bytes.lowerBound..<line.bytes.lowerBound + 1, in: line,
        "the line has \(content.count) bytes, and at most \(RuleFile.longestLine) are read; "
          + "divide it with a backslash at the end of each part")
      return false
    }
    if let offset = content.firstIndex(where: Self.isControl) {
      reportControl(at: offset, in: line)
      return false
    }
    if content.contains(where: { $0 >= 0x80 }), let offset = Self.firstInvalidByte(content) {
      report(
        .invalidUTF8, at: offset..<offset + 1, in: line,
        "byte 0x\(String(file.bytes[offset], radix: 16)) at offset \(offset) of the file is not "
          + "UTF-8; save the file as UTF-8")
      return false
    }
    return true
  }

  private static func isControl(_ byte: UInt8) -> Bool {
    byte < 0x20 && byte != UInt8(ascii: "\t") || byte == 0x7f
  }

  private mutating func reportControl(at offset: Int, in line: SourceMap.PhysicalLine) {
    let byte = file.bytes[offset]
    let place = "at offset \(offset) of the file"
    switch byte {
    case 0:
      report(
        .nulByte, at: offset..<offset + 1, in: line, "a NUL byte \(place); rule files are text")
    case UInt8(ascii: "\r"):
      report(
        .controlCharacter, at: offset..<offset + 1, in: line,
        "a carriage return \(place), in the middle of a line; end lines with a line feed")
    default:
      report(
        .controlCharacter, at: offset..<offset + 1, in: line,
        "control character 0x\(String(byte, radix: 16)) \(place); remove it")
    }
  }

  /// Says once that lines end as on Windows. They are read all the same, as udev does.
  private mutating func noteReturn(_ line: SourceMap.PhysicalLine) {
    guard !hasReturns else { return }
    hasReturns = true
    report(
      .carriageReturn, at: line.bytes.upperBound..<line.bytes.upperBound + 1, in: line,
      "the lines of the file end with CR LF; they are read, but save the file with LF only")
  }

  private static func firstInvalidByte(_ bytes: ArraySlice<UInt8>) -> Int? {
    var parser = Unicode.UTF8.ForwardParser()
    var iterator = bytes.makeIterator()
    var offset = bytes.startIndex
    while true {
      switch parser.parseScalar(from: &iterator) {
      case .valid(let encoded): offset += encoded.count
      case .emptyInput: return nil
      case .error: return offset
      }
    }
  }
}
