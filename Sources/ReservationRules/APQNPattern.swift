package import APBus

/// Queues named outside of a rule, in the words of the key `APQN`: `05.0004`, `05-07.*|*.0047`.
package struct APQNPattern: Hashable, Sendable {
  /// The alternatives.
  package let ranges: [APQNRange]

  /// A text that names no queues.
  package struct Fault: Error, Equatable, Sendable {
    /// What a rule with this value would be told.
    package let sentence: String
  }

  /// Reads a pattern by the grammar of rules.
  ///
  package init(_ text: String) throws(Fault) {
    let file = RuleFile(path: "", text: "APQN==\"\(text)\", RESERVE=\"host\"")
    let (set, diagnostics) = RuleSet.parse(files: [file])
    if let diagnostic = diagnostics.first { throw Fault(sentence: diagnostic.message) }
    guard case .apqn(let ranges)? = set.rules.first?.clauses.first?.condition else {
      ranges = []
      return
    }
    self.ranges = ranges
  }

  /// Whether the queue is one of them.
  package func contains(_ apqn: APQN) -> Bool { ranges.contains { $0.contains(apqn) } }
}
