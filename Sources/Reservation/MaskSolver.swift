package import AdjunctProcessor

/// Finds the masks that leave some queues to the host and reserve others, where such masks exist.
///
/// Masks can only clear whole rows and columns, so that what stays with the host is a rectangle. Among
/// the masks that do what is asked, those with the least latent collateral are found first, and among
/// these the ones that change the fewest bits.
package struct MaskSolver {
  /// The masks now.
  package var current: MaskPair
  /// Queues that must be in the host's pool.
  package var hosts = APQNSet()
  /// Queues that must be outside it.
  package var reserved = APQNSet()
  /// Bits that we cleared ourselves, and so may set again.
  package var ours = MaskPair(adapters: [], domains: [])
  /// Bits that must not be set again.
  package var keptClear = MaskPair(adapters: [], domains: [])
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
    let hostAdapters = hosts.adapters
    let hostDomains = hosts.domains
    var masks = MaskPair(
      adapters: current.adapters.union(ours.adapters.subtracting(keptClear.adapters)),
      domains: current.domains.union(ours.domains.subtracting(keptClear.domains)))
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
    var free = APQNSet()
    for adapter in reserved.adapters {
      free[adapter] = reserved[adapter].intersection(masks.hostDomains(of: adapter))
    }
    guard !free.isEmpty else { return masks }
    let cover = VertexCover(
      of: free, adapterCosts: adapterCosts(under: masks), domainCosts: domainCosts(under: masks))
    masks.adapters.subtract(cover.adapters)
    masks.domains.subtract(cover.domains)
    return masks
  }

  /// Latent collateral weighs more than any number of changed bits can.
  private static let latentWeight = 1024

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
