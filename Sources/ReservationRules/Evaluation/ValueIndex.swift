import APBus

/// The values of one key, each once, with its owners: the adapters of a machine whose card has the
/// value, or the kinds of cards.
///
/// Texts are sorted, so that a glob is tried only on those that begin as it does: thousands of rules on
/// serial numbers against 256 cards cost thousands of look-ups, not millions of matches.
struct ValueIndex<Owners: OwnerSet>: Sendable {
  private struct Text: Sendable {
    var scalars: [UInt32]
    var owners: Owners
  }

  /// The owners of any value.
  private(set) var known = Owners()
  private var ownersByValue: [FoundValue: Owners] = [:]
  private let asWritten: [Text]
  private let folded: [Text]

  init(_ values: some Sequence<(value: FoundValue?, owners: Owners)>) {
    var ownersByValue: [FoundValue: Owners] = [:]
    for case (let value?, let owners) in values {
      ownersByValue[value, default: Owners()].formUnion(owners)
      known.formUnion(owners)
    }
    self.ownersByValue = ownersByValue
    func texts(foldingCase: Bool) -> [Text] {
      ownersByValue.compactMap { value, owners in
        guard case .text(let text) = value else { return nil }
        return Text(scalars: Glob.scalars(of: text, foldingCase: foldingCase), owners: owners)
      }.sorted { $0.scalars.lexicographicallyPrecedes($1.scalars) }
    }
    asWritten = texts(foldingCase: false)
    folded = texts(foldingCase: true)
  }

  /// The owners of values that the pattern matches.
  func owners(matching pattern: ValuePattern) -> Owners {
    var owners = Owners()
    if case .globs(let globs) = pattern {
      let texts = globs.ignoresCase ? folded : asWritten
      for glob in globs.alternatives {
        for text in texts[Self.firstIndex(in: texts, notBefore: glob.literalPrefix)...] {
          guard text.scalars.starts(with: glob.literalPrefix) else { break }
          if glob.matches(text.scalars) { owners.formUnion(text.owners) }
        }
      }
    } else {
      for (value, valueOwners) in ownersByValue where pattern.matches(value) {
        owners.formUnion(valueOwners)
      }
    }
    return owners
  }

  private static func firstIndex(in texts: [Text], notBefore prefix: [UInt32]) -> Int {
    var low = 0
    var high = texts.count
    while low < high {
      let middle = (low + high) / 2
      if texts[middle].scalars.lexicographicallyPrecedes(prefix) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}

/// Those that can have a value.
protocol OwnerSet: Sendable {
  init()
  mutating func formUnion(_ other: Self)
}

extension APMask: OwnerSet {}

/// A set of what a card can be: pairs of hardware type and mode, the mode unknown too.
///
/// HWTYPE, TYPE and MODE are all about such pairs, so that clauses with different ones of them can be
/// compared.
struct CardKinds: Hashable, OwnerSet {
  /// For each mode, and for none at the end, the hardware types.
  private var types: [APMask]

  private static let modes: [QueueMode?] = QueueMode.allCases + [nil]

  static let all = CardKinds(types: [APMask](repeating: .all, count: modes.count))

  init() {
    types = [APMask](repeating: APMask(), count: Self.modes.count)
  }

  private init(types: [APMask]) {
    self.types = types
  }

  /// The kinds of which the clause is true; nil for a clause on anything else. If a mode or type is
  /// unknown, nothing is true of it, under `!=` too.
  init?(_ clause: Clause) {
    guard let index = clause.condition.key.kinds else { return nil }
    let matching = index.owners(matching: clause.condition.pattern)
    self = clause.isNegated ? index.known.subtracting(matching) : matching
  }

  var isEmpty: Bool { types.allSatisfy(\.isEmpty) }

  mutating func formUnion(_ other: CardKinds) {
    for index in types.indices { types[index].formUnion(other.types[index]) }
  }

  func intersection(_ other: CardKinds) -> CardKinds {
    CardKinds(types: zip(types, other.types).map { $0.intersection($1) })
  }

  func subtracting(_ other: CardKinds) -> CardKinds {
    CardKinds(types: zip(types, other.types).map { $0.subtracting($1) })
  }

  func isSubset(of other: CardKinds) -> Bool {
    zip(types, other.types).allSatisfy { $0.isSubset(of: $1) }
  }

  /// Every kind that there is, each as a set of its own.
  static var each: [(type: HardwareType, mode: QueueMode?, kinds: CardKinds)] {
    modes.indices.flatMap { index in
      (UInt8.min...UInt8.max).map { number in
        var kinds = CardKinds()
        kinds.types[index].insert(number)
        return (HardwareType(rawValue: number), modes[index], kinds)
      }
    }
  }
}

extension MatchKey.Subject {
  /// For what follows from the kind of a card, the kinds by what follows.
  var kinds: ValueIndex<CardKinds>? {
    guard case .cardKind(let value, _) = self else { return nil }
    return ValueIndex(CardKinds.each.lazy.map { (value($0.type, $0.mode), $0.kinds) })
  }
}
