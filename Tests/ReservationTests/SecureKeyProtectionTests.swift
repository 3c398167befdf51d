import APBus
import Reservation
import Testing

private let aes = "AES 0x1122334455667788"
private let guests = "AES 0xdeadbeef00000000"
private let wk = "WK 0x000102030405060708090a0b0c0d0e0f"
private let longWK = wk + "101112131415161718191a1b1c1d1e1f"
private let everything = #"KERNEL=="*", RESERVE="vfio_ap""#

private func pattern(
  _ registers: [String], old: [String] = [], new: [String] = []
) -> MasterKeyPattern {
  MasterKeyPattern(registers: registers, old: old, new: new)
}

/// What is taken of a queue that is the only one of the host.
@Suite struct `The only queue of the host` {
  /// A key and a queue, and whether the queue can be taken.
  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var key: SecureKey
    var mode: QueueMode?
    var type: UInt8 = 13
    var keys: MasterKeyPattern?
    /// The reason in JSON why it stays; nil if it is taken.
    var refusal: String?

    init(
      _ name: String, _ kind: SecureKey.Kind?, _ masterKeys: [String] = [], on mode: QueueMode?,
      type: UInt8 = 13, _ keys: MasterKeyPattern?, _ refusal: String?
    ) {
      testDescription = name
      key = SecureKey(kind: kind, masterKeys: masterKeys)
      self.mode = mode
      self.type = type
      self.keys = keys
      self.refusal = refusal
    }
  }

  private static let last = "last-with-master-keys"
  private static let unread = "master-keys-unknown"

  private static let rows = [
    Row("its master key", .ccaData, [aes], on: .cca, pattern([aes, "APKA 0x1"]), last),
    Row("its old one", .ccaData, [aes], on: .cca, pattern([guests], old: [aes]), last),
    Row("its new one", .ccaData, [aes], on: .cca, pattern([guests], new: [aes]), last),
    Row("another one", .ccaData, [aes], on: .cca, pattern([guests, "APKA 0x1"]), nil),
    Row(
      "only in another register", .ccaData, [aes], on: .cca, pattern(["APKA" + aes.dropFirst(3)]),
      nil),
    Row(
      "zeros in front", .ccaData, ["AES 0x0000000000000012"], on: .cca, pattern(["AES 0x12"]), last),
    Row(
      "letters of another case", .ccaData, [guests], on: .cca, pattern(["AES 0xDEADBEEF00000000"]),
      last),
    Row("one of two", .ccaData, [aes, guests], on: .cca, pattern([guests]), last),
    Row("keys that cannot be read", .ccaData, [aes], on: .cca, nil, unread),
    Row("no valid key", .ccaData, [aes], on: .cca, pattern([]), nil),
    Row(
      "an old key without a current one", .ccaData, [aes], on: .cca, pattern([], old: [aes]), nil),
    Row("no register at all", .ccaData, [aes], on: .cca, pattern(["fish"]), unread),
    Row("EP11 keys for CCA", .ccaData, [aes], on: .ep11, pattern([longWK]), nil),
    Row("unreadable EP11 keys for CCA", .ccaData, [aes], on: .ep11, nil, nil),
    Row("a mode that is not known", .ccaData, [aes], on: nil, nil, unread),
    Row("a mode that is not known, with its key", .ccaData, [aes], on: nil, pattern([aes]), last),
    Row("an accelerator", .ccaData, [aes], on: .accelerator, nil, nil),
    Row("an accelerator for any key", nil, on: .accelerator, nil, nil),
    Row("a data key on old hardware", .ccaData, [aes], on: .cca, type: 10, pattern([aes]), last),
    Row("a cipher key on CEX6", .ccaCipher, [aes], on: .cca, type: 12, pattern([aes]), last),
    Row("a cipher key on CEX5", .ccaCipher, [aes], on: .cca, type: 11, pattern([aes]), nil),
    Row("an EP11 key", .ep11AES, [wk], on: .ep11, pattern([longWK]), last),
    Row("an EP11 key on CEX6", .ep11AES, [wk], on: .ep11, type: 12, pattern([longWK]), nil),
    Row("a token on CEX6", .ep11, on: .ep11, type: 12, pattern([longWK]), last),
    Row(
      "another wrapping key", .ep11AES, [wk], on: .ep11,
      pattern(["WK 0x" + String(repeating: "0", count: 64)]), nil),
    Row("a wrapping key that is cut", .ep11AES, [wk], on: .ep11, pattern(["WK 0x0001"]), unread),
    Row(
      "a new wrapping key", .ep11AES, [wk], on: .ep11,
      pattern(["WK 0x" + String(repeating: "0", count: 64)], new: [longWK]), last),
    Row("CCA keys for EP11", .ep11AES, [wk], on: .cca, pattern([aes]), nil),
    Row("any of the mode", .cca, on: .cca, pattern([guests]), last),
    Row("any of the other mode", .cca, on: .ep11, pattern([longWK]), nil),
    Row("any of the mode, unreadable", .ep11, on: .ep11, nil, unread),
    Row("any, CCA", nil, on: .cca, pattern([guests]), last),
    Row("any, EP11", nil, on: .ep11, pattern([longWK]), last),
    Row("any, unreadable", nil, on: .ep11, nil, unread),
    Row("any, without a valid key", nil, on: .cca, pattern([]), nil),
    Row("redacted, the same", .ccaData, ["REDACTED-1"], on: .cca, pattern(["REDACTED-1"]), last),
    Row("redacted, another one", .ccaData, ["REDACTED-1"], on: .cca, pattern(["REDACTED-2"]), nil),
  ]

  private func plan(_ row: Row, _ protectHost: GuardPolicy.HostProtection) throws -> Plan {
    var machine = Machine(adapters: [], mechanism: .bind)
    machine.plug(1, type: row.type, domains: [4])
    try machine.change(card: 1) { $0.functions = row.mode?.functions ?? 0 }
    try machine.change("01.0004") { $0.masterKeys = row.keys }
    machine.context.configuration.secureKeyUsers = [.repositoryKey("k", key: row.key)]
    machine.context.policy.protectHost = protectHost
    return try machine.plan(.bind, everything)
  }

  private func code(_ refusal: Refusal) -> String? {
    if case .guarded(let finding) = refusal.reason { finding.code } else { nil }
  }

  @Test(arguments: rows)
  func `is kept for a key that it may serve, and for no other`(row: Row) throws {
    let plan = try plan(row, .auto)
    #expect(plan.refusals.map(code) == (row.refusal.map { [$0] } ?? []))
    #expect(plan.changes.count == (row.refusal == nil ? 1 : 0))
    #expect(try self.plan(row, .no).refusals == [])
  }

  @Test(arguments: rows)
  func `is kept for any key if an administrator wants it`(row: Row) throws {
    let isWithoutKeys = row.mode == .accelerator || row.keys?.registers.isEmpty == true
    #expect(try plan(row, .yes).refusals.isEmpty == isWithoutKeys)
  }
}

/// Two adapters with a domain of the host, 4, and one of a guest, 5, and an EP11 adapter.
@Suite struct `With secure keys of which the master key is known` {
  private static let disk = SecureKeyUser.repositoryKey(
    "rootkey", key: SecureKey(kind: .ccaData, masterKeys: [aes]),
    apqns: [APQN(adapter: 1, domain: 4), APQN(adapter: 2, domain: 4)])

  private func machine(
    _ mechanism: Mechanism = .bind, _ users: [SecureKeyUser] = [disk]
  ) throws -> Machine {
    var machine = Machine(adapters: [1, 2, 3], domains: [4, 5], mechanism: mechanism)
    try machine.change(card: 3) { $0.functions = QueueMode.ep11.functions }
    for queue in machine.inventory.queues {
      try machine.change("\(queue.apqn)") {
        $0.masterKeys = pattern(
          queue.apqn.adapter == 3 ? [longWK] : queue.apqn.domain == 4 ? [aes] : [guests])
      }
    }
    machine.context.configuration.secureKeyUsers = users
    return machine
  }

  private let place = "/etc/zkey/repository/rootkey.skey"

  @Test(arguments: [Mechanism.bind, .override])
  func `a guest's domain with its own master key is free`(mechanism: Mechanism) throws {
    let plan = try machine(mechanism).plan(
      mechanism, #"DOMAIN=="5", MODE=="cca", RESERVE="vfio_ap""#)
    #expect(plan.changes.map(\.apqn.description) == ["01.0005", "02.0005"])
    #expect(plan.refusals == [])
    #expect(!plan.warnings.contains { $0.description.contains(place) })
  }

  @Test func `the other mode is free`() throws {
    let plan = try machine().plan(.bind, #"ADAPTER=="3", RESERVE="vfio_ap""#)
    #expect(plan.changes.count == 2 && plan.refusals == [])
  }

  @Test(arguments: [#"DOMAIN=="4""#, #"MODE=="cca""#])
  func `the last queue that can serve one stays, and the refusal names the key`(clause: String)
    throws
  {
    let plan = try machine().plan(.bind, "\(clause), RESERVE=\"vfio_ap\"")
    #expect(
      plan.refusals.map(\.description) == [
        "02.0004 is the host's last usable cca queue with master key AES 0x1122334455667788, needed by "
          + "\(place); leave it, or use \(Guard.protectHost.remedy)"
      ])
    #expect(
      plan.warnings.map(\.description).contains(
        "01.0004 is named in /etc/zkey/repository/rootkey.info for the host's own use; of the queues "
          + "named there the host keeps 02.0004"))
  }

  @Test func `one whose keys cannot be read is no substitute, and stays`() throws {
    var machine = try machine()
    try machine.change("02.0004") { $0.masterKeys = nil }
    let plan = try machine.plan(.bind, everything)
    #expect(
      plan.refusals.map(\.description) == [
        "01.0004 is the host's last usable cca queue with master key AES 0x1122334455667788, needed by "
          + "\(place); leave it, or use \(Guard.protectHost.remedy)",
        "02.0004 stays with the host: the host has secure keys (\(place)), and its master keys cannot be "
          + "read (mkvps), so it may be the last queue with them; make them readable, or use "
          + "\(Guard.protectHost.remedy)",
      ])
  }

  @Test func `one that has it as its old key makes one that has it as its current key free`() throws
  {
    var machine = try machine()
    try machine.change("02.0004") { $0.masterKeys = pattern([guests], old: [aes]) }
    let plan = try machine.plan(.bind, everything)
    #expect(plan.refusals.map(\.apqn.description) == ["02.0004"])
  }

  @Test func `one where it is only entered does not`() throws {
    var machine = try machine()
    try machine.change("02.0004") { $0.masterKeys = pattern([guests], new: [aes]) }
    let plan = try machine.plan(.bind, everything)
    #expect(plan.refusals.map(\.apqn.description) == ["01.0004"])
  }

  @Test func `a key that no queue serves keeps none, and the plan warns of it`() throws {
    let stale = SecureKeyUser.repositoryKey(
      "stale", key: SecureKey(kind: .ccaData, masterKeys: ["AES 0x0000000000000009"]))
    var machine = try machine(.bind, [stale])
    let warning =
      "no queue of the host has the master key of /etc/zkey/repository/stale.skey, AES "
      + "0x0000000000000009, so that none is kept for it"
    let plan = try machine.plan(.bind, everything)
    #expect(plan.refusals == [])
    #expect(plan.warnings.map(\.description).contains(warning))
    // It may have it.
    try machine.change("01.0004") { $0.masterKeys = nil }
    let careful = try machine.plan(.bind, everything)
    #expect(careful.refusals.map(\.apqn.description) == ["01.0004"])
    #expect(!careful.warnings.map(\.description).contains(warning))
  }

  @Test func `several keys keep one queue each, or one for all that it can serve`() throws {
    let guest = SecureKeyUser.encryptedVolume(
      "data", key: SecureKey(kind: .ccaData, masterKeys: [guests]))
    var machine = try machine(.bind, [Self.disk, guest])
    #expect(
      try machine.plan(.bind, everything).refusals.map(\.apqn.description) == [
        "02.0004", "02.0005",
      ])
    // One queue has both, and serves one of them as its old key.
    try machine.change("01.0004") { $0.masterKeys = pattern([guests], old: [aes]) }
    try machine.change("02.0004") { $0.masterKeys = pattern(["AES 0x1"]) }
    #expect(try machine.plan(.bind, everything).refusals.map(\.apqn.description) == ["01.0004"])
  }

  @Test func `keys with the same master key are all named`() throws {
    let users = ["a", "b", "c", "d"].map { name in
      SecureKeyUser.repositoryKey(name, key: SecureKey(kind: .ccaData, masterKeys: [aes]))
    }
    let refusals = try machine(.bind, users + [.cipherInUse]).plan(.bind, everything).refusals
    #expect(
      refusals.first?.description.contains(
        "needed by /etc/zkey/repository/a.skey, /etc/zkey/repository/b.skey, "
          + "/etc/zkey/repository/c.skey and 1 more; leave it") == true)
    // The cipher's use may be by a volume with any key.
    #expect(refusals.map(\.apqn.description) == ["02.0004", "02.0005", "03.0005"])
  }

  @Test(arguments: [
    (SecureKeyUser.cipherInUse, "the cipher paes is in use, see /proc/crypto"),
    (.encryptedVolume("data"), "volume data of /etc/crypttab uses the cipher paes"),
    (
      .encryptedVolume("data", problem: "has the key file /key, which is empty"),
      "volume data of /etc/crypttab has the key file /key, which is empty"
    ), (.repositoryKey("k"), "/etc/zkey/repository/k.skey"),
    (
      .repositoryKey("k\n", problem: "has a key that is damaged or cut"),
      #"/etc/zkey/repository/k\n.skey has a key that is damaged or cut"#
    ),
  ])
  func `one of which nothing is known keeps all, and says what it is`(
    user: SecureKeyUser, evidence: String
  ) throws {
    let refusals = try machine(.bind, [Self.disk, user]).plan(.bind, everything).refusals
    #expect(refusals.map(\.apqn.description) == ["02.0004", "02.0005", "03.0005"])
    #expect(refusals.last?.description.contains("the host has secure keys (\(evidence))") == true)
  }

  @Test(arguments: [Mechanism.mask, .override])
  func `queues of the other mode can be taken before the host's driver is loaded`(
    mechanism: Mechanism
  ) throws {
    var machine = try machine(mechanism)
    machine.inventory.bus.drivers = []
    for queue in machine.inventory.queues {
      try machine.set("\(queue.apqn)", driver: nil)
      try machine.change("\(queue.apqn)") { $0.masterKeys = nil }
    }
    let plan = try machine.plan(mechanism, everything)
    #expect(
      plan.refusals.map(\.apqn.description) == ["01.0004", "01.0005", "02.0004", "02.0005"])
    #expect(!plan.operations.flatMap(\.steps).isEmpty)
    #expect(!plan.warnings.contains { $0.description.contains(place) })
  }

  // MARK: - Tokens

  private func token(_ apqns: Set<APQN>) -> SecureKeyUser {
    .token("/etc/opencryptoki/ep11tok.conf", key: SecureKey(kind: .ep11), apqns: apqns)
  }

  private let named: Set = [APQN(adapter: 3, domain: 4), APQN(adapter: 3, domain: 5)]

  @Test func `the last of the queues that a token's file names stays`() throws {
    var machine = try machine(.bind, [token(named)])
    let plan = try machine.plan(.bind, everything)
    #expect(
      plan.refusals.map(\.description) == [
        "03.0005 is the host's last usable queue of those named in /etc/opencryptoki/ep11tok.conf; leave "
          + "it, or use \(Guard.protectHost.remedy)"
      ])
    #expect(
      plan.warnings.map(\.description).contains(
        "03.0004 is named in /etc/opencryptoki/ep11tok.conf for the host's own use; of the queues named "
          + "there the host keeps 03.0005"))
    machine.context.policy.forced = [.protectHost]
    #expect(
      try machine.plan(.bind, everything).warnings.map(\.description).contains(
        "03.0004, 03.0005 are named in /etc/opencryptoki/ep11tok.conf for the host's own use; no queue "
          + "named there stays with the host"))
  }

  @Test func `queues that it does not name are free, and no substitutes`() throws {
    var machine = try machine(.bind, [token([APQN(adapter: 3, domain: 4)])])
    #expect(try machine.plan(.bind, everything).refusals.map(\.apqn.description) == ["03.0004"])
    let other = try machine.plan(.bind, #"APQN=="03.0005", RESERVE="vfio_ap""#)
    #expect(other.changes.count == 1 && other.warnings == [])
    try machine.change("03.0004") { $0.isOnline = false }
    #expect(try machine.plan(.bind, everything).refusals.map(\.apqn.description) == ["03.0004"])
    // A queue that is absent, or of a guest already, keeps nothing.
    machine.context.configuration.secureKeyUsers = [token([APQN(adapter: 9, domain: 4)])]
    #expect(try machine.plan(.bind, everything).refusals == [])
  }

  @Test func `a token that names none keeps the last queue of its mode`() throws {
    let refusals = try machine(.bind, [token([])]).plan(.bind, everything).refusals
    #expect(
      refusals.map(\.description) == [
        "03.0005 is the host's last usable ep11 queue with master key \(longWK), needed by the token of "
          + "/etc/opencryptoki/ep11tok.conf; leave it, or use \(Guard.protectHost.remedy)"
      ])
  }
}
