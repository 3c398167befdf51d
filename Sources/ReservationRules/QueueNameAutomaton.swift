import APBus

/// Finds all queue names that a glob matches without trying all 65,536.
///
/// A queue's name has seven characters, so a glob that can match has at most seven positions that
/// consume one, and the set of positions reached so far fits in eight bits: bit n means that n
/// consuming positions have matched. Adapters that lead to the same set of positions have the same
/// domains.
struct QueueNameAutomaton: Hashable {
  private typealias Positions = UInt8

  private static let nameLength = 7

  /// For the digits and the dot: the consuming positions that accept it.
  private var accepting = SIMD32<Positions>(repeating: 0)
  /// The position counts at which a star stands.
  private var stars: Positions = 0
  private var final: Positions = 0

  /// Nil for a glob that matches no name because it is too long.
  init?(_ glob: Glob) {
    var position = 0
    for element in glob.elements {
      if case .star = element {
        stars |= 1 << Positions(position)
        continue
      }
      guard position < Self.nameLength else { return nil }
      for symbol in 0..<17 where glob.accepts(element, Self.scalar(symbol)) {
        accepting[symbol] |= 1 << Positions(position)
      }
      position += 1
    }
    final = 1 << Positions(position)
  }

  private static func scalar(_ symbol: Int) -> UInt32 {
    symbol == 16 ? 0x2e : UInt32(LowerHex.digit(UInt8(symbol)))
  }

  private func step(_ positions: Positions, _ symbol: Int) -> Positions {
    (positions & accepting[symbol]) << 1 | positions & stars
  }

  /// Whether any queue's name matches: which digits lead on at one place does not depend on those
  /// at another.
  var matchesAny: Bool {
    let digits = (0..<16).reduce(Positions(0)) { $0 | accepting[$1] }
    var positions: Positions = 1
    for accepted in [digits, digits, accepting[16], accepting[0], accepting[0], digits, digits] {
      positions = (positions & accepted) << 1 | positions & stars
    }
    return positions & final != 0
  }

  /// The rectangles of queues whose names match.
  func rectangles() -> [Shape.Band] {
    var result: [Shape.Band] = []
    for (prefix, adapters) in twoDigits(after: 1) {
      let positions = step(step(step(prefix, 16), 0), 0)
      var domains = APMask()
      for (reached, numbers) in twoDigits(after: positions) where reached & final != 0 {
        domains.formUnion(numbers)
      }
      if !domains.isEmpty { result.append(Shape.Band(adapters: adapters, domains: domains)) }
    }
    return result
  }

  /// The positions reached after two more hex digits, each with the two-digit numbers that lead there.
  private func twoDigits(after start: Positions) -> [(reached: Positions, numbers: APMask)] {
    var result: [(reached: Positions, numbers: APMask)] = []
    for (middle, highDigits) in oneDigit(after: start) {
      for (end, lowDigits) in oneDigit(after: middle) {
        let numbers = Self.numbers(highDigits, lowDigits)
        if let index = result.firstIndex(where: { $0.reached == end }) {
          result[index].numbers.formUnion(numbers)
        } else {
          result.append((end, numbers))
        }
      }
    }
    return result
  }

  private func oneDigit(after start: Positions) -> [(reached: Positions, digits: UInt16)] {
    guard start != 0 else { return [] }
    var result: [(reached: Positions, digits: UInt16)] = []
    for digit in 0..<16 {
      let end = step(start, digit)
      guard end != 0 else { continue }
      if let index = result.firstIndex(where: { $0.reached == end }) {
        result[index].digits |= 1 << UInt16(digit)
      } else {
        result.append((end, 1 << UInt16(digit)))
      }
    }
    return result
  }

  /// The numbers whose high digit is in one set and whose low digit in the other.
  private static func numbers(_ highDigits: UInt16, _ lowDigits: UInt16) -> APMask {
    var high = APMask()
    var low = APMask()
    for digit in 0..<16 {
      if highDigits & 1 << UInt16(digit) != 0 { high.formUnion(byHighDigit[digit]) }
      if lowDigits & 1 << UInt16(digit) != 0 { low.formUnion(byLowDigit[digit]) }
    }
    return high.intersection(low)
  }

  private static let byHighDigit = (UInt8(0)..<16).map { APMask($0 << 4...$0 << 4 | 15) }
  private static let byLowDigit = (UInt8(0)..<16).map { low in
    APMask((UInt8(0)..<16).map { $0 << 4 | low })
  }
}

extension Shape {
  /// The queues whose name matches.
  init(queueNames pattern: GlobPattern) {
    let automata = Set(pattern.alternatives.compactMap(QueueNameAutomaton.init))
    self.init(unionOf: automata.flatMap { $0.rectangles() })
  }
}
