import APBus
@testable import Reservation
import Testing

private let uuid = "11111111-2222-3333-4444-555555555555"

@Suite struct `A warning` {
  @Test func `of an adapter that does not answer is there whatever the rules are`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: .bind)
    let read = UnansweredRead(.card(2, "serialnr"))
    try machine.change(card: 2) { $0.unanswered = read }
    let plan = try machine.plan(.bind, "# none")
    #expect(plan.warnings == [.unanswered(2, read)])
    #expect(
      plan.warnings.first?.description
        == "card02 does not answer: reading /sys/devices/ap/card02/serialnr: no answer within 5 s; queues that "
        + "cannot be decided without it stay where they are, and everything else continues")
  }

  @Test(arguments: ["card deconfigured", "card check-stopped", "deconfigured", "check-stopped"])
  func `of reserved queues that are of no use is about those on vfio_ap alone`(fault: String) throws
  {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: .mask)
    machine.clear(adapters: [1])
    for adapter in [1, 2] as [UInt8] {
      try machine.change(card: adapter) { card in
        if fault == "card deconfigured" { card.isConfigured = false }
        if fault == "card check-stopped" { card.isCheckStopped = true }
      }
      try machine.change("0\(adapter).0004") { queue in
        if fault == "deconfigured" { queue.isConfigured = false }
        if fault == "check-stopped" { queue.isCheckStopped = true }
      }
    }
    let plan = try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.warnings == [.unusable([APQN(adapter: 1, domain: 4)])])
    // What the plan reserves counts, and what it gives back does not.
    let both = try machine.plan(.mask, #"ADAPTER=="1|2", RESERVE="vfio_ap""#)
    #expect(
      both.warnings.contains(
        .unusable([APQN(adapter: 1, domain: 4), APQN(adapter: 2, domain: 4)])))
    machine.ownership.adapters = [1]
    #expect(try machine.plan(.mask, "").warnings == [])
  }

  @Test func `of what the host loses is not about what it had lost before`() throws {
    var machine = Machine(adapters: [1, 2, 3], domains: [4, 5], mechanism: .bind)
    machine.inventory.bus.defaultDomain = 4
    for name in ["01.0004", "02.0004", "03.0004"] {
      try machine.set(name, driver: DriverName.vfioAP)
    }
    for adapter in [2, 3] as [UInt8] {
      try machine.change(card: adapter) { $0.functions = QueueMode.ep11.functions }
    }
    try machine.set("01.0005", driver: DriverName.vfioAP)
    let adopted = try ["01.0004", "01.0005", "02.0004", "03.0004"].map { try #require(APQN($0)) }
    #expect(
      try machine.plan(.bind, #"APQN=="03.0005", RESERVE="vfio_ap""#).warnings == [
        .adopted(adopted)
      ])
    // Nor where the plan takes nothing.
    #expect(try machine.plan(.bind, "").warnings == [.adopted(adopted)])
  }

  @Test func `of the next boot names present queues before those that may be added`() throws {
    func warnings(_ rules: String) throws -> [PlanWarning] {
      var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)
      machine.context.configuration.persistentMasks = ConfiguredMasks(
        adapters: [2], domains: nil, source: "41-ap.rules")
      return try machine.plan(.mask, rules).warnings
    }
    func takes(_ apqns: [APQN]) -> PlanWarning {
      .nextBoot(
        NextBootConflict(
          tool: .chzdev, sources: ["41-ap.rules"], effect: .takes(apqns, rules: ["test.rules:1"])))
    }
    let here = APQN(adapter: 1, domain: 4)
    let last = APQN(adapter: 255, domain: 255)
    #expect(try warnings(#"APQN=="01.0004|09.0004|02.0004", RESERVE="host""#) == [takes([here])])
    #expect(try warnings(#"APQN=="ff.00ff", RESERVE="host""#) == [takes([last])])
    #expect(takes([here]).isAboutNextBoot(of: here))
    #expect(!takes([here]).isAboutNextBoot(of: last))
    #expect(!PlanWarning.unusable([here]).isAboutNextBoot(of: here))
  }

  @Test func `of the next boot says which queues and rules it is about`() {
    let apqn = APQN(adapter: 1, domain: 4)
    func apqns(_ effect: NextBootConflict.Effect) -> [APQN] {
      NextBootConflict(tool: .driverctl, sources: [], effect: effect).apqns
    }
    #expect(apqns(.takes([apqn], rules: [])) == [apqn])
    #expect(apqns(.binds(apqn, driver: "x", rule: "r")) == [apqn])
    #expect(apqns(.setsMasks) == [])
    #expect(apqns(.setsOverrides) == [])
  }
}

@Suite struct `A list in a sentence` {
  private func apqns(_ count: Int) -> [APQN] {
    (0..<count).map { APQN(adapter: 1, domain: UInt8($0)) }
  }

  /// How many names a text has, and how many more it says that there are.
  private func shown(_ text: String, _ name: Substring) -> (names: Int, more: Int?) {
    let words = text.split { " ,;".contains($0) }
    let more = words.firstIndex(of: "more").flatMap { Int(words[$0 - 1]) }
    return (words.count { $0.hasPrefix(name) }, more)
  }

  @Test(arguments: [(7, 7, nil), (8, 8, nil), (9, 8, 1), (12, 8, 4)] as [(Int, Int, Int?)])
  func `of queues names the first eight`(count: Int, names: Int, more: Int?) {
    let text = PlanWarning.unusable(apqns(count)).description
    #expect(text.contains(": 01.0000, 01.0001"))
    let list = shown(text, "01.")
    #expect(list.names == names)
    #expect(list.more == more)
  }

  @Test(arguments: [(2, 2, nil), (3, 3, nil), (4, 3, 1)] as [(Int, Int, Int?)])
  func `of rules names the first three`(count: Int, names: Int, more: Int?) {
    let rules = (1...count).map { "test.rules:\($0)" }
    let conflict = NextBootConflict(
      tool: .chzdev, sources: ["41-ap.rules"], effect: .takes(apqns(1), rules: rules))
    let list = shown(conflict.description, "test.rules:")
    #expect(list.names == names)
    #expect(list.more == more)
  }

  @Test(arguments: [(2, 2, nil), (3, 3, nil), (4, 3, 1)] as [(Int, Int, Int?)])
  func `of files names the first three`(count: Int, names: Int, more: Int?) {
    let conflict = NextBootConflict(
      tool: .chzdev, sources: (1...count).map { "/etc/\($0)" }, effect: .setsMasks)
    let list = shown(conflict.description, "/etc/")
    #expect(list.names == names)
    #expect(list.more == more)
  }

  @Test(arguments: [(3, 3, nil), (4, 4, nil), (5, 4, 1), (9, 4, 5)] as [(Int, Int, Int?)])
  func `of what masks would take names the first four`(count: Int, names: Int, more: Int?) {
    let refusal = Refusal(
      APQN(adapter: 9, domain: 9),
      .inexpressible(
        row: Refusal.Neighbors(present: apqns(count)), column: Refusal.Neighbors(present: [])))
    let list = shown(refusal.description, "01.")
    #expect(list.names == names)
    #expect(list.more == more)
    #expect(refusal.description.contains("domain 0x0009 would also take nothing else;"))
  }

  @Test func `of what masks would take counts absent queues`() {
    let refusal = Refusal(
      APQN(adapter: 9, domain: 9),
      .inexpressible(
        row: Refusal.Neighbors(present: apqns(1), absentCount: 2),
        column: Refusal.Neighbors(present: [], absentCount: 1)))
    #expect(
      refusal.description.contains(
        "would also take 01.0000, and 2 that are absent now and may be the host's, aqmask without "
          + "domain 0x0009 would also take 1 that are absent now and may be the host's;"))
  }
}
