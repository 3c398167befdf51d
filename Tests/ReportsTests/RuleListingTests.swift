import JSONText
import Reports
@testable import ReservationRules
import Testing

@Suite struct `A listing of rules` {
  private func listing() -> RuleListing {
    let (rules, _) = RuleSet.parse(files: [
      RuleFile(path: "/usr/r/10-a.rules", text: "# text\nADAPTER==\"5\", \\\n RESERVE=\"host\"\n"),
      RuleFile(path: "/etc/r/50-b.rules", text: "\n"),
      RuleFile(
        path: "/etc/r/90-c.rules",
        text: String(repeating: "#\n", count: 9) + "APQN==\"*\", RESERVE:=\"vfio_ap\", NAME=\"x\"\n"
      ),
    ])
    var selection = RuleFileSelection([])
    selection.paths = rules.files
    selection.replaced = [
      .init(path: "/usr/r/50-b.rules", by: "/etc/r/50-b.rules", isMasked: false),
      .init(path: "/usr/r/60-d.rules", by: "/etc/r/60-d.rules", isMasked: true),
    ]
    selection.skipped = [.init(path: "/etc/r/70-e.rules", kind: .directory)]
    return RuleListing(rules: rules, selection: selection)
  }

  @Test func `has each file's rules with their lines, in effective order, and what is not read`() {
    #expect(
      listing().text(style: .plain) == """
        /usr/r/10-a.rules
          2  ADAPTER=="5", RESERVE="host"

        /etc/r/50-b.rules
          no rules

        /etc/r/90-c.rules
          10  APQN=="*", RESERVE:="vfio_ap", NAME="x"

        /usr/r/50-b.rules is not read: /etc/r/50-b.rules replaces it
        /usr/r/60-d.rules is not read: /etc/r/60-d.rules masks it
        /etc/r/70-e.rules is not read: it is a directory

        """)
  }

  @Test func `as JSON has the same`() {
    let text = listing().json.documentText
    #expect(text.contains("\"file\": \"/etc/r/90-c.rules\",\n      \"line\": 10,"))
    #expect(text.contains("\"by\": \"/etc/r/60-d.rules\", \"masked\": true"))
    #expect(text.contains("\"reason\": \"it is a directory\""))
  }

  @Test func `of no rules explains what that means`() {
    let listing = RuleListing(rules: RuleSet(), selection: RuleFileSelection([]))
    #expect(listing.text(style: .plain) == "no rules: every queue is unmanaged\n")
  }
}
