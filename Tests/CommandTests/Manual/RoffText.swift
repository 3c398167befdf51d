/// Text as manual pages have it in their source (groff_char(7)), and back.
enum RoffText {
  private static let characters: [(source: String, text: String)] = [
    ("\\-", "-"), ("\\(ha", "^"), ("\\(ti", "~"), ("\\(aq", "'"), ("\\(ga", "`"),
  ]

  /// The source of a text.
  static func source(_ text: String) -> String {
    var source = text.replacing("\\", with: "\\e")
    for (name, character) in characters { source.replace(character, with: name) }
    // A line that begins with one of these would be a request.
    return source.hasPrefix(".") || source.hasPrefix("'") ? "\\&" + source : source
  }

  /// The source of a text with words in backquotes, which are set in italics.
  static func emphasized(_ text: String) -> String {
    let parts = text.split(separator: "`", omittingEmptySubsequences: false).map(String.init)
    return parts.enumerated().map { index, part in
      index % 2 == 0 ? source(part) : "\\fI\(source(part))\\fR"
    }.joined()
  }

  /// The text that man(1) shows for a line of the source.
  static func text(_ source: String) -> String {
    var text = source
    for (name, character) in characters { text.replace(name, with: character) }
    return text.replacing("\\&", with: "").replacing("\\e", with: "\\")
  }

  /// The blocks between `.EX` and `.EE`, as man(1) shows them.
  static func examples(_ page: String) -> [String] {
    var blocks: [String] = []
    var block: [String]?
    for line in page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      switch line {
      case ".EX": block = []
      case ".EE":
        blocks.append((block ?? []).map { $0 + "\n" }.joined())
        block = nil
      default: block?.append(text(line))
      }
    }
    return blocks
  }
}
