/// The same numbers for the same seed on every machine (SplitMix64).
package struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

extension Collection {
  /// The elements in an order that depends on nothing but `seed`. Samples of a seed are the beginnings
  /// of the same order, so that a bigger one contains a smaller one.
  package func order(seed: UInt64) -> [Element] {
    var numbers = SeededNumbers(seed: seed)
    return shuffled(using: &numbers)
  }
}
