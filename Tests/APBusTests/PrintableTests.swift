import APBus
import Testing

@Suite struct `Text from elsewhere` {
  @Test(arguments: [
    ("web1", "web1"), ("Gast für Müller 日本", "Gast für Müller 日本"),
    ("a\nb", #"a\nb"#), ("a\r\nb", #"a\r\nb"#), ("a\tb", #"a\tb"#), ("\0", #"\0"#),
    ("\u{1b}[2J", #"\u{1B}[2J"#), ("\u{7f}", #"\u{7F}"#), ("\u{9b}1m", #"\u{009B}1m"#),
    ("a\u{202e}b", #"a\u{202E}b"#), ("\u{2028}", #"\u{2028}"#), ("\u{200b}", #"\u{200B}"#),
  ])
  func `has nothing in it that a terminal acts on, and stays on its line`(
    text: String, printed: String
  ) {
    #expect(text.printable == printed)
    #expect(printed.printable == printed)
  }

  @Test func `may have lines where they are meant`() {
    #expect("a\n\tb\u{1b}[1m\r".printableLines == "a\n\tb\\u{1B}[1m\\r")
  }
}
