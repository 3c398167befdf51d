import APBus

/// A set of APQNs: bands of adapters that have the same domains.
///
/// No adapter is in two bands; an adapter in none has no domain. That form is closed under complement
/// and intersection and stays small: a clause on adapters and domains is one band, a glob on queue
/// names a few.
struct Shape {
  /// Adapters with the same domains, neither empty.
  struct Band: Hashable {
    var adapters: APMask
    var domains: APMask
  }

  var bands: [Band]

  static let all = Shape(adapters: .all, domains: .all)
  static let none = Shape(bands: [])

  init(adapters: APMask, domains: APMask) {
    bands = adapters.isEmpty || domains.isEmpty ? [] : [Band(adapters: adapters, domains: domains)]
  }

  /// The union of rectangles that may overlap. The more there are, the more often they share
  /// adapters: a few are laid over each other one by one, many are collected row by row.
  init(unionOf rectangles: [Band]) {
    bands = []
    if rectangles.count <= 16 {
      for rectangle in rectangles { formUnion(rectangle) }
      return
    }
    var rows = [APMask](repeating: APMask(), count: 256)
    for rectangle in rectangles {
      for adapter in rectangle.adapters { rows[Int(adapter)].formUnion(rectangle.domains) }
    }
    var adaptersByDomains: [APMask: APMask] = [:]
    for adapter in UInt8.min...UInt8.max where !rows[Int(adapter)].isEmpty {
      adaptersByDomains[rows[Int(adapter)], default: APMask()].insert(adapter)
    }
    bands = adaptersByDomains.map { Band(adapters: $0.value, domains: $0.key) }
  }

  private mutating func formUnion(_ rectangle: Band) {
    var rest = rectangle.adapters
    for index in bands.indices {
      let common = bands[index].adapters.intersection(rest)
      guard !common.isEmpty else { continue }
      rest.subtract(common)
      let domains = bands[index].domains.union(rectangle.domains)
      let others = bands[index].adapters.subtracting(common)
      if !others.isEmpty { bands.append(Band(adapters: others, domains: bands[index].domains)) }
      bands[index] = Band(adapters: common, domains: domains)
    }
    if !rest.isEmpty { bands.append(Band(adapters: rest, domains: rectangle.domains)) }
  }

  /// The queues of which a clause on adapter, domain or queue is true; nil for a clause on anything
  /// else.
  init?(_ clause: Clause) {
    let shape: Shape
    let pattern = clause.condition.pattern
    switch clause.condition.key.subject {
    case .adapter: shape = Shape(adapters: APMask(pattern), domains: .all)
    case .domain: shape = Shape(adapters: .all, domains: APMask(pattern))
    case .queue: shape = Shape(queues: pattern)
    case .cardKind, .card, .host, .guest, .masterKey: return nil
    }
    self = clause.isNegated ? shape.complement : shape
  }

  /// The queues that the value of a clause on the queue matches.
  init(queues pattern: ValuePattern) {
    switch pattern {
    case .queues(let ranges):
      let bands = ranges.map {
        Band(adapters: APMask($0.adapters), domains: APMask($0.domains))
      }
      if bands.count == 1 { self.init(bands: bands) } else { self.init(unionOf: bands) }
    case .globs(let pattern):
      let automata = Set(pattern.alternatives.compactMap(QueueNameAutomaton.init))
      self.init(unionOf: automata.flatMap { $0.rectangles() })
    case .numbers, .words: self.init(bands: [])
    }
  }

  var complement: Shape {
    var rest = APMask.all
    var result: [Band] = []
    for band in bands {
      rest.subtract(band.adapters)
      let domains = band.domains.complement
      if !domains.isEmpty { result.append(Band(adapters: band.adapters, domains: domains)) }
    }
    if !rest.isEmpty { result.append(Band(adapters: rest, domains: .all)) }
    return Shape(bands: result)
  }

  func intersection(_ other: Shape) -> Shape {
    var result: [Band] = []
    for left in bands {
      for right in other.bands {
        let adapters = left.adapters.intersection(right.adapters)
        let domains = left.domains.intersection(right.domains)
        if !adapters.isEmpty && !domains.isEmpty {
          result.append(Band(adapters: adapters, domains: domains))
        }
      }
    }
    return Shape(bands: result)
  }

  func subtracting(_ other: Shape) -> Shape { intersection(other.complement) }

  func union(_ other: Shape) -> Shape {
    var union = self
    union.formUnion(other)
    return union
  }

  mutating func formUnion(_ other: Shape) {
    for band in other.bands { formUnion(band) }
  }

  /// Bands of which no two have the same adapter.
  init(bands: [Band]) {
    self.bands = bands
  }
}

extension APMask {
  /// The numbers that the value of a clause matches.
  init(_ pattern: ValuePattern) {
    self.init()
    guard case .numbers(let ranges) = pattern else { return }
    for range in ranges { formUnion(APMask(range)) }
  }
}

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
  /// The position counts at which there is a star.
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
      for symbol in 0..<17 where glob.accepts(Self.scalar(symbol), at: element) {
        accepting[symbol] |= 1 << Positions(position)
      }
      position += 1
    }
    final = 1 << Positions(position)
  }

  private static func scalar(_ symbol: Int) -> UInt32 {
    symbol == 16 ? 0x2e : UInt32(Hex.digit(UInt8(symbol)))
  }

  private func step(_ positions: Positions, reading symbol: Int) -> Positions {
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
      let positions = step(step(step(prefix, reading: 16), reading: 0), reading: 0)
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
        let numbers = Self.numbers(high: highDigits, low: lowDigits)
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
      let end = step(start, reading: digit)
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
  private static func numbers(high highDigits: UInt16, low lowDigits: UInt16) -> APMask {
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
