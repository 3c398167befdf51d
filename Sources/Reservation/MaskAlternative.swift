package import APBus

/// Masks that do what was requested, at a price: bits to clear, and queues that go along unasked.
package struct MaskAlternative: Equatable, Sendable {
  /// Bits of `apmask` to clear.
  package var adapters: APMask
  /// Bits of `aqmask` to clear.
  package var domains: APMask
  /// The queues that would be taken along.
  package var alsoTaken: [APQN]

  /// A price higher than any that queues can make; rows and columns with a queue that must not be
  /// taken have it.
  private static let forbidden = 1 << 32

  /// The nearest alternatives for what masks cannot reserve alone, the cheapest first: the fewest
  /// queues taken along, then by whole adapters, then by whole domains.
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
