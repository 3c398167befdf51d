package import APBus

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
      amount = min(amount, flow[Self.key(path[index + 1], path[index]), default: 0])
    }
    adapterCapacity[first] -= amount
    domainCapacity[last] -= amount
    for index in path.indices.dropLast() {
      let forward = index % 2 == 0
      let (adapter, domain) =
        forward ? (path[index], path[index + 1]) : (path[index + 1], path[index])
      let key = Self.key(adapter, domain)
      let left = flow[key, default: 0] + (forward ? amount : -amount)
      flow[key] = left
      if left > 0 {
        senders[Int(domain)].insert(adapter)
      } else {
        senders[Int(domain)].remove(adapter)
      }
    }
  }

  private static func key(_ adapter: UInt8, _ domain: UInt8) -> Int {
    Int(adapter) << 8 | Int(domain)
  }
}
