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
  /// Bits that we cleared ourselves, and so may set again.
  package var ours = MaskPair(adapters: [], domains: [])
  /// Ids that are not here and that the rules claim whole: they are cleared beforehand.
  package var claimed = MaskPair(adapters: [], domains: [])
  /// APQNs that are not here and that no rule wants reserved: taking them is latent collateral.
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
      let all = sets.all.map { withoutIdleBits(forced.clearing($0, free)) }
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
      adapters: current.adapters.union(ours.adapters), domains: current.domains.union(ours.domains))
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

  /// Leaves bits clear that would be set and give the host nothing: no queue, and no APQN to come.
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
  fileprivate func clearing(_ set: ClearableSets.Set, _ reserved: APQNSet) -> MaskPair {
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
