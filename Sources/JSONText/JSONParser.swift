/// Reads one JSON text (RFC 8259), strictly, and in a time that grows with its length alone.
package struct JSONParser {
  /// How deep arrays and objects may nest; deeper ones would only serve to exhaust the stack.
  package static let depthLimit = 64

  let bytes: [UInt8]
  var index = 0

  /// Reads a whole text.
  package static func parse(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONValue {
    var parser = JSONParser(bytes: bytes)
    if let offset = firstInvalidUTF8(bytes) {
      throw JSONSyntaxError("this is not UTF-8 text", at: offset, in: bytes)
    }
    parser.skipSpace()
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    guard parser.next == nil else { throw parser.unexpected("nothing more") }
    return value
  }

  init(bytes: [UInt8]) {
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

  var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: scalar) else { return false }
    index += 1
    return true
  }

  mutating func skipSpace() {
    while let byte = next, byte == 0x20 || (0x9...0xa).contains(byte) || byte == 0xd { index += 1 }
  }

  func error(_ problem: String, at offset: Int? = nil) -> JSONSyntaxError {
    JSONSyntaxError(problem, at: offset ?? index, in: bytes)
  }

  func unexpected(_ expected: String) -> JSONSyntaxError {
    guard let next else { return error("the file ends where \(expected) is expected") }
    let found = next > 0x20 && next < 0x7f ? "\"\(Unicode.Scalar(next))\"" : "this"
    return error("\(found) stands where \(expected) is expected")
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
