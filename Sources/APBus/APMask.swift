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
  ///
  /// - Parameter range: Numbers, with both ends.
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
  ///
  /// - Parameter numbers: Adapters or domains in any order.
  @inlinable
  public init(_ numbers: some Sequence<UInt8>) {
    self.init()
    for number in numbers { insert(number) }
  }

  @inlinable
  static func position(of number: UInt8) -> (word: Int, bit: UInt64) {
    (Int(number >> 6), UInt64(1) << UInt64(63 - number & 63))
  }

  @inlinable
  public func contains(_ number: UInt8) -> Bool {
    let position = Self.position(of: number)
    return words[position.word] & position.bit != 0
  }

  @discardableResult
  @inlinable
  public mutating func insert(_ number: UInt8) -> (inserted: Bool, memberAfterInsert: UInt8) {
    let position = Self.position(of: number)
    let inserted = words[position.word] & position.bit == 0
    words[position.word] |= position.bit
    return (inserted, number)
  }

  @discardableResult
  @inlinable
  public mutating func remove(_ number: UInt8) -> UInt8? {
    let position = Self.position(of: number)
    guard words[position.word] & position.bit != 0 else { return nil }
    words[position.word] &= ~position.bit
    return number
  }

  @discardableResult
  @inlinable
  public mutating func update(with number: UInt8) -> UInt8? {
    insert(number).inserted ? nil : number
  }

  @inlinable
  public func union(_ other: APMask) -> APMask { APMask(words: words | other.words) }

  @inlinable
  public func intersection(_ other: APMask) -> APMask { APMask(words: words & other.words) }

  @inlinable
  public func symmetricDifference(_ other: APMask) -> APMask { APMask(words: words ^ other.words) }

  @inlinable
  public func subtracting(_ other: APMask) -> APMask { APMask(words: words & ~other.words) }

  @inlinable
  public mutating func formUnion(_ other: APMask) { words |= other.words }

  @inlinable
  public mutating func formIntersection(_ other: APMask) { words &= other.words }

  @inlinable
  public mutating func formSymmetricDifference(_ other: APMask) { words ^= other.words }

  @inlinable
  public mutating func subtract(_ other: APMask) { words &= ~other.words }

  /// Whether no bit is set.
  @inlinable
  public var isEmpty: Bool { words == SIMD4(repeating: 0) }

  @inlinable
  public func isDisjoint(with other: APMask) -> Bool { intersection(other).isEmpty }

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

extension APMask: CustomStringConvertible {
  /// As the kernel prints a mask: `0x` and exactly 64 lower-case hex digits (SimulatedBus
  /// documentation, "Bus attributes").
  public var description: String {
    String(unsafeUninitializedCapacity: 66) { buffer in
      buffer[0] = UInt8(ascii: "0")
      buffer[1] = UInt8(ascii: "x")
      for index in 0..<64 {
        let word = words[index / 16]
        buffer[index + 2] = Hex.digit(UInt8(word >> UInt64(60 - index % 16 * 4) & 0xf))
      }
      return 66
    }
  }

  /// Reads a full mask as the kernel prints it, with or without the newline after it.
  ///
  /// Shorter, relative or upper-case texts are nil: nothing but the kernel's own form is trusted.
  ///
  /// - Parameter text: `0x` and 64 digits.
  public init?(_ text: some StringProtocol) {
    self.init()
    var index = -2
    for byte in text.utf8 {
      switch index {
      case -2: guard byte == UInt8(ascii: "0") else { return nil }
      case -1: guard byte == UInt8(ascii: "x") else { return nil }
      case 0..<64:
        guard let digit = Hex.value(of: byte) else { return nil }
        words[index / 16] |= UInt64(digit) << UInt64(60 - index % 16 * 4)
      default: guard index == 64, byte == UInt8(ascii: "\n") else { return nil }
      }
      index += 1
    }
    guard index >= 64 else { return nil }
  }
}

extension APMask {
  /// What this mask becomes when `text` is written to it, by the kernel's own grammar; nil where the
  /// kernel answers EINVAL and leaves the mask unchanged.
  ///
  /// A first `+` or `-` makes the text relative to this mask; anything else is absolute, and digits
  /// that are missing on the right are zeros, so that `0x` and an empty line clear the whole mask
  /// (`ap_parse_bitmap_str` in drivers/s390/crypto/ap_bus.c).
  ///
  /// - Parameter text: What is written, byte by byte.
  /// - Returns: The mask afterwards; nil for EINVAL.
  public func writing(_ text: some Sequence<UInt8>) -> APMask? {
    var scanner = MaskScanner(text)
    return switch scanner.next {
    case UInt8(ascii: "+"), UInt8(ascii: "-"): scanner.relative(to: self)
    default: scanner.absolute()
    }
  }
}

/// Reads one text for a mask, byte by byte.
private struct MaskScanner {
  private let bytes: [UInt8]
  private var index = 0

  init(_ text: some Sequence<UInt8>) {
    bytes = Array(text)
  }

  var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: byte) else { return false }
    index += 1
    return true
  }

  mutating func absolute() -> APMask? {
    var mask = APMask()
    if take("0") {
      // `0x` is a prefix; any other digit after the 0 makes that 0 the first digit.
      if !take("x") { index -= 1 }
    } else {
      _ = take("x")
    }
    var bit = 0
    while bit < 256, let digit = next.flatMap(Hex.value(ofAnyCase:)) {
      for offset in 0..<4 where digit & (8 >> UInt8(offset)) != 0 {
        mask.insert(UInt8(bit + offset))
      }
      bit += 4
      index += 1
    }
    _ = take("\n")
    return next == nil ? mask : nil
  }

  mutating func relative(to start: APMask) -> APMask? {
    var mask = start
    while next != nil {
      let sets: Bool
      if take("+") {
        sets = true
      } else if take("-") {
        sets = false
      } else {
        return nil
      }
      guard let first = number() else { return nil }
      var last = first
      if take("-") {
        guard let end = number(), end >= first else { return nil }
        last = end
      }
      if sets {
        mask.formUnion(APMask(first...last))
      } else {
        mask.subtract(APMask(first...last))
      }
      while take(",") || take("\n") {}
    }
    return mask
  }

  /// A number of 0...255 in C notation: `0x` hex, leading `0` octal, else decimal.
  private mutating func number() -> UInt8? {
    var radix: UInt32 = 10
    var digits = 0
    if take("0") {
      digits = 1
      radix = 8
      if let byte = next, byte == UInt8(ascii: "x") || byte == UInt8(ascii: "X") {
        // strtoul takes `0x` as a prefix only with a digit after it.
        guard index + 1 < bytes.count, Hex.value(ofAnyCase: bytes[index + 1]) != nil else {
          return nil
        }
        index += 1
        radix = 16
        digits = 0
      }
    }
    var value: UInt32 = 0
    while let digit = next.flatMap(Hex.value(ofAnyCase:)), UInt32(digit) < radix {
      value = value * radix + UInt32(digit)
      guard value <= 255 else { return nil }
      digits += 1
      index += 1
    }
    return digits > 0 ? UInt8(value) : nil
  }
}
