/// Reads one rule file: cuts it into lines, checks that they are text, joins continued ones and hands
/// them on.
struct RuleFileParser {
  private(set) var rules: [Rule] = []
  private(set) var diagnostics: [Diagnostic] = []
  private let file: RuleFile
  private var map: SourceMap
  private var pending = LogicalLine()

  private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

  init(_ file: RuleFile) {
    self.file = file
    map = SourceMap(file)
  }

  /// Reads the whole file. Diagnostics come in the order of their places.
  mutating func parse() {
    guard file.bytes.count <= RuleFile.largestFile else {
      reportSize()
      return
    }
    var number = 1
    var start = 0
    while start < file.bytes.count {
      let end = file.bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? file.bytes.count
      let hasReturn = end > start && file.bytes[end - 1] == UInt8(ascii: "\r")
      read(SourceMap.PhysicalLine(number: number, bytes: start..<(hasReturn ? end - 1 : end)))
      number += 1
      start = end + 1
    }
    finishRule()
    diagnostics.sort {
      ($0.location.line, $0.location.column) < ($1.location.line, $1.location.column)
    }
  }

  private mutating func read(_ line: SourceMap.PhysicalLine) {
    let isText = check(line)
    var content = file.bytes[line.bytes]
    if line.number == 1, content.starts(with: Self.byteOrderMark) {
      diagnostics.append(
        map.diagnostic(
          .byteOrderMark, content.startIndex..<content.startIndex + 3, in: line,
          "the file begins with a byte order mark; save it as UTF-8 without one"))
      content = content.dropFirst(Self.byteOrderMark.count)
    }
    content = content.drop(while: Self.isBlank)
    if content.first == UInt8(ascii: "#") { return }
    if !isText { pending.isBroken = true }
    let isContinued = content.last == UInt8(ascii: "\\")
    if isContinued { content = content.dropLast() }
    if !content.isEmpty { pending.append(content, of: line) }
    if !isContinued { finishRule() }
  }

  private mutating func finishRule() {
    let line = pending
    pending = LogicalLine()
    guard !line.isEmpty, !line.isBroken else { return }
    var parser = RuleParser(line.bytes)
    let parsed = parser.parse()
    for fault in parser.faults {
      guard let place = line.place(of: fault.range) else { continue }
      diagnostics.append(
        map.diagnostic(
          fault.code, place.bytes, in: place.line, fault.message, fixes: fault.fixes))
    }
    if parser.faults.isEmpty, let parsed, let place = line.place(of: parsed.range) {
      rules.append(parsed.rule(at: map.location(of: place.bytes.lowerBound, in: place.line)))
    }
  }

  static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }
}

// MARK: - Checks of the text

extension RuleFileParser {
  private mutating func reportSize() {
    diagnostics.append(
      Diagnostic(
        code: .fileTooLarge, location: SourceLocation(file: file.path, line: 1, column: 1),
        length: 0, sourceLine: "",
        message: "the file has \(file.bytes.count) bytes, and at most \(RuleFile.largestFile) are "
          + "read; divide it into several files"))
  }

  /// Whether the line is text of a permitted length; says what is wrong otherwise.
  private mutating func check(_ line: SourceMap.PhysicalLine) -> Bool {
    let content = file.bytes[line.bytes]
    if content.count > RuleFile.longestLine {
      diagnostics.append(
        map.diagnostic(
          .lineTooLong, line.bytes.lowerBound..<line.bytes.lowerBound + 1, in: line,
          "the line has \(content.count) bytes, and at most \(RuleFile.longestLine) are read; "
            + "divide it with a backslash at the end of each part"))
      return false
    }
    if let offset = content.firstIndex(where: Self.isControl) {
      diagnostics.append(describeControl(at: offset, in: line))
      return false
    }
    if content.contains(where: { $0 >= 0x80 }), let offset = Self.firstInvalidByte(content) {
      diagnostics.append(
        map.diagnostic(
          .invalidUTF8, offset..<offset + 1, in: line,
          "byte 0x\(String(file.bytes[offset], radix: 16)) at offset \(offset) of the file is not "
            + "UTF-8; save the file as UTF-8"))
      return false
    }
    return true
  }

  private static func isControl(_ byte: UInt8) -> Bool {
    byte < 0x20 && byte != UInt8(ascii: "\t") || byte == 0x7f
  }

  private mutating func describeControl(
    at offset: Int, in line: SourceMap.PhysicalLine
  ) -> Diagnostic {
    let byte = file.bytes[offset]
    if byte == 0 {
      return map.diagnostic(
        .nulByte, offset..<offset + 1, in: line,
        "a NUL byte at offset \(offset) of the file; rule files are text")
    }
    return map.diagnostic(
      .controlCharacter, offset..<offset + 1, in: line,
      "control character 0x\(String(byte, radix: 16)) at offset \(offset) of the file; remove it")
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
