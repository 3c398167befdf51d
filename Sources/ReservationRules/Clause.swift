/// One match clause of a rule: `DOMAIN!="4"`.
package struct Clause: Hashable, Sendable, CustomStringConvertible {
  /// What is compared with what.
  package var condition: Condition
  /// Whether it was written `!=`. An unknown condition stays unknown then, too.
  package var isNegated: Bool
  /// The clause as written.
  package var text: String

  /// A clause.
  package init(_ condition: Condition, isNegated: Bool = false, text: String) {
    self.condition = condition
    self.isNegated = isNegated
    self.text = text
  }

  /// The clause as written.
  package var description: String { text }
}
