import APBus
import Agent
import Reservation
import ReservationRules
import SimulatedBus
import Testing

/// What happens between two operations of a plan, and before its first.
@Suite struct `A plan whose reason no longer exists` {
  /// An agent of its own on the stage's bus, and what is to happen before its n-th operation.
  private func agent(
    _ stage: Stage, _ mechanism: Mechanism, _ rules: String, policy: GuardPolicy = GuardPolicy(),
    before operation: Int, _ happens: @escaping (Agent) throws -> Void
  ) throws -> Agent {
    var operations = 0
    return Agent(
      sysfs: stage.bus, rules: try Stage.rules(rules),
      settings: .init(mechanism: mechanism, policy: policy),
      environment: .init(takeIn: { agent in
        operations += 1
        guard operations == operation else { return }
        do { try happens(agent) } catch { Issue.record(error) }
      }), time: stage.time, report: stage.note)
  }

  private func reserved(_ stage: Stage) throws -> [String] {
    try InventoryReader(sysfs: stage.bus).read().queues.filter { $0.owner == .vfioAP }
      .map(\.apqn.description)
  }

  @Test(arguments: [Mechanism.bind, .override])
  func `because the rules are others ends after the operation that is under way`(
    mechanism: Mechanism
  ) throws {
    let stage = try Stage(mechanism, rules: "")
    let other = try Stage.rules(#"APQN=="00.0000|02.0003", RESERVE="vfio_ap""#)
    let agent = try agent(stage, mechanism, #"ADAPTER=="0-2", RESERVE="vfio_ap""#, before: 4) {
      $0.replaceRules(other)
    }
    try agent.reconcile().get()
    #expect(try reserved(stage) == ["00.0000", "02.0003"])
    // Three were taken before, and two of these given back; none was taken by the old rules after that.
    let taken = stage.history.filter { $0.to == .vfioAP }.map(\.apqn.description)
    #expect(taken == ["00.0000", "00.0001", "00.0002", "02.0003"])
    let later = stage.history.dropFirst(3).compactMap(\.rule)
    #expect(later.allSatisfy { other.rules.map { RuleReference($0) }.contains($0) })
  }

  /// Gives every card the same master keys.
  private func setKeys(_ stage: Stage) {
    for adapter in UInt8(0)...2 {
      stage.bus.setMasterKeys("AES CUR: valid 0x1122334455667788\n", onCard: adapter)
    }
  }

  @Test func `because the settings are others is made anew by these`() throws {
    let stage = try Stage(.bind, rules: "")
    setKeys(stage)
    let rule = #"ADAPTER=="0-2", RESERVE="vfio_ap""#
    let agent = try agent(stage, .bind, rule, policy: GuardPolicy(protectHost: .no), before: 3) {
      $0.replaceSettings(.init(mechanism: .bind, policy: GuardPolicy(protectHost: .yes)))
    }
    try agent.reconcile().get()
    #expect(try reserved(stage).count == 11)
    #expect(agent.status.plan?.refusals.map(\.apqn.description) == ["02.0003"])
  }

  @Test(arguments: ["check-stopped", "taken"])
  func `because the host's other queues with its keys are lost is made anew`(reason: String) throws
  {
    let stage = try Stage(.bind, rules: "")
    setKeys(stage)
    // What is left for the host sends no event when it stops.
    let agent = try agent(
      stage, .bind, #"ADAPTER=="0-1", RESERVE="vfio_ap""#,
      policy: GuardPolicy(protectHost: .yes), before: 5
    ) { _ in
      guard reason == "taken" else {
        stage.bus.setCheckStopped(card: 2, to: true)
        stage.bus.scan()
        return
      }
      for domain in 0..<4 {
        try stage.bus.write("02.000\(domain)", to: .driver(DriverName.cex4queue, "unbind"))
        try stage.bus.write("02.000\(domain)", to: .driver(DriverName.vfioAP, "bind"))
      }
    }
    try agent.reconcile().get()
    #expect(agent.status.plan?.refusals.map(\.apqn.description) == ["01.0003"])
    #expect(stage.driver("01.0003") == DriverName.cex4queue)
    #expect(try reserved(stage).filter { !$0.hasPrefix("02") }.count == 7)
  }

  @Test(arguments: [Mechanism.bind, .override])
  func `because another process has the queue does nothing to it`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism, rules: "")
    let agent = try agent(stage, mechanism, #"ADAPTER=="1", RESERVE="vfio_ap""#, before: 2) { _ in
      try stage.bus.write("01.0003", to: .driver(DriverName.cex4queue, "unbind"))
      try stage.bus.write(
        "1", to: .queue(APQN(adapter: 1, domain: 2), "request_count"))
    }
    try agent.reconcile().get()
    #expect(stage.failures == [])
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    let history = stage.history.filter { $0.apqn == APQN(adapter: 1, domain: 3) }
    #expect(history.map(\.from) == [.host, .none])
    #expect(history.map(\.foreign) == [.binding, nil])
  }

  @Test func `because the bus is busy drains what was idle before`() throws {
    let stage = try Stage(.bind, rules: "")
    let agent = try agent(stage, .bind, #"ADAPTER=="1", RESERVE="vfio_ap""#, before: 2) { _ in
      stage.bus.setLoad(
        QueueLoad(pending: 2, drainRate: 0), on: APQN(adapter: 1, domain: 2))
    }
    try agent.reconcile().get()
    #expect(stage.driver("01.0002") == DriverName.cex4queue)
    #expect(agent.status.draining == [APQN(adapter: 1, domain: 2)])
  }

  @Test func `because the bus is busy at every other read drains once`() throws {
    let watched = try Watched(.bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    let apqn = APQN(adapter: 1, domain: 2)
    var reads = 0
    watched.sysfs.text = { path in
      // Idle whenever a plan is made, and busy when it is to be done.
      guard path == .queue(apqn, "pendingq_count"), watched.sysfs.writes == [] else { return nil }
      reads += 1
      return reads % 2 == 0 ? "1\n" : "0\n"
    }
    try watched.agent.reconcile().get()
    #expect(watched.sysfs.writes.first == "0 > /sys/devices/ap/card01/01.0002/online")
    #expect(watched.stage.driver("01.0002") == DriverName.vfioAP)
  }

  @Test func `because the bus is busy is no matter any more when the queue is idle`() throws {
    let stage = try Stage(.bind, rules: "")
    let rule = #"ADAPTER=="1", RESERVE="vfio_ap""#
    let agent = try agent(stage, .bind, rule, before: 2) { _ in
      stage.bus.setLoad(
        QueueLoad(pending: 1, drainRate: 1), on: APQN(adapter: 1, domain: 2))
    }
    try agent.reconcile().get()
    #expect(agent.status.draining == [APQN(adapter: 1, domain: 2)])
    stage.bus.passTime()
    stage.now = try #require(agent.nextDue)
    try agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    agent.replaceRules(try Stage.rules(rule.replacing("vfio_ap", with: "host")))
    try agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
    stage.bus.setLoad(QueueLoad(), on: APQN(adapter: 1, domain: 2))
    let count = stage.writes.count
    agent.replaceRules(try Stage.rules(rule))
    try agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(!stage.writes[count...].contains { $0.hasSuffix("online") })
  }

  @Test func `because vfio_ap has gone in the middle waits with the rest for it`() throws {
    let stage = try Stage(.bind, rules: "")
    let agent = try agent(stage, .bind, #"ADAPTER=="1", RESERVE="vfio_ap""#, before: 2) { agent in
      try stage.bus.unloadModule(.vfioAP)
      agent.scan(.everything)
    }
    try agent.reconcile().get()
    #expect(stage.failures == [])
    #expect(agent.status.plan?.waiting.count == 4)
  }

  @Test func `because a queue has gone unseen is no failure`() throws {
    let stage = try Stage(.bind, rules: "")
    let agent = try agent(stage, .bind, #"ADAPTER=="1", RESERVE="vfio_ap""#, before: 1) { _ in
      stage.bus.unplugQueue(APQN(adapter: 1, domain: 0))
    }
    try agent.reconcile().get()
    #expect(stage.failures == [])
    #expect(agent.status.requests.reserved == 3)
  }

  @Test func `because another card is there is made anew, also by masks`() throws {
    let stage = try Stage(.mask, rules: "")
    let rule = #"CARD{serialnr}=="93AA0001", RESERVE="vfio_ap""#
    let agent = try agent(stage, .mask, rule, before: 1) { _ in
      var card = Stage.card(1)
      card.attributes["serialnr"] = "93AA9999"
      stage.bus.unplug(card: 1)
      stage.bus.plug(card: card)
    }
    try agent.reconcile().get()
    #expect(stage.writes == [])
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
  }

  @Test func `is none where masks have been written and a queue is bound by them`() throws {
    let stage = try Stage(.mask, rules: "")
    try stage.bus.write("01.0002", to: .driver(DriverName.cex4queue, "unbind"))
    var operations = 0
    let agent = Agent(
      sysfs: stage.bus, rules: try Stage.rules(#"ADAPTER=="1", RESERVE="vfio_ap""#),
      settings: .init(mechanism: .mask), environment: .init(takeIn: { _ in operations += 1 }),
      time: stage.time, report: stage.note)
    try agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    // The masks, and then the queue, by one plan.
    #expect(operations == 2)
    let plans = stage.events.compactMap { event in
      if case .planned(let plan, _) = event { plan.operations.count } else { nil }
    }
    #expect(plans == [2])
  }

  @Test func `because vfio_ap is unloaded leaves what masks take without driver`() throws {
    let stage = try Stage(.mask, rules: "")
    let agent = try agent(stage, .mask, #"ADAPTER=="1", RESERVE="vfio_ap""#, before: 1) { _ in
      try stage.bus.unloadModule(.vfioAP)
    }
    try agent.reconcile().get()
    // It was made anew, by what is there now: nothing is missed.
    #expect(stage.failures == [])
    #expect(try stage.drivers(ofCard: 1) == ["none"])
    #expect(agent.status.plan?.waiting.count == 4)
  }

  @Test func `by masks is held against everything that they move`() throws {
    let stage = try Stage(.mask, rules: "")
    let agent = try agent(stage, .mask, #"ADAPTER=="1", RESERVE="vfio_ap""#, before: 1) { _ in
      stage.bus.setLoad(
        QueueLoad(pending: 2, drainRate: 0), on: APQN(adapter: 1, domain: 2))
    }
    try agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
    #expect(agent.status.draining == [APQN(adapter: 1, domain: 2)])
  }
}

/// Scans that overlap what another process does with masks.
@Suite struct `A scan` {
  private let theirs = APMask([1]).complement

  @Test func `that overlaps a mask write is repeated, and sees all of it`() throws {
    let stage = try Stage(.mask, rules: "")
    let bus = BusWithAnotherProcess(stage.bus)
    bus.beforeRead = { [theirs] path in
      guard path == .queue(APQN(adapter: 0, domain: 2), "config") else { return false }
      try stage.bus.write(theirs.description, to: .bus("apmask"))
      return true
    }
    let inventory = try InventoryReader(sysfs: bus).read()
    #expect(inventory.bus.masks?.adapters == theirs)
    #expect(inventory.queues(ofCard: 1).allSatisfy { $0.owner == .vfioAP })
  }

  @Test func `is given up where the masks change each time, and the agent writes nothing`() throws {
    let stage = try Stage(.mask, rules: "")
    let bus = BusWithAnotherProcess(stage.bus)
    var masks = [theirs, APMask.all]
    bus.beforeRead = { path in
      guard path == .queue(APQN(adapter: 0, domain: 2), "config") else { return false }
      masks.swapAt(0, 1)
      try stage.bus.write(masks[0].description, to: .bus("apmask"))
      return false
    }
    let agent = Agent(
      sysfs: bus, rules: try Stage.rules(#"ADAPTER=="2", RESERVE="vfio_ap""#), time: stage.time,
      report: stage.note)
    #expect(throws: InventoryReaderError.changing) { try agent.reconcile().get() }
    #expect(stage.writes == [])
    bus.beforeRead = nil
    stage.now = try #require(agent.nextDue)
    try agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 2) == [DriverName.vfioAP])
  }

  @Test func `while the kernel still moves queues is not acted on, and a straggler is put right`()
    throws
  {
    let stage = try Stage(.mask, rules: "")
    try stage.bus.write(theirs.description, to: .bus("apmask"))
    let straggler = APQN(adapter: 1, domain: 3)
    let bus = BusWithStraggler(stage.bus, straggler)
    let lock = TestLock()
    let agent = Agent(
      sysfs: bus, rules: try Stage.rules(#"ADAPTER=="1", RESERVE="vfio_ap""#),
      environment: .init(lock: lock), time: stage.time, report: stage.note)
    try agent.reconcile().get()
    #expect(bus.writes == [])
    #expect(agent.status.phase == .moving)
    // Still there after a while: not moved by anybody, so it is unbound and probed, under the lock.
    stage.now = try #require(agent.nextDue)
    try agent.reconcile().get()
    #expect(bus.writes.first == "01.0003 > /sys/bus/ap/drivers/cex4queue/unbind")
    #expect(lock.uses > 0)
  }

  @Test func `of a straggler ends where the masks give it to the host meanwhile`() throws {
    let stage = try Stage(.mask, rules: "")
    try stage.bus.write(theirs.description, to: .bus("apmask"))
    let straggler = APQN(adapter: 1, domain: 3)
    let bus = BusWithStraggler(stage.bus, straggler)
    let agent = Agent(
      sysfs: bus, rules: try Stage.rules(#"ADAPTER=="1", RESERVE="vfio_ap""#),
      environment: .init(takeIn: { _ in
        guard stage.now > .boot, bus.writes.isEmpty else { return }
        try? stage.bus.write(APMask.all.description, to: .bus("apmask"))
      }), time: stage.time, report: stage.note)
    try agent.reconcile().get()
    stage.now = try #require(agent.nextDue)
    try agent.reconcile().get()
    // It is not unbound as if it were outside the host's pool; the masks come first.
    #expect(bus.writes.first == nil || bus.writes.first == "\(theirs) > /sys/bus/ap/apmask")
  }
}

/// A bus on which one queue is seen with the host's driver, wherever it is, until it is unbound.
private final class BusWithStraggler: Sysfs {
  private let bus: SimulatedBus
  private let straggler: APQN
  private(set) var writes: [String] = []

  init(_ bus: SimulatedBus, _ straggler: APQN) {
    (self.bus, self.straggler) = (bus, straggler)
  }

  func read(_ path: SysfsPath) throws(SysfsError) -> String {
    path == .queue(straggler, "online") && writes.isEmpty ? "1\n" : try bus.read(path)
  }

  func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    path == .queue(straggler, "driver") && writes.isEmpty
      ? DriverName.cex4queue : try bus.readLink(path)
  }

  func list(_ path: SysfsPath) throws(SysfsError) -> [String] { try bus.list(path) }

  func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    writes.append("\(text) > \(path)")
    try bus.write(text, to: path)
  }
}

@Suite struct `What is taken on arrival without a rule` {
  @Test func `is reported, and given back where the masks can be others`() throws {
    let stage = try Stage(.mask, rules: #"APQN=="00-02.0003", RESERVE="vfio_ap""#)
    #expect(stage.driver("01.0003") == DriverName.vfioAP)
    try stage.happens {
      $0.plug(card: Stage.card(7))
      $0.scan()
    }
    let arrived = stage.events.compactMap { event -> [String]? in
      guard case .takenOnArrival(let moves) = event else { return nil }
      return moves.map(\.apqn.description)
    }
    #expect(arrived.flatMap { $0 } == ["07.0003"])
    let entry = stage.history.first { $0.apqn == APQN(adapter: 7, domain: 3) }
    #expect(entry?.to == .vfioAP && entry?.rule == nil)
    // A whole domain is reserved, so it cannot be had back, and the status says so.
    #expect(
      stage.agent.status.plan?.refusals.map(\.apqn) == [APQN(adapter: 7, domain: 3)])
  }

  @Test func `is what the first driver has taken, where there are no masks`() throws {
    let stage = try Stage(
      .bind, rules: #"ADAPTER=="9", RESERVE="vfio_ap""#, adapters: [0],
      modules: [.vfioAP, .zcryptCex4])
    try stage.happens {
      $0.plug(card: Stage.card(7))
      $0.plug(card: Stage.card(9))
      $0.scan()
    }
    #expect(try stage.drivers(ofCard: 7) == [DriverName.vfioAP])
    stage.agent.scan(.everything)
    try stage.settle()
    // Once, as it came.
    let unasked = stage.history.filter { $0.cause == .collateral }
    #expect(unasked.map(\.apqn) == (0..<4).map { APQN(adapter: 7, domain: $0) })
    #expect(unasked.allSatisfy { $0.to == .vfioAP && $0.rule == nil })
  }

  @Test func `is what masks kept without a driver until vfio_ap came`() throws {
    let stage = try Stage(
      .mask, rules: #"APQN=="01.0003", RESERVE="vfio_ap", COLLATERAL="accept""#,
      modules: [.zcryptCex4])
    #expect(stage.driver("02.0003") == nil)
    try stage.happens { $0.loadModule(.vfioAP) }
    let arrived = stage.events.compactMap { event -> [String]? in
      guard case .takenOnArrival(let moves) = event else { return nil }
      return moves.map { "\($0.apqn) \($0.to.rawValue)" }
    }
    #expect(arrived == [["00.0003 vfio_ap", "02.0003 vfio_ap"]])
  }

  @Test func `is another queue where one was removed and added again at once`() throws {
    let stage = try Stage(.mask, rules: #"APQN=="00-02.0003", RESERVE="vfio_ap""#)
    let apqn = APQN(adapter: 7, domain: 3)
    try stage.happens {
      $0.plug(card: Stage.card(7))
      $0.scan()
    }
    try stage.happens {
      $0.unplugQueue(apqn)
      $0.plugQueue(apqn)
    }
    let arrived = stage.events.compactMap { event -> [APQN]? in
      guard case .takenOnArrival(let moves) = event else { return nil }
      return moves.map(\.apqn)
    }
    #expect(arrived == [[apqn]])
  }

  @Test func `is not what rules reserve for the host, whatever is added and removed`() throws {
    let rules = """
      DOMAIN=="3", RESERVE="vfio_ap"
      ADAPTER=="1", RESERVE:="host", NAME="dm-crypt"
      """
    let stage = try Stage(.mask, rules: rules)
    #expect(stage.agent.status.plan?.refusals.count == 2)
    try stage.happens {
      $0.unplug(card: 1)
      $0.scan()
    }
    #expect(stage.writes == [])
    try stage.happens {
      $0.plug(card: Stage.card(1))
      $0.scan()
    }
    #expect(stage.driver("01.0003") == DriverName.cex4queue)
  }
}
