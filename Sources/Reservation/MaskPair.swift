package import AdjunctProcessor

/// `apmask` and `aqmask` together: the host's pool is the rectangle that they span.
package struct MaskPair: Hashable, Sendable {
  /// The adapters of the host's pool.
  package var adapters: APMask
  /// The domains of the host's pool.
  package var domains: APMask

  /// The two masks.
  package init(adapters: APMask, domains: APMask) {
    self.adapters = adapters
    self.domains = domains
  }

  /// Whether the queue is in the host's pool.
  package func isInHostPool(_ apqn: APQN) -> Bool {
    adapters.contains(apqn.adapter) && domains.contains(apqn.domain)
  }

  /// The domains of one adapter that are in the host's pool.
  package func hostDomains(of adapter: UInt8) -> APMask {
    adapters.contains(adapter) ? domains : []
  }

  /// The writes that lead to `target` without moving any queue that has the same place in both: first
  /// the adapters that stay, then the domains, then the adapters that are new (ap-bus.md 5).
  package func steps(to target: MaskPair) -> [Step] {
    let staying = adapters.intersection(target.adapters)
    var steps: [Step] = []
    if staying != adapters { steps.append(.setAdapterMask(staying)) }
    if target.domains != domains { steps.append(.setDomainMask(target.domains)) }
    if target.adapters != staying { steps.append(.setAdapterMask(target.adapters)) }
    return steps
  }
}
