import APBus
import ReservationRules
import TestSupport
import Testing
import benchmarks

@Suite struct `The table of decisions` {
  /// The diagnostics of random clauses that nothing matches, or that are written twice.
  private static let meaningless: Set<DiagnosticCode> = [
    .contradictingClauses, .neverMatches, .duplicateClause,
  ]

  /// Machines from empty to full; rules on few numbers, where many speak of one queue, to all.
  @Test(arguments: 0..<24 as Range<Int>)
  func `equals asking every rule in order, for every queue`(seed: Int) throws {
    let span: UInt8 = [3, 20, 255][seed / 9]
    var random = SeededGenerator(seed: UInt64(seed))
    let cards = GeneratedMachine.cards(
      presence: [0, 50, 100][seed % 3], readable: [0, 70, 100][seed / 3 % 3], using: &random)
    let host = HostIdentity(
      name: random.chance(50) ? "lnxprod7" : nil, lpar: random.chance(50) ? "P01" : nil)
    var generator = GeneratedRules(
      seed: UInt64(seed), span: span, lockPercent: 15, broadPercent: 10,
      rangePercent: Int.random(in: 5...60, using: &random), examplePercent: 40)
    let text = generator.text(count: [3, 12, 40][seed % 3])
    let (rules, diagnostics) = RuleSet.parse(files: [RuleFile(path: "f", text: text)])
    // Some of the rules contradict themselves, and are not in the set.
    #expect(diagnostics.allSatisfy { Self.meaningless.contains($0.code) })
    let guests = GeneratedMachine.guests(
      span: span, readable: [60, 95, 100][seed / 3 % 3], using: &random)
    let queues = GeneratedMachine.queues(
      of: cards, span: span, readable: [60, 95, 100][seed / 3 % 3], using: &random)
    let table = DecisionTable(
      rules: rules, inventory: try Inventory(cards: cards, queues: queues), host: host,
      guests: guests)
    let naive = NaiveRules(
      rules: rules.rules, cards: cards, host: host, guests: guests, queues: queues)
    var wrong: [APQN] = []
    for adapter in stride(from: UInt8.min, through: .max, by: span == 255 ? 5 : 1)
    where span == 255 || adapter < span + 3 {
      let row = table.row(adapter)
      for domain in UInt8.min...UInt8.max where span == 255 || domain < span + 3 {
        let apqn = APQN(adapter: adapter, domain: domain)
        let expected = naive.answer(for: apqn)
        let decision = table.decision(for: apqn)
        let isSame =
          decision.reserve == expected.reserve && decision.collateral == expected.collateral
          && decision.compact.ruleIndex == expected.ruleIndex
          && row.vfioAP.contains(domain) == (expected.reserve == .vfioAP)
          && row.host.contains(domain) == (expected.reserve == .host)
          && row.unmanaged.contains(domain) == (expected.reserve == .unmanaged)
          && row.undecidable.contains(domain) == (expected.reserve == nil)
          && row.acceptsCollateral.contains(domain) == (expected.collateral == .accept)
        if !isSame { wrong.append(apqn) }
      }
    }
    #expect(wrong.prefix(3) == [], "\(wrong.count) queues differ under\n\(text)")
  }

  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func `agrees with its explanation`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let cards = GeneratedMachine.cards(presence: 60, readable: 60, using: &random)
    var generator = GeneratedRules(seed: seed, span: 5, lockPercent: 15, examplePercent: 40)
    let (rules, _) = RuleSet.parse(
      files: [RuleFile(path: "f", text: generator.text(count: 15))])
    let table = DecisionTable(
      rules: rules,
      inventory: try Inventory(
        cards: cards,
        queues: GeneratedMachine.queues(of: cards, span: 5, readable: 60, using: &random)),
      host: GeneratedMachine.host,
      guests: GeneratedMachine.guests(span: 5, readable: 80, using: &random))
    for adapter in UInt8(0)...6 {
      for domain in UInt8(0)...6 {
        let apqn = APQN(adapter: adapter, domain: domain)
        let decision = table.decision(for: apqn)
        let outcomes = table.explanation(for: apqn).map(\.outcome)
        #expect(outcomes.firstIndex(of: .decides) == decision.compact.ruleIndex)
        let mayDecide = outcomes.contains {
          if case .unknown(_, _, mayDecide: true) = $0 { true } else { false }
        }
        #expect(decision.reserve != nil || mayDecide)
        #expect(decision.reserve == nil || !outcomes.contains(.waits))
      }
    }
  }

  @Test func `holds every queue name that a glob matches`() {
    var generator = SeededGenerator(seed: 5)
    let pieces = [
      "*", "?", "0", "4", "f", ".", "00", "[0-3]", "[!0-3]", "[a-f4]", "05", "[.]", "|",
    ]
    for _ in 0..<60 {
      let text = (0..<Int.random(in: 1...7, using: &generator)).map { _ in
        pieces.randomElement(using: &generator) ?? "*"
      }.joined()
      let (rules, diagnostics) = RuleSet.parse(
        files: [RuleFile(path: "f", text: "KERNEL==\"\(text)\", RESERVE=\"host\"")])
      guard diagnostics.isEmpty,
        case .globs(let pattern)? = rules.rules.first?.clauses.first?.condition.pattern
      else { continue }
      let table = DecisionTable(rules: rules, inventory: Machine.empty, host: HostIdentity())
      for adapter in stride(from: UInt8(0), through: 255, by: 5) {
        let expected = APMask(
          (UInt8.min...UInt8.max).filter {
            pattern.matches(APQN(adapter: adapter, domain: $0).description)
          })
        #expect(table.row(adapter).host == expected, "\(text)")
      }
    }
  }
}
