import APBus

/// Clauses of one rule that are each right and that nothing satisfies together, or one that nothing
/// satisfies.
struct ClauseConflict {
  /// The clause after which nothing is left, by its index.
  var index: Int
  /// An earlier one that alone contradicts it; nil if it takes several, or none.
  var other: Int?
  /// Whether the clause needs no other to be impossible.
  var isAlone: Bool

  /// The conflicts of a rule, at most one about queues, one about cards and one for each name.
  static func all(in clauses: [Clause]) -> [ClauseConflict] {
    let onQueues = first(
      in: clauses.map { Shape($0) }, of: Shape.all, isEmpty: \.bands.isEmpty,
      intersection: { $0.intersection($1) })
    let onCards = first(
      in: clauses.map { CardKinds($0) }, of: CardKinds.all, isEmpty: \.isEmpty,
      intersection: { $0.intersection($1) })
    return [onQueues, onCards].compactMap(\.self) + NameConflicts.all(in: clauses)
  }

  private static func first<Values>(
    in clauses: [Values?], of all: Values, isEmpty: (Values) -> Bool,
    intersection: (Values, Values) -> Values
  ) -> ClauseConflict? {
    var left = all
    for case (let index, let values?) in clauses.enumerated() {
      let rest = intersection(left, values)
      guard isEmpty(rest) else {
        left = rest
        continue
      }
      let isAlone = isEmpty(values)
      let other = clauses.firstIndex { $0.map { isEmpty(intersection($0, values)) } ?? false }
      return ClauseConflict(index: index, other: isAlone ? nil : other, isAlone: isAlone)
    }
    return nil
  }

  /// What to report of the clause, and with which code.
  func message(in clauses: [Clause]) -> (code: DiagnosticCode, sentence: String) {
    let clause = clauses[index]
    let quoted = clause.text.excerpt
    if isAlone {
      return (.neverMatches, "\(quoted) matches nothing, so the rule never matches")
    }
    guard let other = other.map({ clauses[$0] }) else {
      return (.contradictingClauses, "nothing matches \(quoted) and all clauses before it")
    }
    let isEither =
      other.condition.key == clause.condition.key && !other.isNegated && !clause.isNegated
    return (
      .contradictingClauses,
      "nothing matches both \(other.text.excerpt) and \(quoted)"
        + (isEither ? "; to match either of them, write one clause with | between the values" : "")
    )
  }
}

/// Contradictions between clauses that compare one name with texts: HOST, LPAR, each attribute of a card, and each kind
/// of master key.
private enum NameConflicts {
  /// Nobody writes more texts or clauses than this by hand, and comparing all pairs would take long.
  private static let limit = 64

  private struct Subject: Hashable {
    var key: MatchKey
    var attribute: String
  }

  private struct Entry {
    var index: Int
    var isNegated: Bool
    var pattern: GlobPattern
  }

  static func all(in clauses: [Clause]) -> [ClauseConflict] {
    var groups: [[Entry]] = []
    var indices: [Subject: Int] = [:]
    for (index, clause) in clauses.enumerated() {
      guard let pattern = clause.condition.comparedName else { continue }
      let subject = Subject(key: clause.condition.key, attribute: clause.condition.attribute)
      let entry = Entry(index: index, isNegated: clause.isNegated, pattern: pattern)
      if let group = indices[subject] {
        groups[group].append(entry)
      } else {
        indices[subject] = groups.count
        groups.append([entry])
      }
    }
    return groups.compactMap { conflict(in: $0) }
  }

  private static func conflict(in entries: [Entry]) -> ClauseConflict? {
    if let never = entries.first(where: { $0.isNegated && $0.pattern.matchesAll }) {
      return ClauseConflict(index: never.index, other: nil, isAlone: true)
    }
    guard entries.count <= limit else { return nil }
    let listed = entries.first { !$0.isNegated && $0.pattern.texts != nil }
    guard let listed, var texts = listed.pattern.texts, texts.count <= limit else { return nil }
    for entry in entries where entry.index != listed.index {
      texts.removeAll { entry.pattern.matches($0) == entry.isNegated }
      guard texts.isEmpty else { continue }
      let alone = listed.pattern.texts?.allSatisfy { entry.pattern.matches($0) == entry.isNegated }
      return ClauseConflict(
        index: max(listed.index, entry.index),
        other: alone == true ? min(listed.index, entry.index) : nil, isAlone: false)
    }
    return nil
  }
}

extension Condition {
  /// The globs of a condition that compares them with one text that is read: of the card, the queue or the host.
  fileprivate var comparedName: GlobPattern? {
    switch key.subject {
    case .card, .host, .masterKey:
      guard case .globs(let pattern) = pattern else { return nil }
      return pattern
    // A queue may be in the definitions of several guests.
    case .adapter, .domain, .queue, .cardKind, .guest: return nil
    }
  }
}

extension GlobPattern {
  /// Whether one of the alternatives is a lone star.
  fileprivate var matchesAll: Bool {
    alternatives.contains(where: \.isLoneStar)
  }

  /// All texts that match; nil if a glob, or ignored case, makes them too many.
  fileprivate var texts: [String]? {
    let texts = literals
    return texts.count == alternatives.count ? texts : nil
  }
}
