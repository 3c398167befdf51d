import APBus
@testable import ReservationRules
import Testing

@Suite struct `Of the rules that match a queue` {
  private func decision(_ rules: String, _ name: String = "05.0004") throws -> Decision {
    try DecisionMachine.table(rules).decision(for: DecisionMachine.queue(name))
  }

  @Test func `the last wins`() throws {
    let rules = """
      DOMAIN=="4", RESERVE="vfio_ap"
      ADAPTER=="5", RESERVE="host"
      """
    #expect(try decision(rules).reserve == .host)
    #expect(try decision(rules).rule?.location.fileAndLine == "a.rules:2")
    #expect(try decision(rules, "03.0004").reserve == .vfioAP)
    #expect(try decision(rules, "03.0004").rule?.location.fileAndLine == "a.rules:1")
  }

  @Test func `none leaves the queue unmanaged`() throws {
    let decision = try decision("DOMAIN==\"5\", RESERVE=\"vfio_ap\"")
    #expect(decision.reserve == .unmanaged)
    #expect(decision.rule == nil)
    #expect(decision.name == nil)
    #expect(decision.collateral == .refuse)
  }

  @Test func `the first that locks beats rules before and after it, and later locks`() throws {
    let rules = """
      APQN=="*", RESERVE="vfio_ap"
      ADAPTER=="5", RESERVE:="host"
      APQN=="*", RESERVE:="unmanaged"
      APQN=="*", RESERVE="vfio_ap"
      """
    #expect(try decision(rules).rule?.location.line == 2)
    #expect(try decision(rules).reserve == .host)
    #expect(try decision(rules, "03.0004").rule?.location.line == 3)
  }

  @Test func `the one that won sets label and collateral, and the others set nothing`()
    throws
  {
    let rules = """
      APQN=="*", RESERVE="vfio_ap", NAME="first", COLLATERAL="accept"
      ADAPTER=="5", RESERVE="vfio_ap"
      ADAPTER=="3", RESERVE="vfio_ap", NAME="second", COLLATERAL="refuse"
      """
    #expect(try decision(rules).name == nil)
    #expect(try decision(rules).collateral == .refuse)
    #expect(try decision(rules, "03.0004").name == "second")
    #expect(try decision(rules, "03.0004").collateral == .refuse)
    #expect(try decision(rules, "09.0004").name == "first")
    #expect(try decision(rules, "09.0004").collateral == .accept)
  }

  @Test func `each must hold with all its clauses`() throws {
    let rules = "ADAPTER==\"5\", DOMAIN==\"4\", MODE==\"cca\", RESERVE=\"vfio_ap\""
    #expect(try decision(rules).reserve == .vfioAP)
    #expect(try decision(rules, "05.0005").reserve == .unmanaged)
    #expect(try decision(rules, "03.0004").reserve == .unmanaged)
  }

  @Test func `some are about absent adapters and domains`() throws {
    let table = try DecisionMachine.table("ADAPTER==\"0xfe-0xff\", RESERVE=\"vfio_ap\"")
    #expect(table.row(0xff).vfioAP == .all)
    #expect(table.row(0xfd).unmanaged == .all)
    #expect(table.row(0xff).undecidable.isEmpty)
  }
}

@Suite struct `A decision that depends on what cannot be read` {
  private func decision(_ rules: String, _ name: String) throws -> Decision {
    try DecisionMachine.table(rules).decision(for: DecisionMachine.queue(name))
  }

  @Test func `is open, and names no rule`() throws {
    let decision = try decision("CARD{serialnr}==\"93*\", RESERVE=\"vfio_ap\"", "0a.0004")
    #expect(decision.reserve == nil)
    #expect(decision.rule == nil)
  }

  @Test(arguments: [
    // A stronger rule decides whatever the unknown one says.
    ("CARD{serialnr}==\"9\", RESERVE=\"vfio_ap\"\nAPQN==\"*\", RESERVE=\"host\"", Reserve.host),
    ("APQN==\"*\", RESERVE:=\"host\"\nCARD{serialnr}==\"9\", RESERVE=\"vfio_ap\"", .host),
    ("APQN==\"*\", RESERVE:=\"host\"\nCARD{serialnr}==\"9\", RESERVE:=\"vfio_ap\"", .host),
    // Both ways lead to the same request.
    ("APQN==\"*\", RESERVE=\"host\"\nCARD{serialnr}==\"9\", RESERVE=\"host\"", .host),
    ("CARD{serialnr}==\"9\", RESERVE=\"unmanaged\"", .unmanaged),
    // Another clause of the rule fails for certain.
    ("CARD{serialnr}==\"9\", DOMAIN==\"5\", RESERVE=\"vfio_ap\"", .unmanaged),
    ("MODE==\"cca\", CARD{serialnr}==\"9\", RESERVE=\"vfio_ap\"", .unmanaged),
  ])
  func `is made if both answers lead to the same request`(rules: String, request: Reserve) throws {
    #expect(try decision(rules, "0a.0004").reserve == request)
  }

  @Test(arguments: [
    "APQN==\"*\", RESERVE=\"host\"\nCARD{serialnr}==\"9\", RESERVE=\"vfio_ap\"",
    "CARD{serialnr}==\"9\", RESERVE:=\"vfio_ap\"\nAPQN==\"*\", RESERVE=\"host\"",
    "CARD{serialnr}==\"9\", RESERVE:=\"vfio_ap\"\nAPQN==\"*\", RESERVE:=\"host\"",
    "CARD{serialnr}!=\"9\", RESERVE=\"host\"",
    "APQN==\"*\", RESERVE=\"vfio_ap\"\nCARD{serialnr}==\"9\", RESERVE=\"vfio_ap\", COLLATERAL=\"accept\"",
  ])
  func `stays open if the answers lead to different requests`(rules: String) throws {
    #expect(try decision(rules, "0a.0004").reserve == nil)
  }

  @Test func `is counted in the row of its adapter`() throws {
    let row = try DecisionMachine.table(
      "CARD{serialnr}==\"9\", DOMAIN==\"4-7\", RESERVE=\"vfio_ap\""
    ).row(0x0a)
    #expect(row.undecidable == APMask(4...7))
    #expect(row.unmanaged == APMask(4...7).complement)
  }
}

@Suite struct `An explanation` {
  @Test func `gives the outcome of every rule`() throws {
    let table = try DecisionMachine.table(
      """
      APQN=="*", RESERVE="vfio_ap"
      DOMAIN=="5", RESERVE="host"
      CARD{serialnr}=="93*", RESERVE="host"
      ADAPTER=="0x0a", RESERVE="unmanaged"
      CARD{FW_version}=="7*", RESERVE="host"
      """)
    let outcomes = table.explanation(for: DecisionMachine.queue("0a.0004")).map(\.outcome)
    let rules = table.rules.rules
    #expect(
      outcomes == [
        .overridden(by: rules[3].location),
        .fails(rules[1].clauses[0], found: "4"),
        .unknown(
          rules[2].clauses[0], reason: "serialnr of card0a cannot be read now", mayDecide: false),
        .waits,
        .unknown(
          rules[4].clauses[0], reason: "FW_version of card0a cannot be read now", mayDecide: true),
      ])
  }

  @Test func `shows that a lock overrides all others, earlier and later`() throws {
    let table = Machine.table(
      [#"="vfio_ap""#, #":="host""#, #"="unmanaged""#, #":="vfio_ap""#]
        .map { #"APQN=="*", RESERVE"# + $0 }.joined(separator: "\n"))
    let outcomes = table.explanation(for: try Machine.queue("00.0001")).map(\.outcome)
    let lock = table.rules.rules[1].location
    #expect(
      outcomes == [
        .lockedOut(by: lock), .decides, .lockedOut(by: lock), .lockedOut(by: lock),
      ])
  }

  @Test func `shows that a lock overrides a later rule`() throws {
    let table = try DecisionMachine.table(
      "APQN==\"*\", RESERVE:=\"host\"\nAPQN==\"*\", RESERVE=\"vfio_ap\"")
    let verdicts = table.explanation(for: DecisionMachine.queue("05.0004"))
    #expect(
      verdicts.map(\.outcome) == [
        .decides, .lockedOut(by: SourceLocation(file: "a.rules", line: 1, column: 1)),
      ])
  }

  @Test func `reports that there is no card`() throws {
    let table = try DecisionMachine.table("MODE!=\"cca\", RESERVE=\"vfio_ap\"")
    let clause = table.rules.rules[0].clauses[0]
    #expect(
      table.explanation(for: DecisionMachine.queue("ff.0004")).map(\.outcome) == [
        .unknown(clause, reason: "there is no cardff now", mayDecide: true)
      ])
  }
}
