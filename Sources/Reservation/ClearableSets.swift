import APBus

/// All sets of rows, or of columns, that are worth clearing so that some APQNs are reserved.
///
/// Rows that are alike are cleared together or not at all: whatever columns are cleared, there is the
/// same reason for each of them. So there are as many sets as the kinds of rows have subsets.
struct ClearableSets {
  /// Bits of one mask; the other's follow.
  enum Set {
    case adapters(APMask)
    case domains(APMask)
  }

  /// Every set; those that clear adapters rather than domains come first, so that they win among
  /// equals.
  let all: [Set]

  private static let mostKinds = 8

  /// The sets of the side with fewer kinds; nil where there are too many of both.
  init?(of reserved: APQNSet, latent: APQNSet, current: MaskPair) {
    let rows = Self.kinds(of: reserved.adapters) { adapter in
      [reserved[adapter], latent[adapter], current.adapters.contains(adapter) ? .all : []]
    }
    let columns = Self.kinds(of: reserved.domains) { domain in
      [
        reserved.adapters(inDomain: domain), latent.adapters(inDomain: domain),
        current.domains.contains(domain) ? .all : [],
      ]
    }
    guard min(rows.count, columns.count) <= Self.mostKinds else { return nil }
    all =
      rows.count <= columns.count
      ? Self.unions(of: rows).reversed().map(Set.adapters)
      : Self.unions(of: columns).map(Set.domains)
  }

  private static func kinds(of numbers: APMask, by neighbors: (UInt8) -> [APMask]) -> [APMask] {
    var indices: [[APMask]: Int] = [:]
    var kinds: [APMask] = []
    for number in numbers {
      let index = indices[neighbors(number), default: kinds.count]
      if index == kinds.count {
        indices[neighbors(number)] = index
        kinds.append([])
      }
      kinds[index].insert(number)
    }
    return kinds
  }

  private static func unions(of kinds: [APMask]) -> [APMask] {
    kinds.reduce(into: [APMask()]) { unions, kind in
      unions += unions.map { $0.union(kind) }
    }
  }
}
