import APBus
import Testing

@Suite struct `Text from outside` {
  @Test(arguments: [
    ("web1", "web1"), ("Gast für Müller 日本", "Gast für Müller 日本"),
    ("a\nb", #"a\nb"#), ("a\r\nb", #"a\r\nb"#), ("a\tb", #"a\tb"#), ("\0", #"\0"#),
    ("\u{1b}[2J", #"\u{1B}[2J"#), ("\u{7f}", #"\u{7F}"#), ("\u{9b}1m", #"\u{009B}1m"#),
    ("a\u{a0}b", #"a\u{00A0}b"#), ("a\u{202e}b", #"a\u{202E}b"#), ("\u{2028}", #"\u{2028}"#),
    ("\u{200b}", #"\u{200B}"#),
  ])
  func `has nothing in it that a terminal acts on, and stays on its line`(
    text: String, printed: String
  ) {
    #expect(text.printable == printed)
    #expect(printed.printable == printed)
  }

  @Test func `keeps its columns where they are marked`() {
    #expect("\ta\u{a0}\u{1b}é\u{200b}b".printableColumns == "\ta\u{fffd}\u{fffd}é\u{fffd}b")
  }

  @Test func `may have several lines where they are allowed`() {
    #expect("a\n\tb\u{1b}[1m\r".printableLines == "a\n\tb\\u{1B}[1m\\r")
  }

  @Test func `in a list is cut after the first few`() {
    #expect(["a", "b", "c"].shortList(of: 3) == "a, b, c")
    #expect(["a", "b", "c", "d", "e"].shortList(of: 3) == "a, b, c and 2 more")
    #expect([String]().shortList() == "")
  }
}
