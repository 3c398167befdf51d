/// The faults of a test, and the seed of those that strike by chance. The same plan on the same machine
/// strikes at the same places in every run.
///
/// Where several faults fit a call or event, the first of the list that strikes is the one; each counts
/// all that fit its own pattern.
public struct FaultPlan: Equatable, Sendable {
  /// The faults, by precedence.
  public var faults: [Fault]
  /// The seed of those that strike by chance.
  public var seed: UInt64

  /// A plan of these faults.
  public init(_ faults: [Fault] = [], seed: UInt64 = 0) {
    self.faults = faults
    self.seed = seed
  }
}

/// How far one fault has come.
struct FaultProgress {
  private var matches: UInt64 = 0
  private var random: UInt64
  /// How often it struck.
  private(set) var strikes: UInt64 = 0

  /// Nothing has happened; `index` is the fault's place in its plan.
  init(seed: UInt64, index: Int) {
    random = Self.mix(seed) &+ UInt64(truncatingIfNeeded: index)
  }

  /// Counts a call or event that fits; the result tells whether it is struck.
  mutating func count(_ occurrence: Occurrence) -> Bool {
    matches += 1
    let isStruck =
      switch occurrence {
      case .numbers(let numbers): numbers.contains(matches)
      case .chance(let share): nextRandom() % max(share, 1) == 0
      }
    return isStruck
  }

  /// Takes note that it has its effect.
  mutating func strike() { strikes += 1 }

  /// SplitMix64: short, and the same on every machine.
  private mutating func nextRandom() -> UInt64 {
    random &+= 0x9e37_79b9_7f4a_7c15
    return Self.mix(random)
  }

  private static func mix(_ number: UInt64) -> UInt64 {
    var mixed = number
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
