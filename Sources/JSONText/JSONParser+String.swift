extension JSONParser {
  /// Reads a string, from its opening quote on.
  mutating func string() throws(JSONSyntaxError) -> String {
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
        throw error("\\u needs four hex digits behind it", at: start)
      }
      code = code << 4 | UInt32(digit)
      index += 1
    }
    return code
  }
}
