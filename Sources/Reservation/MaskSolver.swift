package import APBus

/// Finds the masks that leave some queues to the host and reserve others, where such masks exist.
///
/// Masks can only clear whole rows and columns, so that what stays with the host is a rectangle. Among
/// the masks that do what is asked, those with the least latent collateral are found first, and among
/// these the ones that change the fewest bits.
///
/// Finding the very least is the search for a largest rectangle, for which no fast way is known. Where
/// the free rows or columns are of few kinds, which is so on all machines but contrived ones, all ways
/// are tried. Otherwise the cheapest cover is taken, which counts what lies at a cleared row's crossing
/// with a cleared column twice.
package struct MaskSolver {
  /// The masks now.
  package var current: MaskPair
  /// Queues that must be in the host's pool.
  package var hosts = APQNSet()
  /// Queues that must be outside it.
  package var reserved = APQNSet()
  /// Bits that apreserve cleared, and so may set again.
  package var owned = MaskPair(adapters: [], domains: [])
  /// Absent ids that the rules request whole: they are cleared beforehand.
  package var claimed = MaskPair(adapters: [], domains: [])
  /// APQNs that are absent and that no rule wants reserved: taking them is latent collateral.
  package var latent = APQNSet()

  /// A problem with nothing asked for yet.
  package init(current: MaskPair) {
    self.current = current
  }

  /// Whether masks can reserve the queue while host queues stay in these rows and columns.
  package static func canReserve(
    _ apqn: APQN, hostAdapters: APMask, hostDomains: APMask
  ) -> Bool {
    !hostAdapters.contains(apqn.adapter) || !hostDomains.contains(apqn.domain)
  }

  /// The masks. Every queue of `reserved` must be one that `canReserve` allows.
  package func solution() -> MaskPair {
    let forced = forcedMasks()
    var free = APQNSet()
    for adapter in reserved.adapters {
      free[adapter] = reserved[adapter].intersection(forced.hostDomains(of: adapter))
    }
    guard !free.isEmpty else { return withoutIdleBits(forced) }
    if let sets = ClearableSets(of: free, latent: latent, current: current) {
      let all = sets.all.map { withoutIdleBits(forced.clearing($0, of: free)) }
      if let best = all.min(by: { cost(of: $0) < cost(of: $1) }) { return best }
    }
    let cover = VertexCover(
      of: free, adapterCosts: adapterCosts(under: forced), domainCosts: domainCosts(under: forced))
    return withoutIdleBits(
      MaskPair(
        adapters: forced.adapters.subtracting(cover.adapters),
        domains: forced.domains.subtracting(cover.domains)))
  }

  /// All bits that may be set, but for those that leave no choice.
  private func forcedMasks() -> MaskPair {
    let hostAdapters = hosts.adapters
    let hostDomains = hosts.domains
    var masks = MaskPair(
      adapters: current.adapters.union(owned.adapters),
      domains: current.domains.union(owned.domains))
    masks.adapters.subtract(claimed.adapters)
    masks.domains.subtract(claimed.domains)
    masks.adapters.formUnion(hostAdapters)
    masks.domains.formUnion(hostDomains)
    // A row or column in which the host keeps a queue leaves only the other bit to clear.
    for adapter in reserved.adapters {
      let row = reserved[adapter]
      if hostAdapters.contains(adapter) {
        masks.domains.subtract(row)
      } else if !row.isDisjoint(with: hostDomains) {
        masks.adapters.remove(adapter)
      }
    }
    return masks
  }

  /// Leaves bits clear that would be set and give the host nothing, now or later.
  private func withoutIdleBits(_ masks: MaskPair) -> MaskPair {
    var masks = masks
    let adapters = masks.adapters.subtracting(current.adapters).subtracting(hosts.adapters)
    for adapter in adapters where latent[adapter].isDisjoint(with: masks.domains) {
      masks.adapters.remove(adapter)
    }
    var useful = hosts.domains
    for adapter in masks.adapters { useful.formUnion(latent[adapter]) }
    masks.domains.subtract(masks.domains.subtracting(current.domains).subtracting(useful))
    return masks
  }

  /// Latent collateral weighs more than any number of changed bits can.
  private static let latentWeight = 1024

  private func cost(of masks: MaskPair) -> Int {
    let spared = masks.adapters.reduce(0) { $0 + latent[$1].intersection(masks.domains).count }
    let changed =
      masks.adapters.symmetricDifference(current.adapters).count
      + masks.domains.symmetricDifference(current.domains).count
    return changed - spared * Self.latentWeight
  }

  private func adapterCosts(under masks: MaskPair) -> [Int] {
    (UInt8.min...UInt8.max).map { adapter in
      latent[adapter].intersection(masks.domains).count * Self.latentWeight
        + (current.adapters.contains(adapter) ? 2 : 1)
    }
  }

  private func domainCosts(under masks: MaskPair) -> [Int] {
    var counts = Array(repeating: 0, count: 256)
    for adapter in masks.adapters {
      for domain in latent[adapter] { counts[Int(domain)] += 1 }
    }
    return (UInt8.min...UInt8.max).map { domain in
      counts[Int(domain)] * Self.latentWeight + (current.domains.contains(domain) ? 2 : 1)
    }
  }
}

extension MaskPair {
  /// The masks with one side's bits cleared, and then as few of the other side's as `reserved` needs.
  fileprivate func clearing(_ set: ClearableSets.Set, of reserved: APQNSet) -> MaskPair {
    var masks = self
    switch set {
    case .adapters(let cleared):
      masks.adapters.subtract(cleared)
      for adapter in masks.adapters { masks.domains.subtract(reserved[adapter]) }
    case .domains(let cleared):
      masks.domains.subtract(cleared)
      for adapter in reserved.adapters where !reserved[adapter].isDisjoint(with: masks.domains) {
        masks.adapters.remove(adapter)
      }
    }
    return masks
  }
}

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

/// Chooses for each of some APQNs to clear its adapter's bit or its domain's bit, so that the sum of
/// the cleared bits' costs is least.
///
/// That is a minimum weighted vertex cover of a bipartite graph, and so a minimum cut: every adapter
/// hangs on a source and every domain on a sink by an edge as strong as its cost, and each APQN is an
/// edge between them that is never cut. Augmenting paths fill a source or a sink edge each, so there
/// are at most 512 of them.
package struct VertexCover {
  /// The adapters whose bits are cleared.
  package private(set) var adapters = APMask()
  /// The domains whose bits are cleared.
  package private(set) var domains = APMask()

  private let edges: APQNSet
  private var adapterCapacity: [Int]
  private var domainCapacity: [Int]
  /// Flow on each edge that carries any, by `adapter << 8 | domain`.
  private var flow: [Int: Int] = [:]
  /// The adapters that send flow to a domain.
  private var senders = Array(repeating: APMask(), count: 256)

  /// The cheapest cover of `apqns`; costs are for numbers 0...255 and must be positive.
  package init(of apqns: APQNSet, adapterCosts: [Int], domainCosts: [Int]) {
    edges = apqns
    adapterCapacity = adapterCosts
    domainCapacity = domainCosts
    while let path = augmentingPath() { push(along: path) }
    let reached = search().reached
    adapters = edges.adapters.subtracting(reached.adapters)
    domains = reached.domains
  }

  /// A way from an adapter to a domain and back and forth, ending at a domain: adapter, domain,
  /// adapter, domain, ...
  private func augmentingPath() -> [UInt8]? { search().path }

  private func search() -> (path: [UInt8]?, reached: (adapters: APMask, domains: APMask)) {
    var adapters = APMask(edges.adapters.lazy.filter { adapterCapacity[Int($0)] > 0 })
    var domains = APMask()
    var cameFromAdapter = Array(repeating: UInt8(0), count: 256)
    var cameFromDomain: [UInt8?] = Array(repeating: nil, count: 256)
    var frontier = Array(adapters)
    while !frontier.isEmpty {
      var next: [UInt8] = []
      for adapter in frontier {
        for domain in edges[adapter].subtracting(domains) {
          domains.insert(domain)
          cameFromAdapter[Int(domain)] = adapter
          if domainCapacity[Int(domain)] > 0 {
            var path = [domain]
            var step: UInt8? = domain
            while let domain = step {
              let adapter = cameFromAdapter[Int(domain)]
              path.append(adapter)
              step = cameFromDomain[Int(adapter)]
              if let step { path.append(step) }
            }
            return (path.reversed(), (adapters, domains))
          }
          for sender in senders[Int(domain)].subtracting(adapters) {
            adapters.insert(sender)
            cameFromDomain[Int(sender)] = domain
            next.append(sender)
          }
        }
      }
      frontier = next
    }
    return (nil, (adapters, domains))
  }

  private mutating func push(along path: [UInt8]) {
    let first = Int(path[0])
    let last = Int(path[path.count - 1])
    var amount = min(adapterCapacity[first], domainCapacity[last])
    for index in stride(from: 1, to: path.count - 1, by: 2) {
      amount = min(
        amount, flow[Self.key(adapter: path[index + 1], domain: path[index]), default: 0])
    }
    adapterCapacity[first] -= amount
    domainCapacity[last] -= amount
    for index in path.indices.dropLast() {
      let forward = index % 2 == 0
      let (adapter, domain) =
        forward ? (path[index], path[index + 1]) : (path[index + 1], path[index])
      let key = Self.key(adapter: adapter, domain: domain)
      let left = flow[key, default: 0] + (forward ? amount : -amount)
      flow[key] = left
      if left > 0 {
        senders[Int(domain)].insert(adapter)
      } else {
        senders[Int(domain)].remove(adapter)
      }
    }
  }

  private static func key(adapter: UInt8, domain: UInt8) -> Int {
    Int(adapter) << 8 | Int(domain)
  }
}

/// Masks that do what was requested, at a price: bits to clear, and queues that go along unasked.
package struct MaskAlternative: Equatable, Sendable {
  /// Bits of `apmask` to clear.
  package var adapters: APMask
  /// Bits of `aqmask` to clear.
  package var domains: APMask
  /// The queues that would be taken, too.
  package var alsoTaken: [APQN]

  /// A price higher than any that queues can make; rows and columns with a queue that must not be
  /// taken have it.
  private static let forbidden = 1 << 32

  /// The nearest alternatives for what masks cannot reserve alone, the cheapest first: the fewest
  /// queues taken, too, then by whole adapters, then by whole domains.
  ///
  /// `hosts` are the queues that stay with the host, none of them refused, `unmanaged` those of them that no rule
  /// names.
  static func all(
    for refusals: [Refusal], hosts: APQNSet, unmanaged: APQNSet
  ) -> [MaskAlternative] {
    let requested = APQNSet(
      refusals.lazy.compactMap { refusal in
        if case .inexpressible = refusal.reason { refusal.apqn } else { nil }
      })
    guard !requested.isEmpty else { return [] }
    let adapterCosts = (UInt8.min...UInt8.max).map { adapter in
      hosts[adapter].isSubset(of: unmanaged[adapter]) ? hosts[adapter].count : forbidden
    }
    let domainCosts = domainCosts(hosts: hosts, unmanaged: unmanaged)
    let cheapest = VertexCover(of: requested, adapterCosts: adapterCosts, domainCosts: domainCosts)
    var alternatives: [MaskAlternative] = []
    let ways: [(APMask, APMask)] = [
      (cheapest.adapters, cheapest.domains), (requested.adapters, []), ([], requested.domains),
    ]
    for (adapters, domains) in ways {
      guard adapters.allSatisfy({ adapterCosts[Int($0)] < forbidden }),
        domains.allSatisfy({ domainCosts[Int($0)] < forbidden })
      else { continue }
      var taken: [APQN] = []
      for adapter in hosts.adapters {
        let row = hosts[adapter]
        let lost = adapters.contains(adapter) ? row : row.intersection(domains)
        taken += lost.map { APQN(adapter: adapter, domain: $0) }
      }
      let alternative = MaskAlternative(adapters: adapters, domains: domains, alsoTaken: taken)
      if !alternatives.contains(alternative) { alternatives.append(alternative) }
    }
    return alternatives.sorted { $0.alsoTaken.count < $1.alsoTaken.count }
  }

  private static func domainCosts(
    hosts: APQNSet, unmanaged: APQNSet
  ) -> [Int] {
    var costs = Array(repeating: 0, count: 256)
    for adapter in hosts.adapters {
      for domain in hosts[adapter] {
        costs[Int(domain)] += unmanaged[adapter].contains(domain) ? 1 : forbidden
      }
    }
    return costs
  }
}
