/// A clause and where it stands in its logical line.
struct PlacedClause {
  var key: Key
  var clause: Clause
  var range: Range<Int>

  /// The clause for a sentence.
  var quoted: String { Printable.excerpt(clause.text) }
}
