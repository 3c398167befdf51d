import APBus
import Agent
import Reservation
import ReservationRules
import SimulatedBus
import Testing

private let firstKeys = "AES CUR: valid 0x1111111111111111\nAES OLD: invalid 0x0000000000000000"
private let secondKeys = "AES CUR: valid 0x2222222222222222\nAES OLD: valid 0x1111111111111111"
private let rules = #"ADAPTER=="1", RESERVE="vfio_ap""#
private let apqn = APQN(adapter: 1, domain: 2)

@Suite struct `The master keys of queues` {
  private let record = MemoryKeyRecord()

  /// Cards 0 to 2 with the first keys in all domains; no rule reserves any.
  private func stage(_ mechanism: Mechanism) throws -> Stage {
    let stage = try Stage(mechanism, rules: "", environment: .init(keys: record))
    for adapter in UInt8(0)...2 { stage.bus.setMasterKeys(firstKeys, onCard: adapter) }
    return stage
  }

  private func reserve(_ rules: String, on stage: Stage) throws {
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rules)) }
  }

  private func keys(_ stage: Stage, of apqn: APQN = apqn) throws -> QueueKeys.Register {
    try #require(stage.agent.inventory).keys(of: apqn)[.aes, .current]
  }

  @Test(arguments: Mechanism.allCases)
  func `are remembered of those that are taken, and of no others`(mechanism: Mechanism) throws {
    let stage = try stage(mechanism)
    #expect(record.facts == [])
    try reserve(rules, on: stage)
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(
      record.ledger.domains == (0...3).map { KeyDomain("93AA0001", $0, .cca) })
    let known = try keys(stage)
    #expect(known.source == .cached(since: stage.time.wallTime))
    #expect(known.content == KeyContent(.valid, KeyPattern("0x1111111111111111")))
    #expect(try keys(stage, of: APQN(adapter: 0, domain: 2)).source == .unknown)
  }

  @Test(arguments: Mechanism.allCases)
  func `are on record before the first write`(mechanism: Mechanism) throws {
    let stage = try stage(mechanism)
    let watched = try Watched(
      mechanism, rules: rules, on: stage, environment: .init(keys: record))
    var before: [Int] = []
    watched.sysfs.fault = { [record] _, _ in
      before.append(record.facts.count)
      return nil
    }
    try watched.agent.reconcile().get()
    #expect(before.first == 9, "the adapter, and two registers of four domains")
  }

  @Test func `survive the agent, and a queue that comes back shows what has changed`() throws {
    let stage = try stage(.override)
    try reserve(rules, on: stage)
    let next = Agent(
      sysfs: stage.bus, rules: try Stage.rules(rules), settings: .init(mechanism: .override),
      keyLedger: record.ledger, environment: .init(keys: record), time: stage.time)
    try next.reconcile().get()
    #expect(
      next.inventory?.keys(of: apqn)[.aes, .current].source == .cached(since: stage.time.wallTime))
    // A key ceremony while the queue is reserved, which nothing shows.
    stage.bus.setMasterKeys(secondKeys, onCard: 1)
    next.scan(.everything)
    try next.reconcile().get()
    #expect(next.inventory?.keys(of: apqn)[.aes, .current].change == nil)
    // Another process gives the queue back, and it is taken again.
    stage.time.now += .seconds(3600)
    try stage.moveByShell("01.0002", to: DriverName.cex4queue)
    next.scan(.everything)
    try next.reconcile().get()
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    let register = try #require(next.inventory).keys(of: apqn)[.aes, .current]
    #expect(register.content == KeyContent(.valid, KeyPattern("0x2222222222222222")))
    #expect(
      register.change?.before == KeyContent(.valid, KeyPattern("0x1111111111111111")))
    #expect(register.change?.time == stage.time.wallTime)
  }

  @Test func `never are a reason to stop if the adapter does not tell them`() throws {
    let stage = try stage(.override)
    let watched = try Watched(
      .override, rules: #"ADAPTER=="1|2", RESERVE="vfio_ap""#, on: stage,
      environment: .init(keys: record))
    watched.sysfs.unanswered = { $0.name == "mkvps" && $0.askedAdapter == 1 }
    try watched.agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(try stage.drivers(ofCard: 2) == [DriverName.vfioAP])
    #expect(
      record.ledger.domains.map(\.serial) == ["93AA0002", "93AA0002", "93AA0002", "93AA0002"])
    let read = UnansweredRead(.queue(APQN(adapter: 1, domain: 0), "mkvps"))
    #expect(stage.events.contains(.warned(.unanswered(1, read))))
  }

  @Test func `of an adapter that was removed are not those of the one that has its number then`()
    throws
  {
    let stage = try stage(.mask)
    try reserve(rules, on: stage)
    try stage.happens { $0.unplug(card: 1) }
    var other = Stage.card(1)
    other.attributes["serialnr"] = "93AAFFFF"
    try stage.happens { [other] in $0.plug(card: other) }
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    #expect(try keys(stage).source == .unknown)
    #expect(record.facts.contains(.adapter(1, nil)))
  }

  @Test func `are not asked for where nothing keeps them`() throws {
    let stage = try Stage(.override, rules: "")
    let watched = try Watched(.override, rules: rules, on: stage)
    watched.sysfs.text = { path in
      if path.name == "mkvps" { Issue.record("\(path)") }
      return nil
    }
    try watched.agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }
}

@Suite struct `An agent with rules on master keys` {
  private let record = MemoryKeyRecord()
  private static let expecting =
    #"ADAPTER=="1", RESERVE="vfio_ap", EXPECT_MKVP{aes}="0x1111111111111111""#
    + "\n" + #"ADAPTER=="2", RESERVE="host", EXPECT_MKVP{aes}="0x1111111111111111""#

  private func stage(_ mechanism: Mechanism, rules: String) throws -> Stage {
    let stage = try Stage(mechanism, rules: "", environment: .init(keys: record))
    for adapter in UInt8(0)...2 { stage.bus.setMasterKeys(firstKeys, onCard: adapter) }
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rules)) }
    return stage
  }

  private func scan(_ stage: Stage) throws {
    try stage.happens { _ in stage.agent.scan(.everything) }
  }

  @Test(arguments: Mechanism.allCases)
  func `takes the queues that have the key, and keeps them since it was remembered`(
    mechanism: Mechanism
  ) throws {
    let rules = #"MKVP{aes}=="0x1111111111111111", ADAPTER=="1", RESERVE="vfio_ap""#
    let stage = try stage(mechanism, rules: rules)
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    try scan(stage)
    #expect(stage.writes == [])
    #expect(stage.agent.status.requests.counts == [.reserved: 4])
  }

  @Test func `gives nothing back, and takes nothing, while a key is unknown`() throws {
    let rules = #"MKVP{aes}=="0x1111111111111111", ADAPTER=="1|2", RESERVE="vfio_ap""#
    let stage = try stage(.override, rules: rules)
    let fresh = Agent(
      sysfs: stage.bus, rules: try Stage.rules(rules), settings: .init(mechanism: .override),
      ownership: stage.agent.ownership, time: stage.time)
    stage.bus.setMasterKeys("AES CUR: - -\nAES OLD: - -", onCard: 2)
    try stage.bus.write("\n", to: .queue(APQN(adapter: 2, domain: 3), "driver_override"))
    try stage.moveByShell("02.0003", to: DriverName.cex4queue)
    try fresh.reconcile().get()
    #expect(fresh.decisions?.row(1).undecidable.contains(3) == true)
    #expect(stage.driver("01.0003") == DriverName.vfioAP)
    #expect(stage.driver("02.0003") == DriverName.cex4queue)
  }

  @Test(arguments: Mechanism.allCases)
  func `raises an alarm when the key of a host's queue is changed`(mechanism: Mechanism) throws {
    let stage = try stage(mechanism, rules: Self.expecting)
    #expect(stage.agent.status.plan?.warnings.compactMap(\.keyAlarm) == [])
    stage.bus.setMasterKeys(secondKeys, onCard: 2)
    try scan(stage)
    #expect(stage.writes == [])
    let alarm = try #require(stage.agent.status.plan?.warnings.compactMap(\.keyAlarm).first)
    #expect(
      alarm.cause == .unexpected && alarm.apqns == (0...3).map { APQN(adapter: 2, domain: $0) })
    #expect(stage.events.contains(.warned(.masterKey(alarm))))
    let changes = stage.events.compactMap { event in
      if case .keysChanged(let changes) = event { changes } else { nil }
    }
    #expect(changes.count == 1)
    #expect(Set(changes[0].map(\.change.register.description)) == ["AES CUR", "AES OLD"])
    // It is reported once, and not any more when the key is the expected one again.
    try scan(stage)
    #expect(!stage.events.contains { if case .warned = $0 { true } else { false } })
    stage.bus.setMasterKeys(firstKeys, onCard: 2)
    try scan(stage)
    #expect(stage.agent.status.plan?.warnings.compactMap(\.keyAlarm) == [])
  }

  @Test func `raises an alarm when a reserved queue shows another key, as soon as it shows one`()
    throws
  {
    let stage = try stage(.override, rules: Self.expecting)
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    stage.bus.setMasterKeys(secondKeys, onCard: 1)
    try scan(stage)
    #expect(stage.agent.status.plan?.warnings.compactMap(\.keyAlarm) == [])
    try stage.happens { _ in try stage.moveByShell("01.0002", to: DriverName.cex4queue) }
    #expect(stage.driver("01.0002") == DriverName.vfioAP, "it is taken again all the same")
    let alarm = try #require(stage.agent.status.plan?.warnings.compactMap(\.keyAlarm).first)
    #expect(alarm.apqns == [apqn])
    #expect(alarm.change?.before == KeyContent(.valid, KeyPattern("0x1111111111111111")))
  }
}
