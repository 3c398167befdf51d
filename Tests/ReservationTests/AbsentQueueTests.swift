import APBus
import Reservation
import Testing

private let request = #"DOMAIN=="0x10", RESERVE="vfio_ap""#
private let lock = #"ADAPTER=="5", RESERVE:="host", NAME="dm-crypt""#
private let rules = request + "\n" + lock

@Suite struct `An absent queue` {
  /// Cards 5, 6 and 0a of domains 4, 10 and 47, or those of them that are here.
  private func machine(
    _ adapters: [UInt8] = [5, 6, 10], domains: [UInt8] = [4, 0x10, 0x47],
    mechanism: Mechanism = .mask
  ) -> Machine {
    Machine(adapters: adapters, domains: domains, mechanism: mechanism)
  }

  @Test(arguments: [[5, 6, 10], [6, 10], [6], []] as [[UInt8]])
  func `is the host's where rules say so, so a request that would take it is refused`(
    adapters: [UInt8]
  ) throws {
    let plan = try machine(adapters).plan(.mask, rules)
    #expect(plan.isEmpty)
    #expect(plan.refusals.count == adapters.count { $0 != 5 })
    #expect(plan.latentCollateral.count == 0)
  }

  @Test func `is counted in the refusal, apart from those present`() throws {
    let plan = try machine([6]).plan(.mask, rules)
    #expect(
      plan.refusals.map(\.description) == [
        "06.0010 cannot be reserved alone by masks: apmask without adapter 0x06 would also take "
          + "06.0004, 06.0047, aqmask without domain 0x0010 would also take 1 that are absent "
          + "now and may be the host's; widen the rule, add COLLATERAL=\"accept\", or use "
          + "driver_override where the kernel has it"
      ])
  }

  @Test func `cannot be taken by a domain where its card may show that it is the host's`() throws {
    let serial = request + "\n" + #"CARD{serialnr}=="93AABEKX", RESERVE:="host""#
    #expect(try machine([6]).plan(.mask, serial).isEmpty)
    // Where no rule can make it the host's, a new adapter is latent collateral at most.
    #expect(try machine([6]).plan(.mask, request).writes.count == 1)
  }

  @Test func `returns to the host's pool when rules reserve it for the host`() throws {
    var machine = machine([6, 10])
    machine.clear(domains: [0x10])
    machine.ownership.domains = [0x10]
    let plan = try machine.plan(.mask, rules)
    #expect(plan.moves.count == 2)
    #expect(plan.moves.allSatisfy { $0.hasSuffix("vfio_ap>host givenBack") })
    #expect(plan.refusals.count == 2)
    // Not where another process keeps it out: the plan says how many that are.
    machine.ownership.domains = []
    let other = try machine.plan(.mask, rules)
    #expect(other.isEmpty)
    #expect(other.latentCollateral.hostCount == 1)
  }

  @Test func `stays reserved where a mediated device has what would be given back with it`() throws
  {
    var machine = machine([6, 10])
    machine.clear(domains: [0x10])
    machine.ownership.domains = [0x10]
    machine.inventory.mediatedDevices = [
      MediatedDevice(
        uuid: "11111111-2222-3333-4444-555555555555", adapters: [6], domains: [0x10])
    ]
    #expect(try machine.plan(.mask, rules).isEmpty)
    // Or where it has what is to be given back itself, and is absent.
    machine.inventory.mediatedDevices[0].adapters = [5]
    #expect(try machine.plan(.mask, rules).isEmpty)
  }

  @Test func `is not taken after its removal where it was not to be taken before`() throws {
    let rule = #"APQN=="06.0010", RESERVE="vfio_ap""#
    let whole = machine([5, 6], domains: [4, 0x10])
    #expect(try whole.plan(.mask, rule).refusals.count == 1)
    // Card 5 has gone, and with it the only other queue of the domain.
    var gone = machine([6], domains: [4, 0x10])
    #expect(try !gone.plan(.mask, rule).isEmpty)
    for change in whole.ownership.newlySeen(on: whole.inventory) { gone.ownership.apply(change) }
    #expect(try gone.plan(.mask, rule).isEmpty)
    // A rule that accepts collateral accepts this, too.
    #expect(try gone.plan(.mask, rule + #", COLLATERAL="accept""#).writes.count == 1)
    // And what rules want reserved is in nobody's way.
    let both = rule + "\n" + #"APQN=="05.0010", RESERVE="vfio_ap""#
    #expect(try gone.plan(.mask, both).writes.count == 1)
    // Unless it was too old for that.
    var older = gone
    older.ownership.olderAdapters = [5]
    #expect(try older.plan(.mask, both).isEmpty)
    // Unless the host may need the keys that it had.
    gone.context.policy.protectHost = .yes
    try gone.change("06.0010") { $0.masterKeys = MasterKeyPattern(registers: []) }
    try gone.change("06.0004") { $0.masterKeys = MasterKeyPattern(registers: []) }
    #expect(try gone.plan(.mask, both).isEmpty)
  }

  @Test func `keeps masks from being chosen where they would not be exact with it`() throws {
    func choice(_ rules: String, _ change: (inout Machine) -> Void) throws -> Mechanism {
      var machine = machine([6, 10], mechanism: .override)
      change(&machine)
      return try MechanismChoice(planner: machine.planner(rules)).mechanism
    }
    // Adapter 5 is the host's, here or not.
    #expect(try choice(rules) { _ in } == .override)
    #expect(try choice(request) { _ in } == .mask)
    // 06.0010 alone needs its whole domain, in which 05.0010 is configured for this system.
    let alone = #"APQN=="06.0010|0a.0010", RESERVE="vfio_ap""#
    #expect(try choice(alone) { _ in } == .mask)
    #expect(try choice(alone) { $0.inventory.bus.configuredAdapters = [5, 6, 10] } == .override)
    #expect(try choice(alone) { $0.inventory.bus.configuredAdapters = [6, 10, 255] } == .override)
    // What rules want must be possible beside it when it comes.
    let later = #"ADAPTER=="6", RESERVE="vfio_ap""# + "\n" + #"APQN=="07.0004", RESERVE="vfio_ap""#
    #expect(try choice(later) { _ in } == .mask)
    #expect(try choice(later) { $0.inventory.bus.configuredAdapters = [6, 7, 10] } == .override)
    // Also where rules keep for the host what this system is not known to have.
    let kept = later + "\n" + #"APQN=="07.0005", RESERVE="host""#
    #expect(try choice(kept) { _ in } == .override)
    // What is too old to be reserved is the host's, although rules want it.
    let older = later + "\n" + #"APQN=="0a.0004", RESERVE="vfio_ap""#
    func plugOlder(_ machine: inout Machine) {
      machine.inventory.bus.configuredAdapters = [6, 7, 10]
      machine.plug(10, type: 9, domains: [4, 0x10])
    }
    #expect(try choice(older, plugOlder) == .override)
    #expect(try choice(older) { $0.inventory.bus.configuredAdapters = [6, 7, 10] } == .mask)
  }

  @Test func `makes masks inexact, which overrides replace once no guest blocks them`()
    throws
  {
    var machine = machine([6, 10], mechanism: .override)
    machine.clear(domains: [0x10])
    machine.ownership.domains = [0x10]
    machine.ownership.mechanism = .mask
    machine.plug(7, domains: [4, 0x10])
    try machine.set("07.0010", driver: DriverName.vfioAP)
    let rule = #"ADAPTER=="6|0x0a", DOMAIN=="0x10", RESERVE="vfio_ap""#
    let planner = try machine.planner(rule)
    #expect(try MechanismChoice(planner: planner).mechanism == .override)
    let plan = planner.plan(by: .override)
    // What is done after that is in the plan as well.
    #expect(
      plan.writes == [
        "\(APMask.all) > /sys/bus/ap/aqmask",
        "vfio_ap > /sys/devices/ap/card06/06.0010/driver_override",
        "06.0010 > /sys/bus/ap/drivers/cex4queue/unbind", "06.0010 > /sys/bus/ap/drivers_probe",
        "vfio_ap > /sys/devices/ap/card0a/0a.0010/driver_override",
        "0a.0010 > /sys/bus/ap/drivers/cex4queue/unbind", "0a.0010 > /sys/bus/ap/drivers_probe",
      ])
    #expect(
      plan.moves == [
        "06.0010 vfio_ap>host sideEffect", "06.0010 host>vfio_ap wanted",
        "07.0010 vfio_ap>host givenBack", "0a.0010 vfio_ap>host sideEffect",
        "0a.0010 host>vfio_ap wanted",
      ])
    #expect(plan.warnings.contains(.leavesMasks))
    machine.inventory.mediatedDevices = [
      MediatedDevice(uuid: "11111111-2222-3333-4444-555555555555", adapters: [6], domains: [])
    ]
    let held = try machine.planner(rule)
    #expect(try MechanismChoice(planner: held).mechanism == .mask)
    #expect(held.plan(by: .override).isEmpty)
  }

  @Test func `is on record by card, with hardware that is too old apart`() throws {
    var ownership = Ownership()
    var machine = machine([5], domains: [4, 0x10])
    machine.plug(6, type: 9, domains: [4])
    for change in ownership.newlySeen(on: machine.inventory) { ownership.apply(change) }
    #expect(ownership.seen == APQNSet(machine.inventory.queues.map(\.apqn)))
    #expect(ownership.olderAdapters == [6])
    #expect(ownership.newlySeen(on: machine.inventory) == [])
    let text = OwnershipText.text(ownership, boot: "b")
    #expect(try OwnershipText.read(Array(text.utf8), boot: "b") == ownership)
    // A newer card in its place.
    machine.plug(6, domains: [4])
    for change in ownership.newlySeen(on: machine.inventory) { ownership.apply(change) }
    #expect(ownership.olderAdapters == [])
  }
}
