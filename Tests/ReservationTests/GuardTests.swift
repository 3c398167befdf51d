import APBus
import Reservation
import Testing

private let uuid = "11111111-2222-3333-4444-555555555555"
private let adapterOne = #"ADAPTER=="1", RESERVE="vfio_ap""#

@Suite struct `A guard` {
  @Test func `has a unique name, and sentences for help and manual`() {
    #expect(
      Guard.allCases.map(\.rawValue) == [
        "assigned-queue", "protect-host", "pending-requests", "fighting", "ap-check", "empty-rules",
      ])
    #expect(Set(Guard.allCases.map(\.forcedSummary)).count == Guard.allCases.count)
    #expect(Set(Guard.allCases.map(\.manualText)).count == Guard.allCases.count)
  }

  /// A machine on which one guard of each kind has something to refuse.
  private func machine() throws -> Machine {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .bind)
    try machine.set("02.0004", driver: DriverName.vfioAP)
    machine.ownership.queues = [APQN(adapter: 2, domain: 4)]
    machine.inventory.mediatedDevices = [
      MediatedDevice(uuid: uuid, adapters: [2], domains: [4])
    ]
    machine.context.fought = [APQN(adapter: 1, domain: 4): 3]
    machine.context.undrained = [APQN(adapter: 1, domain: 5)]
    return machine
  }

  @Test func `refuses with its own sentence`() throws {
    var machine = try machine()
    machine.context.configuration.virtualMachines = [
      VirtualMachine(name: "db1", mediatedDevices: [uuid])
    ]
    #expect(
      try machine.plan(.bind, adapterOne).refusals.map(\.description) == [
        "01.0004 is left alone: another process has moved it back 3 times; find that process, then "
          + "run \"apreserve reload\", or use \(Guard.fighting.remedy)",
        "01.0005 stays with the host: it did not finish its pending requests in time; wait for the "
          + "next attempt, or use \(Guard.pendingRequests.remedy)",
        "02.0004 is assigned to mediated device \(uuid) (virtual machine db1); unassign it there "
          + "first, since its guest would lose all queues of the adapter, or use "
          + "Force=assigned-queue in apreserve.conf, or, without the daemon, --force assigned-queue",
      ])
  }

  @Test(arguments: [
    (Guard.fighting, ["01.0004 host>vfio_ap wanted"], 2),
    (.pendingRequests, ["01.0005 host>vfio_ap wanted"], 2),
    (.assignedQueue, ["02.0004 vfioAP>host givenBack"], 2), (.protectHost, [], 3),
    (.callout, [], 3), (.emptyRules, [], 3),
  ])
  func `yields to --force with its name, and the others stay`(
    forced: Guard, moves: [String], refusals: Int
  ) throws {
    var machine = try machine()
    machine.context.policy.forced = [forced]
    let plan = try machine.plan(.bind, adapterOne)
    #expect(plan.moves.map { $0.replacing("vfio_ap>", with: "vfioAP>") } == moves)
    #expect(plan.refusals.count == refusals)
  }

  @Test func `keeps everything where there is no rule at all`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)
    machine.clear(adapters: [1, 9])
    machine.ownership.adapters = [1, 9]
    machine.context.rulesAreMissing = true
    let held = try machine.plan(.mask, "")
    // Not even the bit of an adapter that is not here.
    #expect(held.isEmpty)
    #expect(
      held.refusals.first?.description
        == "01.0004 stays reserved although no rule requests it, because there are no rules at all; if "
        + "that is intended, run \"apreserve reload\", or use \(Guard.emptyRules.remedy)")
    machine.context.policy.forced = [.emptyRules]
    #expect(try machine.plan(.mask, "").changes.count == 2)
  }

  @Test(arguments: [UInt8(6), 8, 9])
  func `cannot be forced where the hardware is too old`(type: UInt8) throws {
    var machine = Machine(adapters: [1], domains: [4], type: type, mechanism: .bind)
    machine.context.policy.forced = Set(Guard.allCases)
    let plan = try machine.plan(.bind, adapterOne)
    #expect(plan.isEmpty)
    #expect(plan.refusals.map(\.reason) == [.hardwareTooOld(HardwareType(rawValue: type))])
  }
}

@Suite struct `A queue with pending requests` {
  private func machine(_ mechanism: Mechanism, online: Bool? = true) throws -> Machine {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: mechanism)
    for queue in machine.inventory.queues {
      try machine.change(queue.apqn.description) { queue in
        queue.isOnline = online
        queue.pendingRequests = 0
      }
    }
    try machine.change("01.0005") { $0.pendingRequests = 2 }
    return machine
  }

  @Test func `is switched off and waited for before it is unbound`() throws {
    let plan = try machine(.bind).plan(.bind, adapterOne)
    #expect(
      plan.writes == [
        "01.0004 > /sys/bus/ap/drivers/cex4queue/unbind",
        "01.0004 > /sys/bus/ap/drivers/vfio_ap/bind",
        "0 > /sys/devices/ap/card01/01.0005/online", "wait until 01.0005 has no pending requests",
        "01.0005 > /sys/bus/ap/drivers/cex4queue/unbind",
        "01.0005 > /sys/bus/ap/drivers/vfio_ap/bind",
      ])
  }

  @Test func `is drained before any mask is written`() throws {
    let plan = try machine(.mask).plan(.mask, adapterOne)
    #expect(
      plan.writes == [
        "0 > /sys/devices/ap/card01/01.0005/online", "wait until 01.0005 has no pending requests",
        mask(without: [1]) + " > /sys/bus/ap/apmask",
      ])
  }

  @Test func `that is switched off already is only waited for`() throws {
    let plan = try machine(.override, online: false).plan(.override, adapterOne)
    #expect(plan.writes[3] == "wait until 01.0005 has no pending requests")
    #expect(!plan.writes.contains { $0.hasPrefix("0 > ") })
  }

  @Test func `is taken at once by --force`() throws {
    var machine = try machine(.bind)
    machine.context.policy.forced = [.pendingRequests]
    #expect(try machine.plan(.bind, adapterOne).writes.count == 4)
  }

  @Test func `is switched on again when no rule wants it any more`() throws {
    var machine = try machine(.bind)
    try machine.change("01.0005") { $0.isOnline = false }
    machine.ownership.offline = [APQN(adapter: 1, domain: 5)]
    let plan = try machine.plan(.bind, #"ADAPTER=="9", RESERVE="vfio_ap""#)
    #expect(plan.writes == ["1 > /sys/devices/ap/card01/01.0005/online"])
  }

  @Test func `that another process switched off stays off`() throws {
    var machine = try machine(.bind)
    try machine.change("01.0005") { $0.isOnline = false }
    #expect(try machine.plan(.bind, #"ADAPTER=="9", RESERVE="vfio_ap""#).isEmpty)
  }
}
