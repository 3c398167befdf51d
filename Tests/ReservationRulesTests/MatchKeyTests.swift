import APBus
import ReservationRules
import TestSupport
import Testing
import benchmarks

@Suite struct `A match key` {
  @Test(arguments: MatchKey.all)
  func `has examples that are valid clauses with it`(key: MatchKey) {
    #expect(key.examples.count >= 2)
    for example in key.examples {
      let text = "\(example), RESERVE=\"host\""
      let (rules, diagnostics) = RuleSet.parse(files: [RuleFile(path: "f", text: text)])
      #expect(diagnostics.map(\.description) == [])
      #expect(rules.rules.first?.clauses.map(\.condition.key) == [key])
    }
  }

  /// A key whose grammar does not fit what it is compared with would never match.
  @Test(arguments: MatchKey.all)
  func `has an example that holds, and one that fails, on some machine`(key: MatchKey) throws {
    var random = SeededGenerator(seed: 3)
    let cards = GeneratedMachine.cards(presence: 100, readable: 100, using: &random)
    let machine = try Inventory(
      cards: cards,
      queues: GeneratedMachine.queues(of: cards, span: 8, readable: 100, using: &random))
    var outcomes: Set<Bool> = []
    for example in key.examples {
      let text = "\(example), RESERVE=\"host\""
      let (rules, _) = RuleSet.parse(files: [RuleFile(path: "f", text: text)])
      for host in [
        HostIdentity(name: "lnxprod7", lpar: "test1"), HostIdentity(name: "kvm01", lpar: "P07"),
      ] {
        let table = DecisionTable(
          rules: rules, inventory: machine, host: host,
          guests: GeneratedMachine.guests(span: 255, readable: 100, using: &random))
        for adapter in UInt8.min...UInt8.max {
          let row = table.row(adapter)
          if !row.host.isEmpty { outcomes.insert(true) }
          if !row.unmanaged.isEmpty { outcomes.insert(false) }
        }
      }
    }
    #expect(outcomes == [true, false])
  }

  @Test(arguments: MatchKey.all)
  func `is explained in the manual page with an example`(key: MatchKey) throws {
    let page = try ManualPage()
    #expect(page.grammarKeys == MatchKey.all.map(\.name))
    #expect(page.describedKeys.contains(key.name))
    let beginnings = ["==", "!=", "{"].map { key.name + $0 }
    #expect(page.keyExamples.contains { example in beginnings.contains { example.contains($0) } })
  }
}
