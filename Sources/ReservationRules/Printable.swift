/// Makes text from a file fit for a terminal.
enum Printable {
  /// The text with one `U+FFFD` for each scalar that would move the cursor, change the direction of
  /// writing or not show; tabs stay.
  static func text(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isHidden) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { result.append(isHidden(scalar) ? "\u{fffd}" : scalar) }
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
  static func quoted(_ text: some StringProtocol) -> String {
    let limit = 60
    let short = text.unicodeScalars.prefix(limit + 1)
    var view = String.UnicodeScalarView(short.prefix(limit))
    if short.count > limit { view.append("\u{2026}") }
    return "\"" + Self.text(String(view)) + "\""
  }
}
