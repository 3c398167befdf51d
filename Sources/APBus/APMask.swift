/// A set of adapter or domain numbers, 0...255: the 256 bits of `apmask`, `aqmask` and the
/// configuration masks.
///
/// Bit 0 is the leftmost bit of the printed number (SimulatedBus documentation, "Bus attributes"). The
/// words are only shifted, never reinterpreted as bytes, so that byte order does not matter.
public struct APMask: Hashable, Sendable {
  /// Word 0 holds bits 0...63, bit 0 as its most significant bit.
  @usableFromInline
  var words: SIMD4<UInt64>

  @inlinable
  init(words: SIMD4<UInt64>) {
    self.words = words
  }

  /// All 256 bits set: the kernel's default, everything for the host.
  public static let all = APMask(words: SIMD4(repeating: .max))

  /// The bits of `range`.
  public init(_ range: ClosedRange<UInt8>) {
    words = Self.from(Int(range.lowerBound)) & ~Self.from(Int(range.upperBound) + 1)
  }

  /// The bits `first`...255 as words; shifting by 64 or more leaves no bit.
  private static func from(_ first: Int) -> SIMD4<UInt64> {
    SIMD4(
      UInt64.max >> first, UInt64.max >> Swift.max(0, first - 64),
      UInt64.max >> Swift.max(0, first - 128), UInt64.max >> Swift.max(0, first - 192))
  }

  /// The smallest member, or nil for the empty set.
  public var first: UInt8? {
    var iterator = makeIterator()
    return iterator.next()
  }

  /// The numbers that are not members.
  @inlinable
  public var complement: APMask { APMask(words: ~words) }
}

extension APMask: SetAlgebra {
  /// No bit set.
  @inlinable
  public init() {
    words = SIMD4(repeating: 0)
  }

  /// The members of `numbers`.
  public init(_ numbers: some Sequence<UInt8>) {
    self.init()
    for number in numbers { insert(number) }
  }

  @inlinable
  static func position(of number: UInt8) -> (word: Int, bit: UInt64) {
    (Int(number >> 6), UInt64(1) << UInt64(63 - number & 63))
  }

  /// Whether the bit `number` is set.
  @inlinable
  public func contains(_ number: UInt8) -> Bool {
    let position = Self.position(of: number)
    return words[position.word] & position.bit != 0
  }

  /// Sets the bit `number`.
  @discardableResult
  @inlinable
  public mutating func insert(_ number: UInt8) -> (inserted: Bool, memberAfterInsert: UInt8) {
    let position = Self.position(of: number)
    let inserted = words[position.word] & position.bit == 0
    words[position.word] |= position.bit
    return (inserted, number)
  }

  /// Clears the bit `number`.
  @discardableResult
  @inlinable
  public mutating func remove(_ number: UInt8) -> UInt8? {
    let position = Self.position(of: number)
    guard words[position.word] & position.bit != 0 else { return nil }
    words[position.word] &= ~position.bit
    return number
  }

  /// Sets the bit `number`.
  @discardableResult
  @inlinable
  public mutating func update(with number: UInt8) -> UInt8? {
    insert(number).inserted ? nil : number
  }

  /// The numbers in either mask.
  @inlinable
  public func union(_ other: APMask) -> APMask { APMask(words: words | other.words) }

  /// The numbers in both masks.
  @inlinable
  public func intersection(_ other: APMask) -> APMask { APMask(words: words & other.words) }

  /// The numbers in exactly one of the masks.
  @inlinable
  public func symmetricDifference(_ other: APMask) -> APMask { APMask(words: words ^ other.words) }

  /// The numbers of this mask that are not in `other`.
  @inlinable
  public func subtracting(_ other: APMask) -> APMask { APMask(words: words & ~other.words) }

  /// Adds the numbers of `other`.
  @inlinable
  public mutating func formUnion(_ other: APMask) { words |= other.words }

  /// Keeps the numbers that are in `other` too.
  @inlinable
  public mutating func formIntersection(_ other: APMask) { words &= other.words }

  /// Keeps the numbers in exactly one of the masks.
  @inlinable
  public mutating func formSymmetricDifference(_ other: APMask) { words ^= other.words }

  /// Removes the numbers of `other`.
  @inlinable
  public mutating func subtract(_ other: APMask) { words &= ~other.words }

  /// Whether no bit is set.
  @inlinable
  public var isEmpty: Bool { words == SIMD4(repeating: 0) }

  /// Whether no number is in both masks.
  @inlinable
  public func isDisjoint(with other: APMask) -> Bool { intersection(other).isEmpty }

  /// Whether every number of this mask is in `other`.
  @inlinable
  public func isSubset(of other: APMask) -> Bool { subtracting(other).isEmpty }
}

extension APMask: Sequence {
  /// How many bits are set, 0...256.
  public var count: Int {
    words.x.nonzeroBitCount + words.y.nonzeroBitCount + words.z.nonzeroBitCount
      + words.w.nonzeroBitCount
  }

  /// A lower bound for `Sequence`: the exact count.
  public var underestimatedCount: Int { count }

  /// The set bits in ascending order.
  @inlinable
  public func makeIterator() -> Iterator { Iterator(words: words) }

  /// Walks the set bits in ascending order.
  public struct Iterator: IteratorProtocol {
    @usableFromInline var words: SIMD4<UInt64>
    @usableFromInline var word = 0

    @inlinable
    init(words: SIMD4<UInt64>) {
      self.words = words
    }

    /// The next set bit.
    @inlinable
    public mutating func next() -> UInt8? {
      while word < 4 {
        let bits = words[word]
        guard bits != 0 else {
          word += 1
          continue
        }
        let offset = bits.leadingZeroBitCount
        words[word] = bits & ~(UInt64(1) << UInt64(63 - offset))
        return UInt8(word * 64 + offset)
      }
      return nil
    }
  }
}
