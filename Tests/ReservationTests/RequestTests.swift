import APBus
import Reservation
import ReservationRules
import Testing

private let uuid = "11111111-2222-3333-4444-555555555555"

/// A machine, rules for it, and what becomes of requests.
private struct Row: Sendable, CustomTestStringConvertible {
  var testDescription: String
  var rules = #"ADAPTER=="1", RESERVE="vfio_ap", NAME="web""#
  var mechanism = Mechanism.override
  var change: @Sendable (inout Machine) throws -> Void = { _ in }
  var progress = RequestProgress()
  /// `state queue`, with the reason after a colon; of a refusal without it.
  var open: [String]
  var reserved = 0
}

private let rows: [Row] = [
  Row(
    testDescription: "a queue on vfio_ap is reserved",
    change: { try $0.give("01.0004", "01.0005") }, open: [], reserved: 2),
  Row(
    testDescription: "a queue that the plan moves is pending",
    open: [
      "pending 01.0004: about to be moved to vfio_ap",
      "pending 01.0005: about to be moved to vfio_ap",
    ]),
  Row(
    testDescription: "a queue waits for its driver",
    change: { machine in
      machine.inventory.bus.drivers.removeAll { $0 == DriverName.vfioAP }
      try machine.give("01.0005")
    }, open: ["waiting 01.0004: vfio_ap is not loaded"], reserved: 1),
  Row(
    testDescription: "a queue waits for the requests that it has to finish",
    change: { try $0.give("01.0005") },
    progress: RequestProgress(draining: [APQN(adapter: 1, domain: 4)]),
    open: ["waiting 01.0004: the queue has pending requests to finish"], reserved: 1),
  Row(
    testDescription: "a queue waits for the lock of the configuration",
    change: { try $0.give("01.0005") }, progress: RequestProgress(isLocked: true),
    open: ["waiting 01.0004: another process holds the lock for the configuration of the bus"],
    reserved: 1),
  Row(
    testDescription:
      "a queue that cannot be decided since its adapter does not answer is unreadable",
    rules: #"CARD{serialnr}=="93AABEFZ", DOMAIN=="4", RESERVE="vfio_ap""#,
    change: { machine in
      machine.inventory.setCard(nil, adapter: 2)
      try machine.change(card: 1) { $0.unanswered = UnansweredRead(.card(1, "serialnr")) }
    },
    open: [
      "unreadable 01.0004: card01 does not answer: reading /sys/devices/ap/card01/serialnr: no answer within 5 s"
    ]),
  Row(
    testDescription: "a queue whose master keys the adapter does not tell is unreadable",
    change: { machine in
      machine.context.policy.protectHost = .yes
      try machine.change(card: 1) { $0.unanswered = UnansweredRead(.card(1, "serialnr")) }
    }, open: ["unreadable 01.0004", "unreadable 01.0005"]),
  Row(
    testDescription: "what else cannot be read is not the adapter's silence",
    rules: #"CARD{max_msg_size}=="1", ADAPTER=="1", RESERVE="vfio_ap""#,
    change: { machine in
      try machine.change(card: 1) { $0.unanswered = UnansweredRead(.card(1, "serialnr")) }
    },
    open: [
      "undecidable 01.0004: a rule compares something that cannot be read now",
      "undecidable 01.0005: a rule compares something that cannot be read now",
    ]),
  Row(
    testDescription: "a failure is tried again",
    change: { try $0.give("01.0005") },
    progress: RequestProgress(failures: [APQN(adapter: 1, domain: 4): .retried("EIO")]),
    open: ["pending 01.0004: EIO; tried again"], reserved: 1),
  Row(
    testDescription: "a final failure is a refusal",
    change: { try $0.give("01.0005") },
    progress: RequestProgress(failures: [APQN(adapter: 1, domain: 4): .final("no way")]),
    open: ["refused 01.0004: no way"], reserved: 1),
  Row(
    testDescription: "what has been moved since the machine was read is reserved",
    change: { try $0.give("01.0005") },
    progress: RequestProgress(moved: [APQN(adapter: 1, domain: 4)]), open: [], reserved: 2),
  Row(
    testDescription: "hardware of type 9 is refused", rules: #"ADAPTER=="2", RESERVE="vfio_ap""#,
    change: { $0.plug(2, type: 9, domains: [4]) }, open: ["refused 02.0004"]),
  Row(
    testDescription: "a queue that another process keeps moving back is contended",
    change: { machine in
      try machine.give("01.0005")
      machine.context.fought = [APQN(adapter: 1, domain: 4): 3]
    }, open: ["contended 01.0004"], reserved: 1),
  Row(
    testDescription: "a queue that was present since boot is missing with its adapter",
    rules: #"ADAPTER=="1|6", RESERVE="vfio_ap""#,
    change: { machine in
      try machine.give("01.0004", "01.0005")
      machine.ownership.apply(.seen(adapter: 6, domains: [4], isReservable: true))
    }, open: ["missing 06.0004: adapter 0x06 is absent"], reserved: 2),
  Row(
    testDescription: "a queue whose rule asks for its type is missing if it was requested before",
    rules: #"TYPE=="CEX7C", RESERVE="vfio_ap""#,
    change: { machine in
      try machine.give("01.0004", "01.0005")
      machine.ownership.apply(.requested(adapter: 6, domains: [4]))
    }, open: ["missing 06.0004: adapter 0x06 is absent"], reserved: 2),
  Row(
    testDescription: "a queue that was never present is not missing",
    rules: #"ADAPTER=="1|6", RESERVE="vfio_ap""#,
    change: { try $0.give("01.0004", "01.0005") }, open: [], reserved: 2),
  Row(
    testDescription: "a queue that a rule names is missing from the beginning",
    rules: #"APQN=="01.0004|06.0004|07.*|01.0009", RESERVE="vfio_ap""#,
    change: { try $0.give("01.0004") },
    open: [
      "missing 01.0009: the adapter has no queue in domain 0x0009",
      "missing 06.0004: adapter 0x06 is absent",
    ], reserved: 1),
  Row(
    testDescription: "a queue that a rule names is missing although only its card could decide",
    rules: #"APQN=="06.0004", TYPE=="CEX7C", RESERVE="vfio_ap""#,
    open: ["missing 06.0004: adapter 0x06 is absent"]),
  Row(
    testDescription: "a queue that rules lock to the host is not requested by a later rule",
    rules: """
      APQN=="06.0004", RESERVE:="host"
      APQN=="06.0004", RESERVE="vfio_ap"
      """, open: []),
  Row(
    testDescription: "this system is not configured for what is missing",
    rules: #"APQN=="06.0004|01.0009", RESERVE="vfio_ap""#,
    change: { machine in
      machine.inventory.bus.configuredAdapters = [1]
      machine.inventory.bus.configuredDomains = [4, 5]
    },
    open: [
      "missing 01.0009: this system is not configured for domain 0x0009",
      "missing 06.0004: this system is not configured for adapter 0x06",
    ]),
  Row(
    testDescription: "a deconfigured adapter makes its queues unusable",
    change: { machine in
      try machine.give("01.0004", "01.0005")
      try machine.change(card: 1) { $0.isConfigured = false }
    }, open: ["unusable 01.0004: deconfigured", "unusable 01.0005: deconfigured"]),
  Row(
    testDescription: "a check-stopped queue is unusable",
    change: { machine in
      try machine.give("01.0004", "01.0005")
      try machine.change("01.0005") { $0.isCheckStopped = true }
    }, open: ["unusable 01.0005: check-stopped"], reserved: 1),
  Row(
    testDescription: "a queue whose rule cannot be decided is undecidable, unless it is reserved",
    rules: #"CARD{serialnr}=="X*", RESERVE="vfio_ap""#, change: { try $0.give("01.0005") },
    open: ["undecidable 01.0004: a rule compares something that cannot be read now"], reserved: 1),
  Row(
    testDescription: "an active device requests what no rule reserves", rules: "",
    change: { machine in
      machine.inventory.mediatedDevices = [
        MediatedDevice(uuid: uuid, adapters: [1, 6], domains: [4])
      ]
    },
    open: [
      "refused 01.0004: mediated device \(uuid) includes it, and no rule reserves it",
      "missing 06.0004: adapter 0x06 is absent",
    ]),
  Row(
    testDescription: "a device that starts automatically requests what rules keep for the host",
    rules: #"ADAPTER=="1", RESERVE:="host""#,
    change: { machine in
      machine.context.configuration.definitions = [
        MediatedDeviceDefinition(
          device: MediatedDevice(uuid: uuid, adapters: [1], domains: [4]), startsAutomatically: true
        )
      ]
    },
    open: [
      "refused 01.0004: mediated device \(uuid) includes it, and test.rules:1 keeps it for the host"
    ]),
  Row(
    testDescription: "a device that is started by hand requests nothing", rules: "",
    change: { machine in
      machine.context.configuration.definitions = [
        MediatedDeviceDefinition(
          device: MediatedDevice(uuid: uuid, adapters: [1], domains: [4]),
          startsAutomatically: false)
      ]
    }, open: []),
]

extension Machine {
  /// Puts queues on `vfio_ap`, as overrides do.
  fileprivate mutating func give(_ names: String...) throws {
    for name in names {
      try set(name, driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    }
  }
}

@Suite struct `A request` {
  @Test(arguments: rows)
  fileprivate func `has one state and one reason`(row: Row) throws {
    var machine = Machine(adapters: [1], domains: [4, 5], mechanism: row.mechanism)
    try row.change(&machine)
    let assessment = try machine.assessment(row.rules, row.mechanism)
    let requests = Requests(
      inventory: assessment.inventory, decisions: assessment.decisions,
      ownership: assessment.ownership, configuration: machine.context.configuration,
      plan: assessment.plan, progress: row.progress)
    let open = requests.open.map { request in
      let start = "\(request.state.rawValue) \(request.apqn)"
      return request.reason.clause.map { "\(start): \($0)" } ?? start
    }
    #expect(open == row.open)
    #expect(requests.reserved == row.reserved)
    #expect(requests.count == row.open.count + row.reserved)
    for request in requests.open { #expect(requests.state(of: request.apqn) == request.state) }
    #expect(requests.state(of: APQN(adapter: 99, domain: 0)) == nil)
  }

  @Test func `that no plan mentions yet is not finished`() throws {
    let machine = Machine(adapters: [1], domains: [4], mechanism: .override)
    let assessment = try machine.assessment(#"ADAPTER=="1", RESERVE="vfio_ap""#, .override)
    let requests = Requests(
      inventory: assessment.inventory, decisions: assessment.decisions,
      ownership: assessment.ownership, configuration: machine.context.configuration,
      plan: Plan(mechanism: .override))
    #expect(requests.open.map(\.description) == ["01.0004 is pending: not moved yet"])
  }

  @Test func `is summed up in one line`() throws {
    var machine = Machine(adapters: [1], domains: [4, 5], mechanism: .override)
    try machine.give("01.0004")
    try machine.change("01.0004") { $0.isConfigured = false }
    let requests = try machine.assessment(
      #"APQN=="01.0004|01.0005|06.0004", RESERVE="vfio_ap""#, .override
    ).requests
    #expect(requests.summary == "0 of 3 queues reserved, 1 pending, 1 missing, 1 unusable")
    #expect(
      requests.waitingForLock.summary == "0 of 3 queues reserved, 1 waiting, 1 missing, 1 unusable")
    let planned = try #require(APQN("01.0005"))
    #expect(requests.reason(for: planned) == .planned)
    #expect(requests.waitingForLock.reason(for: planned) == .lock)
    let unreadable = requests.unreadable(because: "EIO")
    #expect(unreadable.summary == "0 of 3 queues reserved, 3 unreadable")
    #expect(unreadable.state(of: planned) == .unreadable)
    #expect(
      OpenRequest.groups(of: requests.open).map(\.sentence) == [
        "01.0004 is unusable: deconfigured",
        "01.0005 is pending: about to be moved to vfio_ap",
        "06.0004 is missing: adapter 0x06 is absent",
      ])
  }

  @Test func `that is fulfilled stays so while others wait for the lock`() throws {
    var machine = Machine(adapters: [1], domains: [4, 5], mechanism: .override)
    try machine.give("01.0004")
    let requests = try machine.assessment(#"ADAPTER=="1", RESERVE="vfio_ap""#, .override).requests
    #expect(requests.waitingForLock.counts == [.reserved: 1, .waiting: 1])
  }

  @Test func `of a guest is known as far as the plan goes, and else by the guest's device alone`()
    throws
  {
    var machine = Machine(adapters: [1], domains: [4, 5], mechanism: .override)
    machine.context.configuration.definitions = [
      MediatedDeviceDefinition(
        device: MediatedDevice(uuid: uuid, adapters: [1, 6], domains: [4]),
        startsAutomatically: false)
    ]
    let assessment = try machine.assessment(#"ADAPTER=="1", RESERVE="vfio_ap""#, .override)
    let answer = assessment.requests.matching(
      RequestFilter(guest: uuid), on: assessment.inventory, by: assessment.decisions,
      ownership: assessment.ownership, configuration: assessment.context.configuration)
    #expect(
      answer.open.map(\.description) == [
        "01.0004 is pending: about to be moved to vfio_ap",
        "06.0004 is missing: adapter 0x06 is absent",
      ])
  }

  @Test(
    arguments: [
      ("01.0004", nil, nil, 1, []),
      ("01.*", nil, nil, 2, ["01.0005 is pending: about to be moved to vfio_ap"]),
      (
        "07.0004", nil, nil, 1,
        ["07.0004 is refused: neither a rule nor a mediated device requests it"]
      ),
      ("07.*", nil, nil, 0, []),
      (nil, "web", nil, 2, ["01.0005 is pending: about to be moved to vfio_ap"]),
      (nil, "other", nil, 0, []),
      (nil, nil, "web1", 1, []),
      (nil, nil, uuid, 1, []),
      (nil, nil, "db", 0, []),
      ("01.*", "web", "web1", 1, []),
    ] as [(String?, String?, String?, Int, [String])])
  func `can be asked for by queues, label and guest`(
    queues: String?, label: String?, guest: String?, count: Int, sentences: [String]
  ) throws {
    var machine = Machine(adapters: [1], domains: [4, 5], mechanism: .override)
    try machine.give("01.0004")
    machine.context.configuration.virtualMachines = [
      VirtualMachine(name: "web1", mediatedDevices: [uuid])
    ]
    machine.context.configuration.definitions = [
      MediatedDeviceDefinition(
        device: MediatedDevice(uuid: uuid, adapters: [1], domains: [4]), startsAutomatically: false)
    ]
    let assessment = try machine.assessment(
      #"ADAPTER=="1", RESERVE="vfio_ap", NAME="web""#, .override)
    let filter = RequestFilter(
      queues: try queues.map { try APQNPattern($0) }, label: label, guest: guest)
    let answer = assessment.requests.matching(
      filter, on: assessment.inventory, by: assessment.decisions, ownership: assessment.ownership,
      configuration: assessment.context.configuration)
    #expect(answer.count == count)
    #expect(answer.open.map(\.description) == sentences)
  }

  @Test func `is stuck in all states but those that end by themselves`() {
    #expect(
      Requests.State.allCases.filter { !$0.isStuck } == [.reserved, .pending, .waiting])
  }

  @Test func `about a guest has what keeps its devices from being started`() throws {
    var machine = Machine(adapters: [1], domains: [4], mechanism: .override)
    let other = "22222222-2222-3333-4444-555555555555"
    machine.context.configuration.virtualMachines = [
      VirtualMachine(name: "web1", mediatedDevices: [uuid, other])
    ]
    machine.context.configuration.definitions = [
      MediatedDeviceDefinition(
        device: MediatedDevice(uuid: uuid, adapters: [1], domains: [4]), startsAutomatically: true,
        problems: [.init("an invalid attribute, x=1", line: 7)])
    ]
    let assessment = try machine.assessment(#"ADAPTER=="1", RESERVE="vfio_ap""#, .override)
    func problems(of guest: String) -> [String] {
      assessment.requests.matching(
        RequestFilter(guest: guest), on: assessment.inventory, by: assessment.decisions,
        ownership: assessment.ownership, configuration: assessment.context.configuration
      ).problems
    }
    #expect(
      problems(of: "web1") == [
        "\(other) (virtual machine web1) is neither active nor defined",
        "/etc/mdevctl.d/matrix/\(uuid):7: the definition of mediated device \(uuid) (virtual machine web1) "
          + "has an invalid attribute, x=1; it cannot be started like that, and rules with GUEST neither "
          + "take nor give back what it may assign",
      ])
    #expect(problems(of: uuid.uppercased()).count == 1)
    #expect(problems(of: "db1") == [])
    #expect(
      assessment.plan.warnings.contains(
        .invalidDefinition(
          mediatedDevice: "\(uuid) (virtual machine web1)", problem: "an invalid attribute, x=1",
          place: "/etc/mdevctl.d/matrix/\(uuid):7")))
  }

  @Test func `about a guest has what its device lacks of its definition, and mute adapters`() throws
  {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: .override)
    for name in ["01.0004", "02.0004"] {
      try machine.set(name, driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    }
    machine.inventory.mediatedDevices = [MediatedDevice(uuid: uuid, adapters: [1], domains: [4])]
    machine.context.configuration.definitions = [
      MediatedDeviceDefinition(
        device: MediatedDevice(uuid: uuid, adapters: [1, 2], domains: [4]),
        startsAutomatically: true)
    ]
    func problems() throws -> [String] {
      let assessment = try machine.assessment(#"ADAPTER=="1|2", RESERVE="vfio_ap""#, .override)
      return assessment.requests.matching(
        RequestFilter(guest: uuid), on: assessment.inventory, by: assessment.decisions,
        ownership: assessment.ownership, configuration: assessment.context.configuration
      ).problems
    }
    #expect(
      try problems() == [
        "\(uuid) is active without 02.0004, which its definition assigns; stop its guest, and start the "
          + "device again"
      ])
    machine.inventory.mediatedDevices[0].adapters = [1, 2]
    #expect(try problems() == [])
    try machine.change(card: 2) { $0.unanswered = UnansweredRead(.card(2, "serialnr")) }
    #expect(try problems().map { $0.hasPrefix("card02 does not answer: ") } == [true])
  }

  @Test(
    "about a queue by its name says why it is not there, also if no rule names it",
    arguments: [
      ("06.0004", "06.0004 is missing: adapter 0x06 is absent"),
      ("01.0007", "01.0007 is refused: neither a rule nor a mediated device requests it"),
      ("01.0004", nil),
    ])
  func named(queue: String, sentence: String?) throws {
    var machine = Machine(adapters: [1], domains: [4], mechanism: .override)
    try machine.set("01.0004", driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    let assessment = try machine.assessment(
      #"ADAPTER=="1|6", DOMAIN=="4", RESERVE="vfio_ap""#, .override)
    let answer = assessment.requests.matching(
      RequestFilter(queues: try APQNPattern(queue)), on: assessment.inventory,
      by: assessment.decisions, ownership: assessment.ownership,
      configuration: assessment.context.configuration)
    #expect(answer.count == 1)
    #expect(answer.open.map(\.description) == [sentence].compactMap(\.self))
  }

  @Test func `open for one reason have one remedy`() {
    let apqns = ["01.0004", "01.0005", "0a.0004"].compactMap { APQN($0) }
    #expect(
      OpenRequest.remedy(for: apqns, reason: .deconfigured)
        == "run chzcrypt --config-on 01 0a, or configure adapters 0x01 (1 on the HMC), 0x0a (10 on the HMC) on "
        + "for this LPAR")
    #expect(OpenRequest.remedy(for: apqns, reason: .planned) == nil)
  }

  @Test func `includes what an active device is defined with and does not have`() throws {
    var machine = Machine(adapters: [1], domains: [4], mechanism: .override)
    machine.inventory.mediatedDevices = [MediatedDevice(uuid: uuid, adapters: [1], domains: [4])]
    machine.context.configuration.definitions = [
      MediatedDeviceDefinition(
        device: MediatedDevice(uuid: uuid, adapters: [1, 6], domains: [4]),
        startsAutomatically: true)
    ]
    let assessment = try machine.assessment(#"ADAPTER=="1", RESERVE="vfio_ap""#, .override)
    #expect(assessment.requests.counts[.missing] == 1)
  }

  @Test func `that is refused like others is in one sentence with them`() {
    let apqns = (UInt8(4)...6).map { APQN(adapter: 1, domain: $0) }
    let reason = Refusal.Reason.guarded(.fought(times: 3))
    let first = Refusal(apqns[0], reason).description
    func sentence(_ count: Int) -> String {
      OpenRequest.sentence(for: Array(apqns.prefix(count)), reason: .refusal(reason))
    }
    #expect(sentence(1) == first)
    #expect(sentence(3) == first + "; likewise 01.0005, 01.0006")
  }

  @Test func `is not fulfilled while nothing can be decided`() throws {
    let machine = Machine(adapters: [1], domains: [4], mechanism: .override)
    let assessment = try machine.assessment(#"ADAPTER=="1", RESERVE="vfio_ap""#, .override)
    let requests = Requests(
      inventory: assessment.inventory, decisions: assessment.decisions, ownership: Ownership(),
      configuration: HostConfiguration(), plan: Plan(mechanism: .bind),
      progress: RequestProgress(obstacle: "nothing can be recorded"))
    #expect(
      requests.open.map(\.description) == [
        "01.0004 is pending: nothing can be recorded; tried again"
      ])
  }
}
