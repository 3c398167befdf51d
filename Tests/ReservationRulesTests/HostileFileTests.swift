import ReservationRules
import TestSupport
import Testing
import benchmarks

@Suite struct `A hostile rule file` {
  @Test func `of any bytes gives diagnostics within the file or rules`() {
    var random = SeededGenerator(seed: 99)
    let pieces: [[UInt8]] =
      [
        "CARD{", "}", "==", "!=", "=", ":=", "\"", "\\\"", "\\\n", "\n", "\r", "#", ",",
        " ", "|", "-", "[", "]", "*", "0x", "10", "card", "RESERVE=\"host\"", "KERNEL==\"", "i\"",
        "APQN==\"", ".", "\u{feff}", "\u{e9}", "\u{1f511}",
      ].map { Array($0.utf8) } + MatchKey.all.map { Array($0.name.utf8) }
      + MatchKey.all.flatMap(\.examples).map { Array($0.utf8) } + [
        [0], [0xff], [0xc3], [0x80], [0xf0, 0x9f],
      ]
    for _ in 0..<3000 {
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 1...24, using: &random) {
        bytes += pieces.randomElement(using: &random) ?? []
      }
      let lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
      for diagnostic in RuleSet.parse(files: [RuleFile(path: "f", bytes: bytes)]).1 {
        #expect(!diagnostic.description.isEmpty)
        let line = diagnostic.location.line
        #expect(line >= 1 && line <= lines.count)
        let width = lines[line - 1].count
        #expect(diagnostic.location.column >= 1 && diagnostic.location.column <= width + 1)
        #expect(diagnostic.length >= 1 && diagnostic.length <= max(1, width))
      }
    }
  }

  /// One MiB of lines just short enough to be read: the tests end, which they would not if any of
  /// this took a square of the size.
  @Test(arguments: [
    "a,", "\"", "ADAPTER==\"10\",", "{,", "a{\\\n", "KERNEL==\"**?[!", "\u{e9}=", "NAME=\"\\\"",
    "ADAPTER==\"1|",
  ])
  func `of one MiB is read to its end`(piece: String) {
    let line = String(repeating: piece, count: 15_900 / piece.utf8.count) + "\n"
    let text = String(repeating: line, count: RuleFile.largestFile / line.utf8.count)
    let (rules, diagnostics) = RuleSet.parse(files: [RuleFile(path: "f", text: text)])
    #expect(rules.rules.isEmpty)
    #expect(diagnostics.reduce(0) { $0 + $1.findings } >= 64)
    #expect(diagnostics.count <= 1002 && diagnostics.allSatisfy { $0.code != .lineTooLong })
  }

  @Test
  func `with more rules than a set may have is an error, and so is a set of very many errors`() {
    let rules = String(repeating: "ADAPTER==\"5\", RESERVE=\"host\"\n", count: 25_001)
    let many = (0..<4).map { RuleFile(path: "/r/\($0).rules", text: rules) }
    let (set, diagnostics) = RuleSet.parse(files: many)
    #expect(set.rules.isEmpty)
    #expect(
      diagnostics.map(\.description) == [
        "/r/3.rules:1:1: error: the files up to this one have 100004 rules, and at most 100000 are "
          + "allowed; put several queues into one rule, as in ADAPTER==\"1-5\" [too-many-rules]"
      ])
    let wrong = String(repeating: "x\n", count: 1000)
    let found = RuleSet.parse(files: (0..<30).map { RuleFile(path: "\($0)", text: wrong) }).1
    #expect(found.count == 10_001)
    #expect(
      found.last?.message
        == "the 20 files after this one are not read; correct the errors in the files before them first"
    )
  }

  /// Twenty thousand rules of which no two ask the same, and as many that are all shadowed: this ends,
  /// which it would not if each were held against each.
  @Test func `of very many rules is searched for those that never decide`() {
    let distinct = (0..<20_000).map {
      "CARD{serialnr}==\"\($0)\", DOMAIN==\"\($0 % 10)\", RESERVE=\"host\"\n"
    }
    let file = RuleFile(path: "f", text: distinct.joined())
    #expect(RuleSet.parse(files: [file]).0.shadowWarnings() == [])
    let same = String(repeating: "KERNEL==\"0*.0*\", RESERVE=\"host\"\n", count: 20_000)
    let shadowed = RuleSet.parse(files: [RuleFile(path: "f", text: same)]).0.shadowWarnings()
    #expect(shadowed.count == 19_999)
  }
}
