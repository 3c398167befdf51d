import APBus

/// Clauses of one rule that are each right and that nothing satisfies together, or one that nothing
/// satisfies.
struct ClauseConflict {
  /// The clause after which nothing is left.
  var place: PlacedClause
  /// An earlier one that alone contradicts it; nil where it takes several, or none.
  var other: PlacedClause?
  /// Whether the clause needs no other to be impossible.
  var isAlone: Bool

  /// The conflicts of a rule, at most one about queues, one about cards and one for each name.
  static func all(in clauses: [PlacedClause]) -> [ClauseConflict] {
    var conflicts: [ClauseConflict] = []
    let shapes = clauses.compactMap { clause in Shape(clause.clause).map { (clause, $0) } }
    if let conflict = first(
      shapes, all: Shape.all, isEmpty: \.bands.isEmpty, intersection: { $0.intersection($1) })
    {
      conflicts.append(conflict)
    }
    let kinds = clauses.compactMap { clause in CardKinds(clause.clause).map { (clause, $0) } }
    if let conflict = first(
      kinds, all: CardKinds.all, isEmpty: \.isEmpty, intersection: { $0.intersection($1) })
    {
      conflicts.append(conflict)
    }
    return conflicts + NameConflicts.all(in: clauses)
  }

  private static func first<Values>(
    _ clauses: [(place: PlacedClause, values: Values)], all: Values, isEmpty: (Values) -> Bool,
    intersection: (Values, Values) -> Values
  ) -> ClauseConflict? {
    var left = all
    for (place, values) in clauses {
      let rest = intersection(left, values)
      guard isEmpty(rest) else {
        left = rest
        continue
      }
      let isAlone = isEmpty(values)
      let other = clauses.first { isEmpty(intersection($0.values, values)) }?.place
      return ClauseConflict(place: place, other: isAlone ? nil : other, isAlone: isAlone)
    }
    return nil
  }
}

extension ClauseConflict {
  /// The fault that tells of it.
  var fault: Fault {
    if isAlone {
      return Fault(
        code: .neverMatches, range: place.range,
        message: "\(place.quoted) excludes everything, so that the rule never matches")
    }
    guard let other else {
      return Fault(
        code: .contradictingClauses, range: place.range,
        message: "nothing satisfies \(place.quoted) and all clauses before it")
    }
    let isEither =
      other.key == place.key && !other.clause.isNegated && !place.clause.isNegated
    return Fault(
      code: .contradictingClauses, range: place.range,
      message: "nothing satisfies both \(other.quoted) and \(place.quoted)"
        + (isEither ? "; for either of them write one clause with | between the values" : ""))
  }
}
