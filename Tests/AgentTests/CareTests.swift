import APBus
import Agent
import Reservation
import ReservationRules
import SimulatedBus
import Testing

private let rule = #"ADAPTER=="1", RESERVE="vfio_ap""#

@Suite struct `A busy queue` {
  private let apqn = APQN(adapter: 1, domain: 2)

  /// Requests that a queue of the host had when it was about to be taken.
  private final class Interrupted {
    var count = 0
  }

  /// Looks at the queue's requests before each write that can take it.
  private final class LookingBus: Sysfs {
    let bus: SimulatedBus
    let apqn: APQN
    let interrupted: Interrupted

    init(_ bus: SimulatedBus, _ apqn: APQN, _ interrupted: Interrupted) {
      (self.bus, self.apqn, self.interrupted) = (bus, apqn, interrupted)
    }

    func read(_ path: SysfsPath) throws(SysfsError) -> String { try bus.read(path) }
    func readLink(_ path: SysfsPath) throws(SysfsError) -> String { try bus.readLink(path) }
    func list(_ path: SysfsPath) throws(SysfsError) -> [String] { try bus.list(path) }
    func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
      if path.name.hasSuffix("mask") || path.name == "unbind" && text == apqn.description {
        for name in ["pendingq_count", "requestq_count"]
        where (try? bus.read(.queue(apqn, name))) != "0\n" {
          interrupted.count += 1
        }
      }
      try bus.write(text, to: path)
    }
  }

  private func stage(
    _ mechanism: Mechanism, load: QueueLoad, policy: GuardPolicy = GuardPolicy(),
    seenThrough wrap: (SimulatedBus) -> any Sysfs = { $0 }
  ) throws -> Stage {
    let stage = try Stage(mechanism, rules: "", policy: policy, seenThrough: wrap)
    stage.bus.setLoad(load, on: apqn)
    return stage
  }

  /// Lets time pass, on the bus and for the agent.
  private func pass(_ stage: Stage) throws {
    stage.bus.passTime()
    stage.now = try #require(stage.agent.nextDue)
    try stage.settle()
  }

  @Test(arguments: Mechanism.allCases)
  func `is switched off, waited for, and then taken`(mechanism: Mechanism) throws {
    let interrupted = Interrupted()
    let stage = try stage(
      mechanism, load: QueueLoad(waiting: 1, pending: 3, drainRate: 2),
      seenThrough: { LookingBus($0, apqn, interrupted) })
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rule)) }
    #expect(try stage.bus.read(.queue(apqn, "online")) == "0\n")
    #expect(stage.driver("01.0002") == DriverName.cex4queue)
    #expect(stage.agent.status.draining == [apqn])
    #expect(stage.agent.ownership.offline == [apqn])
    // Nothing else happens while it is waited for, and masks are not written by half.
    #expect(
      stage.driver("01.0001") == (mechanism == .mask ? DriverName.cex4queue : DriverName.vfioAP))
    try pass(stage)
    try pass(stage)
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(stage.agent.status.draining == [])
    #expect(stage.agent.ownership.offline == [])
    #expect(interrupted.count == 0)
  }

  @Test(arguments: Mechanism.allCases)
  func `is taken with its requests by --force`(mechanism: Mechanism) throws {
    let interrupted = Interrupted()
    let stage = try stage(
      mechanism, load: QueueLoad(waiting: 1, pending: 3, drainRate: 2),
      policy: GuardPolicy(forced: [.pendingRequests]),
      seenThrough: { LookingBus($0, apqn, interrupted) })
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rule)) }
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(interrupted.count == 2)
  }

  @Test func `is not even asked for its requests then`() throws {
    let watched = try Watched(.bind, policy: GuardPolicy(forced: [.pendingRequests]))
    var asked: [SysfsPath] = []
    watched.sysfs.text = { path in
      if ["pendingq_count", "requestq_count"].contains(path.name) { asked.append(path) }
      return nil
    }
    try watched.agent.reconcile().get()
    #expect(try watched.stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(asked == [])
  }

  @Test func `that was idle in time at last is left alone for a minute when it is busy again`()
    throws
  {
    let stage = try Stage(.bind, rules: "")
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 1), on: apqn)
    let rule = #"APQN=="01.0002", RESERVE="vfio_ap""#
    let watched = try Watched(
      .bind, rules: rule, on: stage, policy: GuardPolicy(drainLimit: .seconds(5)))
    /// Lets a drain take too long, and returns how long the queue is left alone then.
    func pause() throws -> Duration {
      try watched.agent.reconcile().get()
      stage.now += .seconds(5)
      try watched.agent.reconcile().get()
      #expect(try watched.isOnline(apqn) == "1\n")
      return try #require(watched.agent.nextDue) - stage.now
    }
    #expect(try pause() == .seconds(60))
    stage.now = try #require(watched.agent.nextDue)
    try watched.agent.reconcile().get()
    stage.bus.passTime()
    stage.now = try #require(watched.agent.nextDue)
    try watched.agent.reconcile().get()
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    try stage.bus.write("01.0002", to: .driver(DriverName.vfioAP, "unbind"))
    try stage.bus.write("01.0002", to: .driver(DriverName.cex4queue, "bind"))
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 1), on: apqn)
    #expect(try pause() == .seconds(60))
  }

  @Test(arguments: Mechanism.allCases)
  func `that never gets idle is switched on again after the limit, and is refused`(
    mechanism: Mechanism
  )
    throws
  {
    let stage = try stage(mechanism, load: QueueLoad(pending: 3, drainRate: 0))
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rule)) }
    while stage.agent.status.draining == [apqn] { try pass(stage) }
    #expect(stage.now >= .boot + .seconds(10) && stage.now < .boot + .seconds(11))
    #expect(try stage.bus.read(.queue(apqn, "online")) == "1\n")
    #expect(stage.driver("01.0002") == DriverName.cex4queue)
    #expect(stage.agent.status.plan?.refusals.first { $0.apqn == apqn }?.reason == .guarded(.busy))
    #expect(stage.agent.ownership.offline == [])
    // It is tried again later.
    stage.bus.setLoad(QueueLoad(), on: apqn)
    stage.now += .seconds(60)
    try stage.settle()
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  @Test func `is switched on again when the masks are refused afterwards`() throws {
    let faults = try FaultPlan(text: "write /sys/bus/ap/apmask 1 fail EIO")
    let stage = try stage(
      .mask, load: QueueLoad(pending: 1, drainRate: 1),
      seenThrough: { FaultInjector($0, plan: faults) })
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rule)) }
    try pass(stage)
    #expect(stage.failures.count == 1)
    #expect(try stage.bus.read(.queue(apqn, "online")) == "1\n")
  }

  @Test(arguments: Mechanism.allCases)
  func `that was being drained when the agent died is switched on by the next`(mechanism: Mechanism)
    throws
  {
    let stage = try stage(mechanism, load: QueueLoad(pending: 3, drainRate: 0))
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rule)) }
    let next = Agent(
      sysfs: stage.bus, rules: try Stage.rules(#"ADAPTER=="9", RESERVE="vfio_ap""#),
      settings: .init(mechanism: mechanism), ownership: stage.agent.ownership, time: stage.time,
      report: stage.note)
    try next.reconcile().get()
    #expect(try stage.bus.read(.queue(apqn, "online")) == "1\n")
    #expect(next.ownership.offline == [])
  }
}

@Suite struct `Another process that moves a queue back` {
  private let apqn = APQN(adapter: 1, domain: 2)

  private func fight(_ stage: Stage, times: Int, every pause: Duration) throws {
    for _ in 0..<times {
      stage.now += pause
      try stage.happens { _ in try stage.moveByShell("01.0002", to: DriverName.cex4queue) }
    }
  }

  @Test(arguments: Mechanism.allCases)
  func `is let have it after three times within a minute, until reload`(mechanism: Mechanism) throws
  {
    let stage = try Stage(
      mechanism, rules: #"APQN=="01.0002", RESERVE="vfio_ap", COLLATERAL="accept""#)
    try fight(stage, times: 2, every: .seconds(1))
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    try fight(stage, times: 1, every: .seconds(1))
    #expect(stage.driver("01.0002") == DriverName.cex4queue)
    #expect(
      stage.agent.status.plan?.refusals.first { $0.apqn == apqn }?.reason
        == .guarded(.fought(times: 3)))
    stage.now += .seconds(3600)
    try stage.settle()
    #expect(stage.driver("01.0002") == DriverName.cex4queue)
    let rules = try Stage.rules(#"APQN=="01.0002", RESERVE="vfio_ap", COLLATERAL="accept""#)
    try stage.happens { _ in stage.agent.replaceRules(rules) }
    #expect(stage.driver("01.0002") == DriverName.cex4queue)
    try stage.happens { _ in stage.agent.replaceRules(rules, isExplicit: true) }
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
  }

  private static func change(by mechanism: Mechanism) -> Agent.Move.ForeignChange {
    switch mechanism {
    case .bind: .binding
    case .mask: .masks
    case .override: .override(nil)
    }
  }

  /// The moves by others among events.
  private func foreignMoves(_ events: [Agent.Event]) -> [Agent.Move] {
    events.flatMap { event -> [Agent.Move] in
      if case .movedByOthers(let moves) = event { moves } else { [] }
    }
  }

  @Test(arguments: Mechanism.allCases)
  func `is reported with what it changed, before and after a change of rules`(
    mechanism: Mechanism
  ) throws {
    let stage = try Stage(mechanism)
    for _ in 0..<2 {
      try stage.happens { _ in try stage.moveByShell("01.0002", to: DriverName.cex4queue) }
      let move = try #require(foreignMoves(stage.events).first { $0.apqn == apqn })
      #expect(move.from == .vfioAP && move.to == .host)
      #expect(move.foreign == Self.change(by: mechanism))
      #expect(move.rule?.line == 1)
      stage.agent.replaceRules(
        try Stage.rules(#"ADAPTER=="1", RESERVE="vfio_ap", NAME="again""#))
      try stage.settle()
      stage.now += .seconds(61)
    }
  }

  @Test(arguments: Mechanism.allCases)
  func `is reported by the next agent, which has the record`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    try stage.moveByShell("01.0002", to: DriverName.cex4queue)
    for isSecond in [false, true] {
      var events: [Agent.Event] = []
      let next = Agent(
        sysfs: stage.bus, rules: try Stage.rules(#"ADAPTER=="1", RESERVE="vfio_ap""#),
        settings: .init(mechanism: mechanism), ownership: stage.agent.ownership, time: stage.time
      ) { events.append($0) }
      try next.reconcile().get()
      let moves = foreignMoves(events).filter { $0.apqn == apqn }
      // By the time of the second one, the first has moved it back.
      #expect(moves.map(\.to) == (isSecond ? [] : [.host]))
      #expect(isSecond || moves.first?.foreign == Self.change(by: mechanism))
      #expect(stage.driver("01.0002") == DriverName.vfioAP)
    }
  }

  @Test func `before the agent was started again counts, too`() throws {
    let stage = try Stage(.bind)
    try stage.moveByShell("01.0002", to: DriverName.cex4queue)
    let next = Agent(
      sysfs: stage.bus, rules: try Stage.rules(#"ADAPTER=="1", RESERVE="vfio_ap""#),
      settings: .init(mechanism: .bind, policy: GuardPolicy(fightLimit: 1)),
      ownership: stage.agent.ownership, time: stage.time)
    try next.reconcile().get()
    #expect(stage.driver("01.0002") == DriverName.cex4queue)
    #expect(next.status.plan?.refusals == [Refusal(apqn, .guarded(.fought(times: 1)))])
  }

  @Test func `is not said to have written masks where the agent has just done so`() throws {
    let stage = try Stage(.mask, rules: "")
    var events: [Agent.Event] = []
    var hasMoved = false
    let agent = Agent(
      sysfs: stage.bus, rules: try Stage.rules(#"ADAPTER=="1", RESERVE="vfio_ap""#),
      settings: .init(mechanism: .mask), time: stage.time
    ) { [bus = stage.bus] event in
      events.append(event)
      guard !hasMoved, case .moved = event else { return }
      hasMoved = true
      try? bus.write("01.0002", to: .driver(DriverName.vfioAP, "unbind"))
    }
    try agent.reconcile().get()
    #expect(foreignMoves(events).map(\.apqn) == [apqn])
    #expect(foreignMoves(events).map(\.foreign) == [.binding])
  }

  @Test(arguments: Mechanism.allCases)
  func `is not a driver that is unloaded, which loses all its queues`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    try stage.happens { try $0.unloadModule(.vfioAP) }
    #expect(stage.driver("01.0002") == nil)
    #expect(foreignMoves(stage.events) == [])
  }

  @Test func `is reported of a queue that was let go and is not requested`() throws {
    let stage = try Stage(.bind, policy: GuardPolicy(fightLimit: 1))
    try fight(stage, times: 1, every: .seconds(1))
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"ADAPTER=="9", RESERVE="vfio_ap""#))
    }
    try stage.happens { _ in try stage.moveByShell("01.0002", to: DriverName.vfioAP) }
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    #expect(foreignMoves(stage.events).map(\.apqn) == [apqn])
  }

  @Test func `is reported of a queue that rules cannot decide about`() throws {
    // The host's names are not known.
    let stage = try Stage(.bind, rules: #"HOST=="web*", ADAPTER=="1", RESERVE="vfio_ap""#)
    try stage.happens { _ in try stage.moveByShell("01.0002", to: DriverName.vfioAP) }
    #expect(foreignMoves(stage.events).map(\.apqn) == [apqn])
  }

  @Test func `is reported of a queue that rules keep for the host`() throws {
    let stage = try Stage(.override, rules: #"ADAPTER=="1", RESERVE:="host""#)
    try stage.happens { _ in try stage.moveByShell("01.0002", to: DriverName.vfioAP) }
    let moves = foreignMoves(stage.events)
    #expect(moves.map(\.apqn) == [apqn])
    #expect(moves.map(\.from) == [.host])
    #expect(moves.map(\.to) == [.vfioAP])
    #expect(moves.map(\.foreign) == [.override(DriverName.vfioAP)])
  }

  @Test func `is reported of queues that rules say nothing of, and not undone`() throws {
    let stage = try Stage(.override)
    try stage.happens { _ in try stage.moveByShell("02.0002", to: DriverName.vfioAP) }
    #expect(stage.driver("02.0002") == DriverName.vfioAP)
    #expect(foreignMoves(stage.events).map(\.apqn) == [APQN(adapter: 2, domain: 2)])
    #expect(foreignMoves(stage.events).first?.rule == nil)
  }

  @Test func `leaves an entry in the history for each queue that it moves`() throws {
    let stage = try Stage(.mask, rules: #"ADAPTER=="0|1|2", RESERVE="vfio_ap""#)
    try stage.happens { try $0.write(APMask.all.description, to: .bus("apmask")) }
    #expect(foreignMoves(stage.events).count == 12)
    #expect(stage.history.count { $0.foreign == .masks } == 12)
  }

  @Test func `only rarely is not contention`() throws {
    let stage = try Stage(.bind)
    try fight(stage, times: 6, every: .seconds(31))
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
  }

  @Test func `is fought to the end by --force`() throws {
    let stage = try Stage(.bind, policy: GuardPolicy(forced: [.fighting]))
    try fight(stage, times: 9, every: .seconds(1))
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
  }

  @Test func `is allowed as often as it is configured`() throws {
    let stage = try Stage(.bind, policy: GuardPolicy(fightLimit: 1))
    try fight(stage, times: 1, every: .seconds(1))
    #expect(stage.driver("01.0002") == DriverName.cex4queue)
  }

  @Test func `is reported once for each time`() throws {
    let stage = try Stage(.bind)
    try fight(stage, times: 1, every: .seconds(1))
    let moves = stage.events.compactMap { event in
      if case .movedByOthers(let moves) = event { moves } else { nil }
    }
    #expect(moves.map { $0.map(\.apqn) } == [[apqn]])
    #expect(moves.first?.first?.from == .vfioAP && moves.first?.first?.to == .host)
  }

  @Test(arguments: Mechanism.allCases)
  func `is not the hardware: a card that is removed and added is reserved each time`(
    mechanism: Mechanism
  )
    throws
  {
    let stage = try Stage(mechanism)
    for _ in 0..<5 {
      try stage.happens { $0.unplug(card: 1) }
      try stage.happens { $0.plug(card: Stage.card(1)) }
      #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    }
  }

  @Test(arguments: Mechanism.allCases)
  func `is not the driver: vfio_ap has its queues each time it is loaded`(
    mechanism: Mechanism
  )
    throws
  {
    let stage = try Stage(mechanism)
    for _ in 0..<5 {
      try stage.happens { try $0.unloadModule(.vfioAP) }
      try stage.happens { $0.loadModule(.vfioAP) }
      #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    }
  }
}

@Suite struct `Every move` {
  @Test(arguments: Mechanism.allCases)
  func `is reported with time, queue, owners, rule, mechanism and result`(
    mechanism: Mechanism
  )
    throws
  {
    let stage = try Stage(mechanism)
    let entries = stage.history
    #expect(entries.map(\.apqn) == (UInt8(0)...3).map { APQN(adapter: 1, domain: $0) })
    let entry = try #require(entries.first)
    #expect(entry.time == WallTime(sinceEpoch: .seconds(1_800_000_000)))
    #expect((entry.from, entry.to) == (.host, .vfioAP))
    #expect(entry.rule?.line == 1)
    #expect(entry.mechanism == mechanism)
    #expect(entry.failure == nil)
  }

  @Test func `that failed is kept with its reason, and one by another process without mechanism`()
    throws
  {
    let faults = try FaultPlan(text: "write /sys/bus/ap/drivers/vfio_ap/bind 1 fail EIO")
    let stage = try Stage(.bind, rules: "", seenThrough: { FaultInjector($0, plan: faults) })
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rule)) }
    let first = stage.history.filter {
      $0.apqn == stage.history[0].apqn
    }
    // The host has lost it all the same, and that is reported, too.
    #expect(first.map(\.to) == [.none, .vfioAP])
    #expect(first[0].failure == nil && first[1].failure?.contains("EIO") == true)
    try stage.happens { _ in try stage.moveByShell("01.0002", to: DriverName.cex4queue) }
    let foreign = stage.history.filter { $0.mechanism == nil }
    #expect(foreign.map(\.apqn.description) == ["01.0002"])
    #expect(foreign.map(\.cause) == [nil])
  }
}
