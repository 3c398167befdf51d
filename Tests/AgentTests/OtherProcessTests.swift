import APBus
import Agent
import Reservation
import SimulatedBus
import Testing

/// A bus on which another process acts just before a write of the agent, or a read, once.
final class BusWithAnotherProcess: Sysfs {
  let bus: any Sysfs
  var before: ((SysfsPath, String) throws -> Bool)?
  /// Called before each read until it returns true.
  var beforeRead: ((SysfsPath) throws -> Bool)?

  init(_ bus: any Sysfs) {
    self.bus = bus
  }

  func read(_ path: SysfsPath) throws(SysfsError) -> String {
    if let act = beforeRead, (try? act(path)) == true { beforeRead = nil }
    return try bus.read(path)
  }
  func readLink(_ path: SysfsPath) throws(SysfsError) -> String { try bus.readLink(path) }
  func list(_ path: SysfsPath) throws(SysfsError) -> [String] { try bus.list(path) }
  func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    if let act = before, (try? act(path, text)) == true { before = nil }
    try bus.write(text, to: path)
  }
}

@Suite struct `Another process between the plan and the write` {
  private let apqn = APQN(adapter: 1, domain: 2)

  @Test func `that has taken the queue keeps it: it does not become owned`() throws {
    let stage = try Stage(.bind, rules: "")
    let bus = BusWithAnotherProcess(stage.bus)
    let agent = Agent(
      sysfs: bus, rules: try Stage.rules(#"APQN=="01.0002", RESERVE="vfio_ap""#), time: stage.time,
      report: stage.note)
    bus.before = { [bus = stage.bus] path, text in
      guard path.name == "unbind" else { return false }
      try bus.write(text, to: .driver(DriverName.cex4queue, "unbind"))
      try bus.write(text, to: .driver(DriverName.vfioAP, "bind"))
      return true
    }
    try agent.reconcile().get()
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    #expect(agent.ownership.queues == [])
    agent.replaceRules(try Stage.rules(#"ADAPTER=="1", RESERVE="unmanaged""#))
    try agent.reconcile().get()
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
  }

  @Test func `that has cleared a bit keeps it cleared, also when we had to drain first`() throws {
    let stage = try Stage(.mask, rules: "")
    stage.bus.setLoad(QueueLoad(pending: 1), on: apqn)
    let bus = BusWithAnotherProcess(stage.bus)
    let agent = Agent(
      sysfs: bus, rules: try Stage.rules(#"ADAPTER=="1", RESERVE="vfio_ap""#), time: stage.time,
      report: stage.note)
    let theirs = APMask([2]).complement
    bus.before = { [bus = stage.bus] path, _ in
      guard path.name == "online" else { return false }
      try bus.write(theirs.description, to: .bus("apmask"))
      return true
    }
    try agent.reconcile().get()
    let mask = APMask(try stage.bus.read(.bus("apmask")))
    #expect(mask?.contains(2) == false)
    #expect(try stage.drivers(ofCard: 2) == [DriverName.vfioAP])
    // The look behind it plans anew, on what is there.
    stage.now = try #require(agent.nextDue)
    try agent.reconcile().get()
    #expect(APMask(try stage.bus.read(.bus("apmask"))) == APMask([1, 2]).complement)
    #expect(agent.ownership.adapters == [1])
  }

  /// At whichever of the reads before the first write that happens.
  @Test(arguments: 1...8)
  func `that has changed the masks keeps its change, and nothing fails for that`(read: Int) throws {
    let stage = try Stage(.mask, rules: "")
    let bus = BusWithAnotherProcess(stage.bus)
    let agent = Agent(
      sysfs: bus, rules: try Stage.rules(#"ADAPTER=="1", RESERVE="vfio_ap""#), time: stage.time,
      report: stage.note)
    var reads = 0
    var theirs: APMask = []
    bus.beforeRead = { [bus = stage.bus] path in
      guard path == .bus("apmask") else { return false }
      reads += 1
      guard reads == read else { return false }
      // Later it would be one between the write and its proof.
      if bus.driver(of: APQN(adapter: 1, domain: 2)) == DriverName.cex4queue {
        try bus.write("-5", to: .bus("apmask"))
        theirs = [5]
      }
      return true
    }
    try agent.reconcile().get()
    #expect(stage.failures == [])
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(APMask(try stage.bus.read(.bus("apmask"))) == APMask([1]).union(theirs).complement)
    if read <= 3 { #expect(!theirs.isEmpty) }
  }

  @Test func `that has changed a mask between two writes is not undone`() throws {
    let stage = try Stage(.mask, rules: "")
    let bus = BusWithAnotherProcess(stage.bus)
    let agent = Agent(
      sysfs: bus,
      rules: try Stage.rules(
        "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\nDOMAIN==\"2\", RESERVE=\"vfio_ap\""),
      time: stage.time, report: stage.note)
    bus.before = { [bus = stage.bus] path, _ in
      guard path.name == "aqmask" else { return false }
      try bus.write(APMask([1, 2]).complement.description, to: .bus("apmask"))
      return true
    }
    try agent.reconcile().get()
    #expect(APMask(try stage.bus.read(.bus("apmask")))?.contains(2) == false)
  }

  @Test func `that masks keep from the host does not become owned by binding a straggler`() throws {
    let stage = try Stage(.mask, rules: "")
    // Another tool's bit, and a queue that has not followed it.
    try stage.bus.write(APMask([1]).complement.description, to: .bus("apmask"))
    let ownership = Ownership(queues: [apqn])
    #expect(!ownership.covers(apqn, under: try InventoryReader(sysfs: stage.bus).read().bus))
  }

  @Test func `that gives a guest the queue stops the release by masks too`() throws {
    let stage = try Stage(.mask, rules: #"ADAPTER=="1", RESERVE="vfio_ap""#)
    let bus = BusWithAnotherProcess(stage.bus)
    let lock = TestLock()
    let agent = Agent(
      sysfs: bus, rules: try Stage.rules(#"APQN=="*", RESERVE="host""#),
      ownership: stage.agent.ownership,
      environment: .init(lock: GivingLock(stage.bus, lock)), time: stage.time, report: stage.note)
    try agent.reconcile().get()
    #expect(stage.failures == [])
    #expect(agent.status.plan?.refusals.map(\.apqn).contains(apqn) == true)
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  @Test func `that gives a guest a queue which was just added stops the release by masks too`()
    throws
  {
    let stage = try Stage(.mask, rules: #"ADAPTER=="1", RESERVE="vfio_ap""#)
    stage.bus.unplugQueue(apqn)
    let bus = BusWithAnotherProcess(stage.bus)
    bus.before = { path, text in
      Issue.record("\(text) > \(path) was left to the kernel to refuse, and older ones do not")
      return true
    }
    let lock = GivingLock(stage.bus, TestLock())
    lock.plugs = apqn
    let agent = Agent(
      sysfs: bus, rules: try Stage.rules(#"APQN=="*", RESERVE="host""#),
      ownership: stage.agent.ownership,
      environment: .init(lock: lock), time: stage.time, report: stage.note)
    try agent.reconcile().get()
    #expect(stage.failures == [])
    #expect(agent.status.plan?.refusals.map(\.apqn).contains(apqn) == true)
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }
}

/// A lock that is waited for while something happens.
private final class LongLock: ConfigurationLock {
  /// What happens during the first wait.
  var meanwhile: (() -> Void)?

  func acquire() throws(ConfigurationLockError) {
    meanwhile?()
    meanwhile = nil
  }

  func release() {}
}

@Suite struct `A long wait for the lock` {
  private let apqn = APQN(adapter: 1, domain: 2)
  private let lock = LongLock()

  /// An agent that is about to reserve adapter 1 by masks, and what happens while it waits for the lock.
  private func agent(
    on stage: Stage, isInterrupted: @escaping () -> Bool = { false },
    meanwhile: @escaping (Agent) -> Void
  ) throws -> Agent {
    var mail: ((Agent) -> Void)?
    lock.meanwhile = { mail = meanwhile }
    return Agent(
      sysfs: stage.bus, rules: try Stage.rules(#"ADAPTER=="1", RESERVE="vfio_ap""#),
      environment: .init(
        lock: lock, isInterrupted: isInterrupted,
        takeIn: {
          mail?($0)
          mail = nil
        }), time: stage.time, report: stage.note)
  }

  @Test func `ends a plan whose rules are gone before anything is written`() throws {
    let stage = try Stage(.mask, rules: "")
    let rules = try Stage.rules(#"ADAPTER=="1", RESERVE:="host""#)
    let agent = try agent(on: stage) { $0.replaceRules(rules) }
    try agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
    #expect(stage.history == [])
  }

  @Test func `ends a plan whose settings are gone before anything is written`() throws {
    let stage = try Stage(.mask, rules: "")
    for adapter in UInt8(0)...2 {
      stage.bus.setMasterKeys("AES CUR: valid 0x112233445566778\(adapter)\n", onCard: adapter)
    }
    let agent = try agent(on: stage) {
      $0.replaceSettings(.init(policy: GuardPolicy(protectHost: .yes)))
    }
    try agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
  }

  @Test func `ends with the stop of the agent, and nothing is written`() throws {
    let stage = try Stage(.mask, rules: "")
    var isStopped = false
    let agent = try agent(on: stage, isInterrupted: { isStopped }) { _ in isStopped = true }
    try agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
    #expect(agent.undone.map(\.subject) == [.masks])
    #expect(stage.failures == [])
    // Nobody moves anything that would have to be waited for.
    #expect(agent.status.phase == .settled)
  }
}

@Suite struct `A guest that gets a queue between two writes of masks` {
  private let uuid = "11111111-2222-3333-4444-555555555555"

  /// Assigns 01.0003 just before a mask is written.
  private func assign(before name: String, on stage: Stage, _ bus: BusWithAnotherProcess) {
    bus.before = { [bus = stage.bus, uuid] path, _ in
      guard path.name == name else { return false }
      try bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
      try bus.write("1", to: SysfsPath(.mediatedDevice(uuid), "assign_adapter"))
      try bus.write("3", to: SysfsPath(.mediatedDevice(uuid), "assign_domain"))
      return true
    }
  }

  @Test(arguments: [KernelBehavior.mask52, .mask61])
  func `keeps it, whether or not the kernel would refuse the second mask`(
    behavior: KernelBehavior
  ) throws {
    let stage = try Stage(.mask, on: behavior)
    let bus = BusWithAnotherProcess(stage.bus)
    let agent = Agent(
      sysfs: bus, rules: try Stage.rules(#"DOMAIN=="2", RESERVE="vfio_ap""#),
      ownership: stage.agent.ownership, time: stage.time, report: stage.note)
    assign(before: "aqmask", on: stage, bus)
    try agent.reconcile().get()
    #expect(bus.before == nil)
    #expect(stage.driver("01.0003") == DriverName.vfioAP)
    #expect(
      stage.failures.map(\.cause) == [.assignedMeanwhile(APQN(adapter: 1, domain: 3))])
    // It is planned anew, and the guest keeps what it has.
    stage.now = try #require(agent.nextDue)
    try agent.reconcile().get()
    #expect(stage.driver("01.0003") == DriverName.vfioAP)
    #expect(agent.status.plan?.refusals.isEmpty == false)
  }

  @Test func `keeps it where the masks have to be set back`() throws {
    let stage = try Stage(.mask, rules: "", on: .mask52)
    let bus = BusWithAnotherProcess(
      FaultInjector(
        stage.bus,
        plan: FaultPlan([.call(.write(to: "/sys/bus/ap/aqmask"), .every, .fail(.inputOutput))])))
    let agent = Agent(
      sysfs: bus,
      rules: try Stage.rules(
        "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\nDOMAIN==\"3\", RESERVE=\"vfio_ap\""),
      time: stage.time, report: stage.note)
    assign(before: "aqmask", on: stage, bus)
    try agent.reconcile().get()
    #expect(bus.before == nil)
    #expect(stage.driver("01.0003") == DriverName.vfioAP)
    #expect(stage.failures.first?.undoError != nil)
  }
}

/// A lock during whose taking a guest is given a queue.
private final class GivingLock: ConfigurationLock {
  private let bus: SimulatedBus
  private let lock: TestLock
  /// A queue that comes during it too.
  var plugs: APQN?

  init(_ bus: SimulatedBus, _ lock: TestLock) {
    (self.bus, self.lock) = (bus, lock)
  }

  func acquire() throws(ConfigurationLockError) {
    try lock.acquire()
    if let plugs { bus.plugQueue(plugs) }
    let uuid = "11111111-2222-3333-4444-555555555555"
    try? bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
    try? bus.write("1", to: SysfsPath(.mediatedDevice(uuid), "assign_adapter"))
    try? bus.write("2", to: SysfsPath(.mediatedDevice(uuid), "assign_domain"))
  }

  func release() { lock.release() }
}

@Suite struct `What cannot be read` {
  @Test(arguments: [Errno.inputOutput, .noSuchDevice, .permissionDenied])
  func `of the masks does not make it a kernel without masks`(errno: Errno) throws {
    let faults = FaultPlan([
      .call(.read("/sys/bus/ap/apmask"), .every, .fail(errno))
    ])
    let stage = try Stage(.mask, rules: "")
    let bus = FaultInjector(stage.bus, plan: faults)
    let agent = Agent(
      sysfs: bus, rules: try Stage.rules(#"ADAPTER=="1", RESERVE="vfio_ap""#), time: stage.time,
      report: stage.note)
    #expect(throws: InventoryReaderError.self) { try agent.reconcile().get() }
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
    // And it is tried again by itself.
    bus.plan = FaultPlan()
    stage.now = try #require(agent.nextDue)
    try agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  @Test(
    arguments: [Errno.inputOutput, .noSuchDevice, .permissionDenied], [Mechanism.bind, .override])
  func `of a guest's queues keeps them where they are`(errno: Errno, mechanism: Mechanism) throws {
    let stage = try Stage(mechanism, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    let uuid = "11111111-2222-3333-4444-555555555555"
    try stage.bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
    try stage.bus.write("1", to: SysfsPath(.mediatedDevice(uuid), "assign_adapter"))
    try stage.bus.write("2", to: SysfsPath(.mediatedDevice(uuid), "assign_domain"))
    let faults = FaultPlan([
      .call(.read("*/matrix"), .every, .fail(errno)),
      .call(.read("*/ap_config"), .every, .fail(errno)),
      .call(.read("*/status"), .every, .fail(errno)),
    ])
    let agent = Agent(
      sysfs: FaultInjector(stage.bus, plan: faults),
      rules: try Stage.rules(#"APQN=="*", RESERVE="host""#),
      settings: .init(mechanism: mechanism), ownership: stage.agent.ownership, time: stage.time,
      report: stage.note)
    #expect(throws: InventoryReaderError.self) { try agent.reconcile().get() }
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    if mechanism == .override {
      #expect(
        try stage.bus.read(.queue(APQN(adapter: 1, domain: 2), "driver_override")) == "vfio_ap\n")
    }
  }
}
