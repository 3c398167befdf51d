import APBus
import Testing

private let card = Card(
  adapter: 5, hardwareType: HardwareType(rawValue: 14), functions: QueueMode.cca.functions,
  attributes: ["serialnr": "93AA0005"])
private let apqn = APQN(adapter: 5, domain: 0x47)
private let domain = KeyDomain("93AA0005", 0x47, .cca)
private let aes = KeyRegister(.aes, .current)

private func time(_ minutes: Int) -> WallTime {
  WallTime(sinceEpoch: .seconds(1_800_000_000 + 60 * minutes))
}

private func registers(_ current: String, old: String = "invalid -") -> KeyRegisters {
  KeyRegisters(attribute: "AES CUR: \(current)\nAES OLD: \(old)\n")
}

/// A ledger after these readings of the queue.
private func ledger(_ readings: [(KeyRegisters, Int)]) -> KeyLedger {
  var ledger = KeyLedger()
  for (registers, minutes) in readings {
    for fact in ledger.news(
      in: registers, of: apqn, on: card, at: time(minutes), isLast: true)
    { ledger.apply(fact) }
  }
  return ledger
}

/// A machine with the queue, read or not, that remembers this.
private func machine(
  _ ledger: KeyLedger, now registers: KeyRegisters? = nil, card: Card = card
) -> Inventory {
  var inventory = Inventory.empty
  inventory.setCard(card, adapter: 5)
  var queue = Queue(
    apqn: apqn, driver: registers == nil ? DriverName.vfioAP : DriverName.cex4queue)
  queue.keyRegisters = registers
  inventory.setQueue(queue, apqn: apqn)
  inventory.keyLedger = ledger
  return inventory
}

private let silent: Card = {
  var card = card
  card.attributes = [:]
  return card
}()

@Suite struct `The ledger of master keys` {
  private static let first = registers("valid 0x1")

  @Test func `has what a queue showed, once nothing shows it any more`() {
    let known = machine(ledger([(Self.first, 0)]), now: Self.first).keys(of: apqn)
    #expect(known[.aes, .current].source == .known)
    #expect(known[.aes, .current].content == KeyContent(.valid, KeyPattern("0x1")))
    #expect(known[.aes, .new].source == .unknown)
    // The kernel asks a queue of the host for the serial number, and there may be none.
    let cached = machine(ledger([(Self.first, 3)]), card: silent).keys(of: apqn)
    #expect(cached[.aes, .current].source == .cached(since: time(3)))
    #expect(cached[.aes, .current].content == KeyContent(.valid, KeyPattern("0x1")))
    #expect(cached[.aes, .current].change == nil)
    let unknown = machine(KeyLedger()).keys(of: apqn)
    #expect(unknown.registers.allSatisfy { $0.source == .unknown && $0.content == nil })
    #expect(unknown.registers.map(\.name.description).first == "AES NEW")
    #expect(unknown[.ep11, .current].source == .unknown)
  }

  @Test func `fills in for a register that cannot be read, beside others that can`() {
    let ledger = ledger([(registers("valid 0x1", old: "valid 0x9"), 0)])
    let now = KeyRegisters(attribute: "AES CUR: valid 0x1\nAES OLD: - -\n")
    let keys = machine(ledger, now: now).keys(of: apqn)
    #expect(keys[.aes, .current].source == .known)
    #expect(keys[.aes, .old].source == .cached(since: time(0)))
  }

  @Test func `keeps what was there before, and when the change was found`() {
    let ledger = ledger([
      (registers("valid 0x1"), 0), (registers("valid 0x0001"), 1), (registers("valid 0x2"), 5),
      (registers("valid 0x2"), 7),
    ])
    let keys = machine(ledger).keys(of: apqn)
    #expect(keys[.aes, .current].content?.pattern?.description == "0x2")
    #expect(keys[.aes, .current].source == .cached(since: time(7)))
    let change = keys[.aes, .current].change
    #expect(change?.before == KeyContent(.valid, KeyPattern("0x1")))
    #expect(change?.lastSeen == time(1))
    #expect(change?.time == time(5))
    #expect(keys[.aes, .old].change == nil)
  }

  @Test func `says of a fact whether it is a change`() {
    var ledger = KeyLedger()
    func apply(_ text: String, _ minutes: Int) -> KeyChange? {
      ledger.apply(
        .register(domain, aes, KeyContent(.valid, KeyPattern(text)), read: time(minutes)))
    }
    #expect(apply("0x1", 0) == nil)
    #expect(apply("0x1", 1) == nil)
    let change = apply("0x2", 2)
    #expect(change?.before.content == KeyContent(.valid, KeyPattern("0x1")))
    #expect(change?.before.last == time(1))
    #expect(change?.time == time(2))
  }

  @Test func `knows an adapter by its serial number, under any adapter number`() {
    let ledger = ledger([(Self.first, 0)])
    var moved = card
    moved.adapter = 9
    var inventory = Inventory.empty
    inventory.setCard(moved, adapter: 9)
    inventory.keyLedger = ledger
    let other = APQN(adapter: 9, domain: 0x47)
    #expect(inventory.keys(of: other)[.aes, .current].source == .cached(since: time(0)))
    moved.attributes["serialnr"] = "93AA0009"
    inventory.setCard(moved, adapter: 9)
    #expect(inventory.keys(of: other)[.aes, .current].source == .unknown)
  }

  @Test(
    arguments: [
      { $0.functions = QueueMode.ep11.functions }, { $0.hardwareType = HardwareType(rawValue: 13) },
    ] as [@Sendable (inout Card) -> Void])
  func `does not take another card for the one that had its number`(
    change: @Sendable (inout Card) -> Void
  ) {
    var other = silent
    change(&other)
    let keys = machine(ledger([(Self.first, 0)]), card: other).keys(of: apqn)
    #expect(keys.registers.allSatisfy { $0.source == .unknown })
  }

  @Test func `does not know an adapter by its number any more once it was removed`() {
    var ledger = ledger([(Self.first, 0)])
    #expect(ledger.news(ofRemoved: [4]) == [])
    for fact in ledger.news(ofRemoved: [4, 5]) { ledger.apply(fact) }
    #expect(machine(ledger, card: silent).keys(of: apqn)[.aes, .current].source == .unknown)
    #expect(
      machine(ledger).keys(of: apqn)[.aes, .current].source == .cached(since: time(0)),
      "the serial number says which one it is")
  }

  @Test func `says nothing of accelerators, and of adapters without a serial number`() {
    var accelerator = card
    accelerator.functions = QueueMode.accelerator.functions
    #expect(machine(KeyLedger(), card: accelerator).keys(of: apqn).registers.isEmpty)
    for serial in [nil, "", "two words", "\u{e9}", String(repeating: "x", count: 65)] as [String?] {
      var card = card
      card.attributes["serialnr"] = serial
      #expect(
        KeyLedger().news(in: Self.first, of: apqn, on: card, at: time(0)) == [], "\(serial ?? "")")
    }
  }

  @Test func `is told what is new, what was not told for a day, and what is the last`() {
    let ledger = ledger([(Self.first, 0)])
    func count(_ registers: KeyRegisters, _ minutes: Int, isLast: Bool = false) -> Int {
      ledger.news(in: registers, of: apqn, on: card, at: time(minutes), isLast: isLast).count
    }
    #expect(count(Self.first, 1) == 0)
    #expect(count(Self.first, 24 * 60) == 2)
    #expect(count(Self.first, 1, isLast: true) == 2)
    #expect(count(Self.first, 0, isLast: true) == 0)
    #expect(count(registers("valid 0x2"), 1) == 1)
  }

  @Test func `forgets what was read longest ago when it is full`() {
    var ledger = KeyLedger()
    for number in 0...KeyLedger.capacity {
      ledger.apply(
        .register(
          KeyDomain("S\(number / 256)", UInt8(number % 256), .cca), aes, KeyContent(.invalid),
          read: time(number)))
    }
    #expect(ledger.domains.count <= KeyLedger.capacity)
    #expect(ledger[KeyDomain("S0", 0, .cca)].isEmpty)
    #expect(!ledger[KeyDomain("S256", 0, .cca)].isEmpty)
  }
}

@Suite struct `The text of the ledger` {
  private static let whole = ledger([
    (registers("valid 0x1"), 0), (registers("valid 0x2", old: "valid 0x1"), 2),
    (registers("valid 0x2", old: "valid 0x1"), 3),
  ])

  @Test func `has a line for each fact`() {
    #expect(
      KeyLedgerText.text(Self.whole) == """
        apreserve-keys 1
        adapter 05 14 cca 93AA0005
        key 93AA0005 0047 cca AES CUR valid 0x1 2027-01-15T08:00:00Z
        key 93AA0005 0047 cca AES CUR valid 0x2 2027-01-15T08:02:00Z
        key 93AA0005 0047 cca AES CUR valid 0x2 2027-01-15T08:03:00Z
        key 93AA0005 0047 cca AES OLD invalid - 2027-01-15T08:00:00Z
        key 93AA0005 0047 cca AES OLD valid 0x1 2027-01-15T08:02:00Z
        key 93AA0005 0047 cca AES OLD valid 0x1 2027-01-15T08:03:00Z

        """)
    #expect(KeyLedgerText.text([.adapter(5, nil)]) == "removed 05\n")
  }

  @Test func `leads to the same ledger again`() {
    let (again, damage) = KeyLedgerText.read(Array(KeyLedgerText.text(Self.whole).utf8))
    #expect(again == Self.whole)
    #expect(damage == nil)
    #expect(KeyLedgerText.read([]).ledger.isEmpty)
  }

  @Test(arguments: [
    "apreserve-keys 2", "\0\0\0", "key", "key 93AA0005 0047 cca AES CUR valid 0x1",
    "key 93AA0005 0047 cca AES CUR valid 0x1 yesterday",
    "key 93AA0005 0047 cca AES CUR valid 0x1 2027-02-30T08:00:00Z",
    "key 93AA0005 0047 cca AES CUR valid - 2027-01-15T08:00:00Z",
    "key 93AA0005 0047 cca WK CUR valid 0x1 2027-01-15T08:00:00Z",
    "key 93AA0005 0047 accel AES CUR valid 0x1 2027-01-15T08:00:00Z",
    "key 93AA0005 0147 cca AES CUR valid 0x1 2027-01-15T08:00:00Z",
    "key 93AA0005 0047 cca AES CUR fish 0x1 2027-01-15T08:00:00Z",
    "key 93AA0005  0047 cca AES CUR valid 0x1 2027-01-15T08:00:00Z",
    "adapter 05 256 cca 93AA0005", "adapter 05 +4 cca 93AA0005", "adapter 5 14 cca 93AA0005",
    "adapter 05 14 cca " + String(repeating: "x", count: 65), "removed 100",
    "key " + String(repeating: "x", count: 100_000),
  ])
  func `loses nothing but a line that is damaged`(line: String) {
    var lines = KeyLedgerText.text(Self.whole).split(separator: "\n").map(String.init)
    for place in 0...lines.count {
      lines.insert(line, at: place)
      let (again, damage) = KeyLedgerText.read(Array(lines.map { $0 + "\n" }.joined().utf8))
      #expect(again == Self.whole)
      #expect(damage == "1 line cannot be read, the first is line \(place + 1)")
      lines.remove(at: place)
    }
  }

  @Test func `does not count a last line that was not written to its end`() {
    let text = KeyLedgerText.text(Self.whole)
    let (again, damage) = KeyLedgerText.read(Array((text + "key 93AA0005 0047 cca AE").utf8))
    #expect(again == Self.whole)
    #expect(damage == nil)
  }
}
