import APBus

/// What is written to attributes, read as the kernel reads it.
enum AttributeInput {
  /// A name: one trailing newline is ignored (`sysfs_streq` in lib/string_helpers.c).
  static func name(_ text: String) -> Substring {
    text.utf8.last == UInt8(ascii: "\n") ? text.dropLast() : text[...]
  }

  /// A number of `kstrtoul` with base 0: `0x` hex, leading `0` octal, else decimal; an optional `+`
  /// before it and newline behind it, nothing else.
  static func unsigned(_ text: String) throws(Errno) -> UInt64 {
    var digits = name(text).utf8[...]
    if digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
    var radix = 10
    if digits.count > 2, digits.starts(with: "0x".utf8) || digits.starts(with: "0X".utf8) {
      radix = 16
      digits = digits.dropFirst(2)
    } else if digits.count > 1, digits.first == UInt8(ascii: "0") {
      radix = 8
    }
    guard let first = digits.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-"),
      let value = UInt64(Substring(digits), radix: radix)
    else { throw .invalidArgument }
    return value
  }

  /// A number of `sscanf("%d")`: blanks before it are skipped, what follows it is ignored.
  static func decimal(_ text: String) throws(Errno) -> Int32 {
    var digits = text.utf8.drop { $0 == UInt8(ascii: " ") || (9...13).contains($0) }
    var sign = ""
    if let first = digits.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
      sign = first == UInt8(ascii: "-") ? "-" : ""
      digits = digits.dropFirst()
    }
    let number = digits.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard let value = Int32(sign + String(Substring(number))) else { throw .invalidArgument }
    return value
  }

  /// Yes or no of `kstrtobool` in lib/kstrtox.c: what the first byte says, of `on` and `off` the second.
  static func answer(_ text: String) throws(Errno) -> Bool {
    switch String(decoding: text.utf8.prefix(2), as: UTF8.self).lowercased() {
    case let head where ["1", "y", "t"].contains(head.first): return true
    case let head where ["0", "n", "f"].contains(head.first): return false
    case "on": return true
    case "of": return false
    default: throw .invalidArgument
    }
  }

  /// `0` or `1` of `sscanf("%d")`.
  static func flag(_ text: String) throws(Errno) -> Bool {
    switch try decimal(text) {
    case 0: false
    case 1: true
    default: throw .invalidArgument
    }
  }
}
