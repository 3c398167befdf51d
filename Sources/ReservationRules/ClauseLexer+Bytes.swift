extension ClauseLexer {
  static let likelyOperators = [
    "===": "==", "=!": "!=", "=:": ":=", ":": ":=", "::=": ":=", ":==": ":=", "!": "!=",
    "!==": "!=", "<>": "!=", "~": "==", "=~": "==", "~=": "==",
  ]

  var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// Skips blanks and commas; whether a comma was among them.
  mutating func skipSeparators() -> Bool {
    var hasComma = false
    skip {
      if $0 == UInt8(ascii: ",") {
        hasComma = true
        return true
      }
      return RuleFileParser.isBlank($0)
    }
    return hasComma
  }

  mutating func skip(while condition: (UInt8) -> Bool) {
    while position < bytes.count, condition(bytes[position]) { position += 1 }
  }

  /// Goes to the next comma that is not between quotes.
  mutating func recover() {
    var isQuoted = false
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""): isQuoted.toggle()
      case UInt8(ascii: "\\") where isQuoted && position + 1 < bytes.count: position += 1
      case UInt8(ascii: ",") where !isQuoted: return
      default: break
      }
      position += 1
    }
  }

  static func isKeyByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."),
      UInt8(ascii: "$"), 0x80...:
      true
    default: false
    }
  }

  static func isOperatorByte(_ byte: UInt8) -> Bool {
    "=!:+-<>~&^%/*?".utf8.contains(byte)
  }

  func text(_ range: Range<Int>) -> String {
    String(decoding: bytes[range], as: UTF8.self)
  }

  func quoted(_ range: Range<Int>) -> String { Printable.quoted(text(range)) }

  mutating func fault(
    _ code: DiagnosticCode, _ range: Range<Int>, _ message: String, _ fixes: [String] = []
  ) {
    faults.append(Fault(code: code, range: range, message: message, fixes: fixes))
  }
}
