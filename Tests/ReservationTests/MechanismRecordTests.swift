import APBus
import Reservation
import Testing

private let alone = #"APQN=="01.0004", RESERVE="vfio_ap""#
private let row = #"ADAPTER=="1", RESERVE="vfio_ap""#
private let uuid = "11111111-2222-3333-4444-555555555555"

/// Masks that were chosen before and do not express the rules any more, on a kernel with overrides.
@Suite struct `Masks that are not exact any more` {
  private func mechanism(
    _ rules: String = alone, _ change: (inout Machine) throws -> Void
  ) throws -> Mechanism {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
    machine.ownership.mechanism = .mask
    try change(&machine)
    return try MechanismChoice(planner: machine.planner(rules)).mechanism
  }

  @Test func `are left for overrides`() throws {
    #expect(try mechanism { _ in } == .override)
    // Once all that is cleared is owned, in either mask.
    #expect(
      try mechanism {
        $0.clear(adapters: [2], domains: [5])
        $0.ownership.adapters = [2]
        $0.ownership.domains = [5]
      } == .override)
  }

  struct Obstacle: CustomTestStringConvertible {
    var testDescription: String
    var change: @Sendable (inout Machine) throws -> Void

    init(_ name: String, _ change: @escaping @Sendable (inout Machine) throws -> Void) {
      testDescription = name
      self.change = change
    }

    static let all = [
      Obstacle("another tool has cleared a bit of apmask") {
        $0.clear(adapters: [2], domains: [5])
        $0.ownership.domains = [5]
      },
      Obstacle("another tool has cleared a bit of aqmask") {
        $0.clear(adapters: [2], domains: [5])
        $0.ownership.adapters = [2]
      },
      Obstacle("a mediated device has an adapter") {
        $0.clear(adapters: [2])
        $0.ownership.adapters = [2]
        $0.inventory.mediatedDevices = [MediatedDevice(uuid: uuid, adapters: [2], domains: [])]
      },
      Obstacle("a mediated device has a domain") {
        $0.clear(adapters: [2])
        $0.ownership.adapters = [2]
        $0.inventory.mediatedDevices = [MediatedDevice(uuid: uuid, adapters: [], domains: [5])]
      },
      Obstacle("a queue says that it is assigned") {
        $0.clear(adapters: [2])
        $0.ownership.adapters = [2]
        try $0.change("02.0005") { $0.guestStatus = .assigned }
      },
      Obstacle("a queue says that a guest uses it") {
        $0.clear(adapters: [2])
        $0.ownership.adapters = [2]
        try $0.change("02.0005") { $0.guestStatus = .inUse }
      },
      Obstacle("the host may need the keys of what would be its own meanwhile") {
        $0.clear(adapters: [2])
        $0.ownership.adapters = [2]
        $0.context.configuration.secureKeyUsers = [.cipherInUse]
      },
      Obstacle("a device is defined with a queue that is not here") {
        $0.context.configuration.definitions = [
          MediatedDeviceDefinition(
            device: MediatedDevice(uuid: uuid, adapters: [1], domains: [4, 9]),
            startsAutomatically: false)
        ]
      },
      Obstacle("ap-check refuses what is reserved by overrides") {
        $0.context.configuration.callout = "/usr/lib/mdevctl/scripts.d/callouts/ap-check"
      },
      Obstacle("the kernel's command line sets masks at the next boot") {
        $0.context.configuration.bootMasks = ConfiguredMasks(
          adapters: APMask([2]).complement, domains: nil, source: "the kernel's command line")
      },
      Obstacle("chzdev sets masks at the next boot") {
        $0.context.configuration.persistentMasks = ConfiguredMasks(
          adapters: nil, domains: APMask([5]).complement, source: "41-ap.rules")
      },
    ]
  }

  @Test(arguments: Obstacle.all) func `stay where`(obstacle: Obstacle) throws {
    #expect(try mechanism(alone, obstacle.change) == .mask)
  }

  @Test func `stay while what they keep from the host cannot be decided about`() throws {
    let rules = alone + "\n" + #"APQN=="02.0005", CARD{serialnr}=="93AA*", RESERVE="vfio_ap""#
    func reserve(_ machine: inout Machine) {
      machine.clear(adapters: [2])
      machine.ownership.adapters = [2]
    }
    #expect(try mechanism(rules, reserve) == .mask)
    #expect(
      try mechanism(rules) { machine in
        reserve(&machine)
        try machine.change(card: 2) { $0.attributes["serialnr"] = "93AA0002" }
      } == .override)
    // What is the host's all the while can wait for its decision.
    #expect(try mechanism(rules) { _ in } == .override)
  }

  @Test func `are left in spite of what does not block that`() throws {
    #expect(
      try mechanism {
        $0.context.configuration.definitions = [
          MediatedDeviceDefinition(
            device: MediatedDevice(uuid: uuid, adapters: [1, 2], domains: [4]),
            startsAutomatically: true)
        ]
      } == .override)
    #expect(
      try mechanism {
        $0.context.configuration.callout = "ap-check"
        $0.context.policy.forced = [.callout]
      } == .override)
    // All ones are no masks.
    #expect(
      try mechanism {
        $0.context.configuration.bootMasks = ConfiguredMasks(
          adapters: .all, domains: .all, source: "the kernel's command line")
      } == .override)
  }

  @Test func `stay on a kernel that has nothing else`() throws {
    #expect(try mechanism { $0.inventory.bus.supportsOverride = false } == .mask)
  }
}

@Suite struct `Overrides that are requested while masks are in use` {
  private func choice(_ change: (inout Machine) -> Void) throws -> MechanismChoice {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
    machine.clear(adapters: [1])
    machine.ownership = Ownership(adapters: [1], mechanism: .mask)
    change(&machine)
    return try MechanismChoice(
      requested: .override, origin: "apreserve.conf:3", planner: machine.planner(alone))
  }

  @Test func `replace masks that can be set back`() throws {
    #expect(try choice { _ in }.mechanism == .override)
  }

  @Test func `wait for a guest, and say so`() throws {
    let choice = try choice {
      $0.inventory.mediatedDevices = [MediatedDevice(uuid: uuid, adapters: [1], domains: [4])]
    }
    #expect(choice.mechanism == .mask)
    #expect(choice.reason.hasPrefix("override, set by apreserve.conf:3, must wait until"))
  }

  @Test func `wait for the bits of another tool, if some are owned`() throws {
    #expect(try choice { $0.clear(domains: [5]) }.mechanism == .mask)
    #expect(try choice { $0.ownership.adapters = [] }.mechanism == .override)
  }
}

@Suite struct `The change from masks to overrides` {
  @Test func `shows in one plan what is set back and what is taken again, one by one`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
    machine.clear(adapters: [1], domains: [5])
    machine.ownership = Ownership(adapters: [1], domains: [5], mechanism: .mask)
    let plan = try machine.plan(.override, #"APQN=="01.0004|02.0005", RESERVE="vfio_ap""#)
    #expect(
      plan.writes == [
        "\(APMask.all) > /sys/bus/ap/aqmask", "\(APMask.all) > /sys/bus/ap/apmask",
        "vfio_ap > /sys/devices/ap/card01/01.0004/driver_override",
        "01.0004 > /sys/bus/ap/drivers/cex4queue/unbind", "01.0004 > /sys/bus/ap/drivers_probe",
        "vfio_ap > /sys/devices/ap/card02/02.0005/driver_override",
        "02.0005 > /sys/bus/ap/drivers/cex4queue/unbind", "02.0005 > /sys/bus/ap/drivers_probe",
      ])
    #expect(plan.leavesMasks)
    #expect(plan.refusals == [])
    #expect(!(try machine.plan(.mask, "").leavesMasks))
  }

  @Test func `leaves to the host what no rule wants`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
    machine.clear(adapters: [1])
    machine.ownership = Ownership(adapters: [1], mechanism: .mask)
    let plan = try machine.plan(.override, #"APQN=="01.0004", RESERVE="vfio_ap""#)
    #expect(plan.operations.first?.changes.map(\.apqn.description) == ["01.0004", "01.0005"])
    #expect(plan.operations.dropFirst().flatMap(\.changes).map(\.apqn.description) == ["01.0004"])
  }
}

@Suite struct `Masks are not chosen` {
  private func mechanism(
    _ rules: String, _ change: (inout Machine) throws -> Void = { _ in }
  ) throws -> Mechanism {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
    try change(&machine)
    return try MechanismChoice(planner: machine.planner(rules)).mechanism
  }

  @Test func `where one queue stays with the host for another reason`() throws {
    for rules in [row, row + #", COLLATERAL="accept""#] {
      #expect(try mechanism(rules) == .mask)
      #expect(
        try mechanism(rules) { $0.context.fought = [APQN(adapter: 1, domain: 4): 3] }
          == .override)
    }
  }

  @Test func `where a domain of this system would be taken when it is added`() throws {
    let rules = #"APQN=="01.0004|01.0005", RESERVE="vfio_ap""#
    #expect(try mechanism(rules) == .mask)
    #expect(try mechanism(rules) { $0.inventory.bus.configuredDomains = [4, 5] } == .mask)
    #expect(try mechanism(rules) { $0.inventory.bus.configuredDomains = [4, 5, 6] } == .override)
  }

  @Test func `where an adapter of this system would be taken when it is added`() throws {
    let rules = #"ADAPTER=="1-2", DOMAIN=="4", RESERVE="vfio_ap""#
    #expect(try mechanism(rules) == .mask)
    for adapter in [0, 7, 255] as [UInt8] {
      #expect(
        try mechanism(rules) { $0.inventory.bus.configuredAdapters = [1, 2, adapter] }
          == .override)
    }
  }

  @Test(arguments: [UInt8(0), 6, 255])
  func `where rules keep absent queues for the host`(adapter: UInt8) throws {
    let host = APQN(adapter: adapter, domain: 4)
    let rules = #"DOMAIN=="4", RESERVE="vfio_ap""# + "\n" + #"APQN=="\#(host)", RESERVE="host""#
    #expect(try mechanism(rules) == .override)
    #expect(try mechanism(rules.replacing("host", with: "vfio_ap")) == .mask)
  }

  @Test func `for hardware that is too old all the same`() throws {
    #expect(
      try mechanism(row) { try $0.change(card: 1) { $0.hardwareType = HardwareType(rawValue: 9) } }
        == .mask)
    // Beside a newer card its rule is another matter: the old one stays, and the column with it.
    #expect(
      try mechanism(#"DOMAIN=="4", RESERVE="vfio_ap""#) {
        try $0.change(card: 1) { $0.hardwareType = HardwareType(rawValue: 9) }
      } == .override)
  }
}

@Suite struct `The reason for a mechanism` {
  private let machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)

  private func choice(_ machine: Machine, _ rules: String = row, requested: Mechanism? = nil) throws
    -> MechanismChoice
  {
    try MechanismChoice(requested: requested, planner: machine.planner(rules))
  }

  @Test func `is where a person has asked for it`() throws {
    for (origin, reason) in [
      (nil, "set on the command line"), ("command line", "set on the command line"),
      ("/etc/apreserve/apreserve.conf:3", "set by /etc/apreserve/apreserve.conf:3"),
    ] {
      let choice = try MechanismChoice(
        requested: .mask, origin: origin, planner: machine.planner(row))
      #expect(choice.reason == reason)
    }
  }

  @Test func `is what was found first`() throws {
    var machine = machine
    try machine.set("02.0004", driver: "vfio_ap", driverOverride: "vfio_ap")
    try machine.set("02.0005", driver: "vfio_ap", driverOverride: "vfio_ap")
    #expect(try choice(machine).reason == "driver_override is in use, on 02.0004")
    machine = self.machine
    machine.context.configuration.overrides = (4...5 as ClosedRange<UInt8>).map {
      ConfiguredOverride(
        apqn: APQN(adapter: 2, domain: $0), driver: "vfio_ap",
        source: "/etc/driverctl.d/ap-02.000\($0)")
    }
    #expect(try choice(machine).reason == "/etc/driverctl.d/ap-02.0004 sets driver_override")
    // The kernel's command line comes before udev.
    machine.context.configuration.bootMasks = ConfiguredMasks(
      adapters: [], domains: nil, source: "the kernel's command line")
    machine.context.configuration.persistentMasks = ConfiguredMasks(
      adapters: [], domains: nil, source: "41-ap.rules")
    #expect(try choice(machine).reason == "the kernel's command line sets masks")
  }

  @Test(arguments: [
    (Mechanism.bind, Mechanism.mask, "this kernel has no apmask; use bind"),
    (.mask, .bind, "this kernel has masks, which gate every bind; use mask"),
    (.mask, .override, "this kernel has no driver_override for AP queues; use mask"),
  ])
  func `that is asked for and cannot be is refused, with what can`(
    kernel: Mechanism, requested: Mechanism, text: String
  ) throws {
    let machine = Machine(adapters: [1], domains: [4], mechanism: kernel)
    let error = #expect(throws: MechanismChoice.Unavailable.self) {
      try choice(machine, requested: requested)
    }
    #expect(error?.description == "mechanism \(requested.rawValue) cannot be used here: \(text)")
  }
}
