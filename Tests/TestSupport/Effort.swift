import Glibc

/// How many cases a test with endless cases tries.
///
/// A bounded number by default. `make check-deep` sets `APRESERVE_DEEP` to the minutes that all such
/// tests have together; then each goes on from seed to seed until its share is over. `APRESERVE_SEED`
/// is the first seed, `APRESERVE_CASES` how many there are, whatever time they take: the two together
/// repeat any case.
package enum Effort {
  /// The minutes of a deep run; nil in a bounded one.
  private static let minutes = number("APRESERVE_DEEP")

  /// Whether the tests are to take their share of a deep run rather than seconds.
  package static let isDeep = minutes != nil

  /// How many tests with seeds share the minutes of a deep run.
  private static let seededTests = 15

  /// The seeds of a test, from the first one on.
  package static func seeds(
    _ bounded: Int, for proof: ProofReport.Proof, of name: String
  ) -> Seeds {
    let count = number("APRESERVE_CASES") ?? (isDeep ? nil : UInt64(bounded))
    let seconds = (minutes ?? 0) * 60 / UInt64(seededTests)
    return Seeds(
      first: number("APRESERVE_SEED") ?? 1, count: count, time: .seconds(Int64(seconds)),
      proof: proof, name: name)
  }

  /// How many cases to try where there are no seeds.
  package static func cases(_ bounded: Int, deep: Int) -> Int { isDeep ? deep : bounded }

  private static func number(_ name: String) -> UInt64? {
    getenv(name).flatMap { UInt64(String(cString: $0)) }
  }
}

/// Consecutive seeds; the report of the proof has the last one.
package struct Seeds: Sequence, IteratorProtocol {
  private let first: UInt64
  private let count: UInt64?
  private let deadline: ContinuousClock.Instant
  private let proof: ProofReport.Proof
  private let name: String
  private var done: UInt64 = 0

  fileprivate init(
    first: UInt64, count: UInt64?, time: Duration, proof: ProofReport.Proof, name: String
  ) {
    self.first = first
    self.count = count
    deadline = .now + time
    self.proof = proof
    self.name = name
  }

  package mutating func next() -> UInt64? {
    if done > 0 { ProofReport.note(seeds: first...(first + done - 1), of: name, in: proof) }
    let isOver = count.map { done >= $0 } ?? (done > 0 && ContinuousClock.now >= deadline)
    guard !isOver else { return nil }
    done += 1
    return first + done - 1
  }
}
