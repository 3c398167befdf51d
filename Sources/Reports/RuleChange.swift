import APBus
package import JSONText

/// What a command has changed in a rule file.
package struct RuleChange: Equatable, Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    case added
    case removed
    /// The rule was there already.
    case none
  }

  private let kind: Kind
  private let file: String
  private let line: Int
  private let rule: String

  /// A change of the rule of this text, which begins on that line, or did.
  package init(_ kind: Kind, file: String, line: Int, text rule: String) {
    self.kind = kind
    self.file = file
    self.line = line
    self.rule = rule
  }

  /// One line, such as `added 50-local.rules:3  RULE`, and a line for each other line of the rule.
  package var text: String {
    let place = "\(file.printable):\(line)"
    let rule = rule.printableLines
    return switch kind {
    case .added, .removed: "\(kind.rawValue) \(place)  \(rule)\n"
    case .none: "\(place) has this rule already; nothing is changed\n"
    }
  }

  package static let layout = JSONLayout<RuleChange>.document(
    "rule-change", "What a command has changed in a rule file."
  ) {
    $0.add("change", .word, "What was done; \"none\" if the rule was there already.", \.kind)
    $0.add("file", .text, "The file.", \.file)
    $0.add("line", .count, "The line on which the rule begins, or did, from 1.", \.line)
    $0.add("text", .text, "The rule.", \.rule)
  }

  package var json: JSONValue { Self.layout.json(self) }
}
