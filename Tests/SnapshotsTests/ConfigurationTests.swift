import APBus
import Reservation
import ReservationRules
import Snapshots
import Testing

private let uuid = "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e"

@Suite struct `A machine description with what else a plan depends on` {
  private var snapshot: Snapshot {
    var inventory = Inventory.empty
    inventory.setCard(
      Card(adapter: 5, hardwareType: HardwareType(rawValue: 13), functions: 0), adapter: 5)
    let apqn = APQN(adapter: 5, domain: 4)
    inventory.setQueue(
      Queue(
        apqn: apqn, driver: "cex4queue", isOnline: true, pendingRequests: 3,
        masterKeys: MasterKeyPattern(
          registers: ["AES 0x12", "APKA 0x34"], old: ["AES 0x56"], new: ["AES 0x78"])), apqn: apqn)
    return Snapshot(
      inventory: inventory,
      configuration: HostConfiguration(
        bootMasks: ConfiguredMasks(adapters: [0], domains: nil, source: "cmdline"),
        persistentMasks: ConfiguredMasks(adapters: nil, domains: [1], source: "41-ap.rules"),
        overrides: [ConfiguredOverride(apqn: apqn, driver: "vfio_ap", source: "ap-05.0004")],
        definitions: [
          MediatedDeviceDefinition(
            device: MediatedDevice(uuid: uuid, adapters: [5], domains: [4], controlDomains: [7]),
            startsAutomatically: true, problems: [.init("a x-y", line: 3), .init("a z")])
        ],
        virtualMachines: [
          VirtualMachine(name: "db1", mediatedDevices: [uuid]),
          VirtualMachine(name: "db2", mediatedDevices: [], live: [uuid]),
        ],
        unreadable: [
          UnreadableDefinitions(
            .virtualMachines, place: "/etc/libvirt/qemu/db3.xml:2", reason: "it ends")
        ],
        callout: "/usr/lib/ap-check",
        secureKeyUsers: [
          .cipherInUse, .encryptedVolume("root", problem: "has the key file /k2, which is empty"),
          .repositoryKey(
            "k1", key: SecureKey(kind: .ccaData, masterKeys: ["AES 0x0000000000000012"]),
            apqns: [apqn]), .encryptedVolume("k3", key: SecureKey(kind: .ep11AES)),
          .repositoryKey("k4", problem: "is empty"),
          .token("/etc/opencryptoki/ep11tok.conf", key: SecureKey(kind: .ep11), apqns: [apqn]),
          .unreadable("/proc/crypto"),
        ], managers: [.kubernetesDriver, .kubeVirt]),
      ownership: Ownership(
        queues: [apqn], adapters: [1], domains: [2], offline: [apqn], mechanism: .override,
        changeover: .override, passing: APQNSet([apqn])))
  }

  @Test func `reads back as it was written`() throws {
    let text = snapshot.encoded()
    #expect(try Snapshot.decode(Array(text.utf8), file: "m.json") == snapshot)
    #expect(try Snapshot.decode(Array(text.utf8), file: "m.json").encoded() == text)
  }

  /// So that rules for guests decide nothing of a machine of which that is not known.
  @Test func `says which guests there are, or that this is not known`() throws {
    func guests(_ members: String) throws -> GuestAssignments {
      let text = "{\"apreserve\": \"snapshot\", \"version\": 1\(members)}"
      return try Snapshot.decode(Array(text.utf8), file: "m.json").configuration.guests
    }
    #expect(try guests("").missingDefinitions != nil)
    #expect(try guests(", \"configuration\": {}") == GuestAssignments())
  }

  @Test func `that an earlier version wrote knows nothing of the keys`() throws {
    let text = """
      {"apreserve": "snapshot", "version": 1, "configuration": {"secureKeyUsers": [
        {"kind": "cipher"}, {"kind": "volume", "name": "root"}, {"kind": "key", "name": "k1"}]}}
      """
    #expect(
      try Snapshot.decode(Array(text.utf8), file: "m.json").configuration.secureKeyUsers == [
        .cipherInUse, .encryptedVolume("root"), .repositoryKey("k1"),
      ])
  }

  @Test func `leaves out what is empty`() {
    let text = Snapshot(inventory: .empty).encoded()
    #expect(!text.contains("configuration") && !text.contains("ownership"))
  }

  @Test func `identifies neither machine, keys nor guests if it is redacted`() throws {
    let redacted = snapshot.redacted()
    let text = redacted.encoded()
    for secret in ["0x12", "db1", "db2", "root", "k1", "k3", "k4"] {
      #expect(!text.contains("\"\(secret)\""))
    }
    #expect(!text.contains("k2") && !text.contains("db3") && !text.contains("x-y"))
    #expect(!text.contains("AES 0x"))
    #expect(!text.contains(uuid))
    // The same device has the same name in the descriptions of two hosts.
    var other = Snapshot(inventory: .empty)
    other.configuration.definitions = snapshot.configuration.definitions.reversed()
    #expect(
      Set(other.redacted().configuration.definitions.map(\.device.uuid))
        == Set(redacted.configuration.definitions.map(\.device.uuid)))
    #expect(redacted.configuration.virtualMachines.count == 2)
    #expect(try Snapshot.decode(Array(text.utf8), file: "redacted") == redacted)
    #expect(redacted.redacted() == redacted)
    #expect(redacted.configuration.secureKeyUsers.count == 7)
    // A key and a queue with the same master key still have the same one.
    let registers = try #require(redacted.inventory.queues.first?.masterKeys?.registers)
    let key = redacted.configuration.secureKeyUsers[2].key
    #expect(key.masterKeys.count == 1 && registers.contains(key.masterKeys[0]))
  }

  @Test(arguments: [
    (
      #""configuration": {"mask": 1}"#,
      "configuration: unknown key \"mask\"; keys here are bootMasks, persistentMasks, overrides, "
        + "definitions, virtualMachines, unreadable, callout, secureKeyUsers, managers"
    ),
    (
      #""configuration": {"bootMasks": {"apmask": "fish", "source": "x"}}"#,
      "configuration.bootMasks.apmask: \"fish\" is not a mask of 0x and up to 64 hex digits, bit 0 "
        + "leftmost"
    ),
    (
      #""configuration": {"overrides": [{"queue": "5.4"}]}"#,
      "configuration.overrides[0].driver: this is missing; it must be a driver's name"
    ),
    (
      #""configuration": {"secureKeyUsers": [{"kind": "x"}]}"#,
      "configuration.secureKeyUsers[0].kind: \"x\" is not \"cipher\", \"volume\", \"key\", "
        + "\"token\" or \"unreadable\""
    ),
    (
      #""configuration": {"secureKeyUsers": [{"kind": "cipher", "key": "x"}]}"#,
      "configuration.secureKeyUsers[0].key: \"x\" is not \"cca-aesdata\", \"cca-aescipher\", "
        + "\"ep11-aes\", \"cca\" or \"ep11\""
    ),
    (
      #""ownership": {"queues": ["05.0004", 7]}"#,
      "ownership.queues[1]: 7 is not a string in quotes"
    ),
    (
      #""ownership": {"offline": ["x"]}"#,
      "ownership.offline[0]: \"x\" is not a queue's name, \"00.0000\" to \"ff.00ff\""
    ),
    (
      #""ownership": {"mechanism": "magic"}"#,
      "ownership.mechanism: \"magic\" is not a mechanism: \"bind\", \"mask\" or \"override\""
    ),
  ])
  func `is refused with the value's place`(member: String, message: String) {
    let text = "{\"apreserve\": \"snapshot\", \"version\": 1, \(member)}"
    #expect {
      try Snapshot.decode(Array(text.utf8), file: "m.json")
    } throws: { error in
      "\(error)" == "m.json: \(message)"
    }
  }
}
