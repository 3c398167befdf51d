/// The value of a glob clause: alternatives, each a `Glob`, and whether case counts.
package struct GlobPattern: Sendable {
  /// The value as written between the quotes.
  package let text: String
  /// Whether it was written `i"..."`.
  package let ignoresCase: Bool
  /// The alternatives.
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

extension GlobPattern: Hashable {
  /// Equal where written equal.
  package static func == (left: GlobPattern, right: GlobPattern) -> Bool {
    left.ignoresCase == right.ignoresCase && left.text == right.text
  }

  /// Hashes what is compared.
  package func hash(into hasher: inout Hasher) {
    hasher.combine(ignoresCase)
    hasher.combine(text)
  }
}
