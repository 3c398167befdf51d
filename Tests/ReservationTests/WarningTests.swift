import APBus
import Reservation
import Testing

private let uuid = "11111111-2222-3333-4444-555555555555"

extension PlanWarning {
  fileprivate var isOfLostAdapter: Bool { guestFinding?.kind == .losesAdapter }
}

@Suite struct `A plan warns` {
  @Test func `of a guest that gets no queue of an adapter since one is missing`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
    machine.context.configuration.virtualMachines = [
      VirtualMachine(name: "db1", mediatedDevices: [uuid])
    ]
    machine.inventory.mediatedDevices = [
      MediatedDevice(uuid: uuid, adapters: [1, 2], domains: [4, 5])
    ]
    for name in ["01.0004", "01.0005"] {
      try machine.set(name, driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    }
    let rules = #"ADAPTER=="1", RESERVE="vfio_ap""#
    #expect(
      try machine.plan(.override, rules).warnings.map(\.guestFinding?.problem) == [
        .losesAdapter(2, missing: APQN(adapter: 2, domain: 4))
      ])
    // Once the plan brings the missing ones, there is nothing to warn of.
    #expect(
      try machine.plan(.override, rules + "\nADAPTER==\"2\", RESERVE=\"vfio_ap\"")
        .warnings.contains(where: \.isOfLostAdapter) == false)
  }

  @Test func `of a guest that gets no queue of an adapter since one does not exist`() throws {
    var machine = Machine(adapters: [1], domains: [4], mechanism: .mask)
    machine.clear(adapters: [1])
    machine.inventory.mediatedDevices = [
      MediatedDevice(uuid: uuid, adapters: [0, 1, 9], domains: [4, 5, 6])
    ]
    let rules = #"ADAPTER=="1", RESERVE="vfio_ap""#
    #expect(try machine.plan(.mask, rules).warnings.isEmpty)
    // The machine has domain 5 and no domain 6; of adapters 0 and 9 there is nothing to lose.
    machine.inventory.bus.configuredDomains = [4, 5]
    let missing = APQN(adapter: 1, domain: 5)
    #expect(
      try machine.plan(.mask, rules).warnings.map(\.guestFinding?.problem) == [
        .losesAdapter(1, missing: missing)
      ])
  }

  @Test func `of what is on vfio_ap although rules keep it for the host`() throws {
    var machine = Machine(adapters: [1], domains: [4, 5], mechanism: .override)
    try machine.set("01.0004", driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    let plan = try machine.plan(.override, #"ADAPTER=="1", RESERVE:="host""#)
    #expect(
      plan.warnings == [.adopted([APQN(adapter: 1, domain: 4)], rule: "test.rules:1")])
    #expect(
      plan.warnings.first?.description
        == "01.0004 is on vfio_ap although test.rules:1 keeps it for the host; apreserve has not reserved "
        + "it, so it does not give it back; \"apreserve explain 01.0004\" shows how to do that by hand"
    )
    #expect(plan.withheld == [APQN(adapter: 1, domain: 4)])
    // What no rule speaks of may be on vfio_ap.
    #expect(try machine.plan(.override, #"ADAPTER=="2", RESERVE:="host""#).warnings == [])
  }

  /// An absent adapter that rules lock to the host, in a column that apreserve has cleared.
  private func machineWithClearedColumn() -> Machine {
    var machine = Machine(adapters: [6], domains: [4, 0x10], mechanism: .override)
    machine.clear(domains: [0x10])
    machine.ownership.domains = [0x10]
    return machine
  }

  private static let lock = """
    ADAPTER=="6", DOMAIN=="0x10", RESERVE="vfio_ap"
    ADAPTER=="7", RESERVE:="host"
    """

  @Test func `that masks which overrides cannot leave keep absent queues from the host`() throws {
    var machine = machineWithClearedColumn()
    machine.inventory.mediatedDevices = [
      MediatedDevice(uuid: uuid, adapters: [6], domains: [0x10])
    ]
    let plan = try machine.plan(.override, Self.lock)
    #expect(plan.isEmpty)
    #expect(plan.latentCollateral.hostCount == 1)
    #expect(plan.warnings.contains(.keepsFromHost(1)))
    #expect(
      PlanWarning.keepsFromHost(1).description
        == "the masks keep 1 absent APQN from the host that rules reserve for it; vfio_ap takes it when it "
        + "is added")
  }

  @Test func `that masks which cannot be written keep absent queues from the host`() throws {
    var machine = machineWithClearedColumn()
    let free = try machine.plan(.mask, Self.lock)
    #expect(!free.isEmpty)
    #expect(free.latentCollateral.hostCount == 0)
    // Another process's override, so that the kernel takes no mask.
    try machine.set("06.0004", driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    let plan = try machine.plan(.mask, Self.lock)
    #expect(plan.isEmpty)
    #expect(plan.warnings.contains(.keepsFromHost(1)))
  }

  @Test func `of no guest whose queues wait for vfio_ap`() throws {
    var machine = Machine(adapters: [1], domains: [4], mechanism: .mask)
    machine.inventory.bus.drivers.removeAll { $0 == DriverName.vfioAP }
    machine.context.configuration.definitions = [
      MediatedDeviceDefinition(
        device: MediatedDevice(uuid: uuid, adapters: [1], domains: [4]), startsAutomatically: true)
    ]
    let plan = try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.awaitingVfioAP == [APQN(adapter: 1, domain: 4)])
    #expect(plan.warnings.allSatisfy { !$0.isOfLostAdapter })
  }

  @Test(arguments: [Mechanism.mask, .override])
  func `of a callout that refuses what overrides reserve`(mechanism: Mechanism) throws {
    var machine = Machine(adapters: [1], domains: [4], mechanism: .override)
    let path = "/usr/lib/mdevctl/scripts.d/callouts/ap-check"
    machine.context.configuration.callout = path
    let plan = try machine.plan(mechanism, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.warnings.contains(.refusedByCallout(path)) == (mechanism == .override))
  }

  @Test(arguments: [true, false])
  func `of a definition that starts by itself`(startsAutomatically: Bool) throws {
    var machine = Machine(adapters: [1], domains: [4], mechanism: .mask)
    machine.context.configuration.definitions = [
      MediatedDeviceDefinition(
        device: MediatedDevice(uuid: uuid, adapters: [1], domains: [4]),
        startsAutomatically: startsAutomatically)
    ]
    let warnings = try machine.plan(.mask, "").warnings
    #expect(
      warnings.map(\.description)
        == [
          "mediated device \(uuid) is to have 01.0004, which no rule reserves; a rule with GUEST does"
        ]
        + (startsAutomatically
          ? [
            "mediated device \(uuid) gets no queue of adapter 0x01 at all: 01.0004 is assigned to it and not on "
              + "vfio_ap"
          ] : []))
  }

  @Test func `once of a device that is active and defined to start by itself`() throws {
    var machine = Machine(adapters: [1], domains: [4], mechanism: .mask)
    let device = MediatedDevice(uuid: uuid, adapters: [1], domains: [4])
    machine.inventory.mediatedDevices = [device]
    machine.context.configuration.definitions = [
      MediatedDeviceDefinition(device: device, startsAutomatically: true)
    ]
    #expect(
      try machine.plan(.mask, "").warnings.filter { !$0.apqns.isEmpty }
        .map(\.guestFinding?.problem) == [
          .losesAdapter(1, missing: APQN(adapter: 1, domain: 4))
        ])
  }

  @Test func `when the host's default domain loses its last queue`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)
    machine.inventory.bus.defaultDomain = 4
    #expect(
      try machine.plan(.mask, #"DOMAIN=="4", RESERVE="vfio_ap""#).warnings == [
        .defaultDomainTaken(4)
      ])
    #expect(try machine.plan(.mask, #"DOMAIN=="5", RESERVE="vfio_ap""#).warnings == [])
  }

  @Test func `when the last CCA queue is taken, and with it the random number generator`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: .mask)
    try machine.change(card: 2) { $0.functions = QueueMode.ep11.functions }
    #expect(
      try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#).warnings == [.lastCCAQueueTaken])
    #expect(try machine.plan(.mask, #"ADAPTER=="2", RESERVE="vfio_ap""#).warnings == [])
  }

  @Test func `of reserved queues that no guest can use now`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)
    machine.clear(adapters: [1])
    try machine.change("01.0004") { $0.isConfigured = false }
    try machine.change("01.0005") { $0.isCheckStopped = true }
    let plan = try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.isEmpty)
    #expect(
      plan.warnings.map(\.description) == [
        "unusable for a guest now, because deconfigured or check-stopped: 01.0004, 01.0005"
      ])
  }

  @Test func `of masks that could not be set back`() throws {
    var machine = Machine(adapters: [1, 2, 3], domains: [4, 5], mechanism: .override)
    machine.clear(domains: [5])
    // Newer kernels refuse any bit that a mediated device has, so adapter 1 could not come back.
    machine.inventory.mediatedDevices = [MediatedDevice(uuid: uuid, adapters: [1], domains: [5])]
    let plan = try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.writes == [mask(without: [1]) + " > /sys/bus/ap/apmask"])
    #expect(plan.warnings.contains(.cannotBeUndone(mediatedDevice: uuid)))
    machine.inventory.bus.supportsOverride = false
    let older = try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    // Older ones ask only for queues that would come back, and domain 5 stays cleared.
    #expect(!older.warnings.contains(.cannotBeUndone(mediatedDevice: uuid)))
  }

  @Test func `of queues without driver that setting masks back would give to the host`() throws {
    var machine = Machine(mechanism: .mask)
    try machine.set("01.0003", driver: nil)
    let rules = """
      ADAPTER=="1", RESERVE="vfio_ap"
      DOMAIN=="2", RESERVE="vfio_ap"
      """
    let plan = try machine.plan(.mask, rules)
    #expect(plan.changesByUndoing.map(\.apqn.description) == ["01.0003"])
    #expect(
      plan.warnings.map(\.description) == [
        "if not all masks can be written, setting them back moves to host what has no driver "
          + "now: 01.0003"
      ])
    // What is unbound and given back would be on vfio_ap then.
    machine = Machine(mechanism: .mask)
    machine.clear(adapters: [1], domains: [2])
    try machine.set("00.0002", driver: nil)
    machine.ownership = Ownership(adapters: [1], domains: [2])
    let other = try machine.plan(.mask, #"ADAPTER=="3", RESERVE="vfio_ap""#)
    #expect(other.warnings == [.undoingBinds([APQN(adapter: 0, domain: 2)], to: .vfioAP)])
    machine = Machine(mechanism: .mask)
    try machine.set("01.0003", driver: nil)
    // A single write that fails has done nothing.
    #expect(try machine.plan(.mask, #"ADAPTER=="1", RESERVE="vfio_ap""#).warnings.isEmpty)
    // Below a card without driver that would be dangerous, so nothing is begun. Its queues with a driver
    // would be taken and bound again.
    try machine.change(card: 1) { $0.driver = nil }
    let refused = try machine.plan(.mask, rules)
    #expect(refused.isEmpty)
    #expect(
      refused.refusals.allSatisfy {
        $0.reason == .wouldBindBelowUnboundCard(APQN(adapter: 1, domain: 0))
      } && !refused.refusals.isEmpty)
  }
}

@Suite struct `Where masks cannot do exactly what is requested` {
  private func alternatives(_ rules: String, old: UInt8? = nil) throws -> [String] {
    var machine = Machine(adapters: [1, 2, 3], domains: [4, 5], mechanism: .mask)
    if let old { try machine.change(card: old) { $0.hardwareType = HardwareType(rawValue: 8) } }
    return try machine.plan(.mask, rules).alternatives.map {
      "-\($0.adapters.map(String.init)) -\($0.domains.map(String.init)): "
        + $0.alsoTaken.map(\.description).joined(separator: " ")
    }
  }

  @Test func `the nearest that can are named, the cheapest first`() throws {
    #expect(
      try alternatives(#"APQN=="01.0004|02.0004", RESERVE="vfio_ap""#) == [
        "-[] -[\"4\"]: 03.0004", "-[\"1\", \"2\"] -[]: 01.0005 02.0005",
      ])
  }

  @Test func `rows and columns are combined where that takes the fewest`() throws {
    #expect(
      try alternatives(
        """
        APQN=="01.0004|02.0004", RESERVE="vfio_ap"
        APQN=="03.0005", RESERVE="vfio_ap"
        """
      ).first == "-[\"3\"] -[\"4\"]: 03.0004")
  }

  @Test func `none takes what a rule requests for the host, or what is too old`() throws {
    #expect(
      try alternatives(
        """
        APQN=="01.0004", RESERVE="vfio_ap"
        APQN=="01.0005", RESERVE="host"
        """) == ["-[] -[\"4\"]: 02.0004 03.0004"])
    #expect(
      try alternatives(#"APQN=="01.0004", RESERVE="vfio_ap""#, old: 2) == [
        "-[\"1\"] -[]: 01.0005"
      ])
  }

  @Test func `there are none where nothing is refused`() throws {
    #expect(try alternatives(#"ADAPTER=="1", RESERVE="vfio_ap""#) == [])
  }
}

@Suite struct `A plan warns of the next boot` {
  private let file = "/etc/udev/rules.d/41-ap.rules"
  private let kept = #"APQN=="01.0004", RESERVE:="host", NAME="dm-crypt""#

  private func machine(
    _ mechanism: Mechanism = .override, _ configuration: HostConfiguration
  ) -> Machine {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: mechanism)
    machine.context.configuration = configuration
    return machine
  }

  private func masks(_ adapters: APMask?, _ domains: APMask? = nil) -> ConfiguredMasks {
    ConfiguredMasks(
      adapters: adapters?.complement, domains: domains?.complement, source: file)
  }

  private func override(_ name: String, _ driver: String) throws -> HostConfiguration {
    let apqn = try #require(APQN(name))
    return HostConfiguration(overrides: [
      ConfiguredOverride(apqn: apqn, driver: driver, source: "/etc/driverctl.d/ap-\(name)")
    ])
  }

  private func warnings(
    _ configuration: HostConfiguration, _ rules: String, by mechanism: Mechanism = .override,
    on kernel: Mechanism = .override
  ) throws -> [String] {
    try machine(kernel, configuration).plan(mechanism, rules).warnings.map(\.description)
  }

  @Test func `when masks will take what a rule keeps for the host`() throws {
    let remedy = "run chzdev --type ap --persistent --remove-all"
    #expect(
      try warnings(HostConfiguration(persistentMasks: masks([1])), kept, by: .mask) == [
        "\(file) takes 01.0004 from the host at the next boot, against test.rules:1; \(remedy)"
      ])
    // By its domain, from the kernel command line.
    let line = ConfiguredMasks(
      adapters: nil, domains: APMask([4]).complement, source: "the kernel's command line")
    #expect(
      try warnings(HostConfiguration(bootMasks: line), kept, by: .mask, on: .mask) == [
        "the kernel's command line takes 01.0004 from the host at the next boot, against test.rules:1; "
          + "remove ap.apmask= and ap.aqmask= from the kernel parameters in the boot loader's "
          + "configuration, and run zipl"
      ])
    // What is not here now may be here then.
    #expect(
      try warnings(
        HostConfiguration(persistentMasks: masks([9])), #"APQN=="09.0004", RESERVE="host""#,
        by: .mask
      ).first?.contains("takes 09.0004 from the host") == true)
  }

  @Test func `and names each rule once, up to three of them`() throws {
    func rules(_ count: Int) throws -> String {
      let lines = (0..<count).map { #"APQN=="01.000\#(4 + $0)", RESERVE="host""# }
      var machine = self.machine(.override, HostConfiguration(persistentMasks: masks([1])))
      machine.plug(1, domains: Array(4...8))
      let text = try machine.plan(.mask, lines.joined(separator: "\n")).warnings.first?.description
      return try #require(text?.split(separator: "against ").last?.split(separator: ";").first)
        .description
    }
    #expect(try rules(3) == "test.rules:1, test.rules:2, test.rules:3")
    #expect(try rules(5) == "test.rules:1, test.rules:2, test.rules:3 and 2 more")
    let one = HostConfiguration(persistentMasks: masks([1]))
    #expect(
      try warnings(one, #"ADAPTER=="1", RESERVE="host""#, by: .mask).first?
        .contains("against test.rules:1;") == true)
    // A rule that was named before does not end the list.
    let two = HostConfiguration(persistentMasks: masks([1, 2]))
    #expect(
      try warnings(
        two, "ADAPTER==\"1\", RESERVE=\"host\"\nADAPTER==\"2\", RESERVE=\"host\"", by: .mask
      ).first?.contains("against test.rules:1, test.rules:2;") == true)
  }

  @Test func `also when another source of masks takes nothing`() throws {
    let configuration = HostConfiguration(
      bootMasks: masks([]), persistentMasks: masks([1]))
    #expect(try warnings(configuration, kept, by: .mask).count == 1)
  }

  @Test func `but not when masks take what no rule keeps, or nothing at all`() throws {
    for configured in [masks([2]), masks([], []), masks(nil, [5])] {
      let configuration = HostConfiguration(bootMasks: configured, persistentMasks: configured)
      #expect(try warnings(configuration, kept, by: .mask) == [])
      #expect(try warnings(configuration, "", by: .mask) == [])
    }
    // A kernel without masks does not know them.
    let configuration = HostConfiguration(bootMasks: masks([1]), persistentMasks: masks([1]))
    #expect(try warnings(configuration, kept, by: .bind, on: .bind) == [])
  }

  @Test func `when masks will keep the kernel from taking overrides`() throws {
    #expect(
      try warnings(HostConfiguration(persistentMasks: masks([2])), "") == [
        "\(file) sets masks at the next boot, and then the kernel takes no driver_override, so that "
          + "what is reserved by override now is lost; run chzdev --type ap --persistent --remove-all"
      ])
    #expect(try warnings(HostConfiguration(persistentMasks: masks([])), "") == [])
  }

  @Test func `when driverctl takes what a rule keeps for the host`() throws {
    #expect(
      try warnings(override("01.0004", "vfio_ap"), kept) == [
        "/etc/driverctl.d/ap-01.0004 takes 01.0004 from the host at the next boot, against "
          + "test.rules:1; run rm /etc/driverctl.d/ap-01.0004"
      ])
    // Whatever else it does, no rule is against it.
    #expect(try warnings(override("01.0004", "cex4queue"), kept) == [])
    #expect(try warnings(override("01.0005", "vfio_ap"), kept) == [])
    #expect(try warnings(override("01.0004", "vfio_ap"), kept, by: .mask, on: .mask) == [])
  }

  @Test func `when driverctl binds what a rule reserves to another driver`() throws {
    let reserved = #"APQN=="01.0004", RESERVE="vfio_ap""#
    #expect(
      try warnings(override("01.0004", "cex4queue"), reserved) == [
        "/etc/driverctl.d/ap-01.0004 binds 01.0004 to cex4queue at the next boot, against "
          + "test.rules:1; run rm /etc/driverctl.d/ap-01.0004"
      ])
    #expect(try warnings(override("01.0004", "vfio_ap"), reserved) == [])
  }

  @Test func `when driverctl will keep the kernel from taking masks`() throws {
    var configuration = try override("02.0004", "vfio_ap")
    configuration.overrides += try override("02.0005", "vfio_ap").overrides
    let files = "/etc/driverctl.d/ap-02.0004 /etc/driverctl.d/ap-02.0005"
    #expect(
      try warnings(configuration, "", by: .mask) == [
        "/etc/driverctl.d/ap-02.0004, /etc/driverctl.d/ap-02.0005 set driver_override at the next "
          + "boot, and then the kernel takes no masks, so that what is reserved by masks now is lost; "
          + "run rm \(files)"
      ])
    #expect(try warnings(configuration, "") == [])
    #expect(try warnings(configuration, "", by: .mask, on: .mask) == [])
  }
}
