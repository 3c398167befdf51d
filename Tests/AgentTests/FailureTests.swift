import APBus
import Agent
import Reservation
import ReservationRules
import SimulatedBus
import Testing

/// A bus on which some writes fail, or succeed without effect.
final class FaultySysfs: Sysfs {
  let bus: SimulatedBus
  /// What happens to a write; nil passes it on, `.some(nil)` takes it without effect.
  var fault: (SysfsPath, String) -> Errno?? = { _, _ in nil }

  init(_ bus: SimulatedBus) {
    self.bus = bus
  }

  /// Whether every read fails from now on.
  var isUnreadable = false

  func read(_ path: SysfsPath) throws(SysfsError) -> String {
    if isUnreadable { throw SysfsError(.read, path, errno: .inputOutput) }
    return try bus.read(path)
  }
  func readLink(_ path: SysfsPath) throws(SysfsError) -> String { try bus.readLink(path) }
  func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    if isUnreadable { throw SysfsError(.list, path, errno: .permissionDenied) }
    return try bus.list(path)
  }

  func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    switch fault(path, text) {
    case .none: try bus.write(text, to: path)
    case .some(.none): break
    case .some(.some(let errno)): throw SysfsError(.write, path, text: text, errno: errno)
    }
  }
}

@Suite struct `A write that fails` {
  private func agent(
    _ mechanism: Mechanism, _ stage: Stage, rules: String = #"ADAPTER=="1", RESERVE="vfio_ap""#
  ) throws -> (Agent, FaultySysfs) {
    let sysfs = FaultySysfs(stage.bus)
    let agent = Agent(
      sysfs: sysfs, rules: try Stage.rules(rules),
      settings: Agent.Settings(mechanism: mechanism), time: stage.time, report: stage.note)
    stage.bus.onUevent = { agent.handle($0) }
    return (agent, sysfs)
  }

  @Test(arguments: [Mechanism.bind, .override])
  func `holds up no other queue and is tried again with growing pauses`(mechanism: Mechanism)
    throws
  {
    let stage = try Stage(mechanism, rules: "")
    let (agent, sysfs) = try agent(mechanism, stage)
    sysfs.fault = { path, text in
      text.hasPrefix("01.0002") && path.name == "unbind" ? .some(.inputOutput) : nil
    }
    try agent.reconcile().get()
    #expect(agent.status.phase == .retrying)
    #expect(agent.status.description == "3 of 4 queues reserved, 1 pending, 1 failed")
    #expect(agent.nextDue == .boot + .seconds(1))
    stage.now = .boot + .seconds(1)
    try agent.reconcile().get()
    #expect(agent.nextDue == .boot + .seconds(3))
    #expect(stage.failures.map(\.attempts) == [1, 2])
    sysfs.fault = { _, _ in nil }
    stage.now = .boot + .seconds(2)
    try agent.reconcile().get()
    #expect(stage.driver("01.0002") == DriverName.cex4queue)
    stage.now = .boot + .seconds(3)
    try agent.reconcile().get()
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    #expect(agent.nextDue == nil)
    #expect(agent.status.description == "4 of 4 queues reserved")
  }

  @Test func `without an error is found out by reading back`() throws {
    let stage = try Stage(.bind, rules: "")
    let (agent, sysfs) = try agent(.bind, stage, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    sysfs.fault = { path, _ in path.name == "bind" ? .some(nil) : nil }
    try agent.reconcile().get()
    #expect(
      stage.failures.map(\.description) == [
        "01.0002 was to go to vfio_ap, the kernel took the write, and the queue is with none"
      ])
  }

  @Test func `in the middle of a pair of masks is rolled back`() throws {
    let stage = try Stage(.mask, rules: "")
    let (agent, sysfs) = try agent(
      .mask, stage,
      rules: """
        ADAPTER=="1", RESERVE="vfio_ap"
        DOMAIN=="2", RESERVE="vfio_ap"
        """)
    sysfs.fault = { path, _ in path == .bus("aqmask") ? .some(.busy) : nil }
    try agent.reconcile().get()
    #expect(try stage.bus.read(.bus("apmask")) == "\(APMask.all)\n")
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
    #expect(agent.status.phase == .retrying)
  }

  private static let pairOfMasks = """
    ADAPTER=="1", RESERVE="vfio_ap"
    DOMAIN=="2", RESERVE="vfio_ap"
    """

  @Test func `in the middle of a pair of masks reports what setting back gives to the host`() throws
  {
    let stage = try Stage(.mask, rules: "")
    let apqn = APQN(adapter: 1, domain: 3)
    try stage.bus.write("\(apqn)", to: .driver(DriverName.cex4queue, "unbind"))
    let (agent, sysfs) = try agent(.mask, stage, rules: Self.pairOfMasks)
    sysfs.fault = { path, _ in path == .bus("aqmask") ? .some(.busy) : nil }
    try agent.reconcile().get()
    #expect(stage.driver("01.0003") == DriverName.cex4queue)
    let change = OwnerChange(apqn, from: .none, to: .host, cause: .sideEffect)
    #expect(stage.failures.first?.moves == [change])
    let move = try #require(stage.history.last { $0.apqn == apqn && $0.failure == nil })
    #expect(move.from == .none && move.to == .host && move.cause == .sideEffect)
    #expect(stage.events.contains(.moved([move])))
  }

  /// The moves that were reported, without those that failed.
  private func moves(_ stage: Stage) -> [String] {
    stage.history.filter { $0.failure == nil }.map {
      "\($0.apqn) \($0.from.rawValue)>\($0.to.rawValue)"
    }
  }

  @Test func `in the middle of a pair of masks reports where each queue really is`() throws {
    // In the host's pool before and after, and bound by the first of the writes.
    var stage = try Stage(.mask, rules: "")
    try stage.bus.write("02.0003", to: .driver(DriverName.cex4queue, "unbind"))
    var (first, sysfs) = try agent(.mask, stage, rules: Self.pairOfMasks)
    sysfs.fault = { path, _ in path == .bus("aqmask") ? .some(.inputOutput) : nil }
    try first.reconcile().get()
    #expect(moves(stage) == ["02.0003 none>host"])
    // Outside the pool, given back by the second of three, and taken by vfio_ap when that is set back.
    stage = try Stage(.mask, rules: Self.pairOfMasks)
    let count = moves(stage).count
    try stage.bus.write("00.0002", to: .driver(DriverName.vfioAP, "unbind"))
    sysfs = FaultySysfs(stage.bus)
    first = Agent(
      sysfs: sysfs, rules: try Stage.rules(#"ADAPTER=="2", RESERVE="vfio_ap""#),
      settings: .init(mechanism: .mask), ownership: stage.agent.ownership, time: stage.time,
      report: stage.note)
    sysfs.fault = { path, text in
      path == .bus("apmask") && text == "\(APMask([2]).complement)" ? .some(.inputOutput) : nil
    }
    try first.reconcile().get()
    #expect(stage.driver("00.0002") == DriverName.vfioAP)
    #expect(moves(stage).dropFirst(count) == ["00.0002 none>vfio_ap"])
    // That was to be given back, and is not what anybody asked for.
    #expect(stage.history.last { $0.failure == nil }?.cause == .sideEffect)
  }

  @Test func `and cannot be undone reports what has moved`() throws {
    let stage = try Stage(.mask, rules: "")
    let (agent, sysfs) = try agent(.mask, stage, rules: Self.pairOfMasks)
    sysfs.fault = { path, text in
      path == .bus("aqmask") || path == .bus("apmask") && text == "\(APMask.all)"
        ? .some(.inputOutput) : nil
    }
    try agent.reconcile().get()
    #expect(moves(stage) == (0...3).map { "01.000\($0) host>vfio_ap" })
    // As planned, although the rest of the plan was not to be had.
    let causes = stage.history.filter { $0.failure == nil }.map(\.cause)
    #expect(causes == Array(repeating: .wanted, count: 4))
    #expect(stage.history.filter { $0.failure != nil }.map(\.apqn.adapter) == [0, 2])
  }

  @Test(arguments: ["apmask", "aqmask"])
  func `to have an effect on a mask is seen at once, and the other is set back`(
    name: String
  ) throws {
    let stage = try Stage(.mask, rules: "")
    let (agent, sysfs) = try agent(.mask, stage, rules: Self.pairOfMasks)
    sysfs.fault = { path, _ in path == .bus(name) ? .some(nil) : nil }
    try agent.reconcile().get()
    #expect(try stage.bus.read(.bus("apmask")) == "\(APMask.all)\n")
    #expect(try stage.bus.read(.bus("aqmask")) == "\(APMask.all)\n")
    let text = try #require(stage.failures.first).description
    #expect(text.hasSuffix("/sys/bus/ap/\(name) and does not show it"), "\(text)")
  }

  @Test(arguments: [Errno.inputOutput, .busy])
  func `to bind a queue that was unbound for it reports that the host has lost it`(errno: Errno)
    throws
  {
    let stage = try Stage(.override, rules: "")
    let (agent, sysfs) = try agent(
      .override, stage, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    sysfs.fault = { path, _ in path == .bus("drivers_probe") ? .some(errno) : nil }
    try agent.reconcile().get()
    #expect(stage.driver("01.0002") == nil)
    #expect(moves(stage) == ["01.0002 host>none"])
    #expect(stage.history.first?.cause == .wanted)
  }

  @Test
  func
    `to set one mask back ends setting back, so that no pair of masks is set that no plan has shown`()
    throws
  {
    let stage = try Stage(.mask, rules: #"ADAPTER=="1", RESERVE="vfio_ap""#)
    let sysfs = FaultySysfs(stage.bus)
    let agent = Agent(
      sysfs: sysfs,
      rules: try Stage.rules(
        """
        ADAPTER=="2", RESERVE="vfio_ap"
        DOMAIN=="3", RESERVE="vfio_ap"
        """), settings: .init(mechanism: .mask), ownership: stage.agent.ownership, time: stage.time,
      report: stage.note)
    // The last of three writes fails, and then the second cannot be set back.
    let last = "\(APMask([2]).complement)"
    sysfs.fault = { path, text in
      let fails =
        path == .bus("apmask") && text == last || path == .bus("aqmask") && text == "\(APMask.all)"
      return fails ? .some(.inputOutput) : nil
    }
    try agent.reconcile().get()
    #expect(try stage.bus.read(.bus("apmask")) == "\(APMask([1, 2]).complement)\n")
    #expect(try stage.bus.read(.bus("aqmask")) == "\(APMask([3]).complement)\n")
    let text = try #require(stage.failures.first).description
    #expect(text.contains("what was done before could not be taken back"), "\(text)")
    sysfs.fault = { _, _ in nil }
    stage.now = .boot + .seconds(2)
    try agent.reconcile().get()
    #expect(try stage.bus.read(.bus("apmask")) == last + "\n")
    #expect(agent.status.phase == .settled)
  }

  @Test func `since the kernel says a device is busy names the device and its virtual machine`()
    throws
  {
    let uuid = "11111111-2222-3333-4444-555555555555"
    let stage = try Stage(.mask)
    let sysfs = FaultySysfs(stage.bus)
    let machine = VirtualMachine(name: "db1", mediatedDevices: [uuid])
    let next = Agent(
      sysfs: sysfs, rules: try Stage.rules(#"APQN=="*", RESERVE="host""#),
      settings: Agent.Settings(mechanism: .mask), ownership: stage.agent.ownership,
      environment: Agent.Environment(
        configuration: { HostConfiguration(virtualMachines: [machine]) }), time: stage.time,
      report: stage.note)
    // Between the last look and the write, the guest is given a queue.
    sysfs.fault = { [bus = stage.bus] path, _ in
      guard path == .bus("apmask") else { return nil }
      try? bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
      try? bus.write("1", to: SysfsPath(.mediatedDevice(uuid), "assign_adapter"))
      try? bus.write("2", to: SysfsPath(.mediatedDevice(uuid), "assign_domain"))
      return nil
    }
    try next.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    let text = try #require(stage.failures.first).description
    #expect(text.contains("\(uuid) (virtual machine db1)"), "\(text)")
    #expect(next.ownership.adapters == [1])
  }

  @Test func `since the kernel says a device is busy names no device whose queues stay reserved`()
    throws
  {
    let stage = try Stage(.mask)
    let sysfs = FaultySysfs(stage.bus)
    let next = Agent(
      sysfs: sysfs, rules: try Stage.rules(#"DOMAIN=="2", RESERVE="vfio_ap""#),
      settings: .init(mechanism: .mask), ownership: stage.agent.ownership, time: stage.time,
      report: stage.note)
    let kept = "11111111-2222-3333-4444-555555555555"
    let lost = "22222222-2222-3333-4444-555555555555"
    // Domain 2 has been taken from the host by the first mask when the second gives adapter 1 to it.
    sysfs.fault = { [bus = stage.bus] path, text in
      guard path == .bus("apmask"), text == "\(APMask.all)" else { return nil }
      for (uuid, domain) in [(kept, "2"), (lost, "3")] {
        try? bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
        try? bus.write("1", to: SysfsPath(.mediatedDevice(uuid), "assign_adapter"))
        try? bus.write(domain, to: SysfsPath(.mediatedDevice(uuid), "assign_domain"))
      }
      return nil
    }
    try next.reconcile().get()
    guard case .vetoed(_, let devices) = stage.failures.first?.cause else {
      Issue.record("\(stage.failures)")
      return
    }
    #expect(devices == [lost])
  }

  @Test func `because the kernel's count of overrides has leaked is not tried again`() throws {
    let stage = try Stage(.override, rules: "")
    try stage.bus.write("vfio_ap", to: .queue(APQN(adapter: 2, domain: 0), "driver_override"))
    stage.bus.unplug(card: 2)
    let (agent, _) = try agent(.mask, stage)
    try agent.reconcile().get()
    #expect(stage.failures.map(\.isFinal) == [true])
    #expect(agent.nextDue == nil)
    #expect(stage.failures.first?.description.hasSuffix("until the next reboot") == true)
  }

  @Test(arguments: [
    ("none is set", true), ("one is set", false), ("they cannot be read", false),
  ])
  func `because a mask is invalid is put down to a leak only where no override explains it`(
    overrides: String, isFinal: Bool
  ) throws {
    let stage = try Stage(.override, rules: "")
    let (agent, sysfs) = try agent(.mask, stage)
    sysfs.fault = { [bus = stage.bus, sysfs] path, _ in
      guard path == .bus("apmask") else { return nil }
      switch overrides {
      case "one is set":
        try? bus.write("vfio_ap", to: .queue(APQN(adapter: 2, domain: 0), "driver_override"))
      case "they cannot be read": sysfs.isUnreadable = true
      default: break
      }
      return .some(.invalidArgument)
    }
    agent.reconcile()
    #expect(stage.failures.map(\.isFinal) == [isFinal])
  }

  @Test func `names the first of all queues that cannot be read after it`() throws {
    let stage = try Stage(.mask, rules: "")
    let (agent, sysfs) = try agent(.mask, stage)
    sysfs.fault = { [sysfs] path, _ in
      if path == .bus("apmask") { sysfs.isUnreadable = true }
      return nil
    }
    agent.reconcile()
    guard case .unproven(let apqn, _) = stage.failures.first?.cause else {
      Issue.record("\(stage.failures)")
      return
    }
    #expect(apqn == APQN(adapter: 1, domain: 0))
    // Once they can be read, nobody else is said to have moved them.
    sysfs.fault = { _, _ in nil }
    sysfs.isUnreadable = false
    stage.now = try #require(agent.nextDue)
    try agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(!stage.events.contains { if case .movedByOthers = $0 { true } else { false } })
  }

  @Test func `without effect on an override is found out although no queue moves`() throws {
    let stage = try Stage(.override, rules: "")
    let apqn = APQN(adapter: 1, domain: 2)
    try stage.strand(apqn)
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    let (agent, sysfs) = try agent(
      .override, stage, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    sysfs.fault = { path, _ in path.name == "driver_override" ? .some(nil) : nil }
    try agent.reconcile().get()
    #expect(
      stage.failures.map(\.cause) == [.notTaken(.setOverride(apqn, driver: DriverName.vfioAP))])
  }

  @Test func `to give a queue to the host leaves it the override that it had`() throws {
    let stage = try Stage(.override, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    let apqn = APQN(adapter: 1, domain: 2)
    let sysfs = FaultySysfs(stage.bus)
    let agent = Agent(
      sysfs: sysfs, rules: try Stage.rules(#"APQN=="*", RESERVE="host""#),
      settings: .init(mechanism: .override), ownership: Ownership(queues: [apqn]), time: stage.time,
      report: stage.note)
    sysfs.fault = { path, _ in path == .bus("drivers_probe") ? .some(.inputOutput) : nil }
    try agent.reconcile().get()
    #expect(stage.failures.count == 1)
    #expect(try stage.bus.read(.queue(apqn, "driver_override")) == "vfio_ap\n")
    sysfs.fault = { _, _ in nil }
    stage.now = try #require(agent.nextDue)
    try agent.reconcile().get()
    #expect(stage.driver("01.0002") == DriverName.cex4queue)
  }

  @Test func `because the device was removed is not a failure of the others`() throws {
    let stage = try Stage(.bind, rules: "")
    let (agent, sysfs) = try agent(.bind, stage)
    sysfs.fault = { [bus = stage.bus] path, text in
      guard text.hasPrefix("01.0001"), path.name == "unbind" else { return nil }
      bus.unplugQueue(APQN(adapter: 1, domain: 1))
      return nil
    }
    try agent.reconcile().get()
    #expect(stage.failures.map(\.cause) == [.vanished(APQN(adapter: 1, domain: 1))])
    #expect(agent.status.requests.reserved == 3)
    #expect(agent.status.requests.counts == [.reserved: 3, .missing: 1])
    // Nothing is left to try: an agent that waited for its time would wait for ever.
    #expect(agent.nextDue == nil)
    #expect(agent.status.phase == .settled)
  }

  @Test func `is forgotten when no rule wants the queue any more`() throws {
    let stage = try Stage(.bind, rules: "")
    let (agent, sysfs) = try agent(.bind, stage)
    sysfs.fault = { path, _ in path.name == "unbind" ? .some(.inputOutput) : nil }
    try agent.reconcile().get()
    #expect(agent.status.failures.count == 4)
    agent.replaceRules(RuleSet(), isExplicit: true)
    try agent.reconcile().get()
    #expect(agent.nextDue == nil)
    #expect(agent.status.failures.isEmpty)
  }

  @Test func `of a probe leaves the masks and the other queues alone`() throws {
    let stage = try Stage(.mask, rules: "")
    for name in ["01.0001", "01.0002"] {
      try stage.bus.write(name, to: .driver(DriverName.cex4queue, "unbind"))
    }
    let (agent, sysfs) = try agent(.mask, stage)
    sysfs.fault = { path, text in
      path == .bus("drivers_probe") && text == "01.0002" ? .some(.noSuchDevice) : nil
    }
    try agent.reconcile().get()
    #expect(agent.status.requests.reserved == 3)
    #expect(stage.driver("01.0001") == DriverName.vfioAP)
    #expect(stage.driver("01.0002") == nil)
  }

  @Test func `to read who has a queue keeps the queue where it is`() throws {
    let stage = try Stage(.override, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    let apqn = APQN(adapter: 1, domain: 2)
    let sysfs = FaultySysfs(stage.bus)
    let agent = Agent(
      sysfs: sysfs, rules: RuleSet(), settings: .init(mechanism: .override),
      ownership: Ownership(queues: [apqn]), time: stage.time, report: stage.note)
    sysfs.fault = { [sysfs] path, text in
      if path.name == "driver_override", text == "\n" { sysfs.isUnreadable = true }
      return nil
    }
    agent.reconcile()
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    #expect(try stage.bus.read(.queue(apqn, "driver_override")) == "vfio_ap\n")
  }

  @Test func `without effect on a mask is found out although no queue moves`() throws {
    let stage = try Stage(.mask, rules: "")
    let (agent, sysfs) = try agent(.mask, stage, rules: #"ADAPTER=="9", RESERVE="vfio_ap""#)
    sysfs.fault = { path, _ in path == .bus("apmask") ? .some(nil) : nil }
    try agent.reconcile().get()
    #expect(stage.failures.count == 1)
    #expect(agent.nextDue == .boot + .seconds(1))
  }

  @Test func `is not done at all where another process has changed the masks unseen`() throws {
    let stage = try Stage(.mask, rules: "")
    let (agent, _) = try agent(.mask, stage, rules: #"ADAPTER=="1", RESERVE="vfio_ap""#)
    try agent.reconcile().get()
    // The event of this write is lost.
    stage.bus.onUevent = nil
    try stage.bus.write("-5", to: .bus("apmask"))
    stage.bus.onUevent = { agent.handle($0) }
    agent.replaceRules(try Stage.rules(#"ADAPTER=="2", RESERVE="vfio_ap""#))
    try agent.reconcile().get()
    #expect(try stage.bus.read(.bus("apmask")) == "\(APMask([2, 5]).complement)\n")
  }

  @Test func `never lets a queue lose the override that keeps it with its guest`() throws {
    let stage = try Stage(.override, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    let apqn = APQN(adapter: 1, domain: 2)
    let uuid = "11111111-2222-3333-4444-555555555555"
    // The guest is given the queue between the plan and the writes.
    let sysfs = FaultySysfs(stage.bus)
    let agent = Agent(
      sysfs: sysfs, rules: try Stage.rules(#"ADAPTER=="2", RESERVE="host""#),
      settings: .init(mechanism: .override), ownership: Ownership(queues: [apqn]), time: stage.time,
      report: stage.note)
    sysfs.fault = { [bus = stage.bus] path, text in
      guard path.name == "driver_override", text == "\n" else { return nil }
      try? bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
      try? bus.write("1", to: SysfsPath(.mediatedDevice(uuid), "assign_adapter"))
      try? bus.write("2", to: SysfsPath(.mediatedDevice(uuid), "assign_domain"))
      return nil
    }
    try agent.reconcile().get()
    #expect(stage.failures.first?.cause == .assignedMeanwhile(apqn))
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    #expect(try stage.bus.read(.queue(apqn, "driver_override")) == "vfio_ap\n")
  }
}

@Suite struct `A queue that was on vfio_ap before us` {
  @Test func `is held there by an override, and still never given back`() throws {
    let stage = try Stage(.override, rules: "")
    let apqn = APQN(adapter: 1, domain: 2)
    try stage.strand(apqn)
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"APQN=="01.0002", RESERVE="vfio_ap""#))
    }
    #expect(try stage.bus.read(.queue(apqn, "driver_override")) == "vfio_ap\n")
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"APQN=="*", RESERVE="host""#))
    }
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
  }
}
