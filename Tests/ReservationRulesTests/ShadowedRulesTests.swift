import APBus
import ReservationRules
import TestSupport
import Testing
import benchmarks

@Suite struct `A rule that never decides` {
  private func warnings(_ text: String) -> [String] {
    let (rules, diagnostics) = RuleSet.parse(files: [RuleFile(path: "f", text: text)])
    #expect(diagnostics.filter { $0.severity == .error } == [])
    return rules.shadowWarnings().map(\.description)
  }

  @Test func `because a later one matches all its queues is reported with its place`() {
    #expect(
      warnings(
        "# guests\n  ADAPTER==\"5\", RESERVE=\"vfio_ap\"\nADAPTER==\"4-6\", RESERVE=\"host\"\n")
        == [
          """
          f:2:3: warning: the rule never decides: every queue that it matches is decided by line 3, \
          which is later [shadowed-rule]
              ADAPTER=="5", RESERVE="vfio_ap"
              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
          """
        ])
  }

  @Test func `because one with a lock matches all its queues is reported with its place`() {
    let text = "ADAPTER==\"5\", RESERVE:=\"host\"\nAPQN==\"05.0004\", RESERVE=\"vfio_ap\""
    #expect(
      warnings(text).map { $0.prefix { $0 != "\n" } } == [
        "f:2:1: warning: the rule never decides: every queue that it matches is decided by line 1, "
          + "which has := [shadowed-rule]"
      ])
  }

  @Test func `is reported with the name of the other file whose rule decides`() {
    let (rules, _) = RuleSet.parse(files: [
      RuleFile(path: "10-a.rules", text: "ADAPTER==\"5\", RESERVE=\"vfio_ap\""),
      RuleFile(path: "20-b.rules", text: "#\nADAPTER==\"4-6\", RESERVE=\"host\""),
    ])
    #expect(rules.shadowWarnings().map(\.location.file) == ["10-a.rules"])
    #expect(rules.shadowWarnings()[0].message.contains(" is decided by 20-b.rules:2, "))
  }

  @Test func `because several together match all that it does names them, the first three`() {
    let text = """
      ADAPTER=="1-4", RESERVE="vfio_ap"
      ADAPTER=="1", RESERVE="host"
      ADAPTER=="2", RESERVE="host"
      ADAPTER=="3", RESERVE="host"
      ADAPTER=="4", RESERVE:="host"
      """
    #expect(
      warnings(text).map { $0.prefix { $0 != "\n" } } == [
        "f:1:1: warning: the rule never decides: every queue that it matches is decided by line 5, "
          + "line 4, line 3 and 1 more, which have := or are later [shadowed-rule]"
      ])
  }

  /// Each two rules of which the first never decides.
  @Test(arguments: [
    (#"HWTYPE=="13""#, #"HWTYPE=="10-""#), (#"TYPE=="CEX7C""#, #"HWTYPE=="13-14""#),
    (#"TYPE=="CEX7C""#, #"MODE=="cca""#), (#"MODE!="accel""#, #"MODE=="cca|ep11""#),
    (#"HWTYPE=="13", MODE=="cca""#, #"TYPE=="CEX7*""#),
    (#"HOST=="a", ADAPTER=="5""#, #"HOST=="a""#),
    (#"CARD{serialnr}=="x", LPAR=="L""#, #"LPAR=="L""#), (#"KERNEL=="05.*""#, #"ADAPTER=="5""#),
    (#"APQN=="05.0004", HWTYPE=="13""#, #"DOMAIN!="9""#), (#"HOST!="a""#, #"HOST!="a""#),
  ])
  func `is found where the other asks for less`(narrow: String, wide: String) {
    let text = "\(narrow), RESERVE=\"vfio_ap\"\n\(wide), RESERVE=\"host\""
    #expect(warnings(text).count == 1)
  }

  /// Each two rules of which the first may decide.
  @Test(arguments: [
    (#"HWTYPE=="10-""#, #"HWTYPE=="13""#), (#"MODE=="cca""#, #"TYPE=="CEX7C""#),
    // A card whose mode is unknown has a type number all the same.
    (#"HWTYPE=="13""#, #"MODE=="accel|cca|ep11""#), (#"ADAPTER=="5""#, #"HOST=="a""#),
    (#"HOST=="a""#, #"HOST!="a""#), (#"ADAPTER=="4-5""#, #"ADAPTER=="4""#),
    (#"CARD{serialnr}=="x""#, #"CARD{FW_version}=="6.19""#),
  ])
  func `is not every one that another overlaps`(first: String, second: String) {
    let text = "\(first), RESERVE=\"vfio_ap\"\n\(second), RESERVE=\"host\""
    #expect(warnings(text) == [])
  }

  @Test func `is reported without the reason if there are very many`() {
    let text = String(repeating: "ADAPTER==\"5\", RESERVE=\"vfio_ap\"\n", count: 200)
    let warnings = warnings(text)
    #expect(warnings.count == 199)
    #expect(warnings.count { $0.contains(" is decided by line 200, ") } == 50)
    #expect(warnings.count { $0.contains(" is decided by stronger rules ") } == 149)
  }

  /// Whatever is found never decides on machines from empty to full.
  @Test(arguments: 1...12 as ClosedRange<UInt64>)
  func `decides nothing on any machine`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var generator = GeneratedRules(seed: seed, span: 4, lockPercent: 15, broadPercent: 25)
    let (rules, _) = RuleSet.parse(
      files: [RuleFile(path: "f", text: generator.text(count: 60))])
    let shadowed = Set(rules.shadowWarnings().map(\.location))
    try #require(!shadowed.isEmpty)
    for presence in [30, 100] {
      let cards = GeneratedMachine.cards(presence: presence, readable: 70, using: &random)
      let table = DecisionTable(
        rules: rules, inventory: try Inventory(cards: cards), host: GeneratedMachine.host)
      for adapter in UInt8(0)...8 {
        for domain in UInt8(0)...8 {
          let rule = table.decision(for: APQN(adapter: adapter, domain: domain)).rule
          #expect(rule.map { !shadowed.contains($0.location) } ?? true)
        }
      }
    }
  }
}
