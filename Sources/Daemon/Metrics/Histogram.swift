import APBus

/// How long something took, each time: how often that was within which bound, and all of it together.
package struct Histogram: Equatable, Sendable {
  /// The upper bounds of the buckets, ascending. One more bucket has none.
  package let bounds: [Duration]
  /// How many are in each bucket, and not in the ones before it.
  package private(set) var counts: [UInt64]
  package private(set) var sum = Duration.zero

  /// An empty histogram with these bounds, in milliseconds and ascending.
  package init(milliseconds bounds: [Int]) {
    self.bounds = bounds.map { .milliseconds($0) }
    counts = Array(repeating: 0, count: bounds.count + 1)
  }

  /// How many there are.
  package var count: UInt64 { counts.reduce(0, +) }

  package mutating func note(_ duration: Duration) {
    counts[bounds.partitioningIndex { $0 >= duration }] += 1
    sum += duration
  }
}
