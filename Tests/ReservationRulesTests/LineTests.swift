@testable import ReservationRules
import Testing

@Suite struct `A line of a rule file` {
  private func rules(_ text: String) -> [Rule] {
    let (set, diagnostics) = RuleSet.parse(files: [RuleFile(path: "f", text: text)])
    #expect(diagnostics.filter { $0.code != .carriageReturn } == [])
    return set.rules
  }

  @Test(arguments: ["", "\n\n", "  \t", "# comment", "  # \\\n", "\r\n", "\\\n\n"])
  func `can be empty`(text: String) {
    #expect(rules(text).isEmpty)
  }

  @Test(
    arguments: [
      "ADAPTER==\"5\", RESERVE=\"host\"", "ADAPTER==\"5\",RESERVE=\"host\"\r\n",
      "  ADAPTER == \"5\" ,\tRESERVE = \"host\"  ", ",ADAPTER==\"5\",,RESERVE=\"host\"\n",
      "RESERVE=\"host\", ADAPTER==\"5\"", "ADAPTER==\"5\", \\\n  RESERVE=\"host\"",
      "ADAPTER\\\r\n==\"5\",\\\n  # in between\n RESERVE=\\\n\t\"host\"\n",
    ])
  func `has blanks and continuations anywhere`(text: String) {
    let rules = rules(text)
    #expect(rules.count == 1)
    #expect(rules.first?.clauses.map(\.condition) == [Condition(.adapter, .numbers([5...5]))])
    #expect(rules.first?.reserve == Rule.ReserveAssignment(value: .host))
  }

  @Test func `that is continued begins where its first part begins`() {
    let rules = rules(
      "\n  ADAPTER==\"5\", \\\n  RESERVE:=\"vfio_ap\", \\\n COLLATERAL=\"accept\"\n"
        + "APQN==\"*\", RESERVE=\"host\""
    )
    #expect(rules.map(\.location.description) == ["f:2:3", "f:5:1"])
    #expect(rules[0].text == "ADAPTER==\"5\", RESERVE:=\"vfio_ap\", COLLATERAL=\"accept\"")
    #expect(rules[0].reserve.locks)
    #expect(rules[0].collateral == .accept)
  }

  @Test func `may hold number signs, commas and operators in quotes`() {
    #expect(rules(##"APQN=="*", RESERVE="host", NAME="#1, a=b {c}""##).first?.name == "#1, a=b {c}")
  }

  @Test func `keeps its clauses as written`() {
    #expect(
      rules("DOMAIN != \"4|0x47\" , HOST==i\"A*\", RESERVE=\"host\"").first?.clauses.map(\.text)
        == ["DOMAIN != \"4|0x47\"", "HOST==i\"A*\""])
  }
}
