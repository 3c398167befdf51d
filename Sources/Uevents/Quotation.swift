/// Quotes input in messages: short, on one line, and harmless for a terminal.
enum Quotation {
  private static let limit = 64

  /// At most 64 bytes of `bytes` as text; what is not printable becomes `?`.
  static func of(_ bytes: some Collection<UInt8>) -> String {
    var text = ""
    for scalar in String(decoding: bytes.prefix(limit), as: UTF8.self).unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse:
        text.append("?")
      default: text.unicodeScalars.append(scalar)
      }
    }
    return bytes.count > limit ? text + "..." : text
  }
}
