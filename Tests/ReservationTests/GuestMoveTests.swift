import APBus
import Reservation
import ReservationRules
import Testing

private let uuid = "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e"

/// The guest web1 with 01.0004 and 02.0004 runs on one host; the other one has the same adapters, reserves by a rule
/// for guests, and has the device defined.
@Suite struct `A guest that is to move` {
  private struct Hosts {
    var source = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
    var destination = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
    var rules = #"GUEST=="*", RESERVE="vfio_ap""#

    static let device = MediatedDevice(
      uuid: uuid, adapters: [1, 2], domains: [4], controlDomains: [4])

    init() throws {
      for name in ["01.0004", "02.0004"] {
        for machine in [\Hosts.source, \.destination] {
          try self[keyPath: machine].change(name) {
            $0.keyRegisters = KeyRegisters(attribute: Self.keys("11"))
          }
        }
        // Its keys are known from before it was taken.
        for adapter in [UInt8(1), 2] {
          try source.change(card: adapter) { $0.attributes["serialnr"] = "93AABC0\(adapter)" }
        }
        source.inventory.noteKeys(at: WallTime(sinceEpoch: .seconds(1_790_000_000)))
        try source.change(name) {
          $0.driver = DriverName.vfioAP
          $0.guestStatus = .inUse
        }
      }
      source.inventory.mediatedDevices = [Self.device]
      source.context.configuration.virtualMachines = [
        VirtualMachine(name: "web1", mediatedDevices: [uuid], live: [uuid])
      ]
      destination.context.configuration.definitions = [
        MediatedDeviceDefinition(device: Self.device, startsAutomatically: false)
      ]
      destination.inventory.mediatedDevices = [Self.device]
    }

    static func keys(
      _ current: String, old: String? = nil, new: String? = nil
    ) -> String {
      func line(_ slot: String, _ state: String, _ pattern: String?) -> String {
        "AES \(slot): " + (pattern.map { "\(state) 0x\($0)" } ?? "-") + "\n"
      }
      return (new.map { "AES NEW: full 0x\($0)\n" } ?? "AES NEW: empty 0x0\n")
        + line("CUR", "valid", current)
        + (old.map { "AES OLD: valid 0x\($0)\n" } ?? "AES OLD: invalid 0x0\n")
        + "APKA NEW: empty 0x0\nAPKA CUR: invalid 0x0\nAPKA OLD: invalid 0x0\n"
    }

    func move() throws -> GuestMove {
      let guests = try source.assessment("", .override).guests
      let guest = try #require(guests.first { $0.virtualMachines == ["web1"] })
      var there = destination
      there.context.configuration = destination.context.configuration.adding(guest)
      return GuestMove(
        of: guest, from: source.inventory, to: try there.assessment(rules, .override),
        whoseDefinitionsAre: destination.context.configuration)
    }
  }

  @Test func `needs only that the queues are reserved where all else is there`() throws {
    let move = try Hosts().move()
    #expect(move.findings.map(\.criterion) == [.reservation])
    #expect(move.findings[0].message.hasSuffix("about to be moved to vfio_ap, by test.rules:1"))
    #expect(move.steps == ["run apreserve apply, or start apreserve.service"])
    #expect(move.outcome == .afterSteps)
    #expect(move.way == .cold)
    for queue in move.queues {
      guard case .equal(.known, .known) = queue.keys else {
        Issue.record("\(queue)")
        continue
      }
    }
  }

  @Test func `can move where everything is there`() throws {
    var hosts = try Hosts()
    for name in ["01.0004", "02.0004"] {
      try hosts.destination.change(name) {
        $0.driver = DriverName.vfioAP
        $0.driverOverride = DriverName.vfioAP
      }
    }
    hosts.source.inventory.bus.matrixFeatures = "guest_matrix hotplug ap_config migratable"
    hosts.destination.inventory.bus.matrixFeatures = "migratable"
    let move = try hosts.move()
    #expect(move.outcome == .possible, "\(move.findings)")
    #expect(move.way == .live)
  }

  /// Of a guest that is on no host yet, neither the definition nor types and keys matter.
  @Test func `can be where its queues are free, for a guest that is to be`() throws {
    var hosts = try Hosts()
    hosts.destination.context.configuration.definitions = []
    hosts.destination.inventory.mediatedDevices = []
    for name in ["01.0004", "02.0004"] {
      try hosts.destination.change(name) {
        $0.driver = DriverName.vfioAP
        $0.driverOverride = DriverName.vfioAP
      }
    }
    func move() throws -> GuestMove {
      let guest = Guest(
        GuestDraft(
          name: "new", matrix: QueueMatrix(adapters: [1, 2], domains: [4]),
          startsAutomatically: false))
      var there = hosts.destination
      there.context.configuration = hosts.destination.context.configuration.adding(guest)
      return GuestMove(
        of: guest, from: nil,
        to: try there.assessment("APQN==\"*\", RESERVE=\"vfio_ap\"", .override),
        whoseDefinitionsAre: hosts.destination.context.configuration)
    }
    let possible = try move()
    #expect(possible.outcome == .possible, "\(possible.findings)")
    #expect(possible.way == .start)
    try hosts.destination.change(card: 2) { $0.hardwareType = HardwareType(rawValue: 9) }
    let findings = try move().findings.filter { $0.outcome == .impossible }
    #expect(
      findings.map(\.message) == [
        "adapter 0x02 is CEX3 there, and vfio_ap takes only type 10 (CEX4) and newer"
      ])
  }

  private struct Lack: Sendable {
    var criterion: GuestMove.Criterion
    var outcome: GuestMove.Outcome
    var message: String
    var change: @Sendable (inout Hosts) throws -> Void

    init(
      _ criterion: GuestMove.Criterion, _ outcome: GuestMove.Outcome, _ message: String,
      _ change: @escaping @Sendable (inout Hosts) throws -> Void
    ) {
      self.criterion = criterion
      self.outcome = outcome
      self.message = message
      self.change = change
    }
  }

  private static let lacks: [Lack] = [
    Lack(.definition, .afterSteps, "is not defined there") {
      $0.destination.context.configuration.definitions = []
      $0.destination.inventory.mediatedDevices = []
    },
    Lack(.definition, .afterSteps, "is defined there, and not active") {
      $0.destination.inventory.mediatedDevices = []
    },
    Lack(.definition, .afterSteps, "is defined there with another matrix") {
      $0.destination.context.configuration.definitions[0].device.domains = [5]
      $0.destination.inventory.mediatedDevices = []
    },
    Lack(.definition, .afterSteps, "is active there with another matrix") {
      $0.destination.inventory.mediatedDevices = [MediatedDevice(uuid: uuid, adapters: [1])]
    },
    Lack(.definition, .afterSteps, "is in use there") {
      try $0.destination.change("01.0004") {
        $0.driver = DriverName.vfioAP
        $0.guestStatus = .inUse
      }
    },
    Lack(.definition, .afterSteps, "is neither active nor defined on the source") {
      $0.source.inventory.mediatedDevices = []
    },
    Lack(.definition, .afterSteps, "is in use there, by virtual machine web9") {
      $0.destination.context.configuration.virtualMachines = [
        VirtualMachine(name: "web9", mediatedDevices: [], live: [uuid])
      ]
    },
    Lack(.presence, .afterSteps, "02.0004 is missing: adapter 0x02 is absent") {
      $0.destination.inventory.setCard(nil, adapter: 2)
    },
    Lack(.presence, .afterSteps, "this system is not configured for domain 0x0004") {
      for name in ["01.0004", "02.0004"] {
        $0.destination.inventory.setQueue(nil, apqn: try #require(APQN(name)))
      }
      $0.destination.inventory.bus.configuredDomains = [5]
    },
    Lack(.type, .impossible, "adapter 0x02 is older there: CEX6, and CEX7 on the source") {
      try $0.destination.change(card: 2) { $0.hardwareType = HardwareType(rawValue: 12) }
    },
    // A kernel that does not know a type shows the newest that it knows.
    Lack(.type, .impossible, "adapter 0x01 is older there: CEX7, and CEX8 on the source") {
      try $0.source.change(card: 1) { $0.attributes["raw_hwtype"] = "14" }
      try $0.destination.change(card: 1) { $0.attributes["raw_hwtype"] = "13" }
    },
    Lack(.type, .afterSteps, "the source does not have adapter 0x02") {
      $0.source.inventory.setCard(nil, adapter: 2)
    },
    Lack(.mode, .impossible, "adapter 0x01 runs in mode ep11 there, and cca on the source") {
      try $0.destination.change(card: 1) { $0.functions = QueueMode.ep11.functions }
    },
    Lack(.mode, .afterSteps, "adapter 0x01 has no mode on the source") {
      try $0.source.change(card: 1) { $0.functions = 0 }
    },
    Lack(.functions, .impossible, "bits 0x80000000 of ap_functions") {
      try $0.source.change(card: 1) { $0.functions |= 0x8000_0000 }
    },
    Lack(.guests, .afterSteps, "is to have 01.0004 there, too") {
      $0.destination.context.configuration.definitions.append(
        MediatedDeviceDefinition(
          device: MediatedDevice(
            uuid: "11111111-2222-4333-8444-555555555555", adapters: [1], domains: [4]),
          startsAutomatically: true))
    },
    Lack(.reservation, .afterSteps, "test.rules:1 keeps it for the host") {
      $0.rules = #"ADAPTER=="1", RESERVE="host""#
    },
    Lack(.reservation, .afterSteps, "is on vfio_ap there, but test.rules:1 keeps it for the host") {
      $0.rules = #"ADAPTER=="1", RESERVE="host""#
      try $0.destination.set("01.0004", driver: DriverName.vfioAP)
    },
    Lack(.reservation, .afterSteps, "01.0004 is on vfio_ap there, but no rule reserves it") {
      $0.rules = #"ADAPTER=="2", RESERVE="vfio_ap""#
      try $0.destination.set("01.0004", driver: DriverName.vfioAP)
    },
    Lack(.controlDomains, .afterSteps, "not configured for control domain 0x0004 (4 on the HMC)") {
      $0.destination.inventory.bus.controlDomains = [5]
    },
    Lack(.keys, .impossible, "the AES master key of 02.0004 is another one") {
      try $0.destination.change("02.0004") {
        $0.keyRegisters = KeyRegisters(attribute: Hosts.keys("22"))
      }
    },
    Lack(.keys, .afterSteps, "one AES master key further on the destination") {
      try $0.destination.change("02.0004") {
        $0.keyRegisters = KeyRegisters(attribute: Hosts.keys("22", old: "11"))
      }
    },
    Lack(.keys, .afterSteps, "is entered on the destination, and not set yet") {
      try $0.destination.change("02.0004") {
        $0.keyRegisters = KeyRegisters(attribute: Hosts.keys("22", new: "11"))
      }
    },
    Lack(.keys, .afterSteps, "no AES master key is set in 02.0004") {
      try $0.destination.change("02.0004") {
        $0.keyRegisters = KeyRegisters(attribute: "AES CUR: invalid 0x0\nAPKA CUR: invalid 0x0\n")
      }
    },
    Lack(
      .keys, .afterSteps,
      "was another one on the destination, as read 2026-09-21T14:13:20Z on the source"
    ) {
      try $0.source.change("02.0004") { $0.keyRegisters = nil }
      try $0.destination.change("02.0004") {
        $0.keyRegisters = KeyRegisters(attribute: Hosts.keys("22"))
      }
    },
    // One kind of key is being changed, and another one is of another owner.
    Lack(.keys, .impossible, "the APKA master key of 02.0004 is another one") {
      for (machine, pattern) in [(\Hosts.source, "31"), (\.destination, "32")] {
        try $0[keyPath: machine].change("02.0004") {
          $0.keyRegisters = KeyRegisters(
            attribute: (machine == \Hosts.source
              ? "AES CUR: valid 0x11\n" : "AES CUR: invalid 0x0\n")
              + "APKA CUR: valid 0x\(pattern)\n")
        }
      }
    },
    // What one of the kernels does not show is not equal.
    Lack(.keys, .afterSteps, "master keys of 02.0004 are unknown on the source") {
      try $0.destination.change("02.0004") {
        $0.keyRegisters = KeyRegisters(attribute: Hosts.keys("11") + "ASYM CUR: valid 0x7\n")
      }
    },
    Lack(.keys, .afterSteps, "master keys of 02.0004 are unknown on the destination") {
      try $0.destination.change("02.0004") { $0.keyRegisters = nil }
    },
  ]

  @Test(arguments: lacks.indices)
  func `shows what the destination lacks`(index: Int) throws {
    let lack = Self.lacks[index]
    var hosts = try Hosts()
    try lack.change(&hosts)
    let move = try hosts.move()
    let finding = move.findings.first { $0.message.contains(lack.message) }
    #expect(finding != nil, "\(move.findings.map(\.message))")
    #expect(finding?.criterion == lack.criterion)
    #expect(finding?.outcome == lack.outcome)
    #expect(finding?.step == nil ? lack.outcome == .impossible : true)
    #expect(move.outcome >= lack.outcome)
    // What concerns a queue is in its row.
    for queue in move.queues where finding?.apqns.contains(queue.apqn) == true {
      #expect(queue.outcome >= lack.outcome)
    }
  }

  /// A newer adapter can do what an older one can, and its numbers stay the same.
  @Test func `may have newer adapters there`() throws {
    var hosts = try Hosts()
    try hosts.destination.change(card: 1) {
      $0.hardwareType = HardwareType(rawValue: 14)
      $0.functions |= 0x4000_0000
    }
    #expect(try hosts.move().findings.map(\.criterion) == [.reservation])
  }

  @Test func `needs no master keys with accelerators`() throws {
    var hosts = try Hosts()
    for machine in [\Hosts.source, \.destination] {
      for adapter in [UInt8(1), 2] {
        try hosts[keyPath: machine].change(card: adapter) {
          $0.functions = QueueMode.accelerator.functions
        }
      }
      for name in ["01.0004", "02.0004"] {
        try hosts[keyPath: machine].change(name) { $0.keyRegisters = nil }
      }
    }
    let move = try hosts.move()
    #expect(move.queues.map(\.keys) == [.notNeeded, .notNeeded])
    #expect(move.findings.map(\.criterion) == [.reservation])
  }

  @Test func `is compared as it is, not as it is defined`() throws {
    var hosts = try Hosts()
    var wider = Hosts.device
    wider.domains = [4, 5]
    hosts.source.context.configuration.definitions = [
      MediatedDeviceDefinition(device: wider, startsAutomatically: true)
    ]
    #expect(try hosts.move().queues.map(\.apqn.description) == ["01.0004", "02.0004"])
  }
}
