import ReservationRules
import Testing

@Suite struct `Two sets of rules` {
  @Test(
    arguments: [
      ("A\nB\n", "A\nB\n", []),
      ("A\nB\n", "# remark\nA\n\nB\n", []),
      ("A\n", "A\nB\n", ["added r:2  B"]),
      ("A\nB\n", "B\n", ["removed r:1  A"]),
      ("A\n", "B\n", ["changed r:1  B"]),
      ("A\nA\n", "A\n", ["removed r:2  A"]),
      ("B\nA\n", "A\nC\n", ["removed r:1  B", "added r:2  C"]),
    ] as [(String, String, [String])])
  func `differ by the rules that were added, removed and changed`(
    before: String, after: String, lines: [String]
  ) throws {
    func rule(_ name: String) -> String { "ADAPTER==\"1\", RESERVE=\"vfio_ap\", NAME=\"\(name)\"" }
    func set(_ text: String) -> RuleSet {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
        ["A", "B", "C"].contains(String(line)) ? rule(line.lowercased()) : String(line)
      }
      return RuleSet.parse(files: [RuleFile(path: "r", text: lines.joined(separator: "\n"))]).0
    }
    let expected = lines.map { line in
      line.dropLast() + rule(String(line.suffix(1)).lowercased())
    }
    #expect(RuleChanges(from: set(before), to: set(after)).lines == expected.map(String.init))
  }
}

@Suite struct `A rule file` {
  private func parse(_ text: String) -> (rules: [Rule], messages: [String]) {
    let (set, diagnostics) = RuleSet.parse(files: [RuleFile(path: "f", text: text)])
    return (set.rules, diagnostics.map(\.description))
  }

  @Test(arguments: ["", "\n\n", "# only\n\t# comments", "\\\n\n"])
  func `without a rule has no diagnostics`(text: String) {
    #expect(parse(text).rules.isEmpty)
    #expect(parse(text).messages == [])
  }

  @Test func `joins continued lines and skips comments between them`() {
    let (rules, messages) = parse(
      "ADAPTER==\"5\", \\\n# why\n  DOMAIN==\"4\", \\\n  RESERVE=\"host\"\n")
    #expect(messages == [])
    #expect(rules.map(\.text) == ["ADAPTER==\"5\", DOMAIN==\"4\", RESERVE=\"host\""])
    #expect(rules.map(\.location.line) == [1])
  }

  @Test func `may end its lines with CR LF, also continued ones`() {
    let (rules, messages) = parse(
      "ADAPTER==\"5\", \\\r\nRESERVE=\"host\"\r\nDOMAIN==\"4\", RESERVE=\"vfio_ap\"\r\n")
    #expect(
      messages == [
        "f:1:16: warning: the lines of the file end with CR LF; they are read, but save the file with "
          + "LF only [carriage-return]\n  ADAPTER==\"5\", \\\n                 ^"
      ])
    #expect(rules.map(\.clauses.count) == [1, 1])
    #expect(rules.map(\.location.line) == [1, 3])
  }

  @Test func `may have commas to spare`() {
    let text = ", ADAPTER==\"5\",, RESERVE=\"host\",\nADAPTER==\"6\", RESERVE=\"host\"\n"
    #expect(parse(text).rules.map(\.clauses.count) == [1, 1])
    #expect(parse(text).messages == [])
  }

  @Test func `loses only the rule that has an error`() {
    let (rules, messages) = parse(
      "RESERVE=\"host\n\nDOMAIN==\"4\", RESERVE=\"vfio_ap\"\nFOO\nDOMAIN==\"5\", RESERVE=\"unmanaged\"\n"
    )
    #expect(rules.map(\.reserve.value) == [.vfioAP, .unmanaged])
    #expect(messages.count == 2)
  }

  @Test func `of one line of a hundred continued parts with long globs is read`() {
    let parts = (0..<100).map {
      "CARD{serialnr}==\"\($0)" + String(repeating: "*a", count: 4000) + "|*\", \\\n"
    }
    let (rules, messages) = parse(parts.joined() + "RESERVE=\"host\"")
    #expect(messages == [])
    #expect(rules.map(\.clauses.count) == [100])
  }
}
