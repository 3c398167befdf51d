import AdjunctProcessor
import ReservationRules
import Testing
import benchmarks

@Suite struct `The table of decisions` {
  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func `agrees with its explanation`(seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    let cards = GeneratedMachine.cards(presence: 60, readable: 60, using: &random)
    var generator = GeneratedRules(seed: seed, span: 5, lockPercent: 15)
    let (rules, _) = RuleSet.parse(
      files: [RuleFile(path: "f", text: generator.text(count: 15))])
    let table = DecisionTable(
      rules: rules, inventory: try Inventory(cards: cards), host: GeneratedMachine.host)
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
    var generator = SplitMix(seed: 5)
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
        case .kernel(let pattern)? = rules.rules.first?.clauses.first?.condition
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
