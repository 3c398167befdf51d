import APBus
import Reservation
import Testing

private let keys = MasterKeyPattern(registers: ["AES 0x1", "APKA 0x2"])
private let otherKeys = MasterKeyPattern(registers: ["AES 0x9"])
private let root = KeyNeed.user(.encryptedVolume("root"))
private let everything = #"KERNEL=="*", RESERVE="vfio_ap""#

@Suite struct `The host's last queue with its master keys` {
  /// Two adapters with two domains, all queues with the same keys, on a host with a secure key.
  private func machine(_ mechanism: Mechanism, pattern: MasterKeyPattern? = keys) throws -> Machine
  {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: mechanism)
    machine.context.configuration.secureKeyUsers = [.encryptedVolume("root")]
    for queue in machine.inventory.queues {
      try machine.change(queue.apqn.description) { $0.masterKeys = pattern }
    }
    return machine
  }

  @Test(arguments: [Mechanism.bind, .override])
  func `stays with the host while it has secure keys`(mechanism: Mechanism) throws {
    let plan = try machine(mechanism).plan(mechanism, everything)
    #expect(plan.changes.map(\.apqn.description) == ["01.0004", "01.0005", "02.0004"])
    #expect(
      plan.refusals.map(\.description) == [
        "02.0005 is the host's last usable cca queue with master keys AES 0x1, APKA 0x2, and the "
          + "host has secure keys (volume root of /etc/crypttab uses the cipher paes); leave it, or use "
          + "\(Guard.protectHost.remedy)"
      ])
  }

  @Test func `stays with the host when masks would take it`() throws {
    let plan = try machine(.mask).plan(.mask, everything)
    // The row and the column of the queue that stays cannot be cleared.
    #expect(plan.changes.map(\.apqn.description) == ["01.0004", "01.0005", "02.0004"])
    #expect(plan.refusals.map(\.apqn.description) == ["02.0005"])
  }

  @Test func `is not taken as collateral`() throws {
    var machine = try machine(.mask)
    for name in ["02.0004", "02.0005"] { try machine.change(name) { $0.masterKeys = otherKeys } }
    let plan = try machine.plan(.mask, #"APQN=="02.0004", RESERVE="vfio_ap", COLLATERAL="accept""#)
    // By the row it would take 02.0005, the last with the other keys; by the column 01.0004.
    #expect(plan.changes.map(\.apqn.description) == ["01.0004", "02.0004"])
  }

  @Test func `is distinguished by its mode`() throws {
    var machine = try machine(.bind)
    try machine.change(card: 2) { $0.functions = QueueMode.ep11.functions }
    let plan = try machine.plan(.bind, everything)
    #expect(plan.refusals.map(\.apqn.description) == ["01.0005", "02.0005"])
  }

  @Test(arguments: ["deconfigured", "check-stopped", "card deconfigured", "switched off"])
  func `is not made good by one that is of no use`(fault: String) throws {
    var machine = try machine(.bind)
    for name in ["02.0004", "02.0005"] {
      try machine.change(name) { queue in
        switch fault {
        case "deconfigured": queue.isConfigured = false
        case "check-stopped": queue.isCheckStopped = true
        case "switched off": queue.isOnline = false
        default: break
        }
      }
    }
    if fault == "card deconfigured" { try machine.change(card: 2) { $0.isConfigured = false } }
    let plan = try machine.plan(.bind, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.changes.map(\.apqn.description) == ["01.0004"])
    #expect(plan.refusals.map(\.apqn.description) == ["01.0005"])
  }

  @Test func `may be any one whose keys cannot be read`() throws {
    let plan = try machine(.bind, pattern: nil).plan(.bind, #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(plan.isEmpty)
    #expect(
      plan.refusals.map(\.reason) == [
        .guarded(.masterKeysUnknown([root])), .guarded(.masterKeysUnknown([root])),
      ])
  }

  /// In an initrd nothing is loaded yet: every queue is unbound, and what masks take then, the host never
  /// gets.
  @Test(arguments: [Mechanism.mask, .override])
  func `may be any one before the host's driver is loaded`(mechanism: Mechanism) throws {
    var machine = try machine(mechanism, pattern: nil)
    machine.inventory.bus.drivers = []
    for queue in machine.inventory.queues {
      try machine.set(queue.apqn.description, driver: nil)
    }
    try machine.change(card: 2) { $0.functions = QueueMode.accelerator.functions }
    let plan = try machine.plan(mechanism, everything)
    #expect(plan.refusals.map(\.apqn.description) == ["01.0004", "01.0005"])
    #expect(plan.refusals.allSatisfy { $0.reason == .guarded(.masterKeysUnknown([root])) })
    let steps = plan.operations.flatMap(\.steps)
    #expect(!steps.isEmpty, "the accelerator can be reserved")

    machine.context.configuration.secureKeyUsers = []
    #expect(try machine.plan(mechanism, everything).refusals.isEmpty)
  }

  @Test(arguments: [Mechanism.bind, .override])
  func `is not one that was taken from the host already`(mechanism: Mechanism) throws {
    var machine = try machine(mechanism, pattern: nil)
    machine.inventory.bus.drivers = []
    for queue in machine.inventory.queues {
      try machine.set(
        queue.apqn.description, driver: nil,
        driverOverride: mechanism == .override ? DriverName.vfioAP : nil)
      machine.ownership.queues.insert(queue.apqn)
    }
    #expect(try machine.plan(mechanism, everything).refusals.isEmpty)
  }

  @Test func `is found beside others that are all of no use now`() throws {
    var machine = Machine(adapters: Array(1...9), domains: [4, 5], mechanism: .bind)
    machine.context.policy.protectHost = .yes
    for queue in machine.inventory.queues {
      try machine.change(queue.apqn.description) { queue in
        queue.masterKeys = MasterKeyPattern(registers: ["AES 0x\(queue.apqn.adapter)"])
        queue.isCheckStopped = queue.apqn.adapter != 9
      }
    }
    let refused = try machine.plan(.bind, everything).refusals.map(\.apqn)
    // None of those can be distinguished from the others, so all of them stay.
    #expect(
      refused == machine.inventory.queues.map(\.apqn).filter { $0 != APQN(adapter: 9, domain: 4) })
  }

  @Test func `is none where no master key is valid`() throws {
    let machine = try machine(.bind, pattern: MasterKeyPattern(registers: []))
    #expect(try machine.plan(.bind, everything).refusals.isEmpty)
  }

  @Test func `is none on accelerators`() throws {
    var machine = try machine(.bind, pattern: nil)
    for adapter in [UInt8(1), 2] {
      try machine.change(card: adapter) { $0.functions = QueueMode.accelerator.functions }
    }
    #expect(try machine.plan(.bind, everything).refusals.isEmpty)
  }

  @Test func `is looked for behind accelerators, too`() throws {
    var machine = try machine(.bind, pattern: nil)
    try machine.change(card: 1) { $0.functions = QueueMode.accelerator.functions }
    #expect(
      try machine.plan(.bind, everything).refusals.map(\.apqn.description) == [
        "02.0004", "02.0005",
      ]
    )
  }

  @Test func `is rather one that no rule asked for than one that a rule wants`() throws {
    var machine = try machine(.mask, pattern: otherKeys)
    machine.plug(2, domains: [4, 5, 6])
    for queue in machine.inventory.queues {
      let isOfKind = ["01.0004", "02.0004"].contains(queue.apqn.description)
      try machine.change(queue.apqn.description) { $0.masterKeys = isOfKind ? keys : otherKeys }
    }
    // The column is the cheaper one, and would take both of the kind.
    let plan = try machine.plan(.mask, #"APQN=="02.0004", RESERVE="vfio_ap", COLLATERAL="accept""#)
    #expect(
      plan.moves == [
        "02.0004 host>vfio_ap wanted", "02.0005 host>vfio_ap collateral",
        "02.0006 host>vfio_ap collateral",
      ])
    #expect(plan.refusals == [])
  }

  @Test func `is none of those that are not tried now`() throws {
    var machine = try machine(.bind)
    for queue in machine.inventory.queues {
      try machine.change(queue.apqn.description) { $0.isCheckStopped = true }
    }
    let heldBack = Operation.Subject.queue(APQN(adapter: 1, domain: 5))
    let plan = try machine.planner(#"ADAPTER=="1", RESERVE="vfio_ap""#, heldBack: [heldBack])
      .plan(by: .bind)
    #expect(plan.refusals.map(\.apqn.description) == ["01.0004"])
    #expect(plan.heldBack == [heldBack])
  }

  @Test(arguments: [
    (GuardPolicy.HostProtection.auto, true, 1), (.auto, false, 0), (.yes, false, 1), (.no, true, 0),
  ])
  func `is protected as ProtectHost says`(
    protectHost: GuardPolicy.HostProtection, hasKeys: Bool, refusals: Int
  ) throws {
    var machine = try machine(.bind)
    if !hasKeys { machine.context.configuration.secureKeyUsers = [] }
    machine.context.policy.protectHost = protectHost
    #expect(try machine.plan(.bind, everything).refusals.count == refusals)
  }

  @Test(
    arguments: [
      (
        GuardPolicy.HostProtection.auto, [.unreadable("/proc/crypto"), .repositoryKey("k")],
        "the host has secure keys (/etc/zkey/repository/k.skey)"
      ),
      (
        .auto, [.unreadable("/etc/zkey/repository")],
        "/etc/zkey/repository cannot be read, so that the host may have secure keys (try again as root)"
      ),
      (
        .yes, [.cipherInUse],
        "the host has secure keys (the cipher paes is in use, see /proc/crypto)"
      ),
      (.yes, [], "the host is protected by ProtectHost=yes"),
    ] as [(GuardPolicy.HostProtection, [SecureKeyUser], String)])
  func `stays for the reason that is given`(
    protectHost: GuardPolicy.HostProtection, users: [SecureKeyUser], clause: String
  ) throws {
    for pattern in [keys, nil] {
      var machine = try machine(.bind, pattern: pattern)
      machine.context.configuration.secureKeyUsers = users
      machine.context.policy.protectHost = protectHost
      let refusals = try machine.plan(.bind, everything).refusals.map(\.description)
      #expect(!refusals.isEmpty)
      #expect(refusals.allSatisfy { $0.contains(clause) }, "\(refusals)")
    }
  }

  @Test(arguments: Guard.allCases)
  func `yields to --force of its own guard only`(forced: Guard) throws {
    var machine = try machine(.bind)
    machine.context.policy.forced = [forced]
    #expect(try machine.plan(.bind, everything).refusals.isEmpty == (forced == .protectHost))
  }

  @Test(arguments: [true, false])
  func `decides which mechanism is used if the keys are known, else it may end`(
    areKnown: Bool
  ) throws {
    var machine = Machine(adapters: [1, 2, 3], domains: [4, 5], mechanism: .override)
    machine.context.configuration.secureKeyUsers = [.encryptedVolume("root")]
    for queue in machine.inventory.queues where areKnown {
      let isOther = queue.apqn.adapter == 3
      try machine.change(queue.apqn.description) { $0.masterKeys = isOther ? otherKeys : keys }
    }
    machine.inventory.bus.masks = .all
    // Exact for masks, but not beside the queue that stays.
    let planner = try machine.planner(#"ADAPTER=="1|2", RESERVE="vfio_ap""#)
    let byMasks = planner.plan(by: .mask)
    #expect(byMasks.refusals.contains { $0.reason.isOfHostKeys })
    #expect(!areKnown || byMasks.refusals.contains { !$0.reason.isOfHostKeys })
    let choice = try MechanismChoice(planner: planner)
    #expect(choice.mechanism == (areKnown ? .override : .mask))
    #expect(!areKnown || planner.plan(by: .override).refusals.count == 1)
  }
}

extension Refusal.Reason {
  fileprivate var isOfHostKeys: Bool {
    switch self {
    case .guarded(.lastWithMasterKeys), .guarded(.masterKeysUnknown): true
    default: false
    }
  }
}
