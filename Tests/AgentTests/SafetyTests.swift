import APBus
import Reservation
import ReservationRules
import SimulatedBus
import Testing
import Uevents

@testable import Agent

private let uuid = "11111111-2222-3333-4444-555555555555"
private let rule = #"ADAPTER=="1", RESERVE="vfio_ap""#
private let apqn = APQN(adapter: 1, domain: 2)

@Suite struct `A queue that a guest gets while it is about to be given back` {
  @Test(arguments: ["assigned", "in use"], [Mechanism.bind, .override])
  func `stays, where only its status shows that`(status: String, mechanism: Mechanism) throws {
    let first = try Watched(mechanism, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    try first.agent.reconcile().get()
    #expect(first.stage.driver("01.0002") == DriverName.vfioAP)
    let watched = try Watched(
      mechanism, rules: #"APQN=="*", RESERVE="host""#, on: first.stage,
      ownership: first.agent.ownership,
      environment: .init(takeIn: { _ in }))
    // The status is another one from the first write on, or from the moment before it.
    var isAsked = false
    watched.sysfs.text = { path in
      guard path == .queue(apqn, "status") else { return nil }
      defer { isAsked = true }
      return mechanism == .bind ? (isAsked ? status + "\n" : nil) : nil
    }
    watched.sysfs.fault = { path, _ in
      watched.sysfs.text = { $0 == .queue(apqn, "status") ? status + "\n" : nil }
      return nil
    }
    try watched.agent.reconcile().get()
    #expect(watched.stage.driver("01.0002") == DriverName.vfioAP)
    #expect(!watched.sysfs.writes.contains { $0.hasSuffix("unbind") })
    if mechanism == .override {
      #expect(try watched.stage.bus.read(.queue(apqn, "driver_override")) == "vfio_ap\n")
    }
    #expect(watched.agent.ownership.queues == [apqn])
  }
}

@Suite struct `What cannot be finished` {
  private static let pair = rule + "\n" + #"DOMAIN=="2", RESERVE="vfio_ap""#

  @Test func `is taken back as far as it can be: a drained queue works again`() throws {
    let stage = try Stage(.mask, rules: "")
    // The second mask takes it.
    let busy = APQN(adapter: 2, domain: 2)
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 1), on: busy)
    let watched = try Watched(.mask, rules: Self.pair, on: stage)
    try watched.agent.reconcile().get()
    #expect(try watched.isOnline(busy) == "0\n")
    stage.bus.passTime()
    watched.sysfs.fault = { path, text in
      let fails = path == .bus("aqmask") || path == .bus("apmask") && text == "\(APMask.all)"
      return fails ? .some(.inputOutput) : nil
    }
    stage.now = try #require(watched.agent.nextDue)
    try watched.agent.reconcile().get()
    #expect(APMask(try stage.bus.read(.bus("apmask"))) == APMask([1]).complement)
    #expect(try watched.isOnline(busy) == "1\n")
    #expect(watched.agent.ownership.offline == [])
    #expect(watched.agent.ownership.adapters == [1])
  }

  @Test func `says of all that cannot be taken back what came first`() throws {
    let stage = try Stage(.mask, rules: "")
    let busy = APQN(adapter: 2, domain: 2)
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 1), on: busy)
    let watched = try Watched(.mask, rules: Self.pair, on: stage)
    watched.sysfs.fault = { path, text in
      // Idle as soon as it is switched off, so that the masks follow at once.
      if path.name == "online", text == "0" { stage.bus.setLoad(QueueLoad(), on: busy) }
      let fails =
        path == .bus("aqmask") || path == .bus("apmask") && text == "\(APMask.all)"
        || path.name == "online" && text == "1"
      return fails ? .some(.inputOutput) : nil
    }
    try watched.agent.reconcile().get()
    #expect(stage.failures.first?.undoError?.step == .setAdapterMask(.all))
    // The queue is not left for later because the mask cannot be set back.
    let attempts = stage.events.prefix { if case .failed = $0 { false } else { true } }
    #expect(
      attempts.contains { if case .wrote(.setOnline(busy, true), _) = $0 { true } else { false } })
    // It is not switched off once more instead.
    let switches = watched.sysfs.writes.filter { $0.hasSuffix("online") }.prefix(2)
    #expect(switches.map { $0.prefix(1) } == ["0", "1"])
    #expect(try watched.isOnline(busy) == "0\n")
  }

  /// Unbound queues can move when masks are set back, be they among those that were to be moved or not.
  @Test func `is reported with each queue that setting back has moved`() throws {
    let watched = try Watched(.mask)
    let stage = watched.stage
    for domain in 1...2 {
      try stage.bus.write("01.000\(domain)", to: .driver(DriverName.cex4queue, "unbind"))
    }
    watched.sysfs.fault = { path, _ in path == .bus("aqmask") ? .some(.inputOutput) : nil }
    let inventory = try InventoryReader(sysfs: stage.bus).read()
    let executor = Executor(
      sysfs: watched.sysfs, inventory: inventory, lock: nil, configuration: HostConfiguration(),
      isCurrent: { _ in true }, mechanism: .mask, masks: inventory.bus.masks, willWrite: { _ in },
      didWrite: { _, _ in })
    func change(_ domain: UInt8, from: Owner, to: Owner) -> OwnerChange {
      OwnerChange(APQN(adapter: 1, domain: domain), from: from, to: to, cause: .sideEffect)
    }
    let operation = Operation(
      .masks,
      steps: [.setAdapterMask(APMask([2]).complement), .setDomainMask(APMask([3]).complement)],
      changes: [change(1, from: .none, to: .vfioAP)],
      changesByUndoing: [change(1, from: .none, to: .host), change(2, from: .none, to: .host)])
    let failure = #expect(throws: Failure.self) { try executor.perform(operation) }
    #expect(
      failure?.moves == [change(1, from: .none, to: .host), change(2, from: .none, to: .host)])
  }

  @Test func `although the kernel took it is reported with all that it has moved`() throws {
    let watched = try Watched(.mask)
    // The file still says what it said before.
    watched.sysfs.text = { $0 == .bus("apmask") ? "\(APMask.all)\n" : nil }
    watched.agent.reconcile()
    #expect(
      watched.stage.failures.first?.cause
        == .notTaken(.setAdapterMask(APMask([1]).complement)))
    let moves = watched.stage.history.filter { $0.failure == nil }
    #expect(moves.map(\.apqn) == (0..<4).map { APQN(adapter: 1, domain: $0) })
    #expect(moves.allSatisfy { $0.to == .vfioAP })
  }

  @Test func `is not taken back over what another process has written meanwhile`() throws {
    let watched = try Watched(.mask, rules: Self.pair)
    let theirs = APMask([1, 2]).complement
    watched.sysfs.fault = { path, _ in
      guard path == .bus("aqmask") else { return nil }
      try watched.stage.bus.write(theirs.description, to: .bus("apmask"))
      watched.sysfs.fault = { _, _ in nil }
      return .some(.inputOutput)
    }
    try watched.agent.reconcile().get()
    #expect(
      watched.sysfs.writes.prefix(2).map { $0.split(separator: "/").last } == ["apmask", "aqmask"])
    #expect(APMask(try watched.stage.bus.read(.bus("apmask")))?.contains(2) == false)
    #expect(try watched.stage.drivers(ofCard: 2) == [DriverName.vfioAP])
  }

  @Test(arguments: [nil, Errno.noSuchDevice, .inputOutput])
  func `because the queue was removed meanwhile is not a move`(errno: Errno?) throws {
    let watched = try Watched(.bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    watched.sysfs.fault = { path, _ in
      guard path.name == "bind" else { return nil }
      watched.stage.bus.unplugQueue(apqn)
      return .some(errno)
    }
    try watched.agent.reconcile().get()
    let moves = watched.stage.history.filter { $0.to == .vfioAP && $0.failure == nil }
    #expect(moves == [])
    // Only an error that may mean just that is put down to it.
    let cause = try #require(watched.stage.failures.first?.cause)
    if errno == .inputOutput {
      #expect(cause != .vanished(apqn))
    } else {
      #expect(cause == .vanished(apqn))
    }
    #expect(watched.agent.nextDue == nil)
    #expect(watched.agent.status.requests.counts == [.missing: 1])
  }

  @Test func `because a device does not answer is tried again while it is present`() throws {
    let watched = try Watched(.bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    watched.sysfs.fault = { path, _ in path.name == "unbind" ? .some(.noSuchDevice) : nil }
    try watched.agent.reconcile().get()
    #expect(watched.stage.failures.map(\.cause) != [.vanished(apqn)])
    #expect(watched.agent.status.failures.count == 1)
    #expect(watched.agent.nextDue == .boot + .seconds(1))
  }

  @Test func `of a change to overrides leaves masks on record`() throws {
    let first = try Watched(.override, autoMechanism: true)
    try first.agent.reconcile().get()
    #expect(first.agent.ownership.mechanism == .mask)
    let watched = try Watched(
      .override, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#, on: first.stage,
      ownership: first.agent.ownership, autoMechanism: true)
    watched.sysfs.fault = { path, _ in path == .bus("apmask") ? .some(.inputOutput) : nil }
    try watched.agent.reconcile().get()
    #expect(watched.agent.ownership.mechanism == .mask)
    #expect(try watched.stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    // Nor is an override tried that the kernel does not take before that.
    #expect(watched.sysfs.writes.count == 1)
    watched.sysfs.fault = { _, _ in nil }
    watched.stage.now = try #require(watched.agent.nextDue)
    try watched.agent.reconcile().get()
    #expect(watched.agent.ownership.mechanism == .override)
    #expect(watched.stage.driver("01.0002") == DriverName.vfioAP)
    #expect(watched.stage.driver("01.0001") == DriverName.cex4queue)
  }

  @Test func `to overrides that a guest delays still gives to the host what rules lock to it`()
    throws
  {
    let device = "11111111-2222-3333-4444-555555555555"
    let watched = try Watched(.override, rules: #"DOMAIN=="1|2", RESERVE="vfio_ap""#)
    watched.agent.replaceSettings(Agent.Settings(mechanism: .mask))
    try watched.agent.reconcile().get()
    try #require(watched.stage.driver("01.0001") == DriverName.vfioAP)
    try watched.stage.bus.write(device, to: SysfsPath(.mediatedDeviceType, "create"))
    for (file, number) in [("assign_adapter", "1"), ("assign_domain", "2")] {
      try watched.stage.bus.write(number, to: SysfsPath(.mediatedDevice(device), file))
    }
    watched.agent.replaceSettings(Agent.Settings(mechanism: .override))
    watched.agent.replaceRules(
      try Stage.rules(
        #"DOMAIN=="2", RESERVE="vfio_ap""# + "\n" + #"DOMAIN=="1", RESERVE:="host""#))
    try watched.agent.reconcile().get()
    #expect(watched.stage.driver("01.0001") == DriverName.cex4queue)
    #expect(watched.stage.driver("01.0002") == DriverName.vfioAP)
    #expect(watched.agent.status.mechanism?.mechanism == .mask)
    try watched.stage.bus.write("1", to: SysfsPath(.mediatedDevice(device), "remove"))
    watched.agent.scan(.everything)
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.mechanism?.mechanism == .override)
    #expect(watched.stage.driver("01.0002") == DriverName.vfioAP)
    #expect(try InventoryReader(sysfs: watched.stage.bus).readBus().masks == .all)
  }

  @Test func `of switching a queue on again is tried again`() throws {
    let stage = try Stage(.bind, rules: "")
    try stage.bus.write("0", to: .queue(apqn, "online"))
    let watched = try Watched(
      .bind, rules: #"APQN=="01.0002", RESERVE="host""#, on: stage,
      ownership: Ownership(offline: [apqn]))
    // The kernel takes the write, and nothing comes of it.
    watched.sysfs.fault = { path, _ in path.name == "online" ? .some(nil) : nil }
    try watched.agent.reconcile().get()
    #expect(try watched.isOnline(apqn) == "0\n")
    // That is seen at once, and not tried over and over.
    #expect(watched.sysfs.writes.count == 1)
    #expect(watched.agent.nextDue == .boot + .seconds(1))
    #expect(watched.agent.ownership.offline == [apqn])
    watched.sysfs.fault = { _, _ in nil }
    stage.now = .boot + .seconds(1)
    try watched.agent.reconcile().get()
    #expect(try watched.isOnline(apqn) == "1\n")
    #expect(watched.agent.ownership.offline == [])
    #expect(watched.agent.nextDue == nil)
  }
}

@Suite struct `The record` {
  /// A record that keeps each change, and can be made to fail.
  private final class Diary: OwnershipRecord {
    var changes: [OwnershipChange] = []
    var isBroken = false

    func append(_ changes: [OwnershipChange]) throws(OwnershipRecordError) {
      if isBroken { throw OwnershipRecordError("no space left") }
      self.changes += changes
    }

    var ownership: Ownership {
      changes.reduce(into: Ownership()) { $0.apply($1) }
    }

    func seen(_ adapter: UInt8) -> Int {
      changes.count {
        if case .seen(adapter, _, _) = $0 { true } else { false }
      }
    }
  }

  @Test func `has each queue that was present once, also where it could not be written at first`()
    throws
  {
    let diary = Diary()
    diary.isBroken = true
    let watched = try Watched(
      .mask, rules: #"APQN=="*", RESERVE="host""#, environment: .init(record: diary))
    try watched.agent.reconcile().get()
    for domain in UInt8(5)...7 {
      watched.stage.bus.addDomain(domain)
      try watched.agent.reconcile().get()
    }
    #expect(diary.changes == [])
    // That they were here is known all the same.
    #expect(watched.agent.ownership.seen.contains(APQN(adapter: 1, domain: 7)))
    diary.isBroken = false
    watched.agent.scan(.everything)
    try watched.agent.reconcile().get()
    #expect(diary.ownership.seen == watched.agent.ownership.seen)
    for adapter in UInt8(0)...2 { #expect(diary.seen(adapter) == 1) }
    // Nothing of it is written again.
    watched.agent.scan(.everything)
    try watched.agent.reconcile().get()
    for adapter in UInt8(0)...2 { #expect(diary.seen(adapter) == 1) }
  }

  @Test func `says that overrides are chosen before it says what they reserve`() throws {
    let first = try Watched(.override, autoMechanism: true)
    try first.agent.reconcile().get()
    let diary = Diary()
    // Of a card that masks have never taken.
    let other = APQN(adapter: 2, domain: 3)
    let watched = try Watched(
      .override, rules: #"APQN=="02.0003", RESERVE="vfio_ap""#, on: first.stage,
      ownership: first.agent.ownership, autoMechanism: true, environment: .init(record: diary))
    try watched.agent.reconcile().get()
    #expect(watched.stage.driver("02.0003") == DriverName.vfioAP)
    let choice = try #require(diary.changes.firstIndex(of: .mechanism(.override)))
    let claim = try #require(diary.changes.firstIndex(of: .queue(other, isOwned: true)))
    #expect(choice < claim)
  }

  @Test func `keeps its claim on a queue whose write had no visible effect`() throws {
    let diary = Diary()
    let watched = try Watched(
      .bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#, environment: .init(record: diary))
    watched.sysfs.fault = { path, _ in path.name == "bind" ? .some(nil) : nil }
    try watched.agent.reconcile().get()
    #expect(diary.ownership.queues == [apqn])
    // Refused at the first write nothing is owned.
    let other = Diary()
    let refused = try Watched(
      .bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#, environment: .init(record: other))
    refused.sysfs.fault = { path, _ in path.name == "unbind" ? .some(.permissionDenied) : nil }
    try refused.agent.reconcile().get()
    #expect(other.ownership.queues == [])
    #expect(other.changes.contains(.queue(apqn, isOwned: true)))
    #expect(refused.agent.status.failures.map(\.missed) == [[apqn]])
  }

  @Test func `that cannot be written puts off what was to be done, and is said in the status`()
    throws
  {
    let diary = Diary()
    diary.isBroken = true
    let watched = try Watched(
      .bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#, environment: .init(record: diary))
    let status = watched.agent.reconcile()
    #expect(watched.sysfs.writes == [])
    #expect(status.failures.map(\.cause) == [.unrecorded(OwnershipRecordError("no space left"))])
    #expect(status.plan?.heldBack == [.queue(apqn)])
    #expect(status.plan?.isEmpty == true)
  }

  @Test func `does not get the mechanism again that it has`() throws {
    let first = try Watched(.override, autoMechanism: true)
    try first.agent.reconcile().get()
    let diary = Diary()
    let watched = try Watched(
      .override, rules: #"ADAPTER=="1|2", RESERVE="vfio_ap""#, on: first.stage,
      ownership: first.agent.ownership, autoMechanism: true, environment: .init(record: diary))
    try watched.agent.reconcile().get()
    #expect(try watched.stage.drivers(ofCard: 2) == [DriverName.vfioAP])
    #expect(!diary.changes.contains(.mechanism(.mask)))
  }

  @Test func `forgets what this system is not configured for when a person asks, and not before`()
    throws
  {
    let diary = Diary()
    let watched = try Watched(
      .override, rules: #"APQN=="*", RESERVE="host""#, environment: .init(record: diary))
    try watched.agent.reconcile().get()
    watched.stage.bus.unplug(card: 2)
    try watched.agent.reconcile().get()
    let rules = try Stage.rules(#"APQN=="*", RESERVE="host""#)
    watched.agent.replaceRules(rules)
    try watched.agent.reconcile().get()
    #expect(!diary.ownership.seen[2].isEmpty)
    // Other rules that come by themselves before the next scan do not make up for it.
    watched.agent.replaceRules(rules, isExplicit: true)
    watched.agent.replaceRules(rules)
    try watched.agent.reconcile().get()
    #expect(diary.ownership.seen[2].isEmpty)
    #expect(!diary.ownership.seen[1].isEmpty)
    // Once.
    watched.stage.bus.unplug(card: 1)
    try watched.agent.reconcile().get()
    watched.agent.scan(.everything)
    try watched.agent.reconcile().get()
    #expect(!diary.ownership.seen[1].isEmpty)
  }
}

@Suite struct `What is asked for anew` {
  @Test func `by settings is held from the next scan on, without any event`() throws {
    let watched = try Watched(.bind)
    try watched.agent.reconcile().get()
    watched.agent.replaceRules(RuleSet())
    try watched.agent.reconcile().get()
    #expect(try watched.stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    watched.agent.replaceSettings(
      .init(mechanism: .bind, policy: GuardPolicy(forced: [.emptyRules])))
    try watched.agent.reconcile().get()
    #expect(try watched.stage.drivers(ofCard: 1) == [DriverName.cex4queue])
  }

  @Test func `by settings leaves the mechanism where no other one is asked for`() throws {
    let watched = try Watched(.override, autoMechanism: true)
    try watched.agent.reconcile().get()
    let choice = try #require(watched.agent.status.mechanism)
    #expect(choice.mechanism == .mask)
    #expect(choice.reason == "masks express the rules exactly")
    watched.agent.replaceSettings(.init(policy: GuardPolicy(fightLimit: 9)))
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.mechanism == choice)
    watched.agent.replaceSettings(.init(mechanism: .override, mechanismOrigin: "a.conf:3"))
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.mechanism?.mechanism == .override)
    #expect(watched.agent.status.mechanism?.reason == "set by a.conf:3")
    // What a person asks for is not on record, so that what was chosen before counts again.
    watched.agent.replaceSettings(.init())
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.mechanism?.mechanism == .mask)
  }

  @Test func `that cannot be by this kernel is refused, and nothing is written`() throws {
    let watched = try Watched(.mask)
    watched.agent.replaceSettings(.init(mechanism: .override))
    #expect(throws: MechanismChoice.Unavailable.self) { try watched.agent.reconcile().get() }
    #expect(watched.sysfs.writes == [])
    watched.agent.replaceSettings(.init(mechanism: .mask))
    try watched.agent.reconcile().get()
    #expect(try watched.stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  @Test func `by the host's name is decided anew, and by the same name nothing is`() throws {
    let watched = try Watched(.bind, rules: #"HOST=="db*", ADAPTER=="1", RESERVE="vfio_ap""#)
    try watched.agent.reconcile().get()
    #expect(watched.sysfs.writes == [])
    watched.agent.replaceHost(HostIdentity(name: "db1"))
    try watched.agent.reconcile().get()
    #expect(try watched.stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    let reads = watched.sysfs.reads
    watched.agent.replaceHost(HostIdentity(name: "db1"))
    try watched.agent.reconcile().get()
    #expect(watched.sysfs.reads == reads)
  }

  @Test func `by another name of the host ends the plan that is under way`() throws {
    var operations = 0
    let watched = try Watched(
      .bind, rules: #"HOST!="db2", ADAPTER=="1", RESERVE="vfio_ap""#,
      environment: .init(takeIn: { agent in
        operations += 1
        if operations == 3 { agent.replaceHost(HostIdentity(name: "db2")) }
      }))
    watched.agent.replaceHost(HostIdentity(name: "db1"))
    try watched.agent.reconcile().get()
    #expect(try watched.stage.drivers(ofCard: 1) == [DriverName.cex4queue])
    #expect(!watched.sysfs.writes.contains { $0.hasPrefix("01.0002") || $0.hasPrefix("01.0003") })
  }

  @Test func `by rules is tried at once, whatever failed before`() throws {
    let watched = try Watched(.bind)
    watched.sysfs.fault = { path, _ in path.name == "unbind" ? .some(.inputOutput) : nil }
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.failures.count == 4)
    watched.sysfs.fault = { _, _ in nil }
    watched.agent.replaceRules(try Stage.rules(rule))
    try watched.agent.reconcile().get()
    #expect(try watched.stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(watched.agent.status.failures == [])
    #expect(watched.agent.nextDue == nil)
  }
}

@Suite struct `A queue that another process moves back` {
  private func moveBack(_ stage: Stage) throws {
    try stage.bus.write("01.0002", to: .driver(DriverName.vfioAP, "unbind"))
    try stage.bus.write("01.0002", to: .driver(DriverName.cex4queue, "bind"))
  }

  @Test func `once counts once, however often it is read until it is taken again`() throws {
    let watched = try Watched(.bind)
    try watched.agent.reconcile().get()
    watched.sysfs.fault = { path, _ in path.name == "unbind" ? .some(.inputOutput) : nil }
    try moveBack(watched.stage)
    for _ in 0..<6 {
      watched.agent.scan(.everything)
      try watched.agent.reconcile().get()
    }
    watched.sysfs.fault = { _, _ in nil }
    watched.stage.now = .boot + .seconds(30)
    try watched.agent.reconcile().get()
    #expect(watched.stage.driver("01.0002") == DriverName.vfioAP)
    #expect(watched.agent.status.plan?.refusals == [])
  }

  @Test(arguments: [false, true])
  func `and that is another one then has not been moved back before`(isUnseen: Bool) throws {
    let watched = try Watched(.bind)
    try watched.agent.reconcile().get()
    for round in 1...3 {
      for _ in 0..<2 {
        try moveBack(watched.stage)
        try watched.agent.reconcile().get()
      }
      #expect(watched.stage.driver("01.0002") == DriverName.vfioAP, "round \(round)")
      // Where the event of its going is lost, it is missing at the next scan.
      let handler = watched.stage.bus.onUevent
      if isUnseen { watched.stage.bus.onUevent = nil }
      watched.stage.bus.unplugQueue(apqn)
      if isUnseen {
        watched.agent.scan(.everything)
        try watched.agent.reconcile().get()
      }
      watched.stage.bus.onUevent = handler
      watched.stage.bus.plugQueue(apqn)
      try watched.agent.reconcile().get()
    }
    #expect(watched.stage.driver("01.0002") == DriverName.vfioAP)
  }

  @Test func `is noticed beside one that went away unseen`() throws {
    let watched = try Watched(.bind)
    try watched.agent.reconcile().get()
    watched.stage.bus.onUevent = nil
    watched.stage.bus.unplugQueue(APQN(adapter: 1, domain: 1))
    try moveBack(watched.stage)
    watched.agent.scan(.everything)
    try watched.agent.reconcile().get()
    let moved = watched.stage.history.filter { $0.mechanism == nil }
    #expect(moved.map(\.apqn) == [apqn])
  }

  @Test func `and that rules gave back in between has not been moved back before`() throws {
    let watched = try Watched(.bind)
    try watched.agent.reconcile().get()
    for _ in 0..<2 {
      try moveBack(watched.stage)
      try watched.agent.reconcile().get()
    }
    let names = #"APQN=="01.0000-0001|01.0003", RESERVE="vfio_ap""#
    // The same settings, so that nothing but the queue's way back is forgotten.
    #expect(watched.agent.ownership.queues.contains(apqn))
    watched.agent.replaceRules(try Stage.rules(names))
    try watched.agent.reconcile().get()
    #expect(watched.stage.driver("01.0002") == DriverName.cex4queue)
    watched.agent.replaceRules(try Stage.rules(rule))
    try watched.agent.reconcile().get()
    try moveBack(watched.stage)
    try watched.agent.reconcile().get()
    #expect(watched.stage.driver("01.0002") == DriverName.vfioAP)
  }

  @Test func `is not one that rules give back`() throws {
    let watched = try Watched(.bind, policy: GuardPolicy(fightLimit: 1))
    try watched.agent.reconcile().get()
    for _ in 0..<2 {
      watched.agent.replaceSettings(
        .init(mechanism: .bind, policy: GuardPolicy(fightLimit: 1, forced: [.emptyRules])))
      watched.agent.replaceRules(RuleSet())
      try watched.agent.reconcile().get()
      #expect(watched.stage.driver("01.0002") == DriverName.cex4queue)
      watched.agent.scan(.everything)
      try watched.agent.reconcile().get()
      watched.agent.replaceHost(HostIdentity(name: "x"))
      watched.agent.replaceRules(try Stage.rules(rule))
      try watched.agent.reconcile().get()
      #expect(watched.stage.driver("01.0002") == DriverName.vfioAP)
    }
    #expect(watched.agent.status.plan?.refusals == [])
  }

  @Test func `after that process itself has given it to vfio_ap has been moved back once`() throws {
    let watched = try Watched(.bind, policy: GuardPolicy(fightLimit: 2))
    watched.sysfs.fault = { path, _ in path.name == "unbind" ? .some(.inputOutput) : nil }
    try watched.agent.reconcile().get()
    watched.agent.scan(.everything)
    try watched.agent.reconcile().get()
    try watched.stage.bus.write("01.0002", to: .driver(DriverName.cex4queue, "unbind"))
    try watched.stage.bus.write("01.0002", to: .driver(DriverName.vfioAP, "bind"))
    try watched.agent.reconcile().get()
    try moveBack(watched.stage)
    try watched.agent.reconcile().get()
    watched.sysfs.fault = { _, _ in nil }
    watched.stage.now = .boot + .seconds(30)
    try watched.agent.reconcile().get()
    #expect(watched.stage.driver("01.0002") == DriverName.vfioAP)
  }

  @Test func `long ago counts no more`() throws {
    let watched = try Watched(
      .bind, policy: GuardPolicy(fightLimit: 2, fightInterval: .seconds(30)))
    try watched.agent.reconcile().get()
    try moveBack(watched.stage)
    try watched.agent.reconcile().get()
    watched.stage.now = .boot + .seconds(30)
    try moveBack(watched.stage)
    try watched.agent.reconcile().get()
    #expect(watched.stage.driver("01.0002") == DriverName.vfioAP)
    watched.stage.now = .boot + .milliseconds(59_999)
    try moveBack(watched.stage)
    try watched.agent.reconcile().get()
    #expect(watched.stage.driver("01.0002") == DriverName.cex4queue)
  }
}

@Suite struct `The state of an agent` {
  @Test(arguments: [
    (Agent.Status.Phase.starting, false), (.withoutBus, false), (.beforeFirstScan, false),
    (.blocked(.unreadable(.changing)), false), (.moving, true), (.applying, true),
    (.settled, true), (.retrying, true),
  ])
  func `says whether rules have been held against a machine`(
    phase: Agent.Status.Phase, isDecided: Bool
  ) {
    #expect(Agent.Status(phase: phase).isDecided == isDecided)
  }

  @Test func `is settled when nothing is left that is expected to change by itself`() {
    #expect(Agent.Status(phase: .withoutBus).isSettled)
    #expect(Agent.Status(phase: .settled).isSettled)
    #expect(Agent.Status(phase: .blocked(.unreadable(.changing))).isSettled)
    for phase in [Agent.Status.Phase.starting, .beforeFirstScan, .moving] {
      #expect(!Agent.Status(phase: phase).isSettled)
    }
    let final = Failure(
      .masks,
      .leakedOverrideCount(SysfsError(.write, .bus("apmask"), errno: .invalidArgument)))
    let other = Failure(.queue(apqn), .outdated)
    let waiting = [Plan.Waiting(apqn, driver: DriverName.vfioAP)]
    for (waiting, draining, failures, isSettled) in [
      ([], [], [], true), ([], [], [final], true), ([], [], [final, other], false),
      (waiting, [], [], false), ([], [apqn], [], false), (waiting, [], [final], false),
      ([], [apqn], [final], false),
    ] as [([Plan.Waiting], [APQN], [Failure], Bool)] {
      var status = Agent.Status(phase: failures.isEmpty ? .settled : .retrying)
      var plan = Plan(mechanism: .bind)
      plan.waiting = waiting
      (status.plan, status.failures) = (plan, failures)
      for apqn in draining { status.drains[apqn] = .boot }
      #expect(status.isSettled == isSettled, "\(waiting) \(draining) \(failures)")
      // A driver and the next try are not waited for by those who want what can be done now.
      #expect(status.isIdle == draining.isEmpty, "\(waiting) \(draining) \(failures)")
    }
  }

  @Test func `has a refused request as such, and not as a queue that is not given back`() throws {
    let watched = try Watched(.mask, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    let status = try watched.agent.reconcile().get()
    #expect(status.plan?.refusals.map(\.apqn) == [apqn])
    #expect(status.notGivenBack == [])
    #expect(status.description == "0 of 1 queues reserved, 1 refused")
  }

  @Test func `has one line with all that is open`() {
    var status = Agent.Status(phase: .settled)
    #expect(status.description == "0 of 0 queues reserved")
    var plan = Plan(mechanism: .bind)
    plan.refusals = [Refusal(apqn, .guarded(.rulesMissing))]
    status.plan = plan
    status.failures = [Failure(.masks, .changedMeanwhile), Failure(.queue(apqn), .outdated)]
    #expect(status.description == "0 of 0 queues reserved, 1 not given back, 2 failed")
    status = Agent.Status(phase: .moving)
    #expect(
      status.description
        == "0 of 0 queues reserved, waiting for another process's change of the masks")
  }
}

@Suite struct `By default` {
  @Test func `the guards are as careful as the manual says`() {
    let policy = GuardPolicy()
    #expect(policy.protectHost == .auto)
    #expect(policy.drainLimit == .seconds(10))
    #expect(policy.fightLimit == 3)
    #expect(policy.fightInterval == .seconds(60))
    #expect(policy.forced == [])
  }
}

/// What the plan has shown, held against each mask that has no bit.
@Suite struct `A mask of zeros` {
  private func write(
    _ mask: APMask, changes: [OwnerChange], on stage: Stage
  ) throws -> Failure.Cause? {
    let inventory = try InventoryReader(sysfs: stage.bus).read()
    let executor = Executor(
      sysfs: stage.bus, inventory: inventory, lock: nil, configuration: HostConfiguration(),
      isCurrent: { _ in true }, mechanism: .mask, masks: inventory.bus.masks, willWrite: { _ in },
      didWrite: { _, _ in })
    do throws(Failure) {
      _ = try executor.perform(
        Operation(.masks, steps: [.setAdapterMask(mask)], changes: changes))
      return nil
    } catch {
      return error.cause
    }
  }

  private func leaving(_ names: [String]) -> [OwnerChange] {
    names.compactMap { APQN($0) }.map { OwnerChange($0, from: .host, to: .vfioAP, cause: .wanted) }
  }

  private let names = (0..<4).map { "01.000\($0)" }

  @Test func `is written where the plan takes each queue of the host`() throws {
    let stage = try Stage(.mask, rules: "", adapters: [1])
    #expect(try write([], changes: leaving(names), on: stage) == nil)
    #expect(APMask(try stage.bus.read(.bus("apmask"))) == [])
    // Others than the host's have nothing to lose.
    let other = try Stage(.mask, adapters: [1, 2])
    #expect(try other.drivers(ofCard: 1) == [DriverName.vfioAP])
    let rest = leaving((0..<4).map { "02.000\($0)" })
    #expect(try write([], changes: rest, on: other) == nil)
  }

  @Test func `is not written where the host keeps a queue`() throws {
    let stage = try Stage(.mask, rules: "", adapters: [1])
    let kept = APQN(adapter: 1, domain: 3)
    #expect(
      try write([], changes: leaving(names.dropLast()), on: stage) == .wouldTakeEverything(kept))
    // Of several, the first is named.
    #expect(
      try write([], changes: leaving(names.dropLast(2)), on: stage)
        == .wouldTakeEverything(APQN(adapter: 1, domain: 2)))
    #expect(APMask(try stage.bus.read(.bus("apmask"))) == .all)
    // Any other mask is the plan's own affair.
    #expect(try write([1], changes: leaving([]), on: stage) == nil)
  }

  @Test func `is not written where the host is to get a queue`() throws {
    let stage = try Stage(.mask, rules: "", adapters: [1])
    let coming = OwnerChange(
      APQN(adapter: 1, domain: 3), from: .vfioAP, to: .host, cause: .givenBack)
    #expect(
      try write([], changes: leaving(names.dropLast()) + [coming], on: stage)
        == .wouldTakeEverything(coming.apqn))
    try stage.bus.write("01.0003", to: .driver(DriverName.cex4queue, "unbind"))
    #expect(
      try write([], changes: leaving(names.dropLast()) + [coming], on: stage)
        == .wouldTakeEverything(coming.apqn))
    #expect(APMask(try stage.bus.read(.bus("apmask"))) == .all)
  }
}

@Suite struct `A mask` {
  private func write(
    _ steps: Step..., planned inventory: Inventory, on sysfs: any Sysfs
  ) throws(Failure) {
    let executor = Executor(
      sysfs: sysfs, inventory: inventory, lock: nil, configuration: HostConfiguration(),
      isCurrent: { _ in true }, mechanism: .mask, masks: inventory.bus.masks, willWrite: { _ in },
      didWrite: { _, _ in })
    _ = try executor.perform(Operation(.masks, steps: steps, changes: []))
  }

  @Test func `that gives a queue to the host needs to know what guests have, and no other`() throws
  {
    let stage = try Stage(.mask, rules: "")
    let sysfs = WatchedSysfs(stage.bus)
    sysfs.unreadable = { $0 == SysfsPath(.matrix) ? .inputOutput : nil }
    let taken = APMask([1]).complement
    try write(
      .setAdapterMask(taken), planned: try InventoryReader(sysfs: stage.bus).read(), on: sysfs)
    #expect(APMask(try stage.bus.read(.bus("apmask"))) == taken)
    let inventory = try InventoryReader(sysfs: stage.bus).read()
    #expect(throws: Failure.self) {
      try write(.setAdapterMask(.all), planned: inventory, on: sysfs)
    }
    #expect(APMask(try stage.bus.read(.bus("apmask"))) == taken)
  }

  @Test func `gives a queue to the host although a guest has another one that the host has`() throws
  {
    let stage = try Stage(.mask, rules: #"ADAPTER=="1|2", RESERVE="vfio_ap""#, on: .mask52)
    try stage.bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
    try stage.bus.write("1", to: SysfsPath(.mediatedDevice(uuid), "assign_adapter"))
    try stage.bus.write("3", to: SysfsPath(.mediatedDevice(uuid), "assign_domain"))
    // This kernel lets another process take it from the guest.
    try stage.bus.write("\(APMask([2]).complement)", to: .bus("apmask"))
    try #require(stage.driver("01.0003") == DriverName.cex4queue)
    let inventory = try InventoryReader(sysfs: stage.bus).read()
    try stage.bus.write("1", to: SysfsPath(.mediatedDevice(uuid), "assign_control_domain"))
    try write(.setAdapterMask(.all), planned: inventory, on: stage.bus)
    #expect(try stage.drivers(ofCard: 2) == [DriverName.cex4queue])
  }

  @Test func `that another process sets back at once is a failure, although the first one stays`()
    throws
  {
    let stage = try Stage(.mask, rules: "")
    let sysfs = WatchedSysfs(stage.bus)
    let second = Step.setDomainMask(APMask([3]).complement)
    // After the read that proves the write.
    var reads: Int?
    sysfs.fault = { path, _ in
      if path == .bus("aqmask") { reads = 0 }
      return nil
    }
    sysfs.text = { path in
      guard path == .bus("aqmask"), let count = reads else { return nil }
      reads = count + 1
      return count > 0 ? "\(APMask.all)\n" : nil
    }
    let inventory = try InventoryReader(sysfs: stage.bus).read()
    let failure = #expect(throws: Failure.self) {
      try write(
        .setAdapterMask(APMask([2]).complement), second, planned: inventory, on: sysfs)
    }
    #expect(failure?.cause == .notTaken(second))
  }
}
