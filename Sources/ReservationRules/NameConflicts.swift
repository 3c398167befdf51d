/// Contradictions between clauses that compare one name with texts: HOST, LPAR, and each attribute of
/// a card.
enum NameConflicts {
  /// More texts or clauses than this nobody writes by hand, and looking at all pairs would take long.
  private static let limit = 64

  static func all(in clauses: [PlacedClause]) -> [ClauseConflict] {
    var groups: [(subject: String, clauses: [(PlacedClause, GlobPattern)])] = []
    var indices: [String: Int] = [:]
    for place in clauses {
      guard let (subject, pattern) = subject(of: place.clause.condition) else { continue }
      if let index = indices[subject] {
        groups[index].clauses.append((place, pattern))
      } else {
        indices[subject] = groups.count
        groups.append((subject, [(place, pattern)]))
      }
    }
    return groups.compactMap { conflict(in: $0.clauses) }
  }

  private static func subject(of condition: Condition) -> (String, GlobPattern)? {
    switch condition {
    case .host(let pattern): ("HOST", pattern)
    case .lpar(let pattern): ("LPAR", pattern)
    case .card(let attribute, let pattern): ("CARD " + attribute, pattern)
    default: nil
    }
  }

  private static func conflict(
    in clauses: [(place: PlacedClause, pattern: GlobPattern)]
  ) -> ClauseConflict? {
    if let never = clauses.first(where: { $0.place.clause.isNegated && $0.pattern.matchesAll }) {
      return ClauseConflict(place: never.place, other: nil, isAlone: true)
    }
    guard clauses.count <= limit else { return nil }
    let listed = clauses.first { !$0.place.clause.isNegated && $0.pattern.texts != nil }
    guard let listed, var texts = listed.pattern.texts, texts.count <= limit else { return nil }
    for (place, pattern) in clauses where place.range != listed.place.range {
      texts.removeAll { pattern.matches($0) == place.clause.isNegated }
      guard texts.isEmpty else { continue }
      let alone = listed.pattern.texts?.allSatisfy { pattern.matches($0) == place.clause.isNegated }
      let pair = [listed.place, place].sorted { $0.range.lowerBound < $1.range.lowerBound }
      return ClauseConflict(
        place: pair[1], other: alone == true ? pair[0] : nil, isAlone: false)
    }
    return nil
  }
}

extension GlobPattern {
  /// Whether one of the alternatives is a lone star.
  fileprivate var matchesAll: Bool {
    alternatives.contains { glob in
      guard glob.elements.count == 1, case .star = glob.elements[0] else { return false }
      return true
    }
  }

  /// All texts that match; nil where a glob or the freedom of case makes them too many.
  fileprivate var texts: [String]? {
    guard !ignoresCase else { return nil }
    var texts: [String] = []
    for glob in alternatives {
      guard glob.literalPrefix.count == glob.elements.count else { return nil }
      var text = String.UnicodeScalarView()
      text.append(contentsOf: glob.literalPrefix.compactMap(Unicode.Scalar.init))
      texts.append(String(text))
    }
    return texts
  }
}
