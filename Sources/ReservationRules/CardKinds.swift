import APBus

/// A set of what a card can be: pairs of hardware type and mode, the mode unknown too.
///
/// HWTYPE, TYPE and MODE all speak of these pairs, so that one can be held against another.
struct CardKinds: Hashable {
  /// For each mode, and for none at the end, the hardware types.
  private var types: [APMask]

  static let all = CardKinds(types: [APMask](repeating: .all, count: QueueMode.allCases.count + 1))

  private init(types: [APMask]) {
    self.types = types
  }

  /// The kinds of which the clause is true; nil for a clause on anything else. Of a mode or type that
  /// is unknown nothing is true, under `!=` too.
  init?(_ clause: Clause) {
    let modes: [QueueMode?] = QueueMode.allCases + [nil]
    switch clause.condition {
    case .hardwareType(let ranges):
      let wanted = clause.isNegated ? APMask(ranges).complement : APMask(ranges)
      types = modes.map { _ in wanted }
    case .mode(let wanted):
      types = modes.map { mode in
        mode.map { wanted.contains($0) != clause.isNegated } ?? false ? .all : APMask()
      }
    case .type(let pattern):
      types = modes.map { mode in
        APMask(
          CardType.all.lazy.filter { type in
            type.mode == mode
              && pattern.alternatives.contains(where: type.matches) != clause.isNegated
          }.map(\.number))
      }
    default: return nil
    }
  }

  var isEmpty: Bool { types.allSatisfy(\.isEmpty) }

  func intersection(_ other: CardKinds) -> CardKinds {
    CardKinds(types: zip(types, other.types).map { $0.intersection($1) })
  }

  func isSubset(of other: CardKinds) -> Bool {
    zip(types, other.types).allSatisfy { $0.isSubset(of: $1) }
  }
}
