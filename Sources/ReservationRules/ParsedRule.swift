/// A rule as read from a logical line that does not know its place in the file yet.
struct ParsedRule {
  /// The bytes of the line, without blanks around.
  var range: Range<Int>
  var clauses: [Clause]
  var reserve: Rule.ReserveAssignment
  var name: String?
  var collateral: Collateral
  var text: String

  func rule(at location: SourceLocation, source: SourceExcerpt) -> Rule {
    Rule(
      location: location, clauses: clauses, reserve: reserve, name: name, collateral: collateral,
      text: text, source: source)
  }
}
