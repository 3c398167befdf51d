/// What the rules want for one queue.
package struct Decision: Sendable {
  /// The request; nil where it hangs on something that cannot be read now.
  package var reserve: Reserve? { compact.reserve }
  /// Whether the reservation may move unmanaged queues.
  package var collateral: Collateral { compact.collateral }
  /// The rule that won; nil where no rule names the queue or the decision is open.
  package var rule: Rule? { compact.ruleIndex.map { rules[$0] } }
  /// The label of the rule that won.
  package var name: String? { compact.ruleIndex.flatMap { rules[$0].name } }
  /// The same without the rules.
  package let compact: CompactDecision

  private let rules: [Rule]

  init(_ compact: CompactDecision, rules: [Rule]) {
    self.compact = compact
    self.rules = rules
  }
}
