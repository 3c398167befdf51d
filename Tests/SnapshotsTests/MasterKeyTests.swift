import APBus
import JSONText
import Reservation
import Snapshots
import Testing

private let first = APQN(adapter: 5, domain: 4)
private let second = APQN(adapter: 5, domain: 5)
private let aes = KeyRegister(.aes, .current)

@Suite struct `Master keys in a description` {
  private static func time(_ seconds: Int) -> WallTime {
    WallTime(sinceEpoch: .seconds(1_800_000_000 + seconds))
  }

  /// A queue of the host that was read, and a reserved one whose keys have changed once.
  private static func machine(serial: String = "93AA0005") -> Snapshot {
    var inventory = Inventory.empty
    inventory.setCard(
      Card(
        adapter: 5, hardwareType: HardwareType(rawValue: 14), functions: QueueMode.cca.functions,
        attributes: ["serialnr": serial]), adapter: 5)
    var queue = Queue(apqn: first, driver: DriverName.cex4queue)
    let text = "AES NEW: partial 0x3\nAES CUR: valid 0x2\nAES OLD: valid 0x1\n"
    queue.masterKeys = MasterKeyPattern(attribute: text)
    queue.keyRegisters = KeyRegisters(attribute: text)
    inventory.setQueue(queue, apqn: first)
    inventory.setQueue(Queue(apqn: second, driver: DriverName.vfioAP), apqn: second)
    inventory.keyLedger.apply(
      .adapter(
        5, KeyAdapter(serial: serial, mode: .cca, type: HardwareType(rawValue: 14))))
    for (pattern, seconds) in [("0x1", 0), ("0x1", 60), ("0x2", 120), ("0x2", 180)] {
      inventory.keyLedger.apply(
        .register(
          KeyDomain(serial, 5, .cca), aes, KeyContent(.valid, KeyPattern(pattern)),
          read: time(seconds)))
    }
    return Snapshot(inventory: inventory)
  }

  private func decoded(_ snapshot: Snapshot) throws -> Snapshot {
    try Snapshot.decode(Array(snapshot.encoded().utf8), file: "x")
  }

  @Test func `are as they were read now, and before`() throws {
    let machine = Self.machine()
    let again = try decoded(machine)
    #expect(again == machine)
    let known = again.inventory.keys(of: first)
    #expect(known[.aes, .new].content == KeyContent(.partial, KeyPattern("0x3")))
    #expect(known[.aes, .current].source == .known)
    let cached = again.inventory.keys(of: second)[.aes, .current]
    #expect(cached.source == .cached(since: Self.time(180)))
    #expect(cached.change?.before == KeyContent(.valid, KeyPattern("0x1")))
  }

  @Test func `of a description without registers are those of its patterns`() throws {
    let text = """
      {"apreserve": "snapshot", "version": 1, "cards": [{"name": "card05", "hwtype": 14,
       "mode": "cca", "queues": [{"name": "05.0004", "driver": "cex4queue",
       "mkvps": ["AES 0x2"], "oldMkvps": ["AES 0x1"]}]}]}
      """
    let keys = try Snapshot.decode(Array(text.utf8), file: "x").inventory.keys(of: first)
    #expect(keys[.aes, .current].source == .known)
    #expect(keys[.aes, .current].content == KeyContent(.valid, KeyPattern("0x2")))
    #expect(keys[.aes, .old].content == KeyContent(.valid, KeyPattern("0x1")))
    // The patterns of all current keys are there.
    #expect(keys[.apka, .current].content == KeyContent(.invalid))
    #expect(keys[.apka, .old].source == .unknown)
  }

  @Test func `of a description without patterns are those of its registers`() throws {
    let text = """
      {"apreserve": "snapshot", "version": 1, "cards": [{"name": "card05", "hwtype": 14,
       "mode": "cca", "queues": [{"name": "05.0004", "driver": "cex4queue",
       "registers": ["AES CUR: valid 0x2", "AES OLD: valid 0x1"]}]}]}
      """
    let queue = try Snapshot.decode(Array(text.utf8), file: "x").inventory.queue(first)
    #expect(queue?.masterKeys == MasterKeyPattern(registers: ["AES 0x2"], old: ["AES 0x1"]))
  }

  @Test func `can be compared with those of another machine when they are redacted`() throws {
    let (one, other) = (Self.machine().redacted(), Self.machine(serial: "93AA0006").redacted())
    let text = one.encoded()
    #expect(!text.contains("93AA0005") && !text.contains("0x2\"") && !text.contains("valid 0x"))
    #expect(try decoded(one) == one)
    #expect(one.redacted() == one)
    for apqn in [first, second] {
      let registers = [one, other].map { $0.inventory.keys(of: apqn)[.aes, .current] }
      #expect(registers[0].content != nil)
      #expect(registers[0].content == registers[1].content)
      // And with what is not redacted.
      let plain = Self.machine().inventory.keys(of: apqn)[.aes, .current].content
      #expect(
        try #require(plain?.pattern).isSame(
          as: try #require(registers[0].content?.pattern), kind: .aes) == true)
    }
    #expect(one.inventory.queue(first)?.masterKeys == other.inventory.queue(first)?.masterKeys)
  }

  @Test func `and the host's own keys are redacted by the same words`() {
    var machine = Self.machine()
    let key = SecureKey(kind: .ccaData, masterKeys: ["AES 0x0000000000000002"])
    machine.configuration.secureKeyUsers = [.repositoryKey("k", key: key)]
    let redacted = machine.redacted()
    let words = redacted.configuration.secureKeyUsers.first?.key.masterKeys
    #expect(words != ["AES 0x0000000000000002"])
    #expect(words == redacted.inventory.queue(first)?.masterKeys?.registers)
  }

  @Test(
    arguments: [
      (
        #""domains": [{"serialnr": "A", "mode": "accel", "domain": 1}]"#,
        "keyLedger.domains[0].mode"
      ),
      (
        #""domains": [{"serialnr": "A", "mode": "cca", "domain": 256}]"#,
        "keyLedger.domains[0].domain"
      ),
      (#""domains": [{"mode": "cca", "domain": 1}]"#, "keyLedger.domains[0].serialnr"),
      (
        #""domains": [{"serialnr": "A", "mode": "cca", "domain": 1, "registers": [{"register": "WK CUR"}]}]"#,
        "keyLedger.domains[0].registers[0].register"
      ),
      (
        #""domains": [{"serialnr": "A", "mode": "cca", "domain": 1, "registers": [{"register": "AES CUR", "state": "valid", "firstRead": "2027-01-15T08:00:00Z"}]}]"#,
        "keyLedger.domains[0].registers[0].state"
      ),
      (
        #""domains": [{"serialnr": "A", "mode": "cca", "domain": 1, "registers": [{"register": "AES CUR", "state": "invalid", "firstRead": "then"}]}]"#,
        "keyLedger.domains[0].registers[0].firstRead"
      ),
      (#""adapters": [{"card": "card5"}]"#, "keyLedger.adapters[0].card"),
      (#""adapters": [{"card": "card05"}]"#, "keyLedger.adapters[0].hwtype"),
      (#""adapter": []"#, "keyLedger"),
    ])
  func `are refused where they are wrong, with the place`(member: String, path: String) {
    let text = #"{"apreserve": "snapshot", "version": 1, "keyLedger": {\#(member)}}"#
    let error = #expect(throws: SnapshotError.self) {
      try Snapshot.decode(Array(text.utf8), file: "x")
    }
    #expect(error?.place == .value(path), "\(String(describing: error))")
  }
}
