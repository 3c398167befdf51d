import APBus
import Reservation
import Testing

private let uuid = "11111111-2222-3333-4444-555555555555"

/// The writes that lead from one pair of masks to another, as `apmask [1] aqmask [2, 3]`.
private func steps(
  from current: MaskPair, to target: MaskPair, absent: APMask = []
) -> [String] {
  current.steps(to: target, absent: absent).map { step in
    switch step {
    case .setAdapterMask(let mask): "apmask \(Array(mask))"
    case .setDomainMask(let mask): "aqmask \(Array(mask))"
    default: "no mask: \(step)"
    }
  }
}

@Suite struct `The writes of a pair of masks` {
  struct Way: CustomTestStringConvertible {
    var testDescription: String
    var from: MaskPair
    var to: MaskPair
    var absent: APMask = []
    var steps: [String]

    init(
      _ name: String, _ from: (APMask, APMask), _ to: (APMask, APMask), absent: APMask = [],
      _ steps: String...
    ) {
      testDescription = name
      self.from = MaskPair(adapters: from.0, domains: from.1)
      self.to = MaskPair(adapters: to.0, domains: to.1)
      self.absent = absent
      self.steps = steps
    }

    static let all = [
      Way("nothing to change", ([1], [2]), ([1], [2])),
      Way(
        "from zeros, each mask once", ([], [1, 2]), ([5], [2, 3]), "aqmask [2, 3]", "apmask [5]"),
      Way("one bit of either mask", ([1, 2], [3]), ([1], [3]), "apmask [1]"),
      Way("one bit of the other mask", ([1], [2, 3]), ([1], [3]), "aqmask [3]"),
      Way(
        "what stays first, what is new last", ([1, 2], [4]), ([2, 3], [5]), "apmask [2]",
        "aqmask [5]", "apmask [2, 3]"),
      Way(
        "other adapters of the same domains", ([1, 2], [4]), ([2, 3], [4]), "apmask [2]",
        "apmask [2, 3]"),
      Way(
        "no adapter stays: the domains go first", ([1], [4, 5]), ([2], [5, 6]), "aqmask [5]",
        "apmask [2]", "aqmask [5, 6]"),
      Way("no adapter stays, all domains do", ([1], [4]), ([2], [4]), "apmask [2]"),
      Way(
        "no adapter stays and there was no domain", ([1], []), ([2], [4]), "apmask [2]",
        "aqmask [4]"),
      Way(
        "nothing stays: an adapter that is set keeps the place", ([1, 7], [4]), ([2, 8], [5]),
        absent: [7, 8, 9], "apmask [7]", "aqmask [5]", "apmask [2, 8]"),
      Way(
        "nothing stays: an adapter to be set keeps the place", ([1], [4]), ([2, 8], [5]),
        absent: [8, 9], "apmask [8]", "aqmask [5]", "apmask [2, 8]"),
      Way(
        "nothing stays: an absent adapter keeps the place", ([1], [4]), ([2], [5]), absent: [9],
        "apmask [9]", "aqmask [5]", "apmask [2]"),
      Way(
        "nothing stays and no adapter is absent", ([1], [4]), ([2], [5]), "apmask []",
        "aqmask [5]", "apmask [2]"),
      Way(
        "everything is taken by domains", ([1], [4]), ([2], []), absent: [9], "apmask []",
        "aqmask []", "apmask [2]"),
      Way(
        "everything is taken by adapters", ([1], [4]), ([], [5]), absent: [9], "apmask []",
        "aqmask [5]"),
      Way("everything is given back", ([], [4]), ([1], [4]), absent: [9], "apmask [1]"),
    ]
  }

  @Test(arguments: Way.all) func `are these`(way: Way) {
    #expect(steps(from: way.from, to: way.to, absent: way.absent) == way.steps)
  }

  /// All pairs of masks with two adapters and two domains, and one adapter that is absent.
  @Test func `move no queue that has the same place before and after, and never pass by zeros`() {
    let sets: [APMask] = [[], [1], [2], [1, 2]]
    let pairs = sets.flatMap { adapters in
      sets.map { MaskPair(adapters: adapters, domains: $0) }
    }
    for from in pairs {
      for to in pairs {
        var masks = from
        for step in from.steps(to: to, absent: [9]) {
          switch step {
          case .setAdapterMask(let mask):
            #expect(mask != masks.adapters, "\(from) to \(to): a write without effect")
            masks.adapters = mask
          case .setDomainMask(let mask):
            #expect(mask != masks.domains, "\(from) to \(to): a write without effect")
            masks.domains = mask
          default: Issue.record("\(step)")
          }
          if !from.adapters.isEmpty, !to.adapters.isEmpty, !to.domains.isEmpty {
            #expect(!masks.adapters.isEmpty, "\(from) to \(to)")
          }
          for adapter in [1, 2] as [UInt8] {
            for domain in [1, 2] as [UInt8] {
              let apqn = APQN(adapter: adapter, domain: domain)
              guard from.isInHostPool(apqn) == to.isInHostPool(apqn) else { continue }
              #expect(
                masks.isInHostPool(apqn) == to.isInHostPool(apqn), "\(apqn) from \(from) to \(to)")
            }
          }
        }
        #expect(masks == to)
      }
    }
  }
}

@Suite struct `The kernel's veto against masks` {
  private let device = MediatedDevice(uuid: uuid, adapters: [1, 2], domains: [4, 5])

  private func veto(
    from: (APMask, APMask), to: (APMask, APMask), _ devices: [MediatedDevice]? = nil,
    asksWide: Bool = false
  ) -> MaskVeto? {
    MaskVeto(
      from: MaskPair(adapters: from.0, domains: from.1),
      to: MaskPair(adapters: to.0, domains: to.1), devices: devices ?? [device],
      asksWide: asksWide)
  }

  @Test func `names the new bits that a mediated device has, and no others`() {
    // Adapter 2 is new and assigned, adapter 3 is new and not, adapter 1 is there already.
    let adapters = veto(from: ([1], [4]), to: ([1, 2, 3], [4]))
    #expect(adapters?.adapters == [2])
    #expect(adapters?.domains == [])
    #expect(adapters?.holder == uuid)
    let domains = veto(from: ([1], [4]), to: ([1], [4, 5, 6]))
    #expect(domains?.adapters == [])
    #expect(domains?.domains == [5])
  }

  @Test func `does not concern bits that are cleared or stay`() {
    #expect(veto(from: ([1, 2], [4, 5]), to: ([1], [4])) == nil)
    #expect(veto(from: ([1, 2], [4, 5]), to: ([1, 2], [4, 5])) == nil)
    #expect(veto(from: ([1], [4]), to: ([1, 3], [4, 6]), asksWide: true) == nil)
  }

  @Test func `asks about the other mask too on kernels before driver_override`() {
    // Adapter 2 comes back, and no domain of the device is in the pool then.
    #expect(veto(from: ([1], [6]), to: ([1, 2], [6])) == nil)
    #expect(veto(from: ([1], [6]), to: ([1, 2], [6]), asksWide: true)?.adapters == [2])
    // Domain 5 comes back, and no adapter of the device is in the pool all the while.
    #expect(veto(from: ([3], [6]), to: ([3], [5, 6])) == nil)
    #expect(veto(from: ([1], [6]), to: ([3], [5, 6])) == nil)
    #expect(veto(from: ([3], [6]), to: ([3], [5, 6]), asksWide: true)?.domains == [5])
  }

  @Test func `is that of the first device that has any of it`() {
    let other = MediatedDevice(
      uuid: "22222222-2222-3333-4444-555555555555", adapters: [7], domains: [4])
    let veto = veto(from: ([1], [4]), to: ([1, 7], [4]), [device, other])
    #expect(veto?.holder == other.uuid)
    #expect(veto?.adapters == [7])
  }
}

@Suite struct `A mask change that is not begun` {
  /// Adapter 1 is kept from the host by another tool.
  private func machine() -> Machine {
    var machine = Machine(adapters: [1, 2, 3], domains: [4, 5], mechanism: .mask)
    machine.clear(adapters: [1])
    return machine
  }

  private let request = #"ADAPTER=="2", RESERVE="vfio_ap""#

  @Test func `since another one is under way`() throws {
    var machine = machine()
    try machine.set("01.0004", driver: DriverName.cex4queue)
    let plan = try machine.plan(.mask, request)
    #expect(plan.isEmpty)
    #expect(
      plan.refusals.map(\.reason)
        == Array(repeating: .maskChangeUnderWay(APQN(adapter: 1, domain: 4)), count: 2))
    // A queue that no rule names is left to whoever has moved the masks.
    #expect(try machine.plan(.mask, "").isEmpty)
  }

  @Test(arguments: [nil, uuid]) func `because it would take a queue without override`(
    device: String?
  ) throws {
    var machine = machine()
    try machine.set("03.0005", driver: DriverName.vfioAP)
    if let device {
      machine.ownership.queues = [APQN(adapter: 3, domain: 5)]
      machine.inventory.mediatedDevices = [
        MediatedDevice(uuid: device, adapters: [3], domains: [5])
      ]
    }
    let plan = try machine.plan(.mask, request)
    #expect(plan.isEmpty)
    #expect(
      plan.refusals.contains(
        Refusal(APQN(adapter: 2, domain: 4), .strandedInHostPool(APQN(adapter: 3, domain: 5)))))
  }

  @Test func `is begun where such a queue is to be given back anyway`() throws {
    var machine = machine()
    try machine.set("03.0005", driver: DriverName.vfioAP)
    machine.ownership.queues = [APQN(adapter: 3, domain: 5)]
    let plan = try machine.plan(.mask, request)
    #expect(plan.moves.contains("03.0005 vfio_ap>host givenBack"))
    #expect(plan.refusals == [])
  }
}

@Suite struct `Masks without vfio_ap` {
  @Test func `wait for it with what they take, and not with what they cannot take`() throws {
    var machine = Machine(adapters: [1, 2, 3], domains: [4, 5], mechanism: .mask)
    machine.inventory.bus.drivers.removeAll { $0 == DriverName.vfioAP }
    let plan = try machine.plan(
      .mask, #"ADAPTER=="1", RESERVE="vfio_ap""# + "\n" + #"APQN=="02.0004", RESERVE="vfio_ap""#)
    #expect(plan.waiting.map(\.apqn.description) == ["01.0004", "01.0005"])
    #expect(plan.refusals.map(\.apqn.description) == ["02.0004"])
  }
}

@Suite struct `What a mask write moves` {
  @Test func `unasked is a side effect, whatever was requested for it`() throws {
    var machine = Machine(adapters: [1, 2, 3], domains: [4, 5], mechanism: .mask)
    try machine.set("03.0005", driver: nil)
    // 03.0005 is wanted and cannot be had, and the kernel binds it to the host.
    let plan = try machine.plan(
      .mask, #"ADAPTER=="1", RESERVE="vfio_ap""# + "\n" + #"APQN=="03.0005", RESERVE="vfio_ap""#)
    #expect(
      plan.moves == [
        "01.0004 host>vfio_ap wanted", "01.0005 host>vfio_ap wanted",
        "03.0005 none>host sideEffect",
      ])
  }

  @Test func `is a side effect too where an undecidable queue makes room for one of the host`()
    throws
  {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)
    machine.clear(domains: [5])
    machine.ownership.domains = [5]
    let plan = try machine.plan(
      .mask,
      #"ADAPTER=="2", RESERVE="host""# + "\n"
        + #"APQN=="01.0005", CARD{serialnr}=="93AA*", RESERVE="vfio_ap""#)
    #expect(plan.writes == ["\(APMask.all) > /sys/bus/ap/aqmask"])
    #expect(
      plan.moves == ["01.0005 vfio_ap>host sideEffect", "02.0005 vfio_ap>host givenBack"])
  }

  @Test func `when it is undone is a side effect as well`() throws {
    var machine = Machine(mechanism: .mask)
    try machine.set("01.0003", driver: nil)
    let plan = try machine.plan(
      .mask, #"ADAPTER=="1", RESERVE="vfio_ap""# + "\n" + #"DOMAIN=="2", RESERVE="vfio_ap""#)
    #expect(
      plan.changesByUndoing == [
        OwnerChange(APQN(adapter: 1, domain: 3), from: .none, to: .host, cause: .sideEffect)
      ])
  }

  @Test func `by undoing is put in the order of the queues and owners`() throws {
    var machine = Machine(mechanism: .mask)
    for name in ["01.0003", "01.0000", "01.0001"] { try machine.set(name, driver: nil) }
    let plan = try machine.plan(
      .mask, #"ADAPTER=="1", RESERVE="vfio_ap""# + "\n" + #"DOMAIN=="2", RESERVE="vfio_ap""#)
    #expect(
      plan.changesByUndoing.map(\.apqn.description) == ["01.0000", "01.0001", "01.0003"])
  }
}

@Suite struct `The changes of a plan` {
  @Test func `are in the order of the queues, whatever moves them`() throws {
    var machine = Machine(adapters: [0, 1, 2], domains: [4, 5], mechanism: .mask)
    machine.clear(adapters: [0])
    try machine.set("00.0005", driver: nil)
    let plan = try machine.plan(.mask, #"ADAPTER=="0-1", RESERVE="vfio_ap""#)
    #expect(plan.operations.map(\.subject) == [.masks, .queue(APQN(adapter: 0, domain: 5))])
    #expect(plan.changes.map(\.apqn.description) == ["00.0005", "01.0004", "01.0005"])
  }
}

@Suite struct `An unbound queue that is to be given back and that no mask moves` {
  private let apqn = APQN(adapter: 1, domain: 4)

  private func machine() throws -> Machine {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: .mask)
    try machine.set("01.0004", driver: nil)
    machine.ownership.queues = [apqn]
    return machine
  }

  @Test func `is given to the host by a probe`() throws {
    let plan = try machine().plan(.mask, "")
    #expect(plan.writes == ["01.0004 > /sys/bus/ap/drivers_probe"])
    #expect(plan.moves == ["01.0004 none>host givenBack"])
  }

  @Test func `is not probed below a card without driver`() throws {
    var machine = try machine()
    try machine.change(card: 1) { $0.driver = nil }
    let plan = try machine.plan(.mask, "")
    #expect(plan.writes == [])
    #expect(plan.moves == [])
    #expect(plan.refusals == [Refusal(apqn, .cardUnbound)])
  }

  @Test func `is not probed while the host's driver is not loaded`() throws {
    var machine = try machine()
    machine.inventory.bus.drivers.removeAll { $0 == DriverName.cex4queue }
    #expect(try machine.plan(.mask, "").isEmpty)
  }

  @Test func `is not probed outside the host's pool`() throws {
    var machine = try machine()
    machine.inventory.bus.masks?.adapters.remove(1)
    #expect(try machine.plan(.mask, "").isEmpty)
  }

  @Test func `is left alone where it is not owned`() throws {
    var machine = try machine()
    machine.ownership.queues = []
    #expect(try machine.plan(.mask, "").isEmpty)
  }
}
