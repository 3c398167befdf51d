import APBus
@testable import Agent
import Reservation
import ReservationRules
import SimulatedBus
import Testing
import Uevents

private let uuid = "11111111-2222-3333-4444-555555555555"
private let rule = #"ADAPTER=="1", RESERVE="vfio_ap""#

/// A bus that counts what is asked of it, and on which some calls end otherwise.
final class WatchedSysfs: Sysfs {
  let bus: SimulatedBus
  /// How often the list of drivers was read: once a scan at least.
  private(set) var scans = 0
  private(set) var reads = 0
  private(set) var writes: [String] = []
  /// What happens to a write; nil passes it on, `.some(nil)` takes it without effect.
  var fault: (SysfsPath, String) throws -> Errno?? = { _, _ in nil }
  /// What a file says instead of what is in it.
  var text: (SysfsPath) -> String? = { _ in nil }
  /// Which files have no answer, because only a mute adapter knows it.
  var unanswered: (SysfsPath) -> Bool = { _ in false }
  /// Which files cannot be read.
  var unreadable: (SysfsPath) -> Errno? = { _ in nil }

  init(_ bus: SimulatedBus) {
    self.bus = bus
  }

  private func count(_ path: SysfsPath) throws(SysfsError) {
    reads += 1
    if path == .bus("drivers") { scans += 1 }
    if let errno = unreadable(path) { throw SysfsError(.read, path, errno: errno) }
  }

  func read(_ path: SysfsPath) throws(SysfsError) -> String {
    try count(path)
    if unanswered(path) { throw SysfsError(UnansweredRead(path)) }
    if let text = text(path) { return text }
    return try bus.read(path)
  }
  func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    try count(path)
    return try bus.readLink(path)
  }
  func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    try count(path)
    return try bus.list(path)
  }
  func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    writes.append("\(text.filter { $0 != "\n" }) > \(path)")
    let outcome: Errno?? = try? fault(path, text)
    switch outcome {
    case .none: try bus.write(text, to: path)
    case .some(.none): break
    case .some(.some(let errno)): throw SysfsError(.write, path, text: text, errno: errno)
    }
  }
}

/// An agent on a bus that is watched, beside the stage's own agent, which wants nothing.
struct Watched {
  let stage: Stage
  let sysfs: WatchedSysfs
  let agent: Agent

  init(
    _ mechanism: Mechanism, rules: String = rule, on stage: Stage? = nil,
    ownership: Ownership = Ownership(), policy: GuardPolicy = GuardPolicy(),
    autoMechanism: Bool = false, environment: Agent.Environment = .init()
  ) throws {
    let stage = try stage ?? Stage(mechanism, rules: "")
    let sysfs = WatchedSysfs(stage.bus)
    let agent = Agent(
      sysfs: sysfs, rules: try Stage.rules(rules),
      settings: .init(mechanism: autoMechanism ? nil : mechanism, policy: policy),
      ownership: ownership, environment: environment, time: stage.time, report: stage.note)
    stage.bus.onUevent = { [weak agent] in agent?.handle($0) }
    (self.stage, self.sysfs, self.agent) = (stage, sysfs, agent)
  }

  /// Gives a queue to a guest.
  func assign(_ adapter: UInt8, _ domain: UInt8) throws {
    try stage.bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
    try stage.bus.write("\(adapter)", to: SysfsPath(.mediatedDevice(uuid), "assign_adapter"))
    try stage.bus.write("\(domain)", to: SysfsPath(.mediatedDevice(uuid), "assign_domain"))
  }

  func isOnline(_ apqn: APQN) throws -> String { try stage.bus.read(.queue(apqn, "online")) }
}

@Suite struct `A round of the agent` {
  @Test(arguments: Mechanism.allCases)
  func `is taken once where everything is in place`(mechanism: Mechanism) throws {
    let watched = try Watched(mechanism)
    try watched.agent.reconcile().get()
    let scans = watched.sysfs.scans
    watched.agent.scan(.everything)
    try watched.agent.reconcile().get()
    let one = watched.sysfs.scans - scans
    watched.agent.scan(.everything)
    try watched.agent.reconcile().get()
    #expect(watched.sysfs.scans - scans == 2 * one)
    // A scan reads the drivers once or twice, and is not repeated here.
    #expect(one <= 2)
    #expect(watched.agent.nextDue == nil)
    #expect(watched.agent.decisions?.row(1).vfioAP == .all)
    #expect(watched.agent.status.requests.count == 4)
    #expect(watched.agent.status.requests.reserved == 4)
  }

  @Test func `is not taken before what waits is due`() throws {
    let watched = try Watched(.bind)
    watched.sysfs.fault = { path, _ in path.name == "bind" ? .some(.inputOutput) : nil }
    try watched.agent.reconcile().get()
    let due = try #require(watched.agent.nextDue)
    let reads = watched.sysfs.reads
    watched.stage.now = due - .milliseconds(1)
    try watched.agent.reconcile().get()
    #expect(watched.sysfs.reads == reads)
    watched.stage.now = due
    try watched.agent.reconcile().get()
    #expect(watched.sysfs.reads > reads)
  }

  @Test func `that fails is taken again after pauses that double up to a minute`() throws {
    let watched = try Watched(.mask)
    watched.sysfs.unreadable = { $0 == .bus("apmask") ? .inputOutput : nil }
    var pauses: [Duration] = []
    for _ in 0..<8 {
      #expect(throws: InventoryReaderError.self) { try watched.agent.reconcile().get() }
      let due = try #require(watched.agent.nextDue)
      pauses.append(due - watched.stage.now)
      watched.stage.now = due
    }
    #expect(pauses == [1, 2, 4, 8, 16, 32, 60, 60].map { .seconds($0) })
    watched.sysfs.unreadable = { _ in nil }
    try watched.agent.reconcile().get()
    #expect(watched.agent.nextDue == nil)
    #expect(try watched.stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  @Test func `at a queue whose card is absent does not prevent reading others`() throws {
    let watched = try Watched(.bind)
    try watched.agent.reconcile().get()
    for domain in UInt8(0)...15 {
      let apqn = APQN(adapter: 9, domain: domain)
      watched.agent.handle(Uevent(.change, "/devices/ap/card09/\(apqn)", subsystem: "ap"))
    }
    try watched.stage.bus.write("01.0002", to: .driver(DriverName.vfioAP, "unbind"))
    try watched.agent.reconcile().get()
    #expect(try watched.stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  @Test func `at a queue whose card is added at that moment does not take it without its card`()
    throws
  {
    let watched = try Watched(.bind, rules: #"ADAPTER=="5", RESERVE="vfio_ap""#)
    try watched.agent.reconcile().get()
    let bus = watched.stage.bus
    bus.onUevent = nil
    let queue = APQN(adapter: 5, domain: 2)
    watched.sysfs.unreadable = { path in
      // The card was not found just before.
      if path == .queue(queue, "driver"), bus.driver(of: queue) == nil {
        bus.plug(card: Stage.card(5))
        bus.scan()
      }
      return nil
    }
    watched.agent.handle(Uevent(.add, "/devices/ap/card05/05.0002", subsystem: "ap"))
    try watched.agent.reconcile().get()
    #expect(watched.agent.inventory?.queue(queue) == nil)
  }

  @Test(arguments: Mechanism.allCases)
  func `at one queue reads no other card`(mechanism: Mechanism) throws {
    let watched = try Watched(mechanism)
    try watched.agent.reconcile().get()
    var places: Set<String> = []
    watched.sysfs.text = { path in
      places.insert(path.description)
      return nil
    }
    watched.agent.handle(Uevent(.change, "/devices/ap/card01/01.0002", subsystem: "ap"))
    try watched.agent.reconcile().get()
    #expect(places.contains { $0.contains("/01.0002/") })
    #expect(!places.contains { $0.contains("/card02/") })
  }

  @Test func `at a card reads its queues, too`() throws {
    let watched = try Watched(.bind)
    try watched.agent.reconcile().get()
    // The events of the queue are lost.
    watched.stage.bus.onUevent = nil
    try watched.stage.bus.write("01.0002", to: .driver(DriverName.vfioAP, "unbind"))
    watched.agent.handle(Uevent(.change, "/devices/ap/card01", subsystem: "ap"))
    try watched.agent.reconcile().get()
    #expect(watched.stage.driver("01.0002") == DriverName.vfioAP)
  }

  @Test(arguments: ["apmask", "aqmask"])
  func `at one queue sees that masks have moved all others`(name: String) throws {
    let rules = name == "apmask" ? rule : #"DOMAIN=="2", RESERVE="vfio_ap""#
    let watched = try Watched(.mask, rules: rules)
    try watched.agent.reconcile().get()
    // The event of this write is lost.
    watched.stage.bus.onUevent = nil
    try watched.stage.bus.write(APMask.all.description, to: .bus(name))
    #expect(watched.stage.driver("01.0002") == DriverName.cex4queue)
    watched.agent.handle(Uevent(.change, "/devices/ap/card00/00.0000", subsystem: "ap"))
    try watched.agent.reconcile().get()
    #expect(watched.stage.driver("01.0002") == DriverName.vfioAP)
    #expect(watched.agent.status.phase == .settled)
  }

  @Test func `at one queue sees that a driver was loaded`() throws {
    let stage = try Stage(.bind, rules: "", modules: [.zcryptCex4])
    let watched = try Watched(.bind, on: stage)
    try watched.agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
    // The events of the driver are lost.
    stage.bus.onUevent = nil
    stage.bus.loadModule(.vfioAP)
    watched.agent.handle(Uevent(.change, "/devices/ap/card00/00.0000", subsystem: "ap"))
    try watched.agent.reconcile().get()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  @Test func `is repeated at most eight times while another process undoes each plan`() throws {
    let apqn = APQN(adapter: 1, domain: 2)
    var stage: Stage?
    let watched = try Watched(
      .bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#, policy: GuardPolicy(fightLimit: 1000),
      environment: .init(isInterrupted: {
        // Asked between two rounds, too.
        if let stage, stage.driver("01.0002") == DriverName.vfioAP {
          try? stage.bus.write("01.0002", to: .driver(DriverName.vfioAP, "unbind"))
          try? stage.bus.write("01.0002", to: .driver(DriverName.cex4queue, "bind"))
        }
        return false
      }))
    stage = watched.stage
    try watched.agent.reconcile().get()
    #expect(watched.sysfs.writes.count { $0.hasSuffix("vfio_ap/bind") } == 8)
    // There is more to do, after a pause.
    #expect(watched.agent.nextDue == .boot + .seconds(1))
    #expect(watched.agent.ownership.queues == [apqn])
  }

  @Test func `ends although each plan is obsolete before it is done`() throws {
    let rules = try Stage.rules(rule)
    var plans = 0
    let watched = try Watched(
      .bind,
      environment: .init(takeIn: {
        plans += 1
        $0.replaceRules(rules)
      }))
    try watched.agent.reconcile().get()
    #expect(watched.sysfs.writes == [])
    #expect(plans == 256)
    #expect(watched.agent.nextDue == .boot + .seconds(1))
  }

  @Test func `while queues are being moved is taken again a second after the first of them`() throws
  {
    let stage = try Stage(.override, rules: "")
    try stage.strand(APQN(adapter: 1, domain: 2))
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    let watched = try Watched(.mask, on: stage)
    stage.now = .boot + .seconds(100)
    try watched.agent.reconcile().get()
    #expect(watched.sysfs.writes == [])
    #expect(watched.agent.status.phase == .moving)
    #expect(watched.agent.nextDue == .boot + .seconds(101))
    stage.now += .milliseconds(600)
    watched.agent.scan(.everything)
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.phase == .moving)
    #expect(watched.agent.nextDue == .boot + .seconds(101))
    stage.now = .boot + .seconds(101)
    try watched.agent.reconcile().get()
    #expect(watched.sysfs.writes == ["\(APMask([1]).complement) > /sys/bus/ap/apmask"])
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  @Test func `without anything that can be done now is not repeated`() throws {
    let stage = try Stage(.bind, rules: "")
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: APQN(adapter: 1, domain: 2))
    let watched = try Watched(.bind, on: stage)
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.draining == [APQN(adapter: 1, domain: 2)])
    let scans = watched.sysfs.scans
    stage.now = try #require(watched.agent.nextDue)
    try watched.agent.reconcile().get()
    #expect(watched.sysfs.scans == scans + 1)
  }

  @Test func `is not repeated for an event that changes nothing`() throws {
    var configurations = 0
    var scans: [Int] = []
    var sysfs: WatchedSysfs?
    let watched = try Watched(
      .bind,
      environment: .init(
        configuration: {
          configurations += 1
          return HostConfiguration()
        },
        takeIn: { agent in
          scans.append(sysfs?.scans ?? 0)
          if scans.count == 2 { agent.scan(.everything) }
        }))
    sysfs = watched.sysfs
    try watched.agent.reconcile().get()
    // Before the second of four operations the bus is read again, and not before each that follows.
    #expect(scans.map { $0 - scans[0] } == [0, 0, 1, 1])
    // One for the plan, and one after it.
    #expect(configurations == 2)
  }
}

@Suite struct `What waits for a time` {
  @Test func `is a queue that a guest has, and no other refusal`() throws {
    let first = try Watched(.bind)
    try first.agent.reconcile().get()
    try first.assign(1, 2)
    let watched = try Watched(
      .bind, rules: #"APQN=="*", RESERVE="host""#, on: first.stage,
      ownership: first.agent.ownership)
    let stage = watched.stage
    stage.now = .boot + .seconds(50)
    try watched.agent.reconcile().get()
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    #expect(stage.driver("01.0001") == DriverName.cex4queue)
    #expect(watched.agent.nextDue == .boot + .seconds(51))
    // Events in between do not put it off.
    stage.now += .milliseconds(400)
    watched.agent.scan(.everything)
    try watched.agent.reconcile().get()
    #expect(watched.agent.nextDue == .boot + .seconds(51))
    // No event says that the guest does not have it any more.
    stage.bus.onUevent = nil
    try stage.bus.write("2", to: SysfsPath(.mediatedDevice(uuid), "unassign_domain"))
    stage.now = .boot + .seconds(51)
    try watched.agent.reconcile().get()
    #expect(stage.driver("01.0002") == DriverName.cex4queue)
    #expect(watched.agent.nextDue == nil)

    // What masks cannot do is no matter of time.
    let mask = try Watched(.mask, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    try mask.agent.reconcile().get()
    #expect(mask.agent.status.plan?.refusals.count == 1)
    #expect(mask.agent.nextDue == nil)
  }

  @Test func `is nothing once the bus is removed`() throws {
    let first = try Watched(.bind)
    try first.agent.reconcile().get()
    try first.assign(1, 2)
    let stage = first.stage
    let busy = APQN(adapter: 2, domain: 2)
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: busy)
    let watched = try Watched(
      .bind, rules: #"ADAPTER=="2", RESERVE="vfio_ap""#, on: stage,
      ownership: first.agent.ownership)
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.draining == [busy])
    #expect(watched.agent.nextDue != nil)
    watched.sysfs.unreadable = { $0.description.hasPrefix("/sys/bus/ap") ? .noSuchFile : nil }
    watched.agent.scan(.everything)
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.phase == .withoutBus)
    #expect(watched.agent.inventory == nil)
    #expect(watched.agent.nextDue == nil)
  }

  @Test func `is a drain up to its limit, and not longer`() throws {
    let stage = try Stage(.bind, rules: "")
    let busy = APQN(adapter: 1, domain: 2)
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: busy)
    let watched = try Watched(.bind, on: stage, policy: GuardPolicy(drainLimit: .seconds(5)))
    stage.now = .boot + .seconds(100)
    try watched.agent.reconcile().get()
    #expect(watched.agent.nextDue == .boot + .milliseconds(100_100))
    stage.now = .boot + .milliseconds(104_900)
    try watched.agent.reconcile().get()
    #expect(try watched.isOnline(busy) == "0\n")
    stage.now = .boot + .seconds(105)
    try watched.agent.reconcile().get()
    #expect(try watched.isOnline(busy) == "1\n")
    #expect(watched.agent.status.draining == [])
    // Then it is left alone, each time for twice as long, up to an hour.
    var pauses: [Duration] = []
    for _ in 0..<8 {
      let due = try #require(watched.agent.nextDue)
      pauses.append(due - stage.now)
      stage.now = due
      try watched.agent.reconcile().get()
      #expect(try watched.isOnline(busy) == "0\n")
      stage.now += .seconds(5)
      try watched.agent.reconcile().get()
      #expect(try watched.isOnline(busy) == "1\n")
    }
    #expect(pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600].map { .seconds($0) })
  }

  @Test func `is forgotten with drains that are given up, and begun again if the agent continues`()
    throws
  {
    let stage = try Stage(.mask, rules: "")
    let busy = APQN(adapter: 1, domain: 2)
    for domain in UInt8(0)...3 {
      stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: APQN(adapter: 1, domain: domain))
    }
    let watched = try Watched(.mask, on: stage)
    try watched.agent.reconcile().get()
    #expect(try watched.isOnline(busy) == "0\n")
    #expect(watched.agent.inventory?.queue(busy)?.pendingRequests == 1)
    let count = watched.sysfs.writes.count
    // The events of switching them on are lost.
    stage.bus.onUevent = nil
    watched.agent.abandonDrains()
    #expect(try watched.isOnline(busy) == "1\n")
    #expect(
      watched.sysfs.writes[count...]
        == (0..<4).map { "1 > /sys/devices/ap/card01/01.000\($0)/online" }[...])
    #expect(watched.agent.nextDue == nil)
    try watched.agent.reconcile().get()
    #expect(try watched.isOnline(busy) == "0\n")
  }
}

@Suite struct `A retry` {
  private let subject = Operation.Subject.queue(APQN(adapter: 1, domain: 2))
  private let other = Operation.Subject.queue(APQN(adapter: 1, domain: 3))
  private let failure = SysfsError(.write, .bus("drivers_probe"), errno: .inputOutput)

  @Test func `follows pauses that double up to five minutes`() {
    var schedule = RetrySchedule()
    var now = Instant.boot + .seconds(1000)
    var pauses: [Duration?] = []
    for _ in 0..<11 {
      let pause = schedule.fail(Failure(subject, .refused(failure)), now: now)
      pauses.append(pause)
      #expect(schedule.nextDue == pause.map { now + $0 })
      now += pause ?? .zero
    }
    #expect(pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map { .seconds($0) })
    schedule.succeed(subject)
    #expect(schedule.nextDue == nil)
    #expect(schedule.fail(Failure(subject, .refused(failure)), now: now) == .seconds(1))
  }

  @Test func `of one queue does not affect another`() {
    var schedule = RetrySchedule()
    _ = schedule.fail(Failure(subject, .refused(failure)), now: .boot)
    _ = schedule.fail(Failure(other, .refused(failure)), now: .boot + .milliseconds(500))
    #expect(schedule.heldBack(now: .boot + .milliseconds(999)) == [subject, other])
    #expect(schedule.heldBack(now: .boot + .seconds(1)) == [other])
    #expect(schedule.nextDue == .boot + .seconds(1))
    schedule.forget(except: [other])
    #expect(schedule.nextDue == .boot + .milliseconds(1500))
    schedule.reset()
    #expect(schedule == RetrySchedule())
  }

  @Test func `that is due is put off, however many others wait for their time`() {
    var schedule = RetrySchedule()
    let subjects = (UInt8(0)..<40).map { Operation.Subject.queue(APQN(adapter: 1, domain: $0)) }
    for (index, subject) in subjects.enumerated() {
      let failed = index % 2 == 0 ? Instant.boot : .boot + .milliseconds(500)
      _ = schedule.fail(Failure(subject, .refused(failure)), now: failed)
    }
    schedule.postponeOverdue(now: .boot + .seconds(1))
    #expect(schedule.heldBack(now: .boot + .seconds(1)) == Set(subjects))
    #expect(schedule.nextDue == .boot + .milliseconds(1500))
    #expect(schedule.heldBack(now: .boot + .milliseconds(1500)).count == 20)
  }

  @Test func `is never made where only a reboot helps`() {
    var schedule = RetrySchedule()
    #expect(schedule.fail(Failure(.masks, .leakedOverrideCount(failure)), now: .boot) == nil)
    #expect(schedule.nextDue == nil)
    #expect(schedule.heldBack(now: .boot + .seconds(1_000_000)) == [.masks])
    schedule.postponeOverdue(now: .boot + .seconds(1_000_000))
    #expect(schedule.nextDue == nil)
  }

  @Test func `that is due and cannot be made is put off, unless it is under way`() {
    var schedule = RetrySchedule()
    _ = schedule.fail(Failure(subject, .refused(failure)), now: .boot)
    schedule.postponeOverdue(now: .boot + .milliseconds(900))
    #expect(schedule.nextDue == .boot + .seconds(1))
    schedule.postponeOverdue(now: .boot + .seconds(1))
    #expect(schedule.nextDue == .boot + .seconds(2))
    schedule.wait(for: subject)
    #expect(schedule.nextDue == nil)
    #expect(schedule.heldBack(now: .boot) == [])
    schedule.postponeOverdue(now: .boot + .seconds(10))
    // A failure ends the wait, and its pause is the next longer one.
    #expect(
      schedule.fail(Failure(subject, .refused(failure)), now: .boot + .seconds(10)) == .seconds(2))
    #expect(schedule.nextDue == .boot + .seconds(12))
    // What has not failed is not waited for either.
    schedule.wait(for: other)
    #expect(schedule.heldBack(now: .boot + .seconds(10)) == [subject])
  }
}

@Suite struct `Requests` {
  private let rules = #"APQN=="01.0002", RESERVE="vfio_ap""#

  @Test func `are those of now while no mechanism can be used`() throws {
    let stage = try Stage(.mask, rules: #"APQN=="01.0000-0003", RESERVE="vfio_ap""#)
    #expect(stage.agent.status.requests.counts == [.reserved: 4])
    stage.bus.unplug(card: 1)
    stage.agent.replaceSettings(.init(mechanism: .override))
    guard case .blocked = stage.agent.reconcile().phase else {
      Issue.record("the kernel has overrides")
      return
    }
    #expect(stage.agent.status.requests.counts == [.missing: 4])
  }

  @Test func `are pending while no mechanism can be used at all`() throws {
    let stage = try Stage(.mask, rules: "")
    let agent = Agent(
      sysfs: stage.bus, rules: try Stage.rules(rules), settings: .init(mechanism: .override),
      time: stage.time)
    agent.reconcile()
    #expect(agent.status.requests.counts == [.pending: 1])
    let reason = agent.status.requests.open.first?.description
    #expect(reason?.contains("mechanism override cannot be used here") == true)
  }

  @Test func `are missing without an AP bus`() throws {
    let watched = try Watched(.bind, rules: rules)
    try watched.agent.reconcile().get()
    watched.sysfs.unreadable = { $0.description.hasPrefix("/sys/bus/ap") ? .noSuchFile : nil }
    watched.agent.scan(.everything)
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.phase == .withoutBus)
    #expect(watched.agent.status.requests.counts == [.missing: 1])
    #expect(
      watched.agent.status.description
        == "waiting for an AP bus; 0 of 1 queues reserved, 1 missing")
    watched.sysfs.unreadable = { _ in nil }
    watched.agent.scan(.everything)
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.requests.counts == [.reserved: 1])
  }
}
