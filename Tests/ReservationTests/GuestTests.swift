import APBus
import Reservation
import ReservationRules
import Testing

private let uuid = "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e"
private let other = "11111111-2222-4333-8444-555555555555"

@Suite struct `A guest` {
  private static let rule = #"GUEST=="*", RESERVE="vfio_ap""#

  /// Adapters 1 and 2 with domains 4 and 5, of which web1 is defined to have 01.0004 and has it reserved.
  private func machine() throws -> Machine {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
    machine.inventory.bus.configuredAdapters = [1, 2]
    machine.inventory.bus.configuredDomains = [4, 5]
    machine.inventory.bus.controlDomains = [4, 5]
    try machine.set("01.0004", driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    machine.define(uuid, [1], [4], isAutomatic: true)
    machine.context.configuration.virtualMachines = [
      VirtualMachine(name: "web1", mediatedDevices: [uuid])
    ]
    return machine
  }

  private func guest(_ machine: Machine, _ rules: String = rule) throws -> Guest {
    try #require(try machine.assessment(rules, .override).guests.first { $0.uuid == uuid })
  }

  @Test func `is ready when it can be started with everything`() throws {
    let guest = try guest(try machine())
    #expect(guest.state == .ready)
    #expect(guest.name == "web1")
    #expect(guest.queues.map(\.apqn.description) == ["01.0004"])
    #expect(guest.queues.allSatisfy { $0.remedy(for: guest) == nil })
    #expect(guest.findings == [])
  }

  @Test func `is running when its virtual machine is, or a guest uses its queue`() throws {
    var machine = try machine()
    machine.context.configuration.virtualMachines[0].liveDevices = [uuid]
    #expect(try guest(machine).state == .running)
    machine = try self.machine()
    machine.inventory.mediatedDevices = [MediatedDevice(uuid: uuid, adapters: [1], domains: [4])]
    #expect(try guest(machine).state == .ready)
    try machine.change("01.0004") { $0.guestStatus = .inUse }
    #expect(try guest(machine).state == .running)
  }

  /// What is missing, and how the remedy begins.
  struct Lack: Sendable, CustomStringConvertible {
    var description: String
    var rules = `A guest`.rule
    var remedy: String
    var change: @Sendable (inout Machine) throws -> Void
  }

  private static let lacks = [
    Lack(description: "host", rules: "", remedy: "add the rule GUEST==\"web1\"") {
      try $0.set("01.0004", driver: DriverName.cex4queue)
    },
    Lack(
      description: "kept", rules: #"ADAPTER=="1", RESERVE="host""#,
      remedy: "change the rule test.rules:1"
    ) { try $0.set("01.0004", driver: DriverName.cex4queue) },
    Lack(description: "planned", remedy: "run apreserve apply") {
      try $0.set("01.0004", driver: DriverName.cex4queue)
    },
    Lack(
      description: "off",
      remedy: "run chzcrypt --config-on 01, or configure adapter 0x01 (1 on the HMC)"
    ) {
      try $0.change("01.0004") { $0.isConfigured = false }
    },
    Lack(description: "stopped", remedy: "look at the hardware messages for adapter 0x01") {
      try $0.change("01.0004") { $0.isCheckStopped = true }
    },
    Lack(description: "unconfigured", remedy: "assign adapter 0x09 (9 on the HMC) to this LPAR") {
      $0.context.configuration.definitions[0].device.adapters = [9]
    },
    Lack(description: "domain", remedy: "assign usage domain 0x0047 (71 on the HMC) to this LPAR") {
      $0.context.configuration.definitions[0].device.domains = [0x47]
    },
  ]

  @Test(arguments: lacks)
  func `is incomplete, and says what to do`(lack: Lack) throws {
    var machine = try machine()
    try lack.change(&machine)
    let guest = try guest(machine, lack.rules)
    #expect(guest.state == .incomplete)
    let remedies = guest.queues.compactMap { $0.remedy(for: guest) }
    #expect(remedies.count == 1 && remedies[0].hasPrefix(lack.remedy), "\(remedies)")
  }

  @Test func `is incomplete with a definition that has an error`() throws {
    var machine = try machine()
    machine.context.configuration.definitions[0].problems = [.init("an error", line: 1)]
    #expect(try guest(machine).state == .incomplete)
  }

  @Test(arguments: [(true, GuestFinding.Kind.conflict), (false, .overlap)])
  func `conflicts with another that is to have its queue`(
    isAutomatic: Bool, kind: GuestFinding.Kind
  ) throws {
    var machine = try machine()
    machine.define(other, [1, 2], [4], isAutomatic: isAutomatic)
    let guest = try guest(machine)
    #expect(guest.state == .conflicting)
    #expect(guest.queues[0].others == [other])
    #expect(guest.findings.map(\.kind) == [kind])
    let plan = try machine.assessment(Self.rule, .override).plan
    let texts = plan.warnings.map(\.description)
    #expect(
      texts.count { $0.hasPrefix("web1 and mediated device \(other) are both to have 01.0004") }
        == 1)
  }

  @Test func `conflicts with a device that is active with its queue`() throws {
    var machine = try machine()
    machine.inventory.mediatedDevices = [MediatedDevice(uuid: other, adapters: [1], domains: [4])]
    #expect(try guest(machine).findings.map(\.kind) == [.overlap])
    machine.define(other, [1], [4], isAutomatic: false)
    #expect(try guest(machine).findings.map(\.kind) == [.overlap])
  }

  @Test func `conflicts with another device of its virtual machine, as defined or as it runs`()
    throws
  {
    var machine = try machine()
    machine.define(other, [2], [4], isAutomatic: false)
    machine.context.configuration.virtualMachines[0].liveDevices = [other]
    #expect(try guest(machine, #"APQN=="*", RESERVE="vfio_ap""#).findings == [])
    machine.context.configuration.virtualMachines[0].liveDevices = [other, uuid]
    #expect(
      try guest(machine, #"APQN=="*", RESERVE="vfio_ap""#).findings.map(\.kind) == [.severalDevices]
    )
    machine.context.configuration.virtualMachines[0].liveDevices = nil
    machine.context.configuration.virtualMachines[0].definedDevices = [uuid, other]
    let guest = try guest(machine, #"APQN=="*", RESERVE="vfio_ap""#)
    #expect(guest.findings.map(\.place) == ["/etc/libvirt/qemu/web1.xml"])
    #expect(guest.state == .conflicting)
  }

  @Test func `is known although its device has vanished`() throws {
    var machine = try machine()
    machine.context.configuration.definitions = []
    let guest = try guest(machine)
    #expect(guest.state == .incomplete)
    #expect(guest.findings.map(\.kind) == [.vanishedDevice])
    #expect(guest.findings.first?.description.contains("KubeVirt") == false)
  }

  @Test func `names who may have removed a device that has vanished`() throws {
    var machine = try machine()
    machine.context.configuration.definitions = []
    machine.context.configuration.managers = [.kubernetesDriver, .kubeVirt]
    let finding = try #require(try guest(machine).findings.first)
    #expect(finding.description.contains("virt-handler of KubeVirt (/var/lib/kubelet/"))
  }

  @Test func `has findings about the system, its rules and its hardware`() throws {
    var machine = try machine()
    machine.context.configuration.definitions[0].device = MediatedDevice(
      uuid: uuid, adapters: [1, 2, 9], domains: [4, 7], controlDomains: [4, 8])
    try machine.change(card: 2) {
      $0.functions = QueueMode.ep11.functions
      $0.hardwareType = HardwareType(rawValue: 9)
    }
    let guest = try guest(
      machine, #"APQN=="01.0004", RESERVE="host""#)
    #expect(
      guest.findings.map(\.problem) == [
        .notConfigured(adapters: [9], domains: [7], controlDomains: [8]),
        .notReserved([APQN(adapter: 2, domain: 4)]),
        .keptForHost([APQN(adapter: 1, domain: 4)], rule: "test.rules:1"),
        .losesAdapter(2, missing: APQN(adapter: 2, domain: 4)), .oldHardware([2]),
        .mixedModes([.cca: [1], .ep11: [2]]),
      ])
    #expect(
      guest.findings.map(\.description) == [
        "web1 is to have adapter 0x09, domain 0x0007, control domain 0x0008, which this system is not configured "
          + "for; assign that to the LPAR on the HMC, or take it out of the definition",
        "web1 is to have 02.0004, which no rule reserves; a rule with GUEST does",
        "web1 is to have 01.0004, which test.rules:1 keeps for the host",
        "web1 gets no queue of adapter 0x02 at all: 02.0004 is assigned to it and not on vfio_ap",
        "web1 is to have adapter 0x02, and vfio_ap takes only type 10 (CEX4) and newer",
        "web1 is to have adapters of several modes: cca 0x01, ep11 0x02",
      ])
  }

  @Test func `has a finding while an adapter does not answer`() throws {
    var machine = try machine()
    machine.context.configuration.definitions[0].device = MediatedDevice(
      uuid: uuid, adapters: [1, 2], domains: [4])
    try machine.change(card: 2) { $0.unanswered = UnansweredRead(.card(2, "serialnr")) }
    let guest = try guest(machine, #"GUEST=="*", RESERVE="vfio_ap""#)
    #expect(guest.findings.map(\.problem) == [.silentAdapters([2])])
    #expect(
      guest.findings.first?.description
        == "web1 is to have adapter 0x02, which does not answer; check with \"lszcrypt -V\" and on the HMC"
    )
  }

  @Test func `has no finding while the time of an adapter to answer is not over`() throws {
    var machine = try machine()
    var read = UnansweredRead(.card(1, "serialnr"))
    read.isAwaited = true
    try machine.change(card: 1) { $0.unanswered = read }
    #expect(try guest(machine).findings == [])
  }

  @Test(arguments: [true, false])
  func `is incomplete with an adapter of which one queue is missing, or that is absent`(
    isAutomatic: Bool
  ) throws {
    var machine = try machine()
    machine.inventory.bus.configuredAdapters = [1, 2, 9]
    machine.inventory.bus.configuredDomains = [4, 5, 6]
    machine.define(uuid, [1, 9], [4, 6], isAutomatic: isAutomatic)
    machine.context.configuration.definitions.removeFirst()
    let guest = try guest(machine)
    #expect(guest.state == .incomplete)
    #expect(
      guest.findings.map(\.problem) == [
        .absentAdapters([9]), .losesAdapter(1, missing: APQN(adapter: 1, domain: 6)),
      ])
    #expect(
      guest.findings.map(\.description) == [
        "web1 is to have adapter 0x09, which is absent",
        "web1 gets no queue of adapter 0x01 at all: 01.0006 is assigned to it and not on vfio_ap",
      ])
    #expect(guest.findings.map(\.kind.preventsStart) == [false, true])
  }

  @Test func `is incomplete while its device lacks what it is defined with`() throws {
    var machine = try machine()
    try machine.set("01.0005", driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    machine.context.configuration.definitions[0].device.domains = [4, 5]
    machine.inventory.mediatedDevices = [MediatedDevice(uuid: uuid, adapters: [1], domains: [4])]
    var guest = try guest(machine)
    #expect(guest.state == .incomplete)
    #expect(guest.findings.map(\.problem) == [.activeWithout([APQN(adapter: 1, domain: 5)])])
    #expect(
      guest.findings.first?.description
        == "web1 is active without 01.0005, which its definition assigns; stop its guest, then run \"mdevctl stop\" and "
        + "\"mdevctl start\" with --uuid \(uuid)"
    )
    // A device that has more is as good, until it is stopped.
    machine.context.configuration.definitions[0].device.domains = [4]
    machine.inventory.mediatedDevices[0].domains = [4, 5]
    guest = try self.guest(machine, #"APQN=="01.*", RESERVE="vfio_ap""#)
    #expect(guest.state == .ready)
    #expect(guest.findings.map(\.problem) == [.activeBeyond([APQN(adapter: 1, domain: 5)])])
  }

  @Test(arguments: [
    ("web1", "web1"), ("Datenbank für KVM", "Datenbank für KVM"), ("my web|1", uuid),
    ("web*", uuid), (#"a"b"#, uuid), ("e\u{1b}[31mvil", uuid), ("", uuid),
  ])
  func `is named in advice by what a rule takes literally`(name: String, value: String) throws {
    var machine = try machine()
    try machine.set("01.0004", driver: DriverName.cex4queue)
    machine.context.configuration.virtualMachines[0].name = name
    let guest = try guest(machine, "")
    let remedy = try #require(guest.queues.first?.remedy(for: guest))
    let rule = "GUEST==\"\(value)\", RESERVE=\"vfio_ap\""
    #expect(remedy == "add the rule \(rule)")
    let requests = try machine.assessment("", .override).requests
    #expect(
      OpenRequest.groups(of: requests.open).map(\.remedy) == [
        "add the rule \(rule), or take the queue out of the definition"
      ])
    #expect(
      try machine.assessment(rule, .override).requests.reason(for: APQN(adapter: 1, domain: 4))
        == .planned)
  }

  @Test(arguments: GuestFinding.Kind.allCases)
  func `has findings that verify knows, with the same severity`(kind: GuestFinding.Kind) {
    #expect(DiagnosticCode(rawValue: kind.rawValue)?.severity.rawValue == kind.severity.rawValue)
  }

  @Test func `that is to be defined is compared with the others`() throws {
    let machine = try machine()
    let assessment = try machine.assessment(Self.rule, .override)
    let matrix = QueueMatrix(adapters: [1, 2], domains: [4])
    func kinds(_ draft: GuestDraft) -> [GuestFinding.Kind] {
      draft.findings(on: assessment).map(\.kind)
    }
    let draft = GuestDraft(name: "db1", matrix: matrix, startsAutomatically: true)
    #expect(draft.device.uuid == GuestAssignments.uuid(forLabel: "db1"))
    #expect(BusObject.isUUID(draft.device.uuid))
    #expect(kinds(draft) == [.conflict])
    #expect(
      kinds(GuestDraft(name: "db1", matrix: matrix, startsAutomatically: false)) == [.overlap])
    #expect(
      kinds(GuestDraft(name: "web1", uuid: uuid, matrix: matrix, startsAutomatically: true)) == [])
  }
}

@Suite struct `A set of queues` {
  private func set(_ names: String) -> APQNSet {
    APQNSet(names.split(separator: " ").compactMap { APQN($0) })
  }

  /// The queues, the smallest matrix around them, and the largest within.
  @Test(arguments: [
    ("01.0004 01.0005 02.0004", 4, "1 4,5"), ("01.0004 02.0005", 4, "1 4"),
    ("01.0004 01.0005 01.0006 02.0006 03.0006", 9, "1 4,5,6"),
    ("01.0004 01.0005 02.0004 02.0005 03.0005 03.0006", 9, "1,2 4,5"),
  ])
  func `that is no matrix has the nearest ones`(names: String, around: Int, within: String) {
    let queues = set(names)
    #expect(QueueMatrix(queues) == nil)
    #expect(QueueMatrix(around: queues).count == around)
    let best = QueueMatrix(within: queues)
    let text = [best.adapters, best.domains].map { $0.map { "\($0)" }.joined(separator: ",") }
    #expect(text.joined(separator: " ") == within)
  }

  @Test func `that is a matrix is one`() {
    let matrix = QueueMatrix(adapters: [1, 0xff], domains: [0, 0x47])
    #expect(QueueMatrix(matrix.queues) == matrix)
    #expect(matrix.count == matrix.queues.count)
  }
}

extension Machine {
  /// Adds a definition.
  fileprivate mutating func define(
    _ uuid: String, _ adapters: APMask, _ domains: APMask, isAutomatic: Bool
  ) {
    context.configuration.definitions.append(
      MediatedDeviceDefinition(
        device: MediatedDevice(uuid: uuid, adapters: adapters, domains: domains),
        startsAutomatically: isAutomatic))
  }
}
