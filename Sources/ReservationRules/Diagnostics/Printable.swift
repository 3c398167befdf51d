import APBus

/// Makes text from a file fit for a terminal.
enum Printable {
  /// The text with one `U+FFFD` for each scalar that would move the cursor, change the direction of
  /// writing, not show, or look like a blank and be none; tabs stay.
  static func text(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isInvisible) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { result.append(isInvisible(scalar) ? "\u{fffd}" : scalar) }
    return String(result)
  }

  private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09: false
    case 0..<0x20, 0x7f..<0xa0: true
    case 0x200b...0x200f, 0x2028...0x202e, 0x2060...0x2069, 0xfeff: true
    default: false
    }
  }

  /// The text in quotes, cut where it is long.
  static func quoted(_ text: some StringProtocol) -> String { "\"" + excerpt(text) + "\"" }

  /// The text, cut where it is long.
  static func excerpt(_ text: some StringProtocol) -> String {
    let limit = 60
    let short = text.unicodeScalars.prefix(limit + 1)
    var view = String.UnicodeScalarView(short.prefix(limit))
    if short.count > limit { view.append("\u{2026}") }
    return Self.text(String(view))
  }

  /// The first scalar among these bytes that looks like a blank or like nothing: its bytes, and its
  /// number as Unicode's tables have it.
  static func invisible(
    in bytes: [UInt8], _ range: Range<Int>
  ) -> (range: Range<Int>, number: String)? {
    guard bytes[range].contains(where: { $0 >= 0x80 }) else { return nil }
    var offset = range.lowerBound
    for scalar in String(decoding: bytes[range], as: UTF8.self).unicodeScalars {
      let end = offset + UTF8.width(scalar)
      if isInvisible(scalar) {
        return (offset..<end, "U+" + Hex.text(scalar.value, digits: 4, uppercase: true))
      }
      offset = end
    }
    return nil
  }

  private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    isHidden(scalar) || scalar.value >= 0x80 && scalar.properties.isWhitespace
  }
}
