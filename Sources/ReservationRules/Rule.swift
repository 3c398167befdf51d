/// One rule: clauses that all must match, and what is assigned then.
package struct Rule: Hashable, Sendable {
  /// Where the rule begins.
  package var location: SourceLocation
  /// The match clauses in the order written. One without any would match every queue; the parser takes
  /// none such.
  package var clauses: [Clause]
  /// What RESERVE assigns.
  package var reserve: ReserveAssignment
  /// The label for people.
  package var name: String?
  /// Whether the reservation may move queues that no rule asked for.
  package var collateral: Collateral
  /// The rule as written, continued lines joined.
  package var text: String
  /// What to show of the rule where something is said of it.
  package var source: SourceExcerpt

  /// `RESERVE="..."` or `RESERVE:="..."`.
  package struct ReserveAssignment: Hashable, Sendable {
    /// The request.
    package var value: Reserve
    /// Whether it was written `:=`, so that no later rule changes it.
    package var locks: Bool

    /// An assignment.
    package init(_ value: Reserve, locks: Bool = false) {
      self.value = value
      self.locks = locks
    }
  }

  /// A rule.
  package init(
    location: SourceLocation, clauses: [Clause], reserve: ReserveAssignment, name: String? = nil,
    collateral: Collateral = .refuse, text: String,
    source: SourceExcerpt = SourceExcerpt(line: "", length: 0)
  ) {
    self.location = location
    self.clauses = clauses
    self.reserve = reserve
    self.name = name
    self.collateral = collateral
    self.text = text
    self.source = source
  }
}
