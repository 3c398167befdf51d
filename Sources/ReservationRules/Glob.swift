/// One glob: `*`, `?`, `[a-z]`, `[!a]` and characters that stand for themselves.
///
/// It matches Unicode scalars. Ignoring case concerns the letters A to Z only, which is all that names
/// in sysfs and host names have.
package struct Glob: Sendable {
  /// One position of a glob.
  package enum Element: Sendable {
    /// This scalar; in lower case where case is ignored.
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
  /// Whether case is ignored.
  package let ignoresCase: Bool
  /// The scalars that a matching text begins with.
  let literalPrefix: [UInt32]

  /// A glob of these positions.
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
        if position < text.count, accepts(elements[element], text[position]) {
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

  /// Whether a position that is no star accepts the scalar.
  func accepts(_ element: Element, _ scalar: UInt32) -> Bool {
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
