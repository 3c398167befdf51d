import APBus
import Agent
import Reservation
import ReservationRules
import SimulatedBus
import TestSupport
import Testing
import Uevents

private let row = #"ADAPTER=="1", RESERVE="vfio_ap""#
private let uuid = "11111111-2222-3333-4444-555555555555"

extension Stage {
  /// Asks for a changeover and lets the agent decide and do it.
  fileprivate func changeOver(to target: Mechanism) throws {
    try happens { _ in agent.changeOver(to: target) }
  }

  /// A mediated device that has this queue.
  fileprivate func assign(_ apqn: APQN) throws {
    try bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
    try bus.write("\(apqn.adapter)", to: SysfsPath(.mediatedDevice(uuid), "assign_adapter"))
    try bus.write("\(apqn.domain)", to: SysfsPath(.mediatedDevice(uuid), "assign_domain"))
  }

  fileprivate func inventory() throws -> Inventory { try InventoryReader(sysfs: bus).read() }
}

@Suite struct `An agent that is asked to change over` {
  private let record = MemoryRecord()

  private func stage(_ rules: String = row) throws -> Stage {
    // Masks express the rules exactly, and are chosen.
    try Stage(
      .override, rules: rules, autoMechanism: true,
      environment: Agent.Environment(record: record))
  }

  @Test func `to overrides and back does it, keeps to it, and writes nothing afterwards`() throws {
    let stage = try stage()
    #expect(stage.agent.status.mechanism?.mechanism == .mask)
    try stage.changeOver(to: .override)
    #expect(stage.agent.changeover == .begun)
    var inventory = try stage.inventory()
    #expect(inventory.bus.masks == .all)
    #expect(
      inventory.queues(ofCard: 1).allSatisfy {
        $0.owner == .vfioAP && $0.driverOverride == DriverName.vfioAP
      })
    #expect(record.ownership.changeover == .override && record.ownership.passing.isEmpty)
    try stage.happens { _ in stage.agent.scan(.everything) }
    #expect(stage.writes == [] && stage.agent.status.mechanism?.mechanism == .override)

    try stage.assign(APQN(adapter: 1, domain: 2))
    try stage.changeOver(to: .mask)
    #expect(stage.agent.changeover == .begun)
    inventory = try stage.inventory()
    #expect(inventory.bus.masks == MaskPair(adapters: APMask([1]).complement, domains: .all))
    #expect(
      inventory.queues(ofCard: 1).allSatisfy { $0.owner == .vfioAP && $0.driverOverride == nil })
    #expect(record.ownership.changeover == .mask)
    // None of them was anywhere else.
    #expect(stage.events.flatMap(\.moves) == [])
    try stage.happens { _ in stage.agent.scan(.everything) }
    #expect(stage.writes == [] && stage.agent.status.mechanism?.mechanism == .mask)
  }

  @Test func `puts it on record before the first write, and another agent goes on`() throws {
    var sysfs: FaultySysfs?
    let stage = try Stage(
      .override, autoMechanism: true, environment: Agent.Environment(record: record),
      seenThrough: { bus in
        let faulty = FaultySysfs(bus)
        sysfs = faulty
        return faulty
      })
    sysfs?.fault = { path, _ in path == .bus("apmask") ? .some(.inputOutput) : nil }
    try stage.changeOver(to: .override)
    #expect(stage.agent.changeover == .begun)
    #expect(record.ownership.changeover == .override)
    #expect(record.ownership.passing[1] == [0, 1, 2, 3])
    #expect(stage.failures.count == 1)
    let other = Agent(
      sysfs: stage.bus, rules: try Stage.rules(row), ownership: record.ownership,
      environment: Agent.Environment(record: record), time: stage.time)
    try other.reconcile().get()
    #expect(other.status.mechanism?.mechanism == .override)
    #expect(try stage.inventory().bus.masks == .all)
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  @Test func `refuses while a device has a queue, says which, and goes on as before`() throws {
    let stage = try stage()
    let apqn = APQN(adapter: 1, domain: 2)
    try stage.assign(apqn)
    try stage.changeOver(to: .override)
    guard case .refused(let choice, let plan) = stage.agent.changeover else {
      Issue.record("\(String(describing: stage.agent.changeover))")
      return
    }
    #expect(choice.mechanism == .override && plan.refusesChangeover)
    #expect(plan.refusals.map(\.apqn) == [apqn])
    #expect(stage.writes == [] && record.ownership.changeover == nil)
    #expect(stage.agent.status.mechanism?.mechanism == .mask)
    #expect(stage.agent.status.plan?.refusals == [])
    // It is asked for again once the device is gone.
    try stage.bus.write("1", to: SysfsPath(.mediatedDevice(uuid), "remove"))
    try stage.changeOver(to: .override)
    #expect(stage.agent.changeover == .begun)
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  @Test func `says that the kernel does not have the mechanism`() throws {
    let stage = try Stage(.mask, autoMechanism: true)
    try stage.changeOver(to: .override)
    guard case .unavailable(let error) = stage.agent.changeover else {
      Issue.record("\(String(describing: stage.agent.changeover))")
      return
    }
    #expect(error.mechanism == .override)
    #expect(stage.agent.status.phase == .settled)
  }

  @Test func `decides nothing that cannot be put on record`() throws {
    let stage = try stage()
    record.isBroken = true
    stage.agent.changeOver(to: .override)
    #expect(throws: OwnershipRecordError.self) { try stage.agent.reconcile().get() }
    #expect(stage.agent.changeover == nil)
    try stage.happens { _ in record.isBroken = false }
    #expect(stage.agent.status.mechanism?.mechanism == .mask && stage.writes == [])
  }

  /// The kernel forgets to count down when a queue goes with its override, and takes no masks until the next boot.
  @Test func `stays with overrides where the kernel takes no masks any more`() throws {
    let stage = try stage()
    try stage.changeOver(to: .override)
    try stage.happens { $0.unplug(card: 1) }
    try stage.happens { $0.plug(card: Stage.card(1)) }
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    try stage.changeOver(to: .mask)
    guard case .failed(let sentence) = stage.agent.changeover else {
      Issue.record("\(String(describing: stage.agent.changeover))")
      return
    }
    #expect(sentence.contains("count of overrides has leaked"))
    #expect(record.ownership.changeover == .override)
    #expect(stage.failures.map(\.isFinal) == [true])
    try stage.happens { _ in stage.agent.scan(.everything) }
    #expect(stage.agent.status.mechanism?.mechanism == .override)
    #expect(
      try stage.inventory().queues(ofCard: 1).allSatisfy {
        $0.owner == .vfioAP && $0.driverOverride == DriverName.vfioAP
      })
  }
}

/// Any rules on any machine that reserves by one mechanism and is asked to change over to the other.
@Suite struct `Any changeover` {
  @Test(arguments: [Mechanism.override, .mask])
  func `does what it shows or nothing, keeps every reservation, and takes nothing from a guest`(
    target: Mechanism
  ) throws {
    var begun = 0
    var refused = 0
    for seed in Effort.seeds(150, for: .property, of: "changeover to \(target.rawValue)") {
      var scene = Scene(generator: SeededGenerator(seed: seed), mechanism: .override)
      let bus = scene.bus()
      let text = scene.rules()
      let rules = try Stage.rules(text)
      let place: Comment = "seed \(seed), rules:\n\(text)"
      let first = Agent(
        sysfs: bus, rules: rules,
        settings: Agent.Settings(mechanism: target == .mask ? .override : .mask), time: TestTime())
      try first.reconcile().get()
      scene.disturb(on: bus)
      let log = WriteLog()
      let time = TestTime()
      let agent = Agent(
        sysfs: bus, rules: rules, ownership: first.ownership, time: time, report: log.note)
      func settle() throws {
        agent.scan(.everything)
        repeat {
          try agent.reconcile().get()
          time.now = agent.nextDue ?? time.now
        } while agent.status.phase == .moving
      }
      agent.replaceRules(rules, isExplicit: true)
      try settle()
      let reader = InventoryReader(sysfs: bus)
      let before = try reader.read()
      var context = PlanningContext(policy: GuardPolicy(forced: [.emptyRules]))
      context.changeover = target
      let shown = try Assessment(
        inventory: before, rules: rules, ownership: agent.ownership, context: context
      ).plan
      var lost: [String] = []
      let guests = Set(
        before.queues.lazy.map(\.apqn).filter(before.hasGuest).map(\.description))
      bus.onUevent = { event in
        let name = event.devicePath.split(separator: "/").last.map(String.init) ?? ""
        if event.action == .unbind, guests.contains(name) { lost.append(name) }
      }
      log.writes = []
      log.failures = []
      agent.changeOver(to: target)
      try settle()
      bus.onUevent = { _ in }
      #expect(log.failures == [], place)
      #expect(log.writes == shown.steps.filter { $0.path != nil }, place)
      #expect(lost == [], place)
      let after = try reader.read()
      let decisions = DecisionTable(rules: rules, inventory: after, host: HostIdentity())
      for queue in before.queues where queue.owner == .vfioAP {
        let isWanted =
          decisions.row(queue.apqn.adapter).vfioAP.contains(queue.apqn.domain)
          || shown.refusesChangeover
        if isWanted {
          #expect(after.queue(queue.apqn)?.owner == .vfioAP, "\(queue.apqn), \(place)")
        }
      }
      for queue in after.queues
      where decisions.row(queue.apqn.adapter).host.contains(queue.apqn.domain) {
        let owner = before.queue(queue.apqn)?.owner
        #expect(queue.owner == owner || queue.owner == .host, "\(queue.apqn), \(place)")
      }
      if shown.refusesChangeover {
        refused += 1
        #expect(agent.changeover != .begun, place)
      } else {
        begun += 1
        #expect(agent.changeover == .begun, place)
        #expect(agent.status.mechanism?.mechanism == target, place)
        if target == .override {
          #expect(after.bus.masks == .all, place)
        } else {
          #expect(!after.queues.contains { $0.driverOverride != nil }, place)
        }
      }
      log.writes = []
      try settle()
      #expect(log.writes == [], place)
      if !log.failures.isEmpty || !lost.isEmpty { return }
    }
    ProofReport.count("changeovers done", adding: begun, in: .property)
    ProofReport.count("changeovers refused", adding: refused, in: .property)
    #expect(begun > 0 && refused > 0)
  }
}
