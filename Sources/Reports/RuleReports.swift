import APBus
package import ReservationRules
import JSONText

extension SourceLocation {
  /// The file's base name and the line. Among files in effect a base name is there once, since an
  /// earlier directory replaces it in a later one.
  package var shortFileAndLine: String { Self.shortText(file: file, line: line) }

  static func shortText(file: String, line: Int) -> String {
    "\(RuleFileSelection.baseName(file)):\(line)".printable
  }
}

extension JSONForm where Value == (file: String, line: Int) {
  /// The place of a rule.
  static var place: JSONForm {
    .object(
      JSONLayout("Place", "The place of a rule.") {
        $0.add("file", .text, "The file.") { $0.file }
        $0.add("line", .count, "The line, from 1.") { $0.line }
      })
  }
}

extension JSONForm where Value == SourceLocation {
  static var place: JSONForm {
    JSONForm<(file: String, line: Int)>.place.mapped { ($0.file, $0.line) }
  }
}

extension Rule {
  /// Where it is written, and the label for people: `50-db.rules:2 "db guests"`.
  package var origin: String {
    RuleReference(file: location.file, line: location.line, label: name).origin
  }
}

extension RuleReference {
  /// Where the rule is written, and the label for people.
  var origin: String {
    SourceLocation.shortText(file: file, line: line) + (label.map { " \"\($0.printable)\"" } ?? "")
  }

  /// Place, label and hash of the text.
  static let layout = JSONLayout<RuleReference> {
    $0.add("rule", .place, "The place of the rule that decides.") {
      ($0.file, $0.line)
    }
    $0.add("label", .text, "Its NAME.", \.label)
    $0.add(
      "ruleHash", .text("^[0-9a-f]{12}$"), "The same for rules with the same text.", \.textHash)
  }
}

extension Decision {
  /// The request in one word; `-` where no rule names the queue.
  var request: String {
    guard let reserve else { return Self.undecidable }
    return rule == nil ? "-" : reserve.rawValue
  }

  /// The rule that won and the label for people: `50-db.rules:2 "db guests"`.
  var origin: String? { rule?.origin }

  /// Request, rule and label.
  static let layout = JSONLayout<Decision> {
    $0.add(
      "reserve", .text(of: Reserve.allCases.map(\.rawValue) + [undecidable]),
      "What the rules request."
    ) { $0.reserve?.rawValue ?? undecidable }
    $0.add("rule", .place, "The place of the rule that decides.") {
      $0.rule?.location
    }
    $0.add("label", .text, "Its NAME.", \.name)
  }

  private static let undecidable = "undecidable"
}

extension RuleVerdict {
  /// What can become of a rule, as JSON has it.
  private enum Kind: String, CaseIterable {
    case decides, waits, overridden
    case lockedOut = "locked-out"
    case fails, unknown
  }

  private var kind: Kind {
    switch outcome {
    case .decides: .decides
    case .waits: .waits
    case .overridden: .overridden
    case .lockedOut: .lockedOut
    case .fails: .fails
    case .unknown: .unknown
    }
  }

  /// What became of the rule, in one word or two.
  var word: String { kind.rawValue.replacing("-", with: " ") }

  /// Why; nil where the word says it all.
  var detail: String? {
    switch outcome {
    case .decides: nil
    case .waits: "matches, but it is unknown whether a stronger rule matches, too"
    case .overridden(let location): "by \(location.shortFileAndLine), which is later"
    case .lockedOut(let location): "by \(location.shortFileAndLine), which has :="
    case .fails(let clause, let found):
      found.isEmpty && clause.condition.key == .guest
        ? "no definition of a guest assigns the queue"
        : "\(clause.text.printable) does not match \(found.printable)"
    case .unknown(let clause, let reason, let mayDecide):
      "\(clause.text.printable) is unknown: \(reason.printable)"
        + (mayDecide ? "; it may decide" : "")
    }
  }

  static let layout = JSONLayout<RuleVerdict>("Verdict", "A rule, and whether it matches.") {
    $0.add("rule", .place, "The place of the rule.", \.rule.location)
    $0.add("text", .text, "The rule.", \.rule.text)
    $0.add("verdict", .word, "What has become of it.", \.kind)
    $0.add("by", .place, "The rule that decides instead.", \.winner)
    $0.add(
      "wanted", .text, "The clause that does not match, or of which that is unknown.",
      \.clause?.text)
    $0.add("found", .text, "What was found instead.", \.found)
    $0.add("unknown", .text, "Why it is unknown.") { $0.unknown?.reason }
    $0.add("mayDecide", .flag, "Whether the rule would decide if it matched.") {
      $0.unknown?.mayDecide
    }
    $0.add("detail", .text, "All that as a clause for people.", \.detail)
  }

  private var winner: SourceLocation? {
    switch outcome {
    case .overridden(let location), .lockedOut(let location): location
    case .decides, .waits, .fails, .unknown: nil
    }
  }

  private var clause: Clause? {
    switch outcome {
    case .fails(let clause, _), .unknown(let clause, _, _): clause
    case .decides, .waits, .overridden, .lockedOut: nil
    }
  }

  private var found: String? {
    if case .fails(_, let found) = outcome { found } else { nil }
  }

  private var unknown: (reason: String, mayDecide: Bool)? {
    if case .unknown(_, let reason, let mayDecide) = outcome { (reason, mayDecide) } else { nil }
  }
}
