import APBus
import ReservationRules
import Testing

private let time = WallTime(sinceEpoch: .seconds(1_800_000_000))
private let key = "0x1111111111111111"

@Suite struct `Rules on master keys` {
  /// Card 5 is CCA: queue 0 shows the key, 1 has no valid one, of 2 it is remembered, and of 3 nothing is known. Card 6
  /// is EP11, card 7 an accelerator, each with queue 0; card 8 is absent.
  private static func machine(isRedacted: Bool = false) throws -> Inventory {
    func card(_ adapter: UInt8, _ mode: QueueMode) -> Card {
      Card(
        adapter: adapter, hardwareType: HardwareType(rawValue: 14), functions: mode.functions,
        attributes: ["serialnr": "93AA000\(adapter)"])
    }
    func queue(_ adapter: UInt8, _ domain: UInt8, _ text: String? = nil) -> Queue {
      var queue = Queue(apqn: APQN(adapter: adapter, domain: domain))
      queue.keyRegisters = text.map { KeyRegisters(attribute: $0) }
      if isRedacted { queue.keyRegisters = queue.keyRegisters?.redacted() }
      return queue
    }
    var inventory = try Inventory(
      cards: [card(5, .cca), card(6, .ep11), card(7, .accelerator)],
      queues: [
        queue(5, 0, "AES CUR: valid \(key)\n"), queue(5, 1, "AES CUR: invalid -\n"), queue(5, 2),
        queue(5, 3), queue(6, 0), queue(7, 0),
      ])
    inventory.keyLedger.apply(
      .register(
        KeyDomain("93AA0005", 2, .cca), KeyRegister(.aes, .current),
        KeyContent(.valid, KeyPattern(key)), read: time))
    if isRedacted { inventory.keyLedger = inventory.keyLedger.redacted { $0 } }
    return inventory
  }

  private static func table(_ rules: String, isRedacted: Bool = false) throws -> DecisionTable {
    let (set, diagnostics) = RuleSet.parse(files: [RuleFile(path: "f", text: rules)])
    #expect(diagnostics.map(\.description) == [])
    return DecisionTable(
      rules: set, inventory: try machine(isRedacted: isRedacted), host: HostIdentity())
  }

  /// What a rule with the clause decides about each queue: `+` that it matches, `-` that it does not, `?` that this is
  /// unknown.
  private static func answers(_ clause: String, isRedacted: Bool = false) throws -> String {
    let table = try table("\(clause), RESERVE=\"host\"", isRedacted: isRedacted)
    return ["05.0000", "05.0001", "05.0002", "05.0003", "05.0009", "06.0000", "07.0000", "08.0000"]
      .compactMap { APQN($0) }
      .map { apqn in
        switch table.decision(for: apqn).reserve {
        case .host: "+"
        case .unmanaged, .vfioAP: "-"
        case nil: "?"
        }
      }.joined()
  }

  @Test(
    arguments: [
      (#"MKVP{aes}=="0x1111111111111111""#, "+-+??--?"),
      (#"MKVP{aes}!="0x1111111111111111""#, "-+-??++?"),
      (#"MKVP{aes}=="0x2222222222222222|0x1*""#, "+-+??--?"),
      (#"MKVP{aes}=="0x2222222222222222""#, "---??--?"),
      (#"MKVP{aes}=="""#, "-+-??++?"),
      (#"MKVP{aes}=="0x*""#, "+-+??--?"),
      (#"MKVP{apka}=="0x*""#, "?????--?"),
      (#"MKVP{ep11}=="0x*""#, "-----?-?"),
    ])
  func `compare the current key, as it is or as it was read last`(
    clause: String, answers: String
  ) throws {
    #expect(try Self.answers(clause) == answers)
  }

  @Test(
    arguments: [
      (#"MKVP{aes}=="0x1111111111111111""#, "+-+??--?"),
      (#"MKVP{aes}=="0x2222222222222222""#, "---??--?"),
      (#"MKVP{aes}=="0x*""#, "+-+??--?"),
      // A glob cannot be compared with a hash.
      (#"MKVP{aes}=="0x1*""#, "?-???--?"),
    ])
  func `compare whole patterns with redacted ones`(clause: String, answers: String) throws {
    #expect(try Self.answers(clause, isRedacted: true) == answers)
  }

  @Test func `are explained`() throws {
    let table = try Self.table(#"MKVP{aes}=="0x2222222222222222", RESERVE="vfio_ap""#)
    func outcome(_ name: String) throws -> RuleVerdict.Outcome? {
      table.explanation(for: try Machine.queue(name)).first?.outcome
    }
    guard case .fails(_, found: key)? = try outcome("05.0002") else {
      Issue.record("\(String(describing: try outcome("05.0002")))")
      return
    }
    guard case .unknown(_, let reason, mayDecide: true)? = try outcome("05.0003") else {
      Issue.record("\(String(describing: try outcome("05.0003")))")
      return
    }
    #expect(reason == "the master keys of 05.0003 were never read by apreserve")
  }

  @Test func `say what keys are expected`() throws {
    let text = #"""
      DOMAIN=="4", RESERVE="vfio_ap", EXPECT_MKVP{aes}="0x1111111111111111|0x2*", EXPECT_MKVP{ep11}="0x*"
      DOMAIN=="5", RESERVE="host"

      """#
    let (set, diagnostics) = RuleSet.parse(files: [RuleFile(path: "f", text: text)])
    #expect(diagnostics.map(\.description) == [])
    #expect(set.readsMasterKeys)
    let expected = set.rules[0].expectedKeys
    #expect(expected.mapValues(\.text) == [.aes: "0x1111111111111111|0x2*", .ep11: "0x*"])
    #expect(set.rules[1].expectedKeys.isEmpty)
    let first = try #require(KeyPattern(key))
    let second = try #require(KeyPattern("0x2222222222222222"))
    #expect(expected[.aes]?.matches(first, kind: .aes) == true)
    #expect(expected[.aes]?.names(first, kind: .aes) == true)
    #expect(expected[.aes]?.matches(second, kind: .aes) == true)
    #expect(expected[.aes]?.names(second, kind: .aes) == false)
    #expect(expected[.aes]?.matches(nil, kind: .aes) == false)
  }

  @Test func `are the only ones for which keys are read`() throws {
    func reads(_ text: String) -> Bool {
      RuleSet.parse(files: [RuleFile(path: "f", text: text)]).0.readsMasterKeys
    }
    #expect(reads(#"MKVP{aes}!="0x*", RESERVE="host""#))
    #expect(reads(#"ADAPTER=="5", RESERVE="host", EXPECT_MKVP{apka}="0x*""#))
    #expect(!reads(#"CARD{serialnr}=="93AA*", RESERVE="host""#))
  }
}
