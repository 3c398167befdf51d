import APBus
import Reservation
import Reports
import ReservationRules
import TestSupport
import Testing

@Suite struct `Imported rules` {
  private static func inventory(
    masks: MaskPair? = .all, supportsOverride: Bool = false,
    adapters: [UInt8] = [1, 2, 3], domains: [UInt8] = [4, 5]
  ) throws -> Inventory {
    var inventory = Inventory.empty
    inventory.bus = BusState(
      masks: masks, scans: masks.map { _ in 1 },
      supportsOverride: supportsOverride, drivers: ["cex4card", "cex4queue", "vfio_ap"])
    for adapter in adapters {
      inventory.setCard(
        Card(
          adapter: adapter, hardwareType: HardwareType(rawValue: 13),
          functions: QueueMode.cca.functions, driver: "cex4card"), adapter: adapter)
      for domain in domains {
        let apqn = APQN(adapter: adapter, domain: domain)
        let isHost = inventory.bus.masks?.isInHostPool(apqn) != false
        inventory.setQueue(
          Queue(apqn: apqn, driver: isHost ? "cex4queue" : "vfio_ap"), apqn: apqn)
      }
    }
    return inventory
  }

  private func text(
    _ inventory: Inventory, _ configuration: HostConfiguration = HostConfiguration()
  ) -> String {
    RuleImport(
      inventory: inventory, host: HostIdentity(name: "lnx01"), configuration: configuration
    ).text()
  }

  private static let header = """
    # What was reserved for vfio_ap on lnx01 when "apreserve import" wrote this file.
    # With these rules, the plan for that machine is empty.

    """

  @Test func `are a comment if nothing is reserved`() throws {
    #expect(try text(Self.inventory()) == Self.header + "# Nothing is reserved.\n")
  }

  @Test func `name adapters and domains where masks reserve`() throws {
    let inventory = try Self.inventory(
      masks: MaskPair(adapters: .all.subtracting([1, 200, 201]), domains: .all.subtracting([5])))
    #expect(
      text(inventory) == Self.header + """
        ADAPTER=="0x01|0xc8-0xc9", RESERVE="vfio_ap"
        DOMAIN=="0x0005", RESERVE="vfio_ap"

        """)
  }

  @Test func `name queues where overrides or plain binds reserve`() throws {
    var inventory = try Self.inventory(supportsOverride: true)
    for name in ["01.0004", "02.0004", "03.0005"] {
      let apqn = try #require(APQN(name))
      inventory.setQueue(
        Queue(apqn: apqn, driver: "vfio_ap", driverOverride: "vfio_ap"), apqn: apqn)
    }
    #expect(
      text(inventory) == Self.header + """
        APQN=="01-02.0004", RESERVE="vfio_ap"
        APQN=="03.0005", RESERVE="vfio_ap"

        """)
  }

  @Test func `leave out what is too old or being moved`() throws {
    var inventory = try Self.inventory(
      masks: MaskPair(adapters: .all.subtracting([1, 2]), domains: .all))
    var card = try #require(inventory.card(1))
    card.hardwareType = HardwareType(rawValue: 9)
    inventory.setCard(card, adapter: 1)
    for name in ["01.0004", "01.0005", "02.0004"] {
      let apqn = try #require(APQN(name))
      inventory.setQueue(Queue(apqn: apqn), apqn: apqn)
    }
    #expect(
      text(inventory) == Self.header + """
        ADAPTER=="0x01-0x02", RESERVE="vfio_ap"

        # Not bound to vfio_ap now although configured to be, or not able to stay there.
        APQN=="01.0004-0005", RESERVE="unmanaged"
        APQN=="02.0004", RESERVE="unmanaged"

        """)
  }

  @Test func `have as a comment what an override requests and is not so yet`() throws {
    var inventory = try Self.inventory(supportsOverride: true)
    let apqn = APQN(adapter: 2, domain: 5)
    inventory.setQueue(
      Queue(apqn: apqn, driver: "cex4queue", driverOverride: "vfio_ap"), apqn: apqn)
    #expect(
      text(inventory) == Self.header + """
        # Nothing is reserved.

        # Not bound to vfio_ap now although driver_override requests it, or not able to stay there.
        # To reserve them, uncomment:
        #APQN=="02.0005", RESERVE="vfio_ap"

        """)
  }

  @Test func `have as comments what other tools' files ask for and is not so`() throws {
    let uuid = "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e"
    let configuration = HostConfiguration(
      persistentMasks: ConfiguredMasks(
        adapters: APMask([3]).complement, domains: nil, source: "/etc/udev/rules.d/41-ap.rules"),
      overrides: [
        ConfiguredOverride(
          apqn: APQN(adapter: 2, domain: 5), driver: "vfio_ap",
          source: "/etc/driverctl.d/ap-02.0005")
      ],
      definitions: [
        MediatedDeviceDefinition(
          device: MediatedDevice(uuid: uuid, adapters: [1], domains: [4, 5]),
          startsAutomatically: true)
      ], virtualMachines: [VirtualMachine(name: "db1", mediatedDevices: [uuid])])
    #expect(
      try text(Self.inventory(), configuration) == Self.header + """
        # Nothing is reserved.

        # /etc/udev/rules.d/41-ap.rules sets masks at every boot; remove them there.
        # They differ from the masks in force. To reserve the same queues, uncomment:
        #ADAPTER=="0x03", RESERVE="vfio_ap"

        # /etc/driverctl.d/ap-02.0005 sets driver_override vfio_ap; remove it.
        # The queue is not reserved now. To reserve it, uncomment:
        #APQN=="02.0005", RESERVE="vfio_ap"

        # Mediated device \(uuid) (virtual machine db1) starts automatically, but some of its queues are not reserved.
        # To reserve them, uncomment:
        #APQN=="01.0004-0005", RESERVE="vfio_ap"

        """)
  }

  /// Machines of every kind in any state, also such as only a hand in the middle of its work leaves.
  @Test func `give an empty plan on the machine they were imported from, and no warning`() throws {
    for seed in UInt64(1)...600 {
      var generator = SeededGenerator(seed: seed)
      let kind = Mechanism.allCases[Int.random(in: 0...2, using: &generator)]
      var masks: MaskPair? = kind == .bind ? nil : .all
      if kind == .mask {
        for mask in [\MaskPair.adapters, \.domains] where generator.chance(70) {
          masks?[keyPath: mask] =
            APMask((0...7).filter { _ in generator.chance(30) } + [255]).complement
        }
      }
      var inventory = try Self.inventory(
        masks: masks, supportsOverride: kind == .override || generator.chance(50),
        adapters: [0, 1, 2, 3, 9], domains: [0, 1, 4])
      for card in inventory.cards where generator.chance(15) {
        var card = card
        if generator.chance(50) {
          card.hardwareType = HardwareType(rawValue: 9)
        } else {
          card.driver = nil
        }
        inventory.setCard(card, adapter: card.adapter)
      }
      for var queue in inventory.queues where generator.chance(20) {
        queue.driver = generator.chance(50) ? "vfio_ap" : generator.chance(50) ? nil : queue.driver
        if kind == .override, generator.chance(80) { queue.driverOverride = "vfio_ap" }
        inventory.setQueue(queue, apqn: queue.apqn)
      }
      if generator.chance(15) { inventory.bus.drivers = ["cex4card", "cex4queue"] }
      // What chzdev, the kernel's command line, driverctl and mdevctl have for the next boot, be it so
      // already or not.
      var configuration = HostConfiguration()
      func configured(_ source: String) -> ConfiguredMasks {
        ConfiguredMasks(
          adapters: generator.chance(50)
            ? inventory.bus.masks?.adapters : APMask([1, 9]).complement,
          domains: generator.chance(50) ? inventory.bus.masks?.domains : APMask([4]).complement,
          source: source)
      }
      if generator.chance(25) { configuration.bootMasks = configured("/proc/cmdline") }
      if generator.chance(25) {
        configuration.persistentMasks = configured("/etc/udev/rules.d/41-ap.rules")
      }
      for queue in inventory.queues where generator.chance(10) {
        configuration.overrides.append(
          ConfiguredOverride(
            apqn: queue.apqn, driver: generator.chance(80) ? "vfio_ap" : "other",
            source: "/etc/driverctl.d/ap-\(queue.apqn)"))
      }
      if generator.chance(25) {
        configuration.definitions = [
          MediatedDeviceDefinition(
            device: MediatedDevice(
              uuid: "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e", adapters: [1, 9], domains: [4]),
            startsAutomatically: generator.chance(50))
        ]
      }
      if generator.chance(15) {
        configuration.callout = "/usr/lib/mdevctl/scripts.d/callouts/ap-check"
      }
      let text = text(inventory, configuration)
      let (rules, diagnostics) = RuleSet.parse(files: [RuleFile(path: "import", text: text)])
      #expect(diagnostics.isEmpty)
      #expect(rules.shadowWarnings() == [], "seed \(seed)\n\(text)")
      let plan = try Assessment(
        inventory: inventory, rules: rules,
        context: PlanningContext(configuration: configuration)
      ).plan
      #expect(plan.isEmpty && plan.refusals.isEmpty, "seed \(seed), \(plan.steps)\n\(text)")
    }
  }
}
