import APBus
@testable import Reservation
import TestSupport
import Testing

private let uuid = "11111111-2222-3333-4444-555555555555"

@Suite struct `The search for masks` {
  @Test func `clears the row where the column costs the same`() throws {
    let machine = Machine(adapters: [1], domains: [4], mechanism: .mask)
    let plan = try machine.plan(.mask, #"APQN=="01.0004", RESERVE="vfio_ap""#)
    #expect(plan.writes == ["\(mask(without: [1])) > /sys/bus/ap/apmask"])
    #expect(
      plan.latentCollateral
        == LatentCollateral(adapters: [1], domains: [], count: 255))
  }

  @Test func `says by which rows and columns later arrivals would be taken`() throws {
    var machine = Machine(adapters: [], mechanism: .mask)
    machine.plug(1, domains: [0])
    machine.plug(2, domains: [1])
    let plan = try machine.plan(.mask, #"APQN=="01.0000|02.0001", RESERVE="vfio_ap""#)
    let masks = try #require(plan.masks(after: machine.inventory.bus))
    #expect(plan.latentCollateral.adapters == masks.adapters.complement)
    #expect(plan.latentCollateral.domains == masks.domains.complement)
    #expect(plan.latentCollateral.adapters.count == 1)
    #expect(plan.latentCollateral.domains.count == 1)
  }

  /// Three rows, and thirteen columns of which no two are alike; and the other way round.
  @Test(arguments: [false, true])
  func `tries all ways where one side has few kinds, however many the other has`(
    isTransposed: Bool
  ) throws {
    func apqn(_ adapter: UInt8, _ domain: UInt8) -> APQN {
      isTransposed
        ? APQN(adapter: domain, domain: adapter) : APQN(adapter: adapter, domain: domain)
    }
    let present = [apqn(1, 0), apqn(2, 1)] + (10...20).map { apqn(3, $0) }
    // Rules speak of these, too, of another row each, and they are not here.
    let absent = (10...20).map { apqn($0 + 20, $0) }
    var machine = Machine(adapters: [], mechanism: .mask)
    for adapter in Set(present.map(\.adapter)).sorted() {
      machine.plug(adapter, domains: present.filter { $0.adapter == adapter }.map(\.domain))
    }
    let names = (present + absent).map(\.description).joined(separator: "|")
    let plan = try machine.plan(.mask, #"APQN=="\#(names)", RESERVE="vfio_ap""#)
    #expect(Set(plan.changes.map(\.apqn)) == Set(present))
    // A whole line has 256 places. The third has 11 of what is wanted; of the other two, one is cleared by its
    // row and one by its column, and where they cross each other and the third, places count once.
    #expect(plan.latentCollateral.count == (256 - 11) + (256 - 1) + (256 - 1) - 2)
  }

  /// As many as all ways are tried for: half of them are cleared by their rows, half by their columns.
  @Test func `tries all ways of eight kinds`() throws {
    var machine = Machine(adapters: [], mechanism: .mask)
    for number in UInt8(1)...8 { machine.plug(number, domains: [number]) }
    let names = (1...8).map { "0\($0).000\($0)" }.joined(separator: "|")
    let plan = try machine.plan(.mask, #"APQN=="\#(names)", RESERVE="vfio_ap""#)
    #expect(plan.changes.count == 8)
    #expect(plan.latentCollateral.count == 8 * 256 - 4 * 4 - 8)
  }

  @Test(arguments: [false, true])
  func `sets a bit again for a queue of the host, although nothing else would come with it`(
    isByDomains: Bool
  ) {
    var solver = MaskSolver(
      current: MaskPair(
        adapters: isByDomains ? .all : APMask([1]).complement,
        domains: isByDomains ? APMask([1]).complement : .all))
    solver.owned = MaskPair(adapters: isByDomains ? [] : [1], domains: isByDomains ? [1] : [])
    // Nobody knows of any APQN to come.
    #expect(solver.solution() == solver.current)
    solver.hosts = APQNSet([APQN(adapter: 1, domain: 1)])
    #expect(solver.solution() == MaskPair(adapters: .all, domains: .all))
  }

  @Test func `takes nothing that may come later where rules claim all of it`() throws {
    let machine = Machine(adapters: [1, 2], domains: [4], mechanism: .mask)
    let plan = try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.changes.count == 1)
    #expect(plan.latentCollateral == LatentCollateral())
  }

  /// More of both, each of another kind, than all ways are tried for. A bit that is clear counts as one that is
  /// set does, on either side.
  @Test(arguments: [false, true])
  func `clears rows where as many columns cost the same`(areClear: Bool) {
    let bits = APMask(0..<9 as Range<UInt8>)
    let pair = MaskPair(adapters: bits.complement, domains: bits.complement)
    var solver = MaskSolver(current: areClear ? pair : MaskPair(adapters: .all, domains: .all))
    if areClear { solver.owned = MaskPair(adapters: bits, domains: bits) }
    for number in bits {
      solver.reserved.insert(APQN(adapter: number, domain: number))
      // One APQN to come in each row and in each column.
      solver.latent.insert(APQN(adapter: number, domain: 100))
      solver.latent.insert(APQN(adapter: 100, domain: number))
    }
    solver.hosts = APQNSet([APQN(adapter: 254, domain: 254)])
    #expect(solver.solution() == MaskPair(adapters: bits.complement, domains: .all))
  }

  /// More rows and columns, each of another kind, than all ways are tried for.
  private let lines: [UInt8] = Array(0..<8) + [255]

  private func solver(_ generator: inout SeededGenerator) -> MaskSolver {
    var solver = MaskSolver(current: MaskPair(adapters: .all, domains: .all))
    for adapter in lines {
      // Few, so that some are best reserved by their rows and others by their columns.
      for domain in lines where adapter == domain || Int.random(in: 0..<6, using: &generator) == 0 {
        solver.reserved.insert(APQN(adapter: adapter, domain: domain))
      }
      // About as many as a column has, and more in some than in others.
      let share = Int.random(in: 3..<20, using: &generator)
      for domain in UInt8.min...UInt8.max where Int.random(in: 0..<share, using: &generator) == 0 {
        let apqn = APQN(adapter: adapter, domain: domain)
        if !solver.reserved.contains(apqn) { solver.latent.insert(apqn) }
      }
    }
    let shares = lines.map { _ in Int.random(in: 1..<8, using: &generator) }
    for adapter in 100..<200 as Range<UInt8> {
      solver.latent[adapter] = APMask(
        zip(lines, shares).filter { Int.random(in: 0..<$1, using: &generator) == 0 }.map(\.0))
    }
    // What is left to the host needs no bit of these.
    solver.hosts = APQNSet([APQN(adapter: 254, domain: 254)])
    return solver
  }

  @Test func `finds the cheapest cover where there are too many ways to try`() {
    var generator = SeededGenerator(seed: 12)
    for _ in 0..<10 {
      let solver = solver(&generator)
      let masks = solver.solution()
      #expect(solver.reserved.allSatisfy { !masks.isInHostPool($0) })
      #expect(solver.hosts.allSatisfy { masks.isInHostPool($0) })
      // What is not here and goes along with a row or a column; what is in both counts twice.
      let rowCosts = (UInt8.min...UInt8.max).map { solver.latent[$0].count }
      let columnCosts = (UInt8.min...UInt8.max).map {
        solver.latent.adapters(inDomain: $0).count
      }
      func cost(_ adapters: APMask, _ domains: APMask) -> Int {
        adapters.reduce(0) { $0 + rowCosts[Int($1)] }
          + domains.reduce(0) { $0 + columnCosts[Int($1)] }
      }
      var best = Int.max
      for choice in 0..<(1 << 9) {
        let rows = APMask(lines.indices.filter { choice & 1 << $0 != 0 }.map { lines[$0] })
        var columns = APMask()
        for adapter in solver.reserved.adapters where !rows.contains(adapter) {
          columns.formUnion(solver.reserved[adapter])
        }
        best = min(best, cost(rows, columns))
      }
      #expect(cost(masks.adapters.complement, masks.domains.complement) == best)
    }
  }

  @Test(arguments: [false, true])
  func `clears the fewest bits of all that cost the same latent collateral`(isTransposed: Bool) {
    func apqn(_ adapter: UInt8, _ domain: UInt8) -> APQN {
      isTransposed
        ? APQN(adapter: domain, domain: adapter) : APQN(adapter: adapter, domain: domain)
    }
    // Nothing is latent: ten rows of one domain each, of which each is another one, and two more.
    var solver = MaskSolver(current: MaskPair(adapters: .all, domains: .all))
    for number in 0..<10 as Range<UInt8> {
      for domain in 0...number { solver.reserved.insert(apqn(number, domain)) }
    }
    for number in 20..<22 as Range<UInt8> { solver.reserved.insert(apqn(number, 0)) }
    solver.hosts = APQNSet([APQN(adapter: 255, domain: 255)])
    let masks = solver.solution()
    #expect(solver.reserved.allSatisfy { !masks.isInHostPool($0) })
    #expect(masks.adapters.complement.count + masks.domains.complement.count == 10)
  }

  @Test func `prefers bits that are cleared already`() {
    // Owned, so that they may be set again; nothing is latent.
    let cleared = APMask(0..<10 as Range<UInt8>).union([20, 21])
    for isByDomains in [false, true] {
      var solver = MaskSolver(
        current: MaskPair(
          adapters: isByDomains ? .all : cleared.complement,
          domains: isByDomains ? cleared.complement : .all))
      solver.owned = MaskPair(
        adapters: isByDomains ? [] : cleared, domains: isByDomains ? cleared : [])
      // Ten bits of the other mask would do.
      for number in cleared {
        for other in 0..<10 as Range<UInt8> where other != number % 10 {
          solver.reserved.insert(
            isByDomains
              ? APQN(adapter: other, domain: number) : APQN(adapter: number, domain: other))
        }
      }
      solver.hosts = APQNSet([APQN(adapter: 255, domain: 255)])
      #expect(solver.solution() == solver.current)
    }
  }
}

@Suite struct `What masks keep prepared` {
  /// Row and column 9 are cleared and owned, and nothing of them is here.
  private func machine(_ mechanism: Mechanism) -> Machine {
    var machine = Machine(adapters: [1], domains: [4], mechanism: mechanism)
    machine.clear(adapters: [9], domains: [9])
    machine.ownership.adapters = [9]
    machine.ownership.domains = [9]
    return machine
  }

  private let serial = """
    ADAPTER=="9", CARD{serialnr}=="93AA*", RESERVE="vfio_ap"
    DOMAIN=="9", CARD{serialnr}=="93AA*", RESERVE="vfio_ap"
    """

  @Test func `is what may be wanted again once its card shows what it is`() throws {
    let machine = machine(.mask)
    #expect(try machine.plan(.mask, serial).isEmpty)
  }

  @Test func `is not what may be the host's then`() throws {
    let plan = try machine(.mask).plan(.mask, serial.replacing("vfio_ap", with: "host"))
    #expect(
      plan.writes == [
        "\(APMask.all) > /sys/bus/ap/aqmask", "\(APMask.all) > /sys/bus/ap/apmask",
      ])
  }

  @Test func `is only what is sure to be wanted where the kernel has overrides`() throws {
    #expect(
      try machine(.override).plan(.mask, serial).writes == [
        "\(APMask.all) > /sys/bus/ap/aqmask", "\(APMask.all) > /sys/bus/ap/apmask",
      ])
    let sure = serial.replacing(#" CARD{serialnr}=="93AA*","#, with: "")
    #expect(try machine(.override).plan(.mask, sure).isEmpty)
  }
}

@Suite struct `A row or column that rules request before it is present` {
  private func plan(_ rule: String, protects: Bool) throws -> Plan {
    let whole = Machine(adapters: [5, 6], domains: [4, 0x10], mechanism: .mask)
    var machine = Machine(adapters: [6], domains: [4], mechanism: .mask)
    for change in whole.ownership.newlySeen(on: whole.inventory) { machine.ownership.apply(change) }
    try machine.change("06.0004") { $0.masterKeys = MasterKeyPattern(registers: []) }
    machine.context.policy.protectHost = protects ? .yes : .no
    return try machine.plan(.mask, rule)
  }

  @Test(arguments: [#"ADAPTER=="5", RESERVE="vfio_ap""#, #"DOMAIN=="0x10", RESERVE="vfio_ap""#])
  func `is not cleared while the host may need the keys of what was present`(rule: String) throws {
    #expect(try plan(rule, protects: true).isEmpty)
    #expect(try plan(rule, protects: false).writes.count == 1)
  }
}

@Suite struct `A queue that masks cannot give back` {
  /// Domain 5 has no queue on adapter 1 yet, and a device has it already.
  private func machine() -> Machine {
    var machine = Machine(adapters: [1], domains: [4], mechanism: .mask)
    machine.plug(2, domains: [4, 5])
    machine.clear(adapters: [1])
    machine.ownership.adapters = [1]
    machine.inventory.mediatedDevices = [MediatedDevice(uuid: uuid, adapters: [1], domains: [5])]
    return machine
  }

  @Test func `because a device has an absent queue names the device`() throws {
    let plan = try machine().plan(.mask, #"APQN=="02.*", RESERVE="host""#)
    #expect(plan.isEmpty)
    #expect(plan.refusals == [Refusal(APQN(adapter: 1, domain: 4), .vetoed(mediatedDevice: uuid))])
  }

  @Test func `because of a queue that stays reserved says which queue that is`() throws {
    var machine = machine()
    machine.plug(1, domains: [4, 5])
    for name in ["01.0004", "01.0005"] { try machine.set(name, driver: DriverName.vfioAP) }
    machine.inventory.mediatedDevices = []
    let plan = try machine.plan(
      .mask,
      #"APQN=="02.0005", RESERVE="host""# + "\n" + #"APQN=="01.0004", RESERVE="host""# + "\n"
        + #"APQN=="01.0005", RESERVE="vfio_ap""#)
    // What rules keep for the host goes before what they reserve.
    #expect(plan.moves.contains("01.0004 vfio_ap>host givenBack"))
    machine.inventory.mediatedDevices = [MediatedDevice(uuid: uuid, adapters: [1], domains: [5])]
    let held = try machine.plan(.mask, #"ADAPTER=="1|2", RESERVE="host""#)
    #expect(held.isEmpty)
    // One refusal each, and that of the queue itself is about its guest.
    #expect(
      held.refusals == [
        Refusal(APQN(adapter: 1, domain: 4), .vetoed(mediatedDevice: uuid)),
        Refusal(APQN(adapter: 1, domain: 5), .guarded(.assigned(mediatedDevice: uuid))),
      ])
  }
}

@Suite struct `A queue that masks give back` {
  @Test(arguments: [false, true], [Mechanism.mask, .override])
  func `is not held by a device that has no queue`(isByDomains: Bool, kernel: Mechanism) throws {
    var machine = Machine(adapters: [1, 2], domains: [1, 2], mechanism: kernel)
    machine.clear(adapters: isByDomains ? [] : [1], domains: isByDomains ? [1] : [])
    machine.ownership.adapters = isByDomains ? [] : [1]
    machine.ownership.domains = isByDomains ? [1] : []
    machine.inventory.mediatedDevices = [
      MediatedDevice(
        uuid: uuid, adapters: isByDomains ? [] : [1], domains: isByDomains ? [1] : [])
    ]
    let plan = try machine.plan(.mask, #"APQN=="*", RESERVE="host""#)
    #expect(plan.refusals == [])
    #expect(plan.changes.count == 2)
    #expect(plan.changes.allSatisfy { $0.to == .host })
  }

  /// A mediated device may be unreadable, or gone already.
  @Test func `is not one that a guest has by its status alone`() throws {
    var machine = Machine(adapters: [1], domains: [1], mechanism: .mask)
    machine.clear(adapters: [1])
    machine.ownership.adapters = [1]
    try machine.change("01.0001") { $0.guestStatus = .inUse }
    let plan = try machine.plan(.mask, #"APQN=="01.0001", RESERVE="host""#)
    #expect(plan.isEmpty)
    #expect(
      plan.refusals == [
        Refusal(APQN(adapter: 1, domain: 1), .guarded(.assigned(mediatedDevice: nil)))
      ])
  }

  @Test func `needs no card that is bound before any driver is loaded`() throws {
    var machine = Machine(adapters: [1, 2], domains: [1, 2], mechanism: .mask)
    machine.inventory.bus.drivers = []
    machine.clear(adapters: [1])
    machine.ownership.adapters = [1]
    for queue in machine.inventory.queues { try machine.set(queue.apqn.description, driver: nil) }
    for adapter in [UInt8(1), 2] { try machine.change(card: adapter) { $0.driver = nil } }
    let plan = try machine.plan(.mask, #"APQN=="*", RESERVE="host""#)
    #expect(plan.writes == ["\(APMask.all) > /sys/bus/ap/apmask"])
    #expect(plan.refusals == [])
  }

  @Test func `is not held up by hardware that is too old to be reserved`() throws {
    var machine = Machine(adapters: [1], domains: [4, 5], mechanism: .mask)
    machine.plug(2, type: 9, domains: [4, 5])
    machine.clear(domains: [4])
    machine.ownership.domains = [4]
    try machine.set("02.0004", driver: nil)
    let plan = try machine.plan(
      .mask, #"APQN=="01.0004", RESERVE:="host""# + "\n" + #"DOMAIN=="4", RESERVE="vfio_ap""#)
    #expect(plan.writes == ["\(APMask.all) > /sys/bus/ap/aqmask"])
    #expect(plan.refusals.map(\.reason) == [.hardwareTooOld(HardwareType(rawValue: 9))])
  }

  @Test func `stays where another queue would come with it that a guest has by its status`() throws
  {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)
    machine.clear(domains: [4])
    machine.ownership.domains = [4]
    try machine.change("02.0004") { $0.guestStatus = .inUse }
    let plan = try machine.plan(.mask, #"APQN=="*", RESERVE="host""#)
    #expect(plan.isEmpty)
    let other = APQN(adapter: 2, domain: 4)
    #expect(
      plan.refusals == [
        Refusal(APQN(adapter: 1, domain: 4), .releaseInexpressible(wouldTake: other)),
        Refusal(other, .guarded(.assigned(mediatedDevice: nil))),
      ])
  }

  @Test func `stays where an override is set on it outside the host's pool, and says so`() throws {
    var machine = Machine(adapters: [1], domains: [1], mechanism: .override)
    machine.clear(adapters: [1])
    machine.ownership.adapters = [1]
    try machine.set("01.0001", driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    let plan = try machine.plan(.mask, #"APQN=="*", RESERVE="host""#)
    #expect(plan.isEmpty)
    let apqn = APQN(adapter: 1, domain: 1)
    #expect(plan.refusals == [Refusal(apqn, .overrideInUse(apqn))])
  }

  @Test func `and a guest has inside the host's pool keeps masks from being written`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)
    machine.plug(3, domains: [4])
    let stranded = APQN(adapter: 1, domain: 4)
    try machine.set("01.0004", driver: DriverName.vfioAP)
    let rules = """
      APQN=="01.0004|02.*", RESERVE="vfio_ap"
      APQN=="01.0005|03.0004", RESERVE="host"
      """
    #expect(try !machine.plan(.mask, rules).isEmpty)
    machine.inventory.mediatedDevices = [MediatedDevice(uuid: uuid, adapters: [1], domains: [4])]
    let plan = try machine.plan(.mask, rules)
    #expect(plan.isEmpty)
    #expect(
      plan.refusals.filter { $0.apqn.adapter == 2 }.map(\.reason) == [
        .strandedInHostPool(stranded), .strandedInHostPool(stranded),
      ])
  }

  @Test func `is not meant where the kernel left it with the host and vfio_ap is not there`() throws
  {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: .mask)
    machine.inventory.bus.drivers.removeAll { $0 == DriverName.vfioAP }
    machine.clear(adapters: [1])
    machine.ownership.adapters = [1]
    try machine.set("01.0004", driver: DriverName.cex4queue)
    let plan = try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.isEmpty)
    #expect(plan.waiting.map(\.apqn.description) == ["01.0004"])
  }

  /// Newer kernels ask for each new bit alone.
  @Test(arguments: [false, true])
  func `is held by the device that has its adapter or its domain`(isByDomain: Bool) throws {
    var machine = Machine(adapters: [1, 2], domains: [1, 2], mechanism: .override)
    machine.clear(adapters: isByDomain ? [] : [1], domains: isByDomain ? [1] : [])
    machine.ownership.adapters = isByDomain ? [] : [1]
    machine.ownership.domains = isByDomain ? [1] : []
    machine.inventory.mediatedDevices = [
      MediatedDevice(uuid: "00000000-2222-3333-4444-555555555555", adapters: [7], domains: [7]),
      MediatedDevice(uuid: uuid, adapters: [1], domains: [1]),
    ]
    let other = APQN(adapter: isByDomain ? 2 : 1, domain: isByDomain ? 1 : 2)
    let plan = try machine.plan(.mask, #"APQN=="*", RESERVE="host""#)
    #expect(plan.isEmpty)
    #expect(plan.refusals.contains(Refusal(other, .vetoed(mediatedDevice: uuid))))
  }

  @Test func `is held by the kernel although the guard is switched off`() throws {
    var machine = Machine(adapters: [1], domains: [1], mechanism: .mask)
    machine.clear(adapters: [1])
    machine.ownership.adapters = [1]
    machine.inventory.mediatedDevices = [MediatedDevice(uuid: uuid, adapters: [1], domains: [1])]
    machine.context.policy.forced = [.assignedQueue]
    let plan = try machine.plan(.mask, #"APQN=="01.0001", RESERVE="host""#)
    #expect(plan.isEmpty)
    #expect(
      plan.refusals == [Refusal(APQN(adapter: 1, domain: 1), .vetoed(mediatedDevice: uuid))])
  }

  @Test(arguments: [false, true])
  func `stays where all rules are gone, until that is meant`(isForced: Bool) throws {
    var machine = Machine(adapters: [1, 2], domains: [1], mechanism: .mask)
    // Nothing of adapter 9 is here.
    machine.clear(adapters: [1, 9])
    machine.ownership.adapters = [1, 9]
    machine.context.rulesAreMissing = true
    machine.context.policy.forced = isForced ? [.emptyRules] : []
    let plan = try machine.plan(.mask, "")
    #expect(plan.writes == (isForced ? ["\(APMask.all) > /sys/bus/ap/apmask"] : []))
    #expect(plan.moves == (isForced ? ["01.0001 vfio_ap>host givenBack"] : []))
    #expect(plan.refusals.map(\.reason) == (isForced ? [] : [.guarded(.rulesMissing)]))
  }

  @Test func `and cannot be given back stays in the host's pool until it can`() throws {
    var machine = Machine(adapters: [1, 2], domains: [1, 2], mechanism: .mask)
    machine.ownership.queues = [APQN(adapter: 1, domain: 1)]
    try machine.set("01.0001", driver: nil)
    try machine.change(card: 1) { $0.driver = nil }
    // By its row the request would take it from there.
    let plan = try machine.plan(.mask, #"APQN=="01.0002", RESERVE="vfio_ap""#)
    #expect(plan.isEmpty)
    #expect(plan.refusals.map(\.apqn.description) == ["01.0001", "01.0002"])
    #expect(plan.refusals.first?.reason == .cardUnbound)
  }
}

@Suite struct `Queues that masks give back one after the other` {
  /// Rows 1 and 2, or columns, are owned, and a device has the first queue of the second.
  private func machine(isTransposed: Bool) -> Machine {
    var machine = Machine(adapters: [1, 2], domains: [1, 2], mechanism: .mask)
    if isTransposed {
      machine.clear(domains: [1, 2])
      machine.ownership.domains = [1, 2]
    } else {
      machine.clear(adapters: [1, 2])
      machine.ownership.adapters = [1, 2]
    }
    machine.inventory.mediatedDevices = [
      MediatedDevice(uuid: uuid, adapters: [isTransposed ? 1 : 2], domains: [isTransposed ? 2 : 1])
    ]
    return machine
  }

  @Test(arguments: [false, true])
  func `do not bring back with the later ones what a guest has`(isTransposed: Bool) throws {
    let plan = try machine(isTransposed: isTransposed).plan(.mask, "")
    let held = isTransposed ? APQN(adapter: 1, domain: 2) : APQN(adapter: 2, domain: 1)
    #expect(plan.changes.allSatisfy { $0.apqn != held && $0.cause == .givenBack })
    #expect(plan.changes.count == 2)
    #expect(Set(plan.refusals.map(\.apqn) + plan.changes.map(\.apqn)).count == 4)
    #expect(plan.refusals.contains(Refusal(held, .guarded(.assigned(mediatedDevice: uuid)))))
    #expect(plan.refusals.count { $0.reason == .vetoed(mediatedDevice: uuid) } == 1)
  }
}

@Suite struct `Collateral that rules accept` {
  @Test func `for one column is not taken for another that accepts nothing`() throws {
    var machine = Machine(adapters: [], mechanism: .mask)
    machine.plug(0, domains: [0, 2])
    machine.plug(1, domains: [0, 1, 2])
    machine.plug(2, domains: [0, 1])
    // More of either row, so that columns are the cheaper ones.
    machine.plug(3, domains: [4, 5, 6])
    let rules = """
      APQN=="00.0000", RESERVE="host"
      APQN=="01.0000|02.0000", RESERVE="vfio_ap"
      APQN=="01.0001|00.0002", RESERVE="vfio_ap", COLLATERAL="accept"
      """
    let plan = try machine.plan(.mask, rules)
    let refused = Set(plan.refusals.map(\.apqn))
    #expect(!refused.isEmpty)
    // Whatever goes along does so in the row or column of a rule that accepts it.
    let pair = try #require(plan.masks(after: machine.inventory.bus))
    for change in plan.changes where change.cause == .collateral {
      #expect(
        change.apqn.domain == 1 && !pair.domains.contains(1)
          || change.apqn.domain == 2 && !pair.domains.contains(2)
          || change.apqn.adapter == 1 && !pair.adapters.contains(1)
          || change.apqn.adapter == 0 && !pair.adapters.contains(0), "\(change)")
    }
  }

  @Test func `is not left to a request that accepts none where the other is met without it`()
    throws
  {
    var machine = Machine(adapters: [], mechanism: .mask)
    machine.plug(1, domains: [4, 9])
    machine.plug(3, domains: [4, 6, 7, 8])
    machine.plug(5, domains: [8, 9])
    for adapter in [UInt8(6), 7] { machine.plug(adapter, domains: [8]) }
    // Alone, 03.0004 would take 01.0004 along; with 03.0008, both take the rest of their adapter.
    let plan = try machine.plan(
      .mask,
      #"APQN=="03.0004|03.0008", RESERVE="vfio_ap", COLLATERAL="accept""# + "\n"
        + #"APQN=="01.0009", RESERVE="vfio_ap""#)
    #expect(plan.changes.map(\.apqn.adapter) == [3, 3, 3, 3])
    #expect(plan.refusals.map(\.apqn.description) == ["01.0009"])
  }

  @Test func `waits for nothing where vfio_ap is not loaded`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)
    machine.inventory.bus.drivers.removeAll { $0 == DriverName.vfioAP }
    let plan = try machine.plan(.mask, #"APQN=="01.0004", RESERVE="vfio_ap", COLLATERAL="accept""#)
    #expect(plan.changes.map(\.apqn.description) == ["01.0004", "01.0005"])
    #expect(plan.waiting.map(\.apqn.description) == ["01.0004"])
  }

  @Test func `is taken for each request, be it that another one needs none`() throws {
    var machine = Machine(adapters: [], mechanism: .mask)
    machine.plug(1, domains: [4])
    machine.plug(2, domains: [4, 5])
    machine.plug(3, domains: [4, 5])
    let plan = try machine.plan(
      .mask, #"APQN=="01.0004|02.0004", RESERVE="vfio_ap", COLLATERAL="accept""#)
    #expect(
      plan.moves == [
        "01.0004 host>vfio_ap wanted", "02.0004 host>vfio_ap wanted",
        "02.0005 host>vfio_ap collateral",
      ])
    #expect(plan.refusals == [])
  }

  @Test func `does not apply to a queue that stays reserved beside one that accepts nothing`()
    throws
  {
    var machine = Machine(adapters: [1, 2, 3], domains: [4, 5], mechanism: .mask)
    machine.clear(adapters: [1, 2])
    machine.ownership.adapters = [1, 2]
    let plan = try machine.plan(
      .mask,
      #"APQN=="01.0005", RESERVE="vfio_ap""# + "\n"
        + #"APQN=="02.0004", RESERVE="vfio_ap", COLLATERAL="accept""#)
    #expect(plan.isEmpty)
    // 02.0005 stays as accepted; 01.0004 is not, although another rule accepts something in its domain.
    let other = APQN(adapter: 1, domain: 5)
    #expect(
      plan.refusals == [
        Refusal(APQN(adapter: 1, domain: 4), .releaseInexpressible(wouldTake: other))
      ])
  }

  @Test func `is taken by the row where both cost the same, by the column where that is cheaper`()
    throws
  {
    let square = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)
    let rule = #"APQN=="01.0004", RESERVE="vfio_ap", COLLATERAL="accept""#
    #expect(
      try square.plan(.mask, rule).moves == [
        "01.0004 host>vfio_ap wanted", "01.0005 host>vfio_ap collateral",
      ])
    let wide = Machine(adapters: [1, 2], domains: [4, 5, 6], mechanism: .mask)
    #expect(
      try wide.plan(.mask, rule).moves == [
        "01.0004 host>vfio_ap wanted", "02.0004 host>vfio_ap collateral",
      ])
    // Not the cheaper one where something in it is not to go.
    #expect(
      try wide.plan(.mask, rule + "\n" + #"APQN=="02.0004", RESERVE="host""#).moves.map {
        String($0.prefix(7))
      }
        == ["01.0004", "01.0005", "01.0006"])
  }
}

@Suite struct `The alternatives to what masks cannot do` {
  @Test func `are the adapter and then the domain where both take as much`() throws {
    let machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)
    let plan = try machine.plan(.mask, #"APQN=="01.0004", RESERVE="vfio_ap""#)
    #expect(plan.alternatives.map(\.adapters) == [[1], []])
    #expect(plan.alternatives.map(\.domains) == [[], [4]])
  }

  @Test func `come in the order of what they take`() throws {
    let machine = Machine(adapters: [1, 2, 3, 4], domains: [4, 5, 6, 7], mechanism: .mask)
    let plan = try machine.plan(.mask, #"APQN=="01.0004|02.0004|03.0005", RESERVE="vfio_ap""#)
    #expect(plan.alternatives.map(\.adapters) == [[3], [], [1, 2, 3]])
    #expect(plan.alternatives.map(\.domains) == [[4], [4, 5], []])
    #expect(plan.alternatives.map(\.alsoTaken.count) == [4, 5, 9])
  }

  @Test func `are none that take a single queue which rules keep for the host`() throws {
    let machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)
    let wanted = #"APQN=="01.0004", RESERVE="vfio_ap""# + "\n"
    let byAdapter = try machine.plan(.mask, wanted + #"APQN=="02.0004", RESERVE="host""#)
    #expect(byAdapter.alternatives.map(\.adapters) == [[1]])
    let byDomain = try machine.plan(.mask, wanted + #"APQN=="01.0005", RESERVE="host""#)
    #expect(byDomain.alternatives.map(\.domains) == [[4]])
  }

  @Test func `are tried each, although a whole adapter of them is not to be taken`() throws {
    let machine = Machine(adapters: [1, 2, 3, 4], domains: [4, 5, 6], mechanism: .mask)
    let plan = try machine.plan(
      .mask,
      #"APQN=="01.0004|02.0004|03.0005", RESERVE="vfio_ap""# + "\n"
        + #"APQN=="01.0006", RESERVE="host""#)
    #expect(plan.alternatives.map(\.adapters) == [[3], []])
    #expect(plan.alternatives.map(\.domains) == [[4], [4, 5]])
    #expect(
      plan.alternatives.map { $0.alsoTaken.map(\.description).joined(separator: " ") } == [
        "03.0004 03.0006 04.0004", "01.0005 02.0005 03.0004 04.0004 04.0005",
      ])
  }
}
