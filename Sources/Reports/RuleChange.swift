import APBus
package import JSONText

/// What a command has changed in a rule file.
package struct RuleChange: Equatable, Sendable {
  package enum Kind: String, Sendable {
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

  package var json: JSONValue {
    JSONObject.document("rule-change") {
      $0.set("change", text: kind.rawValue)
      $0.set("file", text: file)
      $0.set("line", number: line)
      $0.set("text", text: rule)
    }
  }
}
