import APBus
import Agent
import Reservation
import SimulatedBus
import Testing

private let rule = #"ADAPTER=="1", RESERVE="vfio_ap""#

@Suite struct `The time of the next scan` {
  private func play(_ stage: Stage, for time: Duration) throws -> Int {
    var looks = 0
    let end = stage.now + time
    while let due = stage.agent.nextDue, due <= end, looks < 5000 {
      #expect(due > stage.now || looks == 0)
      stage.now = max(stage.now, due)
      stage.bus.passTime()
      try stage.settle()
      looks += 1
    }
    return looks
  }

  @Test func `is in the future when a probe is due and masks before it are being drained`() throws {
    let faults = try FaultPlan(text: "write 01.0001 > /sys/bus/ap/drivers_probe always fail EIO")
    let stage = try Stage(.mask, rules: rule, seenThrough: { FaultInjector($0, plan: faults) })
    try stage.happens { try $0.write("01.0001", to: .driver(DriverName.vfioAP, "unbind")) }
    #expect(stage.failures.count == 1)
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: APQN(adapter: 2, domain: 2))
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(rule + "\nADAPTER==\"2\", RESERVE=\"vfio_ap\""))
    }
    #expect(try play(stage, for: .seconds(5)) < 100)
  }

  @Test func `is nil when the bus is removed with everything that was due`() throws {
    let faults = try FaultPlan(
      text: """
        write /sys/bus/ap/drivers/vfio_ap/bind always fail EIO
        list /sys/bus/ap/devices 3- fail ENOENT
        """)
    let stage = try Stage(.bind, rules: rule, seenThrough: { FaultInjector($0, plan: faults) })
    for _ in 0..<5 {
      stage.agent.scan(.everything)
      try stage.settle()
    }
    #expect(stage.agent.status.phase == .withoutBus)
    #expect(stage.agent.nextDue == nil)
  }

  @Test func `is not postponed while events are received`() throws {
    let stage = try Stage(.bind, rules: rule)
    let uuid = "11111111-2222-3333-4444-555555555555"
    try stage.bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
    try stage.bus.write("1", to: SysfsPath(.mediatedDevice(uuid), "assign_adapter"))
    try stage.bus.write("2", to: SysfsPath(.mediatedDevice(uuid), "assign_domain"))
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"APQN=="*", RESERVE="host""#))
    }
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    try stage.bus.write("2", to: SysfsPath(.mediatedDevice(uuid), "unassign_domain"))
    for _ in 0..<4 {
      stage.now += .milliseconds(500)
      try stage.happens { try $0.write("0", to: .queue(APQN(adapter: 0, domain: 0), "online")) }
    }
    #expect(stage.driver("01.0002") == DriverName.cex4queue)
  }

  @Test func `of a queue that fails after its drain keeps growing`() throws {
    let faults = try FaultPlan(
      text: "write 01.0002 > /sys/bus/ap/drivers/cex4queue/unbind always fail EIO")
    let stage = try Stage(.bind, rules: "", seenThrough: { FaultInjector($0, plan: faults) })
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 1), on: APQN(adapter: 1, domain: 2))
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rule)) }
    stage.bus.passTime()
    let looks = try play(stage, for: .seconds(60))
    #expect(looks < 40)
    #expect(stage.failures.count >= 4)
    #expect(stage.agent.status.failures.count == 1)
    #expect(try stage.bus.read(.queue(APQN(adapter: 1, domain: 2), "online")) == "1\n")
  }

  @Test func `of a queue that cannot be switched on again grows too`() throws {
    let faults = try FaultPlan(text: "write 1 > */online always fail EIO")
    let stage = try Stage(.bind, rules: "", seenThrough: { FaultInjector($0, plan: faults) })
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: APQN(adapter: 1, domain: 2))
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rule)) }
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"ADAPTER=="9", RESERVE="host""#))
    }
    #expect(stage.writes.filter { $0.contains("online") }.count == 1)
    #expect(try play(stage, for: .seconds(30)) < 10)
  }
}

@Suite struct `A mechanism` {
  private static let adapter = #"ADAPTER=="1", RESERVE="vfio_ap""#

  @Test func `is not kept until there is something to write`() throws {
    let stage = try Stage(.override, rules: "", autoMechanism: true)
    #expect(stage.agent.ownership.mechanism == nil)
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"APQN=="01.0002", RESERVE="vfio_ap""#))
    }
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    #expect(stage.agent.ownership.mechanism == .override)
  }

  @Test func `that a person asks for is not put on record`() throws {
    let stage = try Stage(.override, rules: rule)
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    #expect(stage.agent.ownership.mechanism == nil)
  }

  @Test func `chosen by itself is on record with the first write`()
    throws
  {
    let stage = try Stage(.override, rules: "", autoMechanism: true)
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(Self.adapter)) }
    #expect(stage.agent.ownership.mechanism == .mask)
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  /// A request that only overrides could fulfil, by another process, and on a card that comes later.
  private func next(after stage: Stage) throws -> Agent {
    let next = Agent(
      sysfs: stage.bus,
      rules: try Stage.rules(Self.adapter + "\n" + #"APQN=="05.0002", RESERVE="vfio_ap""#),
      ownership: stage.agent.ownership, time: stage.time, report: stage.note)
    stage.bus.plug(card: Stage.card(5))
    stage.bus.scan()
    try next.reconcile().get()
    return next
  }

  @Test func `is chosen anew where masks are not exact any more and no guest needs them`() throws {
    let stage = try Stage(.override, rules: "", autoMechanism: true)
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(Self.adapter)) }
    let next = try next(after: stage)
    #expect(next.status.mechanism?.mechanism == .override)
    #expect(next.ownership.mechanism == .override)
    #expect(try stage.bus.read(.bus("apmask")) == APMask.all.description + "\n")
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(stage.driver("05.0002") == DriverName.vfioAP)
    #expect(stage.driver("05.0001") == DriverName.cex4queue)
    #expect(next.status.plan?.refusals == [])
  }

  @Test func `stays where a guest has queues that are reserved by masks`() throws {
    let stage = try Stage(.override, rules: "", autoMechanism: true)
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(Self.adapter)) }
    let uuid = "11111111-2222-3333-4444-555555555555"
    try stage.bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
    try stage.bus.write("1", to: SysfsPath(.mediatedDevice(uuid), "assign_adapter"))
    let next = try next(after: stage)
    #expect(next.status.mechanism?.mechanism == .mask)
    #expect(try stage.drivers(ofCard: 5) == [DriverName.cex4queue])
    #expect(next.status.plan?.refusals.map(\.apqn) == [APQN(adapter: 5, domain: 2)])
  }
}

@Suite struct `Draining that is given up` {
  @Test func `by stopping leaves the queue at work`() throws {
    let stage = try Stage(.bind, rules: "")
    let apqn = APQN(adapter: 1, domain: 2)
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: apqn)
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rule)) }
    #expect(try stage.bus.read(.queue(apqn, "online")) == "0\n")
    stage.agent.abandonDrains()
    #expect(try stage.bus.read(.queue(apqn, "online")) == "1\n")
  }

  @Test func `is tried again after longer and longer pauses, and reported once each`() throws {
    let stage = try Stage(.bind, rules: "")
    let apqn = APQN(adapter: 1, domain: 2)
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: apqn)
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rule)) }
    var off = 0
    for _ in 0..<36000 {
      stage.now += .milliseconds(100)
      try stage.settle()
      if try stage.bus.read(.queue(apqn, "online")) == "0\n" { off += 1 }
    }
    // Of an hour, at most the limit of ten seconds for each of 60, 120, 240, ... seconds.
    #expect(off <= 610)
    let plans = stage.events.filter { if case .planned = $0 { true } else { false } }
    #expect(plans.count < 20)
  }
}
