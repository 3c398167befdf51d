import APBus
import Agent
import Reservation
import SimulatedBus
import Testing

/// A bus that looks at the record at each write.
private final class WatchedBus: Sysfs {
  let bus: SimulatedBus
  let record: MemoryRecord
  let lock: TestLock
  /// What was on record when a path was written, and whether the lock was held.
  private(set) var seen: [(path: String, ownership: Ownership, isLocked: Bool)] = []

  init(_ bus: SimulatedBus, _ record: MemoryRecord, _ lock: TestLock) {
    (self.bus, self.record, self.lock) = (bus, record, lock)
  }

  func read(_ path: SysfsPath) throws(SysfsError) -> String { try bus.read(path) }
  func readLink(_ path: SysfsPath) throws(SysfsError) -> String { try bus.readLink(path) }
  func list(_ path: SysfsPath) throws(SysfsError) -> [String] { try bus.list(path) }
  func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    seen.append((path.name, record.ownership, lock.isHeld))
    try bus.write(text, to: path)
  }
}

@Suite struct `What is reserved` {
  private let rule = #"ADAPTER=="1", RESERVE="vfio_ap""#
  private let record = MemoryRecord()
  private let lock = TestLock()

  private func watched(_ mechanism: Mechanism, _ stage: Stage) throws -> (Agent, WatchedBus) {
    let bus = WatchedBus(stage.bus, record, lock)
    let agent = Agent(
      sysfs: bus, rules: try Stage.rules(rule), settings: .init(mechanism: mechanism),
      environment: .init(record: record, lock: lock), time: stage.time, report: stage.note)
    return (agent, bus)
  }

  @Test(arguments: Mechanism.allCases)
  func `is on record before it is written`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism, rules: "")
    let (agent, bus) = try watched(mechanism, stage)
    try agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    let first = try #require(bus.seen.first)
    if mechanism == .mask {
      #expect(first.ownership.adapters == [1])
    } else {
      #expect(first.ownership.queues == [APQN(adapter: 1, domain: 0)])
    }
    #expect(record.ownership == agent.ownership)
  }

  @Test(arguments: Mechanism.allCases)
  func `is not written when it cannot be put on record`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism, rules: "")
    let (agent, bus) = try watched(mechanism, stage)
    record.isBroken = true
    try agent.reconcile().get()
    #expect(bus.seen.isEmpty)
    #expect(
      stage.failures.first?.description
        == "nothing was written, since writing /run/apreserve/ownership: no space left")
    record.isBroken = false
    stage.now = try #require(agent.nextDue)
    try agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  @Test(arguments: Mechanism.allCases)
  func `is given back by the next agent, which knows it from the record`(mechanism: Mechanism)
    throws
  {
    let stage = try Stage(mechanism, rules: "")
    let (agent, _) = try watched(mechanism, stage)
    try agent.reconcile().get()
    let next = Agent(
      sysfs: stage.bus, rules: try Stage.rules(#"APQN=="*", RESERVE="host""#),
      settings: .init(mechanism: mechanism), ownership: record.ownership,
      environment: .init(record: record), time: stage.time, report: stage.note)
    try next.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
    var left = record.ownership
    left.seen = APQNSet()
    #expect(left == Ownership())
  }

  @Test(arguments: Mechanism.allCases)
  func `stays where the next agent has no record of it`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism, rules: rule)
    let next = Agent(
      sysfs: stage.bus, rules: try Stage.rules(#"APQN=="*", RESERVE="host""#),
      settings: .init(mechanism: mechanism), time: stage.time, report: stage.note)
    try next.reconcile().get()
    // Without masks the kernel itself puts queues there when vfio_ap comes first.
    #expect(
      try stage.drivers(ofCard: 1)
        == [mechanism == .bind ? DriverName.cex4queue : DriverName.vfioAP])
    #expect(next.status.plan?.adopted.count == (mechanism == .bind ? 0 : 4))
  }

  @Test(arguments: [[], [SimulatedBus.Module.zcryptCex4, .vfioAP]])
  func `by overrides is given back although masks are asked for since`(
    modules: [SimulatedBus.Module]
  ) throws {
    let stage = try Stage(.override, rules: rule, modules: modules)
    stage.agent.replaceSettings(Agent.Settings(mechanism: .mask))
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"ADAPTER=="1", RESERVE:="host""#))
    }
    if modules.isEmpty {
      try stage.happens { $0.loadModule(.vfioAP) }
      #expect(try stage.drivers(ofCard: 1) == ["none"])
      try stage.happens { $0.loadModule(.zcryptCex4) }
    }
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
    // No override is left that would keep masks from being written.
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"ADAPTER=="2", RESERVE="vfio_ap""#))
    }
    #expect(try stage.drivers(ofCard: 2) == [DriverName.vfioAP])
    #expect(stage.bus.driver(of: APQN(adapter: 1, domain: 0)) == DriverName.cex4queue)
  }

  @Test(arguments: Mechanism.allCases)
  func `stays when all rules are removed, until that is confirmed`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism, rules: rule)
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules("")) }
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(stage.agent.status.plan?.refusals.first?.reason == .guarded(.rulesMissing))
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(""), isExplicit: true) }
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
  }

  @Test(arguments: Mechanism.allCases)
  func `is written and given back under the lock that other tools share`(mechanism: Mechanism)
    throws
  {
    let stage = try Stage(mechanism, rules: "")
    let (agent, bus) = try watched(mechanism, stage)
    try agent.reconcile().get()
    // Without masks, what takes one queue from the host concerns nobody else's configuration.
    #expect(bus.seen.allSatisfy { $0.isLocked == (mechanism == .mask) })
    let count = bus.seen.count
    agent.replaceRules(try Stage.rules(#"APQN=="*", RESERVE="host""#))
    try agent.reconcile().get()
    #expect(bus.seen.count > count)
    let later = bus.seen[count...].allSatisfy(\.isLocked)
    #expect(later)
    #expect(!lock.isHeld)
  }

  @Test func `is not written while another tool has the lock, and is tried again`() throws {
    let stage = try Stage(.mask, rules: "")
    let (agent, bus) = try watched(.mask, stage)
    lock.owner = "process 4711 (chzdev)"
    try agent.reconcile().get()
    #expect(bus.seen.isEmpty)
    #expect(
      stage.failures.map(\.description) == [
        "nothing was written, since process 4711 (chzdev) has the lock"
      ])
    lock.owner = nil
    stage.now = try #require(agent.nextDue)
    try agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }
}
