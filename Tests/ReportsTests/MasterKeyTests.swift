import APBus
import JSONText
import Reports
import Reservation
import Testing

@Suite struct `Master keys in reports` {
  private static func time(_ seconds: Int) -> WallTime {
    WallTime(sinceEpoch: .seconds(1_800_000_000 + seconds))
  }

  /// The example, in which 05.0004 was read, 05.0047 has the key of a day ago instead of another one, 0a.0004 has the
  /// key of a day ago, and of 0a.0047 nothing is known.
  private static func assessment() throws -> Assessment {
    var inventory = try Example.inventory()
    for (adapter, serial) in [(5, "93AA0005"), (10, "93AA000A")] as [(UInt8, String)] {
      var card = try #require(inventory.card(adapter))
      card.attributes["serialnr"] = serial
      inventory.setCard(card, adapter: adapter)
    }
    let apqn = APQN(adapter: 5, domain: 4)
    var queue = try #require(inventory.queue(apqn))
    let text = "AES NEW: empty -\nAES CUR: valid 0x1\nAPKA CUR: valid 0x2\n"
    queue.masterKeys = MasterKeyPattern(attribute: text)
    queue.keyRegisters = KeyRegisters(attribute: text)
    inventory.setQueue(queue, apqn: apqn)
    for (serial, domain, mode, kind, pattern, seconds) in [
      ("93AA0005", 0x47, .cca, .aes, "0x1", 0), ("93AA0005", 0x47, .cca, .aes, "0x3", 60),
      ("93AA0005", 0x47, .cca, .apka, "0x2", 60), ("93AA000A", 4, .ep11, .ep11, "0x4", 60),
    ] as [(String, UInt8, QueueMode, MasterKeyKind, String, Int)] {
      inventory.keyLedger.apply(
        .register(
          KeyDomain(serial, domain, mode), KeyRegister(kind, .current),
          KeyContent(.valid, KeyPattern(pattern)), read: time(seconds)))
    }
    return try Assessment(inventory: inventory, rules: Example.ruleSet())
  }

  @Test func `are known, known from before, changed or unknown`() throws {
    let list = QueueList(try Self.assessment())
    #expect(
      list.text(columns: [.queue, .keys, .keysRead], style: .plain) == """
        QUEUE    KEYS               KEYS-READ
        02.0004  -                  -
        05.0004  AES 0x1, APKA 0x2  now
        05.0047  AES 0x3, APKA 0x2  2027-01-15T08:01:00Z, changed 2027-01-15T08:01:00Z
        0a.0004  WK 0x4             2027-01-15T08:01:00Z
        0a.0047  -                  unknown

        """)
  }

  @Test func `are a part of an explanation`() throws {
    let assessment = try Self.assessment()
    func section(_ adapter: UInt8, _ domain: UInt8) -> Substring {
      let text = Explanation(APQN(adapter: adapter, domain: domain), in: assessment)
        .text(style: .plain)
      guard let start = text.firstRange(of: "master keys\n"),
        let end = text.firstRange(of: "\nrules\n")
      else {
        return ""
      }
      return text[start.upperBound..<end.lowerBound]
    }
    #expect(
      section(5, 4) == """
          AES NEW   empty -    now
          AES CUR   valid 0x1  now
          AES OLD   -          unknown
          APKA NEW  -          unknown
          APKA CUR  valid 0x2  now
          APKA OLD  -          unknown

        """)
    let words = section(5, 0x47).split { " \n".contains($0) }.joined(separator: " ")
    #expect(
      words.contains(
        "AES CUR valid 0x3 2027-01-15T08:01:00Z, changed 2027-01-15T08:01:00Z, before: valid 0x1 AES OLD"
      ), "\(words)")
    #expect(
      section(10, 0x47) == "  unknown; they can be read only while the host has the queue\n")
    #expect(section(2, 4) == "", "an accelerator has none")
  }

  @Test func `have their source in documents`() throws {
    let assessment = try Self.assessment()
    let queues = QueueList(assessment).json["queues"]?.elements ?? []
    let current = queues.map { queue in
      (queue["masterKeys"]?.elements ?? []).first {
        $0["register"]?.text?.hasSuffix("CUR") == true
      }
    }
    #expect(
      current.map { $0?["source"]?.text } == [nil, "known", "cached", "cached", "unknown"])
    #expect(current[2]?["lastRead"]?.text == "2027-01-15T08:01:00Z")
    #expect(current[2]?["changed"]?["pattern"]?.text == "0x1")
    #expect(current[2]?["changed"]?["lastRead"]?.text == "2027-01-15T08:00:00Z")
    #expect(current[4]?["state"] == nil)
  }
}
