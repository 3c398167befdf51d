import APBus
import Reservation
import Testing

private func apmask(_ bits: APMask) -> String { mask(without: bits) + " > /sys/bus/ap/apmask" }
private func aqmask(_ bits: APMask) -> String { mask(without: bits) + " > /sys/bus/ap/aqmask" }

@Suite struct `A plan by mask` {
  @Test func `takes a whole adapter with one bit of apmask`() throws {
    let plan = try Machine(mechanism: .mask).plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.writes == [apmask([1])])
    #expect(plan.changes.map(\.apqn.adapter) == [1, 1, 1, 1])
    #expect(plan.changes.allSatisfy { $0.cause == .wanted && $0.to == .vfioAP })
    #expect(plan.refusals.isEmpty)
    #expect(plan.latentCollateral.count == 0)
  }

  @Test func `moves nothing for a mediated device that has a queue of the host assigned`() throws {
    var machine = Machine(mechanism: .mask)
    machine.inventory.mediatedDevices = [
      MediatedDevice(
        uuid: "11111111-2222-3333-4444-555555555555", adapters: [1], domains: [2])
    ]
    #expect(try machine.plan(.mask, #"APQN=="03.0003", RESERVE="host""#).isEmpty)
  }

  @Test func `takes a whole domain with one bit of aqmask`() throws {
    let plan = try Machine(mechanism: .mask).plan(.mask, #"DOMAIN=="2", RESERVE="vfio_ap""#)
    #expect(plan.writes == [aqmask([2])])
    #expect(plan.changes.map(\.apqn.domain) == [2, 2, 2, 2])
  }

  @Test func `takes an adapter and a domain together, with one bit of each`() throws {
    let rules = """
      ADAPTER=="1", RESERVE="vfio_ap"
      DOMAIN=="2", RESERVE="vfio_ap"
      """
    let plan = try Machine(mechanism: .mask).plan(.mask, rules)
    #expect(plan.writes == [apmask([1]), aqmask([2])])
    #expect(plan.changes.count == 7)
  }

  @Test func `refuses a single queue and names what either bit would take, too`() throws {
    let machine = Machine(adapters: [5, 6], domains: [4, 0xab], mechanism: .mask)
    let plan = try machine.plan(.mask, #"APQN=="05.0004", RESERVE="vfio_ap""#)
    #expect(plan.isEmpty)
    #expect(
      plan.refusals.map(\.description) == [
        "05.0004 cannot be reserved alone by masks: apmask without adapter 0x05 would also take "
          + "05.00ab, aqmask without domain 0x0004 would also take 06.0004; widen the rule, add "
          + "COLLATERAL=\"accept\", or use driver_override where the kernel has it"
      ])
  }

  @Test func `takes unmanaged queues, too, where the rule accepts that, the fewer of both`() throws
  {
    let machine = Machine(adapters: [5, 6, 7], domains: [4, 0xab], mechanism: .mask)
    let plan = try machine.plan(
      .mask, #"APQN=="05.0004", RESERVE="vfio_ap", COLLATERAL="accept""#)
    #expect(plan.writes == [apmask([5])])
    #expect(
      plan.moves == ["05.0004 host>vfio_ap wanted", "05.00ab host>vfio_ap collateral"])
  }

  @Test func `is settled once it has taken unmanaged queues, as the rule accepts`() throws {
    var machine = Machine(adapters: [5, 6, 7], domains: [4, 0xab], mechanism: .mask)
    machine.clear(adapters: [5])
    machine.ownership.adapters = [5]
    let rule = #"APQN=="05.0004", RESERVE="vfio_ap", COLLATERAL="accept""#
    let plan = try machine.plan(.mask, rule)
    #expect(plan.isEmpty)
    #expect(plan.refusals.isEmpty)
    // A request for the host goes before; the column is free for the reservation.
    let host = rule + "\n" + #"APQN=="05.00ab", RESERVE="host""#
    #expect(try machine.plan(.mask, host).writes == [aqmask([4]), apmask([])])
    // With a host queue in the column, too, there is no place left for it.
    let moved = try machine.plan(.mask, host + "\n" + #"APQN=="06.0004", RESERVE="host""#)
    #expect(moved.writes == [apmask([])])
    #expect(moved.moves == ["05.0004 vfio_ap>host givenBack", "05.00ab vfio_ap>host givenBack"])
    #expect(moved.refusals.map(\.apqn.description) == ["05.0004"])
  }

  @Test func `never takes a queue that is requested for the host`() throws {
    let machine = Machine(adapters: [5, 6], domains: [4, 0xab], mechanism: .mask)
    let rules = """
      APQN=="05.0004", RESERVE="vfio_ap", COLLATERAL="accept"
      APQN=="05.00ab|06.0004", RESERVE="host"
      """
    let plan = try machine.plan(.mask, rules)
    #expect(plan.isEmpty)
    #expect(plan.refusals.count == 1)
  }

  @Test func `never takes hardware below type 10, which would end unbound`() throws {
    var machine = Machine(adapters: [5], domains: [4], mechanism: .mask)
    machine.plug(6, type: 9, domains: [4])
    machine.plug(7, domains: [5])
    let plan = try machine.plan(.mask, #"DOMAIN=="4", HWTYPE=="13", RESERVE="vfio_ap""#)
    #expect(plan.writes == [apmask([5])])
    #expect(plan.moves == ["05.0004 host>vfio_ap wanted"])
  }

  @Test func `never takes hardware below type 10 even where collateral is accepted`() throws {
    var machine = Machine(adapters: [5], domains: [4, 5, 6], mechanism: .mask)
    machine.plug(6, type: 9, domains: [4])
    machine.plug(7, domains: [5, 6])
    // The column has one queue beside, of old hardware; the row has two beside that may go.
    let plan = try machine.plan(
      .mask, #"APQN=="05.0004", RESERVE="vfio_ap", COLLATERAL="accept""#)
    #expect(plan.writes == [apmask([5])])
  }

  @Test func `clears the bits that leave the least to be taken unasked later`() throws {
    // All queues are wanted: rows would do, and columns would do. New domains of these adapters are
    // wanted too, new adapters are not.
    let machine = Machine(adapters: [1, 2], domains: [0, 1], mechanism: .mask)
    let plan = try machine.plan(.mask, #"ADAPTER=="1-2", RESERVE="vfio_ap""#)
    #expect(plan.writes == [apmask([1, 2])])
    #expect(plan.latentCollateral.count == 0)
    let other = try machine.plan(.mask, #"DOMAIN=="0-1", RESERVE="vfio_ap""#)
    #expect(other.writes == [aqmask([0, 1])])
    #expect(other.latentCollateral.count == 0)
  }

  @Test func `says where later arrivals would be taken without a rule`() throws {
    let machine = Machine(adapters: [1], domains: [0, 1], mechanism: .mask)
    let plan = try machine.plan(.mask, #"APQN=="01.0000-0001", RESERVE="vfio_ap""#)
    // One row costs the 254 other domains of adapter 1; two columns would cost 255 adapters each.
    #expect(plan.writes == [apmask([1])])
    #expect(plan.latentCollateral.count == 254)
    #expect(plan.latentCollateral.adapters == [1])
  }

  @Test func `prepares absent rows and columns that the rules request whole`() throws {
    let machine = Machine(adapters: [0], domains: [0], mechanism: .mask)
    let rules = """
      ADAPTER=="9", RESERVE="vfio_ap"
      DOMAIN=="8", RESERVE="vfio_ap"
      """
    let plan = try machine.plan(.mask, rules)
    #expect(plan.writes == [apmask([9]), aqmask([8])])
    #expect(plan.changes.isEmpty)
    #expect(plan.latentCollateral.count == 0)
  }

  @Test func `sets bits again that we cleared and no rule needs any more`() throws {
    var machine = Machine(mechanism: .mask)
    machine.clear(adapters: [1])
    machine.ownership.adapters = [1]
    let plan = try machine.plan(.mask, "")
    #expect(plan.writes == [apmask([])])
    #expect(plan.changes.allSatisfy { $0.cause == .givenBack && $0.to == .host })
  }

  @Test func `keeps the row of a removed card clear that may be requested again`() throws {
    var machine = Machine(adapters: [0], domains: [0], mechanism: .mask)
    machine.clear(adapters: [7, 9])
    machine.ownership.adapters = [7, 9]
    // What 7 is shows only when it comes back; 9 is not asked for any more.
    let plan = try machine.plan(.mask, #"ADAPTER=="7", HWTYPE=="10-", RESERVE="vfio_ap""#)
    #expect(plan.writes == [apmask([7])])
  }

  @Test func `leaves unbound queues in their pool, whose driver gets them once it is loaded`()
    throws
  {
    var machine = Machine(mechanism: .mask)
    machine.inventory.bus.drivers = []
    for queue in machine.inventory.queues { try machine.set("\(queue.apqn)", driver: nil) }
    let rules = """
      APQN=="*", RESERVE="host"
      APQN=="01.0002", RESERVE="vfio_ap"
      """
    let plan = try machine.plan(.mask, rules)
    #expect(plan.isEmpty)
    #expect(plan.refusals.map(\.apqn.description) == ["01.0002"])
  }

  @Test func `keeps unbound queues reserved whose decision hangs on what cannot be read`() throws {
    var machine = Machine(mechanism: .mask)
    machine.clear(adapters: [1])
    machine.ownership.adapters = [1]
    machine.inventory.bus.drivers = []
    for queue in machine.inventory.queues { try machine.set("\(queue.apqn)", driver: nil) }
    let plan = try machine.plan(.mask, #"CARD{serialnr}=="93AA*", RESERVE="vfio_ap""#)
    #expect(plan.isEmpty)
  }

  @Test func `never gives back what another process has taken out of the pool as well`() throws {
    var machine = Machine(adapters: [1], domains: [2], mechanism: .mask)
    machine.clear(adapters: [1], domains: [2])
    machine.ownership.domains = [2]
    let plan = try machine.plan(.mask, "")
    #expect(plan.changes.isEmpty)
    #expect(plan.writes.allSatisfy { !$0.hasSuffix("apmask") })
  }

  @Test func `never has the kernel bind a queue to the host below a card without driver`() throws {
    var machine = Machine(mechanism: .mask)
    machine.clear(adapters: [1])
    machine.ownership.adapters = [1]
    var card = try #require(machine.inventory.card(1))
    card.driver = nil
    machine.inventory.setCard(card, adapter: 1)
    let plan = try machine.plan(.mask, "")
    #expect(plan.isEmpty)
    #expect(Set(plan.refusals.map(\.reason.isCardUnbound)) == [true])
    // Nor as a side effect of a mask that is about others.
    try machine.set("01.0000", driver: nil)
    machine.inventory.bus.masks?.adapters = .all
    machine.ownership = Ownership()
    let other = try machine.plan(.mask, #"ADAPTER=="2", RESERVE="vfio_ap""#)
    #expect(other.isEmpty)
    #expect(other.refusals.count == 4)
  }

  @Test func `leaves bits alone that another process cleared`() throws {
    var machine = Machine(mechanism: .mask)
    machine.clear(adapters: [1])
    #expect(try machine.plan(.mask, "").isEmpty)
  }

  @Test func `moves from one adapter to another without touching what stays`() throws {
    var machine = Machine(mechanism: .mask)
    machine.clear(adapters: [1, 2])
    machine.ownership.adapters = [1, 2]
    let plan = try machine.plan(.mask, #"ADAPTER=="2-3", RESERVE="vfio_ap""#)
    // First what stays with the host in both, then the new adapter.
    #expect(plan.writes == [apmask([1, 2, 3]), apmask([2, 3])])
    #expect(Set(plan.changes.map(\.apqn.adapter)) == [1, 3])
  }

  @Test func `keeps what is reserved and refuses only the new request`() throws {
    var machine = Machine(adapters: [1, 2], domains: [0, 1], mechanism: .mask)
    machine.clear(adapters: [1])
    machine.ownership.adapters = [1]
    let rules = """
      ADAPTER=="1", RESERVE="vfio_ap"
      APQN=="02.0001", RESERVE="vfio_ap"
      APQN=="02.0000", RESERVE="host"
      """
    // Column 1 holds no queue of the host but the new request itself, so it can be had.
    #expect(try machine.plan(.mask, rules).moves == ["02.0001 host>vfio_ap wanted"])
    machine.plug(3, domains: [0, 1])
    let plan = try machine.plan(.mask, rules)
    #expect(plan.isEmpty)
    #expect(plan.refusals.map(\.apqn.description) == ["02.0001"])
  }

  @Test func `probes a wanted queue that the masks leave unbound`() throws {
    var machine = Machine(mechanism: .mask)
    machine.clear(adapters: [1])
    try machine.set("01.0002", driver: nil)
    let plan = try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.writes == ["01.0002 > /sys/bus/ap/drivers_probe"])
    #expect(plan.moves == ["01.0002 none>vfio_ap wanted"])
  }

  @Test func `moves a wanted queue that the host has although the masks are right`() throws {
    var machine = Machine(mechanism: .mask)
    machine.clear(adapters: [1])
    try machine.set("01.0002", driver: DriverName.cex4queue)
    let plan = try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(
      plan.writes == [
        "01.0002 > /sys/bus/ap/drivers/cex4queue/unbind", "01.0002 > /sys/bus/ap/drivers_probe",
      ])
    #expect(plan.moves == ["01.0002 host>vfio_ap wanted"])
  }

  @Test func `shows that a mask write also binds unbound queues of the host's pool`() throws {
    var machine = Machine(mechanism: .mask)
    try machine.set("03.0003", driver: nil)
    let plan = try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.moves.contains("03.0003 none>host sideEffect"))
  }

  @Test func `leaves wanted queues unbound until vfio_ap is loaded`() throws {
    var machine = Machine(adapters: [1, 2], domains: [0], mechanism: .mask)
    machine.inventory.bus.drivers.removeAll { $0 == DriverName.vfioAP }
    let plan = try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.writes == [apmask([1])])
    #expect(plan.moves == ["01.0000 host>none wanted"])
    #expect(plan.waiting.map(\.apqn.description) == ["01.0000"])
  }

  @Test func `refuses every mask while an override is set, since the kernel does`() throws {
    var machine = Machine(mechanism: .mask)
    try machine.set("03.0003", driver: DriverName.vfioAP, driverOverride: "vfio_ap")
    let plan = try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.isEmpty)
    #expect(plan.refusals.count == 4)
    #expect(plan.refusals.first?.reason == .overrideInUse(APQN(adapter: 3, domain: 3)))
  }

  @Test(arguments: [DriverName.vfioAP, nil])
  func `gives back what an owned override reserves`(driver: String?) throws {
    var machine = Machine(mechanism: .override)
    try machine.set("03.0003", driver: driver, driverOverride: "vfio_ap")
    machine.ownership.queues = [APQN(adapter: 3, domain: 3)]
    let plan = try machine.plan(.mask, #"ADAPTER=="3", RESERVE:="host""#)
    let unbind = driver.map { _ in ["03.0003 > /sys/bus/ap/drivers/vfio_ap/unbind"] } ?? []
    #expect(
      plan.writes == [
        "(an empty line) > /sys/devices/ap/card03/03.0003/driver_override",
        "check again that no mediated device has 03.0003",
      ] + unbind + ["03.0003 > /sys/bus/ap/drivers_probe"])
    #expect(plan.refusals.isEmpty)
  }

  @Test(arguments: [(false, [String]()), (true, ["01.0000", "01.0001"])])
  func `refuses to give back what the kernel would veto`(asksWide: Bool, refused: [String]) throws {
    var machine = Machine(adapters: [1, 2], domains: [0, 1], mechanism: .mask)
    machine.clear(adapters: [1], domains: [1])
    machine.ownership.adapters = [1]
    machine.inventory.bus.supportsOverride = asksWide
    machine.inventory.mediatedDevices = [
      MediatedDevice(
        uuid: "11111111-2222-3333-4444-555555555555", adapters: [1], domains: [7])
    ]
    // Older kernels ask about domains of the current aqmask, newer ones about any.
    machine.inventory.bus.masks?.domains.remove(7)
    let plan = try machine.plan(.mask, #"DOMAIN=="1|7", RESERVE="vfio_ap""#)
    #expect(plan.isEmpty == asksWide)
    #expect(plan.refusals.map(\.apqn.description) == refused.filter { $0 == "01.0000" })
  }

  @Test func `finds masks whenever there are any, at the least latent collateral`() throws {
    // Every reservable set on a 3 x 3 machine, against a search of all 64 pairs of masks.
    for bits in 0..<512 {
      let machine = Machine(adapters: [0, 1, 2], domains: [0, 1, 2], mechanism: .mask)
      let wanted = machine.inventory.queues.enumerated().filter { bits & (1 << $0.offset) != 0 }
      guard !wanted.isEmpty else { continue }
      let names = wanted.map { "\($0.element.apqn)" }.joined(separator: "|")
      let plan = try machine.plan(.mask, "APQN==\"\(names)\", RESERVE=\"vfio_ap\"")
      let wantedSet = Set(wanted.map(\.element.apqn))
      var best: Int?
      for adapters in 0..<8 {
        for domains in 0..<8 {
          let pair = MaskPair(
            adapters: APMask((0..<3).filter { adapters & 1 << $0 == 0 }.map(UInt8.init)),
            domains: APMask((0..<3).filter { domains & 1 << $0 == 0 }.map(UInt8.init)))
          let taken = machine.inventory.queues.map(\.apqn).filter { !pair.isInHostPool($0) }
          guard Set(taken) == wantedSet else { continue }
          let cleared = 6 - pair.adapters.count - pair.domains.count
          best = min(best ?? .max, cleared * 253)
        }
      }
      #expect(plan.refusals.isEmpty == (best != nil), "\(names)")
      if let best {
        #expect(Set(plan.changes.map(\.apqn)) == wantedSet, "\(names)")
        #expect(plan.latentCollateral.count == best, "\(names)")
      }
    }
  }

  private static let pairOfMasks = """
    ADAPTER=="3", RESERVE="vfio_ap"
    DOMAIN=="1", RESERVE="vfio_ap", COLLATERAL="accept"
    APQN=="00.0001", RESERVE="unmanaged"
    """

  @Test func `shows where the first of two writes binds an unbound queue and the second takes it`()
    throws
  {
    var machine = Machine(mechanism: .mask)
    try machine.set("00.0001", driver: nil)
    let plan = try machine.plan(.mask, Self.pairOfMasks)
    #expect(plan.operations.first?.steps.count == 2)
    #expect(plan.moves.contains("00.0001 none>vfio_ap collateral"))
  }

  @Test func `never has the first of two writes bind a queue below a card without driver`() throws {
    var machine = Machine(mechanism: .mask)
    try machine.set("00.0001", driver: nil)
    try machine.change(card: 0) { $0.driver = nil }
    let plan = try machine.plan(.mask, Self.pairOfMasks)
    #expect(plan.isEmpty)
    #expect(
      plan.refusals.contains {
        $0.reason == .wouldBindBelowUnboundCard(APQN(adapter: 0, domain: 1))
      })
  }
}

extension Refusal.Reason {
  fileprivate var isCardUnbound: Bool { self == .cardUnbound }
}
