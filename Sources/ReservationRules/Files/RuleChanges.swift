/// What differs between two sets of rules, rule by rule.
///
/// A rule that only moves within its file, because a line was added before it, does not differ: what it requests
/// is the same, unless another rule decides now, which `explain` shows. Nor does one whose file is in another
/// directory: among the files in effect a base name is there once.
package struct RuleChanges: Equatable, Sendable {
  package private(set) var added: [Rule] = []
  package private(set) var removed: [Rule] = []
  /// Rules on the same line of the same file with another text.
  package private(set) var changed: [Change] = []

  /// A rule and the one in its place.
  package struct Change: Equatable, Sendable {
    package var from: Rule
    package var to: Rule
  }

  package init(from before: RuleSet, to after: RuleSet) {
    struct Identity: Hashable {
      var file: String
      var text: String
    }
    func identity(_ rule: Rule) -> Identity {
      Identity(file: rule.location.baseName, text: rule.text)
    }
    func remaining(_ rules: [Rule], without others: [Rule]) -> [Rule] {
      var counts: [Identity: Int] = [:]
      for rule in others { counts[identity(rule), default: 0] += 1 }
      return rules.filter { rule in
        guard let count = counts[identity(rule)], count > 0 else { return true }
        counts[identity(rule)] = count - 1
        return false
      }
    }
    added = remaining(after.rules, without: before.rules)
    removed = remaining(before.rules, without: after.rules)
    let places = Dictionary(added.map { ($0.location.place, $0) }) { first, _ in first }
    changed = removed.compactMap { rule in
      places[rule.location.place].map { Change(from: rule, to: $0) }
    }
    let changedPlaces = Set(changed.map(\.to.location.place))
    added.removeAll { changedPlaces.contains($0.location.place) }
    removed.removeAll { changedPlaces.contains($0.location.place) }
  }

  package var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty }

  /// A line for each rule: `added FILE:LINE  RULE`.
  package var lines: [String] {
    removed.map { "removed \($0.location.fileAndLine)  \($0.text)" }
      + changed.map { "changed \($0.to.location.fileAndLine)  \($0.to.text)" }
      + added.map { "added \($0.location.fileAndLine)  \($0.text)" }
  }
}

extension SourceLocation {
  fileprivate var baseName: String { RuleFileSelection.baseName(file) }

  fileprivate var place: String { "\(baseName):\(line)" }
}
