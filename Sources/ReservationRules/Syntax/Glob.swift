/// One glob: `*`, `?`, `[a-z]`, `[!a]` and characters that match themselves.
///
/// It matches Unicode scalars. Ignoring case concerns the letters A to Z only, which is all that names
/// in sysfs and host names have.
package struct Glob: Sendable {
  /// One position of a glob.
  package enum Element: Sendable {
    /// This scalar; in lower case if case is ignored.
    case literal(UInt32)
    /// `?`.
    case any
    /// `*`.
    case star
    /// `[...]`.
    case set([ClosedRange<UInt32>], isNegated: Bool)
  }

  /// The positions, never two stars in a row.
  package let elements: [Element]
  package let ignoresCase: Bool
  /// The scalars that a matching text begins with.
  let literalPrefix: [UInt32]

  package init(elements: [Element], ignoresCase: Bool) {
    var simple: [Element] = []
    var prefix: [UInt32] = []
    for element in elements {
      switch element {
      case .star:
        if case .star = simple.last { continue }
        simple.append(.star)
      case .literal(let scalar):
        let scalar = ignoresCase ? Self.lowerCase(scalar) : scalar
        if prefix.count == simple.count { prefix.append(scalar) }
        simple.append(.literal(scalar))
      default: simple.append(element)
      }
    }
    self.elements = simple
    self.ignoresCase = ignoresCase
    self.literalPrefix = prefix
  }

  /// The scalars of a text, ready to be matched.
  package static func scalars(of text: some StringProtocol, foldingCase: Bool) -> [UInt32] {
    text.unicodeScalars.map { foldingCase ? lowerCase($0.value) : $0.value }
  }

  /// Whether the glob matches the whole text, folded as `ignoresCase` says. Takes at most the product
  /// of both lengths.
  package func matches(_ text: [UInt32]) -> Bool {
    var element = 0
    var position = 0
    var retry: (element: Int, position: Int)?
    while position < text.count || element < elements.count {
      if element < elements.count {
        if case .star = elements[element] {
          element += 1
          retry = (element, position)
          continue
        }
        if position < text.count, accepts(text[position], at: elements[element]) {
          element += 1
          position += 1
          continue
        }
      }
      guard let last = retry, last.position < text.count else { return false }
      element = last.element
      position = last.position + 1
      retry = (element, position)
    }
    return true
  }

  /// The only text that matches; nil if there are others.
  var literal: String? {
    guard literalPrefix.count == elements.count else { return nil }
    var text = String.UnicodeScalarView()
    text.append(contentsOf: literalPrefix.compactMap(Unicode.Scalar.init))
    return String(text)
  }

  /// Whether it is a star and nothing else, which matches every text.
  var isLoneStar: Bool {
    guard elements.count == 1, case .star = elements[0] else { return false }
    return true
  }

  /// Whether a position other than a star accepts the scalar.
  func accepts(_ scalar: UInt32, at element: Element) -> Bool {
    switch element {
    case .literal(let literal): return literal == scalar
    case .any, .star: return true
    case .set(let ranges, let isNegated):
      let other = ignoresCase ? Self.upperCase(scalar) : scalar
      return ranges.contains { $0.contains(scalar) || $0.contains(other) } != isNegated
    }
  }

  static func lowerCase(_ scalar: UInt32) -> UInt32 {
    0x41...0x5a ~= scalar ? scalar + 0x20 : scalar
  }

  private static func upperCase(_ scalar: UInt32) -> UInt32 {
    0x61...0x7a ~= scalar ? scalar - 0x20 : scalar
  }
}

/// The value of a glob clause: alternatives, each a `Glob`, and whether case counts.
package struct GlobPattern: Sendable {
  /// The value as written between the quotes.
  package let text: String
  /// Whether it was written `i"..."`.
  package let ignoresCase: Bool
  package let alternatives: [Glob]

  init(text: String, ignoresCase: Bool, alternatives: [Glob]) {
    self.text = text
    self.ignoresCase = ignoresCase
    self.alternatives = alternatives
  }

  /// Whether one of the alternatives matches the whole text.
  package func matches(_ text: some StringProtocol) -> Bool {
    let scalars = Glob.scalars(of: text, foldingCase: ignoresCase)
    return alternatives.contains { $0.matches(scalars) }
  }
}

extension GlobPattern {
  /// The alternatives that only one text matches, as that text; none if case is ignored.
  var literals: [String] {
    ignoresCase ? [] : alternatives.compactMap(\.literal)
  }
}

extension GlobPattern: Hashable {
  /// Equal where written equal.
  package static func == (left: GlobPattern, right: GlobPattern) -> Bool {
    left.ignoresCase == right.ignoresCase && left.text == right.text
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(ignoresCase)
    hasher.combine(text)
  }
}

/// Reads a value as globs with bars between them.
struct GlobParser {
  private(set) var globs: [Glob] = []
  /// The bytes of each of the globs.
  private(set) var ranges: [Range<Int>] = []
  /// Whether there is a comma, or a blank, outside brackets.
  private(set) var hasComma = false
  private(set) var hasBlank = false
  private(set) var diagnostics = LineDiagnostics()
  /// The first alternative that is empty.
  private(set) var emptyAlternative: Range<Int>?

  private let ignoresCase: Bool
  /// The scalars, `\"` read as a quote, and the byte offset at which each begins.
  private var scalars: [UInt32] = []
  private var offsets: [Int] = []
  private var position = 0

  init(_ bytes: [UInt8], in range: Range<Int>, ignoresCase: Bool) {
    self.ignoresCase = ignoresCase
    var offset = range.lowerBound
    for scalar in String(decoding: bytes[range], as: UTF8.self).unicodeScalars {
      if scalar == "\"", scalars.last == 0x5c {
        scalars[scalars.count - 1] = scalar.value
      } else {
        scalars.append(scalar.value)
        offsets.append(offset)
      }
      offset += UTF8.width(scalar)
    }
    offsets.append(offset)
  }

  mutating func parse() {
    var elements: [Glob.Element] = []
    var start = 0
    while position < scalars.count {
      let scalar = scalars[position]
      position += 1
      switch scalar {
      case 0x7c:
        finish(elements, from: start)
        elements = []
        start = position
      case 0x2a: elements.append(.star)
      case 0x3f: elements.append(.any)
      case 0x5b:
        guard let set = readSet() else { return }
        elements.append(set)
      default:
        hasComma = hasComma || scalar == 0x2c
        hasBlank = hasBlank || scalar == 0x20 || scalar == 0x09
        elements.append(.literal(scalar))
      }
    }
    position += 1
    finish(elements, from: start)
  }

  private mutating func finish(_ elements: [Glob.Element], from start: Int) {
    if elements.isEmpty, emptyAlternative == nil {
      emptyAlternative = offsets[start]..<offsets[start]
    }
    globs.append(Glob(elements: elements, ignoresCase: ignoresCase))
    ranges.append(offsets[start]..<offsets[position - 1])
  }

  /// Reads a set whose opening bracket has been read. `]` matches itself as the first character,
  /// `-` as its first or last.
  private mutating func readSet() -> Glob.Element? {
    let open = position - 1
    var isNegated = false
    if position < scalars.count, scalars[position] == 0x21 || scalars[position] == 0x5e {
      isNegated = true
      position += 1
    }
    let first = position
    var ranges: [ClosedRange<UInt32>] = []
    while position < scalars.count, position == first || scalars[position] != 0x5d {
      let low = scalars[position]
      let start = position
      position += 1
      if low == 0x5b, position < scalars.count, [0x3a, 0x2e, 0x3d].contains(scalars[position]) {
        report(
          .characterClass, at: start..<start + 2,
          "named character classes are not supported; list the characters, as in [0-9a-f]")
        return nil
      }
      var high = low
      if position + 1 < scalars.count, scalars[position] == 0x2d, scalars[position + 1] != 0x5d {
        high = scalars[position + 1]
        position += 2
      }
      guard low <= high else {
        report(
          .reversedRange, at: start..<position,
          "the first character of the range comes after the last")
        return nil
      }
      ranges.append(low...high)
    }
    guard position < scalars.count else {
      report(
        .unclosedBracket, at: open..<open + 1,
        "this bracket is not closed; to match the character [, write [[]")
      return nil
    }
    position += 1
    return .set(ranges, isNegated: isNegated)
  }

  private mutating func report(
    _ code: DiagnosticCode, at range: Range<Int>, _ message: String
  ) {
    diagnostics.append(
      LineDiagnostic(
        code: code, range: offsets[range.lowerBound]..<offsets[range.upperBound], message: message))
  }
}
