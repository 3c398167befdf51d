/// The two ways in which umockdev writes an attribute's content on one line
/// (`umockdev_testbed_add_from_string`).
enum AttributeText {
  private static let controls: [UInt8: UInt8] = [
    UInt8(ascii: "a"): 0x07, UInt8(ascii: "b"): 0x08, UInt8(ascii: "t"): 0x09,
    UInt8(ascii: "n"): 0x0a, UInt8(ascii: "v"): 0x0b, UInt8(ascii: "f"): 0x0c,
    UInt8(ascii: "r"): 0x0d,
  ]

  /// Decodes C escapes: `\n` and the like, up to three octal digits, any other byte for itself.
  static func unescape(_ text: ArraySlice<UInt8>) throws(DeviceDescription.Problem) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var rest = text
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        bytes.append(byte)
        continue
      }
      guard let next = rest.first else { throw .escape(Quotation.of(text)) }
      let octal = rest.prefix(3).prefix { (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }
      if octal.isEmpty {
        rest.removeFirst()
        bytes.append(controls[next] ?? next)
      } else {
        rest = rest.dropFirst(octal.count)
        let number = octal.reduce(0) { $0 << 3 | Int($1 & 7) }
        guard let value = UInt8(exactly: number) else { throw .escape(Quotation.of(text)) }
        bytes.append(value)
      }
    }
    return bytes
  }

  /// Decodes pairs of hex digits of either case.
  static func unhex(_ text: ArraySlice<UInt8>) throws(DeviceDescription.Problem) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2)
    var rest = text
    while let high = rest.popFirst() {
      guard let low = rest.popFirst(), let upper = digit(high), let lower = digit(low) else {
        throw .hex(Quotation.of(text))
      }
      bytes.append(upper << 4 | lower)
    }
    return bytes
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
