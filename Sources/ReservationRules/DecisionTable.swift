package import APBus

/// The decisions for all 65,536 queues of the architecture against one inventory.
package struct DecisionTable: Sendable {
  /// The rules that decide.
  package let rules: RuleSet
  /// The cards that were asked.
  let cards: [Card]
  /// The host that was asked.
  let host: HostIdentity

  private let decisions: [CompactDecision]
  private let rows: [DecisionRow]

  /// Decides every queue, of absent cards and domains too.
  package init(rules: RuleSet, inventory: Inventory, host: HostIdentity) {
    self.rules = rules
    self.cards = inventory.cards
    self.host = host
    var filler = DecisionTableFiller()
    filler.fill(rules.compiled, facts: Facts(cards: inventory.cards, host: host))
    decisions = filler.decisions
    rows = filler.rows
  }

  /// The decision for one queue.
  package func decision(for apqn: APQN) -> Decision {
    Decision(compactDecision(for: apqn), rules: rules.rules)
  }

  /// The decision for one queue without the rules: for loops over many.
  package func compactDecision(for apqn: APQN) -> CompactDecision {
    decisions[Int(apqn.adapter) << 8 | Int(apqn.domain)]
  }

  /// The decisions of one adapter's 256 domains.
  package func row(_ adapter: UInt8) -> DecisionRow { rows[Int(adapter)] }
}
