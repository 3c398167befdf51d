import APBus
import HostSystem
import Reservation
import ReservationRules
import TestSupport
import Testing

private let masterKey: UInt64 = 0x1122_3344_5566_7788
private let aes = "AES 0x1122334455667788"
private let wrapping = [UInt8](1...16)
private let dataKey = SecureKey(kind: .ccaData, masterKeys: [aes])

/// Files of a host, written one after the other.
private struct Host {
  private let tree: TemporaryTree

  init(_ files: KeyValuePairs<String, String> = [:]) throws {
    tree = try TemporaryTree(files)
  }

  func with(_ name: String, _ bytes: [UInt8]) throws -> Host {
    try tree.file(name, bytes: bytes)
    return self
  }

  func with(_ name: String, _ text: String) throws -> Host { try with(name, Array(text.utf8)) }

  func withPipe(_ name: String) throws -> Host {
    try tree.pipe(name)
    return self
  }

  func withDirectory(_ name: String) throws -> Host {
    try tree.directory(name)
    return self
  }

  /// A key of zkey's repository.
  func withKey(
    _ name: String, _ bytes: [UInt8] = SecureKeySample.ccaData(masterKey: masterKey),
    information: String = ""
  ) throws -> Host {
    try with("etc/zkey/repository/\(name).skey", bytes)
      .with("etc/zkey/repository/\(name).info", information)
  }

  var configuration: HostConfiguration { HostConfigurationReader(root: tree.path).read() }
  var users: [SecureKeyUser] { configuration.secureKeyUsers }
}

private let swap = """
  cr_swap /dev/dasda2 /sys/devices/virtual/misc/pkey/protkey/protkey_aes_256_xts swap,cipher=paes-xts-plain64

  """

private func crypto(uses: Int) -> String {
  "name : xts(paes)\nrefcnt : \(uses + 1)\n"
}

@Suite struct `Who has secure keys on a host` {
  // MARK: - zkey

  @Test func `are the keys of zkey's repository, with what their files show`() throws {
    let ep11 = SecureKeySample.ep11(wrappingKey: wrapping)
    let host = try Host()
      .withKey("a", information: "apqns=05.0004,06.0004\n")
      .withKey("b", SecureKeySample.ccaCipher(masterKey: 1)).withKey("c", ep11 + ep11)
      .withKey("d", SecureKeySample.secret).withKey("e", []).withKey("f", [1, 0, 0, 0, 9, 0, 0, 0])
      .withPipe("etc/zkey/repository/g.skey").with("etc/zkey/repository/h.renc", [])
    #expect(
      host.users == [
        .repositoryKey(
          "a", key: dataKey,
          apqns: [APQN(adapter: 5, domain: 4), APQN(adapter: 6, domain: 4)]),
        .repositoryKey(
          "b", key: SecureKey(kind: .ccaCipher, masterKeys: ["AES 0x0000000000000001"])),
        .repositoryKey(
          "c",
          key: SecureKey(
            kind: .ep11AES, masterKeys: ["WK 0x0102030405060708090a0b0c0d0e0f10"])),
        .repositoryKey("e", problem: "is empty"),
        .repositoryKey("f", problem: "has a key of unknown type 0x01 and version 0x09"),
        .repositoryKey("g", problem: "cannot be read"),
      ])
  }

  @Test func `are unknown where the repository cannot be read`() throws {
    #expect(try Host(["etc/zkey/repository": ""]).users == [.unreadable("/etc/zkey/repository")])
  }

  // MARK: - crypttab

  @Test(
    arguments: [
      // The processor makes it, or queues of a mode do.
      (swap, []),
      (
        swap.replacing("protkey", with: "ccadata"),
        [.encryptedVolume("cr_swap", key: SecureKey(kind: .ccaData))]
      ),
      (
        swap.replacing("protkey", with: "ep11"),
        [.encryptedVolume("cr_swap", key: SecureKey(kind: .ep11AES))]
      ),
      (swap.replacing("protkey", with: "later"), [.encryptedVolume("cr_swap")]),
      // The key file is a secure key, or not.
      (
        "v /dev/a /root/v.skey plain,cipher=paes-xts-plain64\n",
        [.encryptedVolume("v", key: dataKey)]
      ),
      ("v /dev/a /root/secret plain,cipher=paes-xts-plain64\n", []),
      (
        "v /dev/a /root/word luks,cipher=paes-xts-plain64\n",
        [
          .encryptedVolume(
            "v",
            problem:
              "has the key file /root/word, which has a key of unknown type 0x70 and version 0x77")
        ]
      ),
      (
        "v /dev/a /root/none luks,cipher=paes-xts-plain64\n",
        [.encryptedVolume("v", problem: "has the key file /root/none, which does not exist")]
      ),
      ("v /dev/a none luks,cipher=paes-xts-plain64\n", [.encryptedVolume("v")]),
      // A LUKS volume shows its cipher in its header alone.
      ("v /dev/a none luks\n", []),
      ("v /dev/a none luks,header=/boot/paes-test.hdr\n", []),
    ] as [(String, [SecureKeyUser])])
  func `are volumes with the cipher paes`(crypttab: String, users: [SecureKeyUser]) throws {
    let host = try Host(["etc/crypttab": crypttab])
      .with("root/v.skey", SecureKeySample.ccaData(masterKey: masterKey))
      .with("root/secret", SecureKeySample.secret).with("root/word", "passwords\n")
    #expect(host.users == users)
  }

  @Test(arguments: [
    "root /dev/a /etc/zkey/repository/rootkey.skey plain,cipher=paes-xts-plain64",
    "root UUID=1 none luks,cipher=paes-xts-plain64",
    "other /dev/dasda2 /root/word luks,cipher=paes-xts-plain64",
  ])
  func `are no volumes whose key is in zkey's repository`(entry: String) throws {
    let host = try Host(["etc/crypttab": entry + "\n", "root/word": "password\n"])
      .withKey("rootkey", information: "volumes=/dev/dasda2:root\n")
    #expect(host.users == [.repositoryKey("rootkey", key: dataKey)])
  }

  // MARK: - The kernel

  @Test(arguments: [
    // Volumes that need no adapter, or whose keys are known, explain as many uses.
    (0, "", nil, false), (1, "", nil, true), (1, swap, nil, false), (2, swap, nil, true),
    (1, "", "volumes=/dev/dasda2:root\n", false), (2, "", "volumes=/dev/dasda2:root\n", true),
    (2, "", "volumes=/dev/a:a,/dev/b:b\n", false), (2, swap, "volumes=/dev/a:a\n", false),
    (3, swap, "volumes=/dev/a:a\n", true), (1, "", "", false), (2, "", "", true),
    // The same volume twice.
    (2, "a /dev/a none luks,cipher=paes-xts-plain64\n", "volumes=/dev/a:a\n", true),
  ])
  func `are volumes that no file names, while paes has more users than those that files name`(
    uses: Int, crypttab: String, information: String?, isUnexplained: Bool
  ) throws {
    var host = try Host(["proc/crypto": crypto(uses: uses), "etc/crypttab": crypttab])
    if let information { host = try host.withKey("k", information: information) }
    #expect(host.users.contains(.cipherInUse) == isUnexplained)
  }

  @Test func `are not explained by keys that are not understood`() throws {
    let host = try Host([
      "proc/crypto": crypto(uses: 1), "etc/crypttab": "a /dev/a none cipher=paes-xts-plain64\n",
    ]).withKey("k", [], information: "volumes=/dev/b:b\n")
    #expect(host.users.contains(.cipherInUse))
  }

  /// Files say which volumes there are, and the kernel which of them are open.
  @Test(arguments: [([], true), (["a"], false), (["b"], true), (["b", "a"], false)])
  func `are not explained by volumes that are closed`(open: [String], isUnexplained: Bool) throws {
    var host = try Host([
      "proc/crypto": crypto(uses: 1), "sys/block/sda/size": "8\n",
      "etc/crypttab": "a /dev/a /sys/devices/virtual/misc/pkey/ccadata/aes-256 cipher=paes\n",
    ])
    for (number, name) in open.enumerated() {
      host = try host.with("sys/block/dm-\(number)/dm/name", name + "\n")
    }
    #expect(host.users.contains(.cipherInUse) == isUnexplained)
  }

  // MARK: - opencryptoki

  private static let slots = """
    version opencryptoki-3.24
    slot 2 { stdll = libpkcs11_cca.so }
    slot 3 { stdll = libpkcs11_sw.so }
    slot 4 { stdll = libpkcs11_ep11.so confname = vault.conf tokname = vault }

    """
  private static let file = "/etc/opencryptoki/vault.conf"
  private static let cca = SecureKeyUser.token(
    "/etc/opencryptoki/opencryptoki.conf", key: SecureKey(kind: .cca))
  private static let ep11 = SecureKeyUser.token(file, key: SecureKey(kind: .ep11))
  private static let list = "APQN_ALLOWLIST\n10 4\n10 0x47\nEND\n"
  private static let listed = SecureKeyUser.token(
    file, key: SecureKey(kind: .ep11),
    apqns: [APQN(adapter: 10, domain: 4), APQN(adapter: 10, domain: 0x47)])

  @Test(
    arguments: [
      // What there is in opencryptoki's directory for data, if it exists.
      (list, nil, [cca, listed]), ("APQN_ANY\n", nil, [cca, ep11]), (nil, nil, [cca, ep11]),
      ("APQN_ALLOWLIST\nEND\n", nil, [cca, ep11]),
      // A token that has never been used needs no queues but those that it insists on.
      ("APQN_ANY\n", [], []), (list, [], [listed]), ("APQN_ANY\n", ["ccatok/NVTOK.DAT"], [cca]),
      ("APQN_ANY\n", ["vault/NVTOK.DAT"], [ep11]), ("APQN_ANY\n", ["ep11tok/NVTOK.DAT"], []),
      ("APQN_ANY\n", ["vault/other", "ccatok/TOK_OBJ/x"], []),
    ] as [(String?, [String]?, [SecureKeyUser])])
  func `are tokens of opencryptoki`(
    configuration: String?, data: [String]?, users: [SecureKeyUser]
  ) throws {
    var host = try Host(["etc/opencryptoki/opencryptoki.conf": Self.slots])
    if let configuration { host = try host.with("etc/opencryptoki/vault.conf", configuration) }
    if let data {
      host = try host.withDirectory("var/lib/opencryptoki")
      for name in data { host = try host.with("var/lib/opencryptoki/\(name)", "") }
    }
    #expect(host.users == users)
  }

  @Test func `are tokens with the usual name where no slots are configured`() throws {
    #expect(
      try Host(["etc/opencryptoki/ep11tok.conf": Self.list]).users.map(\.apqns)
        == [Self.listed.apqns])
    #expect(
      try Host([
        "etc/opencryptoki/opencryptoki.conf": "version opencryptoki-3.24\n",
        "etc/opencryptoki/ep11tok.conf": Self.list,
      ]).users == [])
  }

  @Test func `are unknown where opencryptoki's files cannot be read`() throws {
    let place = "etc/opencryptoki/opencryptoki.conf"
    #expect(try Host().withPipe(place).users == [.unreadable("/" + place)])
    #expect(
      try Host([place: "slot 4 { stdll = libpkcs11_ep11.so confname = vault.conf }"])
        .withPipe("etc/opencryptoki/vault.conf").users == [Self.ep11])
    #expect(
      try Host([place: "slot 4 { stdll = libpkcs11_ep11.so confname = ../../root/x }"])
        .withDirectory("var/lib/opencryptoki").users.map(\.key) == [SecureKey(kind: .ep11)])
  }
}

/// Situations of administrators: adapters 5 and 6 with CCA, adapter 0x0a with EP11, domains 4 and 0x47.
@Suite struct `What a host can give away` {
  private static let guests = "AES 0xdeadbeef00000000"

  /// The refusals of a plan, and what it takes.
  private func outcome(
    _ host: Host, _ rule: String, ownKeys: Bool = false, mechanism: Mechanism = .override
  ) throws -> (taken: [String], refused: [String]) {
    var inventory = Inventory.empty
    inventory.bus.drivers = [DriverName.cex4card, DriverName.cex4queue, DriverName.vfioAP]
    inventory.bus.masks = .all
    inventory.bus.supportsOverride = mechanism == .override
    for adapter in [UInt8(5), 6, 10] {
      let mode = adapter == 10 ? QueueMode.ep11 : .cca
      inventory.setCard(
        Card(
          adapter: adapter, hardwareType: HardwareType(rawValue: 13), functions: mode.functions,
          driver: DriverName.cex4card), adapter: adapter)
      for domain in [UInt8(4), 0x47] {
        let apqn = APQN(adapter: adapter, domain: domain)
        let keys =
          mode == .ep11
          ? "WK 0x" + String(repeating: "11", count: 32)
          : ownKeys && domain == 0x47 ? Self.guests : aes
        inventory.setQueue(
          Queue(
            apqn: apqn, driver: DriverName.cex4queue,
            masterKeys: MasterKeyPattern(registers: [keys])), apqn: apqn)
      }
    }
    let (rules, diagnostics) = RuleSet.parse(files: [RuleFile(path: "a.rules", text: rule)])
    try #require(diagnostics.isEmpty)
    let plan = Planner(
      inventory: inventory,
      decisions: DecisionTable(rules: rules, inventory: inventory, host: HostIdentity()),
      context: PlanningContext(configuration: host.configuration)
    ).plan(by: mechanism)
    return (plan.changes.map(\.apqn.description), plan.refusals.map(\.description))
  }

  private let cca = #"MODE=="cca", RESERVE="vfio_ap""#
  private let ccaQueues = ["05.0004", "05.0047", "06.0004", "06.0047"]

  private func disk() throws -> Host {
    let key = SecureKeySample.ccaData(masterKey: masterKey)
    return try Host(["etc/crypttab": "root UUID=1 none luks\n"])
      .withKey(
        "rootkey", key + key, information: "apqns=05.0004,06.0004\nvolumes=/dev/dasda2:root\n")
  }

  @Test(arguments: [0, 1])
  func `is everything if its only protected key is that of the swap`(uses: Int) throws {
    let host = try Host(["etc/crypttab": swap, "proc/crypto": crypto(uses: uses)])
    let outcome = try outcome(host, cca)
    #expect(outcome.taken == ccaQueues && outcome.refused == [])
  }

  @Test(arguments: [("ccadata", "06.0047"), ("ccacipher", "06.0047"), ("ep11", "0a.0047")])
  func `is not the last queue of the mode that makes the key of the swap`(
    group: String, kept: String
  ) throws {
    let host = try Host(["etc/crypttab": swap.replacing("protkey", with: group)])
    let outcome = try outcome(host, #"KERNEL=="*", RESERVE="vfio_ap""#)
    #expect(outcome.taken.count == 5)
    #expect(outcome.refused.count == 1 && outcome.refused[0].hasPrefix(kept))
    #expect(outcome.refused[0].contains("needed by volume cr_swap of /etc/crypttab"))
  }

  @Test func `is not the last queue that a token names`() throws {
    let host = try Host([
      "etc/opencryptoki/opencryptoki.conf":
        "slot 4\n{\n  stdll = libpkcs11_ep11.so\n  confname = ep11tok.conf\n}\n",
      "etc/opencryptoki/ep11tok.conf": "APQN_ALLOWLIST\n10 4\n10 71\nEND\n",
    ])
    let outcome = try outcome(host, #"ADAPTER=="0x0a", RESERVE="vfio_ap""#)
    #expect(outcome.taken == ["0a.0004"])
    #expect(outcome.refused.count == 1 && outcome.refused[0].hasPrefix("0a.0047"))
    #expect(outcome.refused[0].contains("/etc/opencryptoki/ep11tok.conf"))
    #expect(try self.outcome(host, cca).refused == [])
  }

  @Test func `is a guest's domain with its own master key, and not the disk's last queue`() throws {
    let host = try disk()
    let guest = try outcome(
      host, #"DOMAIN=="0x47", MODE=="cca", RESERVE="vfio_ap""#, ownKeys: true)
    #expect(guest.taken == ["05.0047", "06.0047"] && guest.refused == [])
    for rule in [cca, #"APQN=="05.0004|06.0004", RESERVE="vfio_ap""#] {
      let all = try outcome(host, rule, ownKeys: true)
      #expect(all.refused.count == 1 && all.refused[0].hasPrefix("06.0004"))
      #expect(all.refused[0].contains("needed by /etc/zkey/repository/rootkey.skey"))
    }
  }

  @Test(arguments: [Mechanism.mask, .override])
  func `is the EP11 adapter while its only secure key is of CCA`(mechanism: Mechanism) throws {
    let outcome = try outcome(
      try disk(), #"ADAPTER=="0x0a", RESERVE="vfio_ap""#, mechanism: mechanism)
    #expect(outcome.taken == ["0a.0004", "0a.0047"] && outcome.refused == [])
  }

  @Test func `is everything where paes is only in a name`() throws {
    let host = try Host(["etc/crypttab": "data UUID=1 none luks,header=/boot/paes-test.hdr\n"])
      .withDirectory("etc/zkey/repository")
    let outcome = try outcome(host, cca)
    #expect(outcome.taken == ccaQueues && outcome.refused == [])
  }

  @Test func `is not the last queue of any mode where a file cannot be read, which is named`()
    throws
  {
    let host = try Host(["etc/zkey/repository": ""])
    let outcome = try outcome(host, #"KERNEL=="*", RESERVE="vfio_ap""#)
    #expect(outcome.refused.count == 2)
    #expect(
      outcome.refused.allSatisfy {
        $0.contains("/etc/zkey/repository cannot be read, so that the host may have secure keys")
      })
  }

  @Test(arguments: [63, 8, 0])
  func `is not the last queue of any mode where a key is cut`(count: Int) throws {
    let key = SecureKeySample.ccaData(masterKey: masterKey).prefix(count)
    let host = try Host().withKey("cut", Array(key), information: "key-type=CCA-AESDATA\n")
    let outcome = try outcome(host, #"KERNEL=="*", RESERVE="vfio_ap""#)
    #expect(outcome.refused.count == 2)
    #expect(outcome.refused.allSatisfy { $0.contains("/etc/zkey/repository/cut.skey") })
  }
}
