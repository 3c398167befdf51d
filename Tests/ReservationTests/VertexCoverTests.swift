import APBus
import Reservation
import TestSupport
import Testing

@Suite struct `A vertex cover` {
  private func cost(
    _ adapters: some Sequence<UInt8>, _ domains: some Sequence<UInt8>, _ costs: ([Int], [Int])
  ) -> Int {
    adapters.reduce(0) { $0 + costs.0[Int($1)] } + domains.reduce(0) { $0 + costs.1[Int($1)] }
  }

  @Test func `covers every APQN at the least cost, as a search of all choices finds`() {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<300 {
      // Neighbours, and some that differ only in the highest bit.
      let numbers =
        Array(
          [0, 1, 2, 128, 129].shuffled(using: &generator)
            .prefix(Int.random(in: 1...5, using: &generator))) as [UInt8]
      var edges = APQNSet()
      for adapter in numbers {
        for domain in numbers where Bool.random(using: &generator) {
          edges.insert(APQN(adapter: adapter, domain: domain))
        }
      }
      let costs = (
        (0..<256).map { _ in Int.random(in: 1...9, using: &generator) },
        (0..<256).map { _ in Int.random(in: 1...9, using: &generator) }
      )
      let cover = VertexCover(of: edges, adapterCosts: costs.0, domainCosts: costs.1)
      #expect(
        edges.allSatisfy {
          cover.adapters.contains($0.adapter) || cover.domains.contains($0.domain)
        })
      var best = Int.max
      for choice in 0..<(1 << numbers.count) {
        let adapters = APMask(
          numbers.indices.filter { choice & 1 << $0 != 0 }.map { numbers[$0] })
        let domains = APMask(
          edges.lazy.filter { !adapters.contains($0.adapter) }.map(\.domain))
        best = min(best, cost(adapters, domains, costs))
      }
      #expect(cost(cover.adapters, cover.domains, costs) == best)
    }
  }

  @Test func `of all 65,536 APQNs ends`() {
    var all = APQNSet()
    for adapter in UInt8.min...UInt8.max { all[adapter] = .all }
    let cover = VertexCover(
      of: all, adapterCosts: Array(repeating: 3, count: 256),
      domainCosts: Array(repeating: 2, count: 256))
    #expect(cover.domains == .all)
    #expect(cover.adapters.isEmpty)
  }
}
