import APBus
import Reservation
import Testing

private let uuid = "11111111-2222-3333-4444-555555555555"
private let keys = MasterKeyPattern(registers: ["AES 0x1"])
private let otherKeys = MasterKeyPattern(registers: ["AES 0x9"])

@Suite struct `A queue that is left alone` {
  @Test func `because it was fought over is the reason why its neighbors are not taken`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)
    let contended = APQN(adapter: 1, domain: 4)
    machine.context.fought = [contended: 3]
    let plan = try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(
      plan.refusals.map(\.reason) == [
        .guarded(.fought(times: 3)), .besideContended(contended, times: 3),
      ])
    // Another rule's host queue in the same row is a reason of its own.
    let other = try machine.plan(
      .mask, "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\nAPQN==\"01.0005\", RESERVE:=\"host\"")
    #expect(other.refusals.map(\.reason) == [.guarded(.fought(times: 3))])
    // As is an absent one that may be the host's.
    let absent = try machine.plan(
      .mask, "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\nAPQN==\"01.0009\", RESERVE:=\"host\"")
    #expect(absent.refusals.first?.reason == .guarded(.fought(times: 3)))
    let isInexpressible = absent.refusals.dropFirst().map {
      if case .inexpressible = $0.reason { true } else { false }
    }
    #expect(isInexpressible == [true])
    // A row with something else in it leaves the column, which has nothing else.
    let column = try machine.plan(.mask, #"DOMAIN=="4", RESERVE="vfio_ap""#)
    #expect(
      column.refusals.map(\.reason) == [
        .guarded(.fought(times: 3)), .besideContended(contended, times: 3),
      ])
  }

  @Test(
    arguments: [
      ([], nil, "another process has moved it back 3 times; find"),
      ([.kubernetesPlugin, .kubeVirt], nil, "another process has moved it back 3 times; find"),
      (
        [.kubeVirt, .kubernetesDriver], nil,
        "3 times, possibly the CEX driver of Kubernetes (/var/lib/kubelet/plugins/cex-driver.ibm.com); find"
      ),
      (
        [.kubernetesDriver], "cex4queue",
        "3 times, possibly driverctl (/etc/driverctl.d/ap-01.0004); find"
      ),
      ([], "vfio_ap", "another process has moved it back 3 times; find"),
    ] as [([QueueManager], String?, String)])
  func `because it was fought over names who may do that`(
    managers: [QueueManager], override: String?, sentence: String
  ) throws {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
    let contended = APQN(adapter: 1, domain: 4)
    machine.context.fought = [contended: 3]
    machine.context.configuration.managers = managers
    machine.context.configuration.overrides =
      override.map {
        [
          ConfiguredOverride(
            apqn: contended, driver: $0, source: "/etc/driverctl.d/ap-01.0004"),
          ConfiguredOverride(
            apqn: APQN(adapter: 1, domain: 5), driver: "cex4queue", source: "/etc/driverctl.d/other"
          ),
        ]
      } ?? []
    let plan = try machine.plan(.override, #"APQN=="01.0004", RESERVE="vfio_ap""#)
    let refusal = try #require(plan.refusals.first)
    #expect("\(refusal)".contains(sentence))
    #expect(refusal.reason.isContention)
  }

  @Test func `because it was fought over is named before others that were, too`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4, 5, 6], mechanism: .mask)
    let (first, second) = (APQN(adapter: 1, domain: 4), APQN(adapter: 1, domain: 5))
    machine.context.fought = [first: 3, second: 4]
    let plan = try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(
      plan.refusals.map(\.reason) == [
        .guarded(.fought(times: 3)), .guarded(.fought(times: 4)),
        .besideContended(first, times: 3),
      ])
  }

  @Test(arguments: Mechanism.allCases)
  func `because it was fought over or busy stays reserved where it is, and is not refused`(
    mechanism: Mechanism
  ) throws {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: mechanism)
    if mechanism == .mask { machine.clear(adapters: [1]) }
    try machine.set(
      "01.0004", driver: DriverName.vfioAP,
      driverOverride: mechanism == .override ? DriverName.vfioAP : nil)
    let apqn = APQN(adapter: 1, domain: 4)
    machine.context.fought = [apqn: 3]
    machine.context.undrained = [apqn]
    let plan = try machine.plan(mechanism, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.isEmpty)
    #expect(plan.refusals == [])
  }

  @Test(arguments: [Mechanism.bind, .override])
  func `because there is no rule at all is neither taken nor given back`(mechanism: Mechanism)
    throws
  {
    // Owned and unbound: between the two.
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: mechanism)
    try machine.set(
      "01.0004", driver: nil, driverOverride: mechanism == .override ? DriverName.vfioAP : nil)
    machine.ownership.queues = [APQN(adapter: 1, domain: 4)]
    machine.context.rulesAreMissing = true
    let plan = try machine.plan(mechanism, "")
    #expect(plan.isEmpty)
    #expect(plan.refusals == [Refusal(APQN(adapter: 1, domain: 4), .guarded(.rulesMissing))])
    machine.context.rulesAreMissing = false
    #expect(try machine.plan(mechanism, "").moves == ["01.0004 none>host givenBack"])
  }

  @Test(arguments: [Queue.GuestStatus.assigned, .inUse], [Mechanism.bind, .override])
  func `because its own status says that a guest has it`(
    status: Queue.GuestStatus, mechanism: Mechanism
  ) throws {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: mechanism)
    try machine.set(
      "01.0004", driver: DriverName.vfioAP,
      driverOverride: mechanism == .override ? DriverName.vfioAP : nil)
    try machine.change("01.0004") { $0.guestStatus = status }
    machine.ownership.queues = [APQN(adapter: 1, domain: 4)]
    let plan = try machine.plan(mechanism, "")
    #expect(plan.isEmpty)
    #expect(
      plan.refusals == [
        Refusal(APQN(adapter: 1, domain: 4), .guarded(.assigned(mediatedDevice: nil)))
      ])
    try machine.change("01.0004") { $0.guestStatus = .unassigned }
    #expect(try machine.plan(mechanism, "").moves == ["01.0004 vfio_ap>host givenBack"])
  }

  @Test(arguments: [Mechanism.bind, .override])
  func `because the host's driver is not loaded waits for it`(mechanism: Mechanism) throws {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: mechanism)
    try machine.set(
      "01.0004", driver: DriverName.vfioAP,
      driverOverride: mechanism == .override ? DriverName.vfioAP : nil)
    machine.ownership.queues = [APQN(adapter: 1, domain: 4)]
    machine.inventory.bus.drivers = [DriverName.vfioAP]
    let plan = try machine.plan(mechanism, "")
    #expect(plan.isEmpty)
    #expect(plan.refusals == [])
    #expect(
      plan.waiting == [
        Plan.Waiting(APQN(adapter: 1, domain: 4), driver: DriverName.cex4queue)
      ])
  }

  @Test func `because of an override keeps it while masks are in use`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: .override)
    try machine.set("01.0004", driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    machine.ownership.queues = [APQN(adapter: 1, domain: 4)]
    // An owned bit, and one of another tool, so that the masks are not left for overrides.
    machine.inventory.bus.masks?.adapters = APMask([1, 9]).complement
    machine.ownership.adapters = [1]
    let plan = try machine.plan(.override, "")
    #expect(plan.isEmpty)
    #expect(plan.refusals == [Refusal(APQN(adapter: 1, domain: 4), .masksInUse)])
  }

  @Test(arguments: [Mechanism.bind, .override])
  func `unless it is forced, is read again before it is given back`(mechanism: Mechanism)
    throws
  {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: mechanism)
    try machine.set(
      "01.0004", driver: DriverName.vfioAP,
      driverOverride: mechanism == .override ? DriverName.vfioAP : nil)
    machine.ownership.queues = [APQN(adapter: 1, domain: 4)]
    let check = Step.requireUnassigned(APQN(adapter: 1, domain: 4))
    #expect(try machine.plan(mechanism, "").steps.contains(check))
    machine.context.policy.forced = [.assignedQueue]
    let forced = try machine.plan(mechanism, "")
    #expect(!forced.steps.contains(check))
    #expect(forced.moves == ["01.0004 vfio_ap>host givenBack"])
  }
}

@Suite struct `An override that a guest's queue has lost` {
  /// Owned, with a guest, and without the override that keeps it there when masks are written.
  private func machine() throws -> Machine {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: .override)
    try machine.set("01.0004", driver: DriverName.vfioAP)
    machine.ownership.queues = [APQN(adapter: 1, domain: 4)]
    machine.inventory.mediatedDevices = [MediatedDevice(uuid: uuid, adapters: [1], domains: [4])]
    return machine
  }

  private let mark = ["vfio_ap > /sys/devices/ap/card01/01.0004/driver_override"]

  @Test func `is set again, whatever the rules want by now`() throws {
    let plan = try machine().plan(.override, "")
    #expect(plan.writes == mark)
    #expect(plan.moves == [])
    #expect(
      plan.refusals == [
        Refusal(APQN(adapter: 1, domain: 4), .guarded(.assigned(mediatedDevice: uuid)))
      ])
  }

  @Test(arguments: [Queue.GuestStatus.assigned, .inUse])
  func `is set again where only its status shows the guest`(status: Queue.GuestStatus) throws {
    var machine = try machine()
    machine.inventory.mediatedDevices = []
    try machine.change("01.0004") { $0.guestStatus = status }
    #expect(try machine.plan(.override, "").writes == mark)
  }

  @Test func `is not set on what another process has reserved`() throws {
    var machine = try machine()
    machine.ownership.queues = []
    #expect(try machine.plan(.override, "").isEmpty)
  }

  @Test func `is not set where the kernel takes none`() throws {
    var machine = try machine()
    machine.inventory.bus.masks?.adapters.remove(9)
    #expect(try machine.plan(.override, "").isEmpty)
  }

  @Test func `is not set twice, and not on what no guest has`() throws {
    var machine = try machine()
    try machine.set("01.0004", driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    #expect(try machine.plan(.override, "").isEmpty)
    machine.inventory.mediatedDevices = []
    try machine.set("01.0004", driver: DriverName.vfioAP)
    #expect(try machine.plan(.override, "").writes.allSatisfy { !mark.contains($0) })
  }
}

@Suite struct `Of queues with the same master keys` {
  private let root = KeyNeed.user(.encryptedVolume("root"))

  private func machine(_ mechanism: Mechanism) -> Machine {
    var machine = Machine(adapters: [], mechanism: mechanism)
    machine.context.configuration.secureKeyUsers = [.encryptedVolume("root")]
    return machine
  }

  private func setKeys(_ machine: inout Machine, _ first: [String]) throws {
    for queue in machine.inventory.queues {
      let name = queue.apqn.description
      try machine.change(name) { $0.masterKeys = first.contains(name) ? keys : otherKeys }
    }
  }

  @Test func `one that no rule asked for stays rather than one that a rule wants`() throws {
    var machine = machine(.mask)
    machine.plug(1, domains: [4, 5, 6])
    machine.plug(2, domains: [4, 5, 6])
    machine.plug(3, domains: [4, 5, 6])
    try setKeys(&machine, ["01.0004", "01.0005", "01.0006"])
    // The row is the cheaper one, with two queues that have the keys as well.
    machine.plug(4, domains: [6])
    try machine.change("04.0006") { $0.masterKeys = otherKeys }
    let plan = try machine.plan(.mask, #"APQN=="01.0006", RESERVE="vfio_ap", COLLATERAL="accept""#)
    #expect(plan.refusals == [])
    #expect(plan.moves.first == "01.0006 host>vfio_ap wanted")
    #expect(plan.changes.dropFirst().allSatisfy { $0.apqn.domain == 6 && $0.cause == .collateral })
  }

  @Test func `the last stays where none of them was asked for`() throws {
    var machine = machine(.mask)
    machine.plug(1, domains: [4, 5])
    machine.plug(2, domains: [4, 6])
    machine.plug(3, domains: [7])
    machine.plug(4, domains: [5, 6])
    try setKeys(&machine, ["01.0004", "02.0004"])
    let plan = try machine.plan(
      .mask, #"APQN=="01.0005|02.0006", RESERVE="vfio_ap", COLLATERAL="accept""#)
    #expect(
      plan.moves == [
        "01.0004 host>vfio_ap collateral", "01.0005 host>vfio_ap wanted",
        "02.0006 host>vfio_ap wanted", "04.0006 host>vfio_ap collateral",
      ])
  }

  @Test func `none without a valid key hides those after it`() throws {
    var machine = machine(.bind)
    machine.plug(1, domains: [4, 5])
    try machine.change("01.0004") { $0.masterKeys = MasterKeyPattern(registers: []) }
    try machine.change("01.0005") { $0.masterKeys = keys }
    let plan = try machine.plan(.bind, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.moves == ["01.0004 host>vfio_ap wanted"])
    #expect(
      plan.refusals == [
        Refusal(APQN(adapter: 1, domain: 5), .guarded(.lastWithMasterKeys(.cca, keys, [root])))
      ])
  }

  @Test func `all stay where none is usable now`() throws {
    var machine = machine(.bind)
    machine.plug(1, domains: [4, 5])
    machine.plug(2, domains: [4])
    try setKeys(&machine, ["01.0004", "01.0005"])
    for name in ["01.0004", "01.0005"] { try machine.change(name) { $0.isConfigured = false } }
    let plan = try machine.plan(.bind, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.isEmpty)
    #expect(plan.refusals.map(\.apqn.description) == ["01.0004", "01.0005"])
  }

  @Test func `one that is not usable keeps none that is`() throws {
    var machine = machine(.bind)
    machine.plug(1, domains: [4, 5, 6])
    try setKeys(&machine, ["01.0004", "01.0005", "01.0006"])
    try machine.change("01.0006") { $0.isConfigured = false }
    let plan = try machine.plan(.bind, #"APQN=="01.0004-0005", RESERVE="vfio_ap""#)
    #expect(plan.changes.map(\.apqn.description) == ["01.0004"])
    #expect(plan.refusals.map(\.apqn.description) == ["01.0005"])
  }

  @Test func `before the drivers those that the host never gets protect nothing`() throws {
    var machine = machine(.mask)
    machine.plug(1, domains: [4])
    machine.plug(2, domains: [4])
    machine.inventory.bus.drivers = []
    for queue in machine.inventory.queues { try machine.set("\(queue.apqn)", driver: nil) }
    let rule = #"ADAPTER=="1", RESERVE="vfio_ap""#
    #expect(
      try machine.plan(.mask, rule).refusals.map(\.reason) == [
        .guarded(.masterKeysUnknown([root]))
      ])
    // It has left the host already, or another tool has cleared its row.
    var taken = machine
    taken.inventory.bus.masks?.adapters.remove(1)
    taken.ownership.adapters = [1]
    #expect(try taken.plan(.mask, rule).refusals == [])
    var bind = self.machine(.bind)
    bind.plug(1, domains: [4])
    bind.inventory.bus.drivers = []
    try bind.set("01.0004", driver: nil)
    #expect(
      try bind.plan(.bind, rule).refusals.map(\.reason) == [
        .guarded(.masterKeysUnknown([root]))
      ])
    bind.ownership.queues = [APQN(adapter: 1, domain: 4)]
    #expect(try bind.plan(.bind, rule).refusals == [])
    machine.inventory.bus.masks?.adapters.remove(1)
    #expect(try machine.plan(.mask, rule).refusals == [])
  }
}

@Suite struct `What failed lately` {
  private let apqn = APQN(adapter: 1, domain: 4)
  private let rule = #"ADAPTER=="1", RESERVE="vfio_ap""#

  @Test(arguments: [Mechanism.bind, .override])
  func `is held back, and nothing else`(mechanism: Mechanism) throws {
    let machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: mechanism)
    let plan = try machine.planner(rule, heldBack: [.queue(apqn)]).plan(by: mechanism)
    #expect(plan.heldBack == [.queue(apqn)])
    #expect(plan.operations.map(\.subject) == [.queue(APQN(adapter: 1, domain: 5))])
    // Masks that failed by another mechanism keep nobody.
    let masks = try machine.planner(rule, heldBack: [.masks]).plan(by: mechanism)
    #expect(masks.heldBack == [])
    #expect(masks.operations.count == 2)
  }

  @Test func `of masks holds back the probes that would bind queues to the host without them`()
    throws
  {
    var machine = Machine(adapters: [1, 2, 3], domains: [4, 5], mechanism: .mask)
    machine.clear(adapters: [2])
    // One would be bound after the masks, one is outside the host's pool already.
    try machine.set("01.0004", driver: nil)
    machine.inventory.bus.drivers.removeAll { $0 == DriverName.cex4queue }
    try machine.set("02.0005", driver: nil)
    let rules = #"ADAPTER=="1-2", RESERVE="vfio_ap""#
    #expect(
      try machine.plan(.mask, rules).operations.map(\.subject) == [
        .masks, .queue(apqn), .queue(APQN(adapter: 2, domain: 5)),
      ])
    let plan = try machine.planner(rules, heldBack: [.masks]).plan(by: .mask)
    #expect(plan.heldBack == [.masks])
    #expect(plan.operations.map(\.subject) == [.queue(APQN(adapter: 2, domain: 5))])
  }

  @Test func `of masks that are to be left holds back the overrides after them`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
    machine.clear(adapters: [1])
    machine.ownership = Ownership(adapters: [1], mechanism: .mask)
    let rules = #"APQN=="01.0004", RESERVE="vfio_ap""#
    #expect(try machine.plan(.override, rules).operations.count == 2)
    let plan = try machine.planner(rules, heldBack: [.masks]).plan(by: .override)
    #expect(plan.isEmpty)
    #expect(plan.heldBack == [.masks])
  }

  @Test func `of switching a queue on again is held back as well`() throws {
    var machine = Machine(adapters: [1], domains: [4], mechanism: .bind)
    try machine.change("01.0004") { $0.isOnline = false }
    machine.ownership.offline = [apqn]
    let plan = try machine.planner("", heldBack: [.online(apqn)]).plan(by: .bind)
    #expect(plan.isEmpty)
    #expect(plan.heldBack == [.online(apqn)])
    // A queue whose taking failed is switched on again meanwhile.
    let other = try machine.planner(rule, heldBack: [.queue(apqn)]).plan(by: .bind)
    #expect(other.writes == ["1 > /sys/devices/ap/card01/01.0004/online"])
  }
}

@Suite struct `A queue is drained` {
  private let rule = #"ADAPTER=="1", RESERVE="vfio_ap""#
  private let apqn = APQN(adapter: 1, domain: 4)
  private let drain = [
    "0 > /sys/devices/ap/card01/01.0004/online", "wait until 01.0004 has no pending requests",
  ]

  @Test func `that was found busy, although it has no requests now`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: .bind)
    try machine.change("01.0004") { $0.pendingRequests = 0 }
    machine.context.busy = [apqn]
    #expect(try machine.plan(.bind, rule).writes.prefix(2) == drain[...])
    machine.context.busy = [APQN(adapter: 2, domain: 4)]
    #expect(try machine.plan(.bind, rule).writes.count == 2)
  }

  @Test func `that was switched off for it before`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: .bind)
    try machine.change("01.0004") { $0.isOnline = false }
    machine.ownership.offline = [apqn]
    #expect(try machine.plan(.bind, rule).writes.first == drain[1])
  }

  @Test func `only on its way away from the host`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: .bind)
    try machine.set("01.0004", driver: DriverName.vfioAP)
    try machine.change("01.0004") { $0.pendingRequests = 3 }
    machine.ownership.queues = [apqn]
    #expect(try machine.plan(.bind, "").steps.allSatisfy { $0 != .awaitIdle(apqn) })
    try machine.set("01.0004", driver: nil)
    #expect(try machine.plan(.bind, rule).steps.allSatisfy { $0 != .awaitIdle(apqn) })
  }

  @Test func `and stays off while it is on vfio_ap`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: .bind)
    try machine.set("01.0004", driver: DriverName.vfioAP)
    try machine.change("01.0004") { $0.isOnline = false }
    machine.ownership.offline = [apqn]
    #expect(try machine.plan(.bind, rule).isEmpty)
    // Nor is one switched on that is on already.
    try machine.set("01.0004", driver: DriverName.cex4queue)
    try machine.change("01.0004") { $0.isOnline = true }
    #expect(try machine.plan(.bind, "").isEmpty)
  }
}
