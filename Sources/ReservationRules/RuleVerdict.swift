/// What became of one rule for one queue.
package struct RuleVerdict: Hashable, Sendable {
  /// The rule.
  package var rule: Rule
  /// What became of it.
  package var outcome: Outcome

  /// What can become of a rule.
  package enum Outcome: Hashable, Sendable {
    /// It matches and decides.
    case decides
    /// It matches, but a stronger rule that cannot be told yet might decide otherwise.
    case waits
    /// It matches, but a later rule decides.
    case overridden(by: SourceLocation)
    /// It matches, but a rule with `:=` decides, earlier or later.
    case lockedOut(by: SourceLocation)
    /// A clause does not hold: this one, by what was found.
    case fails(Clause, found: String)
    /// No clause fails, but this one cannot be told; `mayDecide` says whether the rule would decide
    /// if it matched.
    case unknown(Clause, reason: String, mayDecide: Bool)
  }
}
