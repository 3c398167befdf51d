import APBus
import Reservation
import Testing

/// What the model of masks has found, each as small as it gets.
@Suite struct `Masks are exact` {
  @Test func `where a cleared row crosses a cleared column, what is absent is counted once`()
    throws
  {
    var machine = Machine(adapters: [], mechanism: .mask)
    machine.plug(1, domains: [0])
    machine.plug(2, domains: [1])
    // Two rows or two columns would take 510 APQNs that are not there, a row and a column 509.
    let plan = try machine.plan(.mask, #"APQN=="01.0000|02.0001", RESERVE="vfio_ap""#)
    #expect(plan.latentCollateral.count == 509)
    #expect(plan.refusals.isEmpty)
  }

  @Test func `where setting an owned bit again would give the host nothing, it is left`() throws {
    var machine = Machine(adapters: [1], domains: [0], mechanism: .mask)
    machine.clear(adapters: [1], domains: [0])
    machine.ownership.adapters = [1]
    #expect(try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#).isEmpty)
  }

  @Test
  func `where no adapter stays, the domains are cleared first, and no mask is ever all zeros`()
    throws
  {
    var machine = Machine(adapters: [1], domains: [0], mechanism: .mask)
    machine.clear(adapters: [1])
    machine.ownership.adapters = [1]
    let rules = """
      APQN=="*", RESERVE="vfio_ap"
      ADAPTER=="1", RESERVE="host"
      """
    let plan = try machine.plan(.mask, rules)
    #expect(plan.writes == ["\(APMask([1])) > /sys/bus/ap/apmask"])
    #expect(plan.moves == ["01.0000 vfio_ap>host givenBack"])
  }

  @Test func `where nothing stays, an absent adapter keeps the mask from being all zeros`()
    throws
  {
    var machine = Machine(adapters: [], mechanism: .mask)
    for adapter in [1, 2] as [UInt8] { machine.plug(adapter, domains: [0, 5]) }
    machine.inventory.bus.masks = MaskPair(adapters: [1, 7, 9], domains: [0])
    for name in ["01.0005", "02.0000", "02.0005"] { try machine.set(name, driver: "vfio_ap") }
    machine.ownership = Ownership(
      adapters: APMask([1, 7, 9]).complement, domains: APMask([0]).complement)
    machine.inventory.mediatedDevices = [
      MediatedDevice(
        uuid: "11111111-2222-3333-4444-555555555555", adapters: [7], domains: [3])
    ]
    let rules = """
      APQN=="*", RESERVE="vfio_ap"
      APQN=="02.0005", RESERVE="host"
      """
    let plan = try machine.plan(.mask, rules)
    #expect(
      plan.writes == [
        "\(APMask([9])) > /sys/bus/ap/apmask", "\(APMask([5])) > /sys/bus/ap/aqmask",
        "\(APMask([2])) > /sys/bus/ap/apmask",
      ])
    #expect(
      plan.moves == ["01.0000 host>vfio_ap wanted", "02.0005 vfio_ap>host givenBack"])
    // With none that is free, nothing is planned that would not be done.
    machine.inventory.mediatedDevices[0].adapters = .all
    let refused = try machine.plan(.mask, rules)
    #expect(refused.isEmpty)
    let reason = Refusal.Reason.wouldTakeEverything(APQN(adapter: 2, domain: 5))
    #expect(refused.refusals.map(\.reason) == [reason, reason])
    // Of several that would be taken, the first is named.
    machine.plug(2, domains: [6])
    try machine.set("02.0006", driver: "vfio_ap")
    let several = try machine.plan(
      .mask, "APQN==\"*\", RESERVE=\"vfio_ap\"\nAPQN==\"02.0005|02.0006\", RESERVE=\"host\"")
    #expect(several.isEmpty)
    #expect(several.refusals.map(\.reason) == [reason, reason, reason])
  }

  @Test func `where a device has what is absent yet, its domain is cleared instead`() throws {
    var machine = Machine(adapters: [0], domains: [0], mechanism: .mask)
    machine.clear(adapters: [0])
    machine.ownership.adapters = [0]
    machine.inventory.mediatedDevices = [
      MediatedDevice(
        uuid: "11111111-2222-3333-4444-555555555555", adapters: [0], domains: [1])
    ]
    let plan = try machine.plan(.mask, "")
    #expect(
      plan.writes == [
        "\(APMask([1]).complement) > /sys/bus/ap/aqmask", "\(APMask.all) > /sys/bus/ap/apmask",
      ])
    #expect(plan.refusals.isEmpty)
    // Newer kernels look at the adapter alone.
    machine.inventory.bus.supportsOverride = true
    let refused = try machine.plan(.mask, "")
    #expect(refused.isEmpty)
    #expect(refused.refusals.map(\.apqn.description) == ["00.0000"])
  }

  @Test func `where hardware is too old to be reserved, its rule accepts nothing for others`()
    throws
  {
    var machine = Machine(adapters: [], mechanism: .mask)
    machine.plug(0, type: 9, domains: [0, 1])
    machine.plug(1, domains: [1])
    machine.clear(adapters: [0], domains: [0, 1])
    try machine.set("00.0000", driver: nil)
    try machine.set("00.0001", driver: nil)
    machine.ownership = Ownership(adapters: [0], domains: [0, 1])
    let plan = try machine.plan(
      .mask, #"APQN=="00.0001", RESERVE="vfio_ap", COLLATERAL="accept""#)
    #expect(plan.refusals.map(\.apqn.description) == ["00.0001", "01.0001"])
  }

  @Test func `where a queue would be given back, it can stay as accepted collateral`() throws {
    var machine = Machine(adapters: [1, 2], domains: [0, 1], mechanism: .mask)
    machine.clear(domains: [1])
    machine.ownership.domains = [1]
    let rules = """
      APQN=="01.0000", RESERVE="vfio_ap", COLLATERAL="accept"
      APQN=="02.0000", RESERVE="host"
      """
    let plan = try machine.plan(.mask, rules)
    #expect(plan.moves == ["01.0000 host>vfio_ap wanted", "02.0001 vfio_ap>host givenBack"])
    #expect(plan.refusals.isEmpty)
  }

  @Test func `where collateral leaves a row to the guests, more is given back beside it`() throws {
    var machine = Machine(adapters: [], mechanism: .mask)
    machine.plug(1, domains: [0, 1])
    machine.plug(2, domains: [0, 1, 2])
    machine.plug(3, domains: [2])
    machine.clear(domains: [1])
    machine.ownership.domains = [1]
    let rules = """
      APQN=="01.0000|03.0002", RESERVE="host"
      APQN=="02.0001", RESERVE="vfio_ap"
      APQN=="02.0002", RESERVE="vfio_ap", COLLATERAL="accept"
      """
    let plan = try machine.plan(.mask, rules)
    #expect(
      plan.moves == [
        "01.0001 vfio_ap>host givenBack", "02.0000 host>vfio_ap collateral",
        "02.0002 host>vfio_ap wanted",
      ])
    #expect(plan.refusals.isEmpty)
  }

  @Test
  func `where a queue cannot be given back, collateral that is accepted later does not free it`()
    throws
  {
    var machine = Machine(adapters: [], mechanism: .mask)
    machine.plug(1, domains: [0, 2])
    machine.plug(2, domains: [0, 5])
    machine.plug(3, domains: [2, 5])
    machine.clear(adapters: [1])
    machine.ownership.adapters = [1]
    // A guest has it, so that its row stays cleared as long as the host has a queue in its domain.
    try machine.change("01.0002") { $0.guestStatus = .assigned }
    let rules = """
      APQN=="01.0000|02.0000", RESERVE="host"
      APQN=="03.0005", RESERVE="vfio_ap", COLLATERAL="accept"
      ADAPTER=="4-0xff", DOMAIN=="2", RESERVE="vfio_ap"
      """
    let plan = try machine.plan(.mask, rules)
    #expect(
      plan.moves == ["03.0002 host>vfio_ap collateral", "03.0005 host>vfio_ap wanted"])
    #expect(plan.refusals.map(\.apqn.description) == ["01.0000", "01.0002"])
  }

  @Test func `what one rule accepts is not taken for another that accepts nothing`() throws {
    var machine = Machine(adapters: [], mechanism: .mask)
    machine.plug(0, domains: [0, 1, 2])
    machine.plug(1, domains: [1, 2])
    machine.plug(2, domains: [0, 1])
    let rules = """
      APQN=="00.0000", RESERVE="host"
      APQN=="00.0001-0002", RESERVE="vfio_ap"
      APQN=="01.0001|02.0000", RESERVE="vfio_ap", COLLATERAL="accept"
      """
    let plan = try machine.plan(.mask, rules)
    // Domain 2 cannot be cleared for 00.0002: 01.0002 may go only with the whole of adapter 1.
    #expect(!plan.moves.contains("01.0002 host>vfio_ap collateral"))
    #expect(plan.refusals.map(\.apqn.description) == ["00.0002"])
  }
}
