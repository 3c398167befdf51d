package import APBus
package import TestSupport
package import ReservationRules

/// Random rule files for benchmarks and properties.
package struct GeneratedRules {
  private var random: SeededGenerator
  /// The numbers that clauses name lie below this: smaller means more rules for one queue.
  private let span: UInt8
  private let lockPercent: Int
  private let broadPercent: Int
  private let rangePercent: Int
  private let examplePercent: Int

  /// Rules from a seed. `broadPercent` of them leave out the clauses on numbers, `lockPercent` lock,
  /// `rangePercent` of the numbers are ranges: with few of these three the last queue is decided only
  /// by the last rules that have a say. `examplePercent` have an example of some match key as a further
  /// clause.
  package init(
    seed: UInt64, span: UInt8 = 255, lockPercent: Int = 3, broadPercent: Int = 5,
    rangePercent: Int = 50, examplePercent: Int = 0
  ) {
    random = SeededGenerator(seed: seed)
    self.span = span
    self.lockPercent = lockPercent
    self.broadPercent = broadPercent
    self.rangePercent = rangePercent
    self.examplePercent = examplePercent
  }

  /// A file of that many rules. Every third, at least, asks for MODE, TYPE or an attribute of the card.
  package mutating func text(count: Int) -> String {
    var text = ""
    for number in 0..<count { text += rule(asksCard: number % 3 == 0) + "\n" }
    return text
  }

  private mutating func rule(asksCard: Bool) -> String {
    var clauses: [String] = []
    if !random.chance(broadPercent) {
      let negated = rangePercent / 4
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<4:
        clauses.append("ADAPTER\(operation(negated))\"\(numbers())\"")
        clauses.append("DOMAIN\(operation(negated))\"\(numbers())\"")
      case 4..<7: clauses.append("APQN\(operation(negated))\"\(apqns())\"")
      case 7..<9: clauses.append("KERNEL\(operation(negated))\"\(queueGlob())\"")
      default: clauses.append("DOMAIN\(operation(negated))\"\(numbers())\"")
      }
    }
    if asksCard { clauses.append(cardClause(2..<11)) }
    if clauses.isEmpty || random.chance(30) { clauses.append(cardClause(0..<12)) }
    if random.chance(10) { clauses.append(cardClause(0..<12)) }
    if examplePercent > 0, random.chance(examplePercent),
      let key = MatchKey.all.randomElement(using: &random),
      let example = key.examples.randomElement(using: &random)
    {
      clauses.append(example)
    }
    clauses.append(assignment())
    return clauses.joined(separator: ", ")
  }

  private mutating func operation(_ negatedPercent: Int) -> String {
    random.chance(negatedPercent) ? "!=" : "=="
  }

  private mutating func assignment() -> String {
    let operation = random.chance(lockPercent) ? ":=" : "="
    switch Int.random(in: 0..<4, using: &random) {
    case 0: return "RESERVE\(operation)\"host\""
    case 1: return "RESERVE\(operation)\"unmanaged\""
    case 2: return "RESERVE\(operation)\"vfio_ap\", NAME=\"guest \(random.next() % 1000)\""
    default: return "RESERVE\(operation)\"vfio_ap\", COLLATERAL=\"accept\""
    }
  }

  private mutating func range() -> (UInt8, UInt8) {
    let first = UInt8.random(in: 0...span, using: &random)
    let second = !random.chance(rangePercent) ? first : UInt8.random(in: 0...span, using: &random)
    return (min(first, second), max(first, second))
  }

  private static func number(_ number: UInt8) -> String {
    number < 10 ? "\(number)" : "0x" + Hex.text(number, digits: 2)
  }

  private mutating func numbers() -> String {
    (0..<Int.random(in: 1...3, using: &random)).map { _ in
      let (low, high) = range()
      return low == high ? Self.number(low) : Self.number(low) + "-" + Self.number(high)
    }.joined(separator: "|")
  }

  private mutating func apqns() -> String {
    func part(_ range: (UInt8, UInt8), digits: Int) -> String {
      let low = Hex.text(range.0, digits: digits)
      return range.0 == range.1 ? low : low + "-" + Hex.text(range.1, digits: digits)
    }
    return (0..<Int.random(in: 1...3, using: &random)).map { _ in
      let adapters = random.chance(rangePercent / 4) ? "*" : part(range(), digits: 2)
      let domains = random.chance(rangePercent / 4) ? "*" : part(range(), digits: 4)
      return adapters + "." + domains
    }.joined(separator: "|")
  }

  private mutating func queueGlob() -> String {
    let low = Hex.text(UInt8.random(in: 0...span, using: &random), digits: 2)
    let high = Hex.text(UInt8.random(in: 0...span, using: &random), digits: 4)
    return switch Int.random(in: 0..<7, using: &random) {
    case 0: "\(low).\(high)"
    case 1: "\(low).*"
    case 2: "*.\(high)"
    case 3: "*\(low.suffix(1))"
    case 4: "\(low.prefix(1))?.00[\(high.suffix(1))-f]?"
    case 5: "*[!\(low.prefix(1))].*\(high.suffix(2))|\(low).00?\(high.suffix(1))"
    default: "?[0-7].*[\(low)]"
    }
  }

  /// A clause that is not about numbers, of the kinds counted below.
  private mutating func cardClause(_ kinds: Range<Int>) -> String {
    let equals = operation(20)
    let number = Int.random(in: 0..<400, using: &random)
    let serial = "93AABE" + String(number, radix: 36)
    switch Int.random(in: kinds, using: &random) {
    case 0...1: return "HWTYPE\(equals)\"\(["10-", "11-13", "14", "9|13-"][number % 4])\""
    case 2...3: return "TYPE\(equals)\"\(["CEX8*", "CEX7C", "CEX?P|CEX6A", "*[AC]"][number % 4])\""
    case 4...5: return "MODE\(equals)\"\(["accel", "cca", "ep11", "cca|ep11"][number % 4])\""
    case 6...7: return "CARD{serialnr}\(equals)\"\(serial)\""
    case 8:
      let globs = ["\(serial.prefix(7))*", "*\(serial.suffix(1))", "*A[A-C]*\(serial.suffix(2))*"]
      return "CARD{serialnr}\(equals)\"\(globs[number % 3])\""
    case 9: return "CARD{serialnr}\(equals)i\"\(serial.lowercased())|*\(serial.suffix(2))\""
    case 10: return "CARD{FW_version}\(equals)\"\(number % 9).*|?.\(number % 10)\""
    default:
      return ["HOST\(equals)\"lnxprod*\"", "HOST\(equals)\"lnxtest?\"", "LPAR\(equals)\"P*\""][
        number % 3]
    }
  }
}

/// Random machines for benchmarks and properties.
package enum GeneratedMachine {
  /// The host of generated machines.
  package static let host = HostIdentity(name: "lnxprod7", lpar: nil)

  /// Definitions of guests that the examples of `GUEST` are about, as they overlap, and as what is unknown of them may
  /// vary.
  package static func guests(
    span: UInt8, readable: Int, using random: inout SeededGenerator
  ) -> GuestAssignments {
    var guests = GuestAssignments()
    let uuids = [
      "5d8c0f2a-31f6-4c1b-9a57-0c4d0a8d2b11", GuestAssignments.uuid(forLabel: "web1"),
      "00000000-0000-8000-8000-000000000001",
    ]
    for uuid in uuids where random.chance(80) {
      let machines = ["web1", "web2", "db1"].filter { _ in random.chance(30) }
      func numbers() -> APMask {
        APMask((0..<3).map { _ in UInt8.random(in: 0...span, using: &random) })
      }
      guests.definitions.append(
        GuestAssignments.Definition(
          uuid: uuid, virtualMachines: machines,
          contents: random.chance(readable)
            ? GuestAssignments.Contents(
              adapters: numbers(), domains: numbers(), startsAutomatically: random.chance(50))
            : nil))
    }
    if !random.chance(readable) { guests.missingMachines = "a file cannot be read" }
    if !random.chance(readable), random.chance(50) {
      guests.missingDefinitions = "a directory cannot be read"
    }
    return guests
  }

  /// Queues of those cards, of which the master keys are readable with a chance of `readable` percent, and may be those
  /// that the examples of `MKVP` name.
  package static func queues(
    of cards: [Card], span: UInt8, readable: Int, using random: inout SeededGenerator
  ) -> [Queue] {
    let digits = "00112233445566778899aabbccddeeff"
    let patterns = [
      "0x1122334455667788", "0xaa00000000000001", "0x0000000000000012", "0xfeeddeadbeefcafe",
    ]
    var queues: [Queue] = []
    for card in cards {
      for domain in 0...span where random.chance(70) {
        var queue = Queue(apqn: APQN(adapter: card.adapter, domain: domain))
        var registers = KeyRegisters()
        for kind in MasterKeyKind.allCases where kind.mode == card.mode && random.chance(readable) {
          let text = kind == .ep11 ? "0x" + digits + digits : patterns.randomElement(using: &random)
          registers[KeyRegister(kind, .current)] =
            random.chance(80)
            ? KeyContent(.valid, text.flatMap { KeyPattern($0) }) : KeyContent(.invalid)
        }
        queue.keyRegisters = registers
        queues.append(queue)
      }
    }
    return queues
  }

  /// A machine whose cards are present with a chance of `presence` percent and whose attributes are
  /// readable with a chance of `readable` percent.
  package static func cards(
    presence: Int, readable: Int, using random: inout SeededGenerator
  ) -> [Card] {
    var cards: [Card] = []
    for adapter in UInt8.min...UInt8.max where random.chance(presence) {
      var card = Card(
        adapter: adapter,
        hardwareType: HardwareType(rawValue: UInt8.random(in: 9...15, using: &random)),
        functions: random.chance(95)
          ? QueueMode.allCases.randomElement(using: &random)?.functions ?? 0 : 0,
        driver: "cex4card")
      for (name, value) in [
        ("serialnr", "93AABE" + String(Int.random(in: 0..<400, using: &random), radix: 36)),
        ("raw_hwtype", "\(card.hardwareType.rawValue)"),
        (
          "FW_version",
          "\(Int.random(in: 1...8, using: &random)).\(Int.random(in: 0...9, using: &random))"
        ),
        ("API_ordinalnr", "\(Int.random(in: 1...6, using: &random))"),
        ("max_msg_size", random.chance(50) ? "12288" : "65536"),
      ] where random.chance(readable) {
        card.attributes[name] = value
      }
      cards.append(card)
    }
    return cards
  }
}
