/// Reads one JSON text (RFC 8259), strictly, and in a time that grows with its length alone.
package struct JSONParser {
  /// How deep arrays and objects may nest; deeper ones would only serve to exhaust the stack.
  package static let depthLimit = 64

  private let bytes: [UInt8]
  private var index = 0

  /// Reads a whole text.
  package static func parse(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONValue {
    var parser = JSONParser(bytes: bytes)
    if let offset = firstInvalidUTF8(bytes) {
      throw JSONSyntaxError("this is not UTF-8 text", at: offset, in: bytes)
    }
    parser.skipSpace()
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    guard parser.next == nil else { throw parser.unexpected("the end of the file") }
    return value
  }

  private init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// The offset of the first sequence that no UTF-8 text has.
  static func firstInvalidUTF8(_ bytes: [UInt8]) -> Int? {
    do {
      _ = try UTF8Span(validating: bytes.span)
      return nil
    } catch {
      return error.byteOffsets.lowerBound
    }
  }

  private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: scalar) else { return false }
    index += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || (0x9...0xa).contains(byte) || byte == 0xd { index += 1 }
  }

  private func error(_ problem: String, at offset: Int? = nil) -> JSONSyntaxError {
    JSONSyntaxError(problem, at: offset ?? index, in: bytes)
  }

  private func unexpected(_ expected: String) -> JSONSyntaxError {
    guard let next else { return error("expected \(expected), but the file ends here") }
    let found = next > 0x20 && next < 0x7f ? "\"\(Unicode.Scalar(next))\"" : "another character"
    return error("expected \(expected), found \(found)")
  }

  private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
      return .number(try number())
    default:
      for (word, value) in Self.words where bytes[index...].starts(with: word.utf8) {
        index += word.utf8.count
        return value
      }
      throw unexpected("a value")
    }
  }

  private static let words: [(String, JSONValue)] = [
    ("true", .bool(true)), ("false", .bool(false)), ("null", .null),
  ]

  private func check(depth: Int) throws(JSONSyntaxError) {
    guard depth < Self.depthLimit else {
      throw error("arrays and objects are nested deeper than \(Self.depthLimit)")
    }
  }

  private mutating func object(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    try check(depth: depth)
    index += 1
    skipSpace()
    var members: [JSONValue.Member] = []
    if take("}") { return .object(members) }
    while true {
      guard next == UInt8(ascii: "\"") else { throw unexpected("a key in quotes") }
      let key = try string()
      skipSpace()
      guard take(":") else { throw unexpected("a colon") }
      skipSpace()
      members.append(JSONValue.Member(key, try value(depth: depth + 1)))
      skipSpace()
      if take("}") { return .object(members) }
      guard take(",") else { throw unexpected("a comma or \"}\"") }
      skipSpace()
    }
  }

  private mutating func array(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    try check(depth: depth)
    index += 1
    skipSpace()
    var elements: [JSONValue] = []
    if take("]") { return .array(elements) }
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      if take("]") { return .array(elements) }
      guard take(",") else { throw unexpected("a comma or \"]\"") }
      skipSpace()
    }
  }

  private mutating func number() throws(JSONSyntaxError) -> String {
    let start = index
    _ = take("-")
    if take("0") {
      if let next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) {
        throw error("a number does not begin with 0", at: start)
      }
    } else {
      try digits()
    }
    if take(".") { try digits() }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      try digits()
    }
    return String(decoding: bytes[start..<index], as: UTF8.self)
  }

  private mutating func digits() throws(JSONSyntaxError) {
    let start = index
    while let next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) { index += 1 }
    guard index > start else { throw unexpected("a digit") }
  }
}

extension JSONParser {
  /// Reads a string from its opening quote on.
  private mutating func string() throws(JSONSyntaxError) -> String {
    let opening = index
    index += 1
    var start = index
    var text = ""
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        text += String(decoding: bytes[start..<index], as: UTF8.self)
        index += 1
        return text
      case UInt8(ascii: "\\"):
        text += String(decoding: bytes[start..<index], as: UTF8.self)
        text.unicodeScalars.append(try escape())
        start = index
      case 0..<0x20:
        throw error("a string has a line break or another control character in it")
      default: index += 1
      }
    }
    throw error("this string has no closing quote", at: opening)
  }

  private mutating func escape() throws(JSONSyntaxError) -> Unicode.Scalar {
    let start = index
    index += 1
    let byte = next
    index += byte == nil ? 0 : 1
    switch byte {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      var code = try codeUnit(start)
      // Characters over U+FFFF are written as two halves.
      if (0xd800...0xdbff).contains(code), take("\\"), take("u") {
        let low = try codeUnit(start)
        if (0xdc00...0xdfff).contains(low) { code = 0x10000 + (code - 0xd800) << 10 + low - 0xdc00 }
      }
      guard let scalar = Unicode.Scalar(code) else {
        throw error("this escape is half a character", at: start)
      }
      return scalar
    default:
      throw error("JSON has no such escape; a backslash itself is written \\\\", at: start)
    }
  }

  private mutating func codeUnit(_ start: Int) throws(JSONSyntaxError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw error("\\u needs four hex digits after it", at: start)
      }
      code = code << 4 | UInt32(digit)
      index += 1
    }
    return code
  }
}

/// A text that is not JSON: where, and what is wrong there.
package struct JSONSyntaxError: Error, Equatable, Sendable {
  /// The line, from 1.
  package var line: Int
  /// The column, from 1, counted in characters of the file.
  package var column: Int
  /// What is wrong: the end of a sentence.
  package var problem: String

  init(_ problem: String, at offset: Int, in bytes: [UInt8]) {
    let before = bytes.prefix(offset)
    let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    line = 1 + before.reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
    // Bytes 10xxxxxx continue a character that another byte began.
    column = 1 + before[start...].reduce(0) { $0 + ($1 & 0xc0 == 0x80 ? 0 : 1) }
    self.problem = problem
  }
}
