import APBus
package import ReservationRules
package import JSONText

/// The rules in effect, in order, and the files that are not.
package struct RuleListing {
  private let rules: RuleSet
  private let selection: RuleFileSelection?

  /// The listing of a set and the selection of files it was read from; nil if that is not known.
  package init(rules: RuleSet, selection: RuleFileSelection?) {
    self.rules = rules
    self.selection = selection
  }

  /// A heading for each file, its rules below with their lines, and what is not read at the end.
  package func text(style: TextStyle) -> String {
    var lines: [String] = []
    for file in rules.files {
      if !lines.isEmpty { lines.append("") }
      lines.append(style.paint(file.printable, in: .heading))
      let own = rules.rules.filter { $0.location.file == file }
      let width = own.map { String($0.location.line).count }.max() ?? 0
      for rule in own {
        lines.append("  \(String(rule.location.line).aligned(to: width))  \(rule.text.printable)")
      }
      if own.isEmpty { lines.append("  no rules") }
    }
    if rules.files.isEmpty { lines.append("no rules: every queue is unmanaged") }
    let notes = selection.map(Self.notes) ?? []
    if !notes.isEmpty { lines += [""] + notes }
    return lines.map { $0 + "\n" }.joined()
  }

  /// A sentence for each file that is not read.
  package static func notes(on selection: RuleFileSelection) -> [String] {
    selection.replaced.map {
      "\($0.path.printable) is not read: \($0.by.printable) "
        + ($0.isMasked ? "masks it" : "replaces it")
    }
      + selection.skipped.map { "\($0.path.printable) is not read: \($0.reason)" }
  }

  package static let layout = JSONLayout<RuleListing>.document(
    "rules", "Rules, and the files that are not read."
  ) {
    $0.add("files", .list(of: .text), "The files of the rules.", \.rules.files)
    $0.add("rules", .list(of: .object(Rule.layout)), "The rules, in order.", \.rules.rules)
    $0.add(
      "replaced", .list(of: .object(replacedLayout)),
      "Files that are not read because of one with the same name in a stronger directory."
    ) { $0.selection?.replaced ?? [] }
    $0.add(
      "skipped", .list(of: .object(skippedLayout)), "Files that are not read for another reason."
    ) { $0.selection?.skipped ?? [] }
  }

  package var json: JSONValue { Self.layout.json(self) }

  private static let replacedLayout = JSONLayout<RuleFileSelection.Replaced>(
    "ReplacedFile", "A file that another one replaces."
  ) {
    $0.add("file", .text, "The file.", \.path)
    $0.add("by", .text, "The file that is read instead.", \.by)
    $0.add("masked", .flag, "Whether that one is empty or a link to /dev/null.", \.isMasked)
  }

  private static let skippedLayout = JSONLayout<RuleFileSelection.Skipped>(
    "SkippedFile", "A file that is not read."
  ) {
    $0.add("file", .text, "The file.", \.path)
    $0.add("reason", .text, "Why, a clause.", \.reason)
  }
}

extension Rule {
  fileprivate static let layout = JSONLayout<Rule>("Rule", "A rule.") {
    $0.add("file", .text, "Its file.", \.location.file)
    $0.add("line", .count, "Its line, from 1.", \.location.line)
    $0.add("text", .text, "The rule.", \.text)
    $0.add("reserve", .word, "What it requests.", \.reserve.value)
    $0.add("locks", .flag, "Whether it locks its queues against all other rules.", \.reserve.locks)
    $0.add("collateral", .word, "Whether queues may be taken along.", \.collateral)
    $0.add("label", .text, "Its NAME.", \.name)
    $0.add(
      "hash", .text("^[0-9a-f]{12}$"), "The same for rules with the same text.", \.textHash)
  }
}

/// How the rules of the files differ from those in force.
package struct RuleDifference {
  private let changes: RuleChanges

  package init(_ changes: RuleChanges) {
    self.changes = changes
  }

  package var isEmpty: Bool { changes.isEmpty }

  /// The rules as diff(1) shows lines: `-` for those in force alone, `+` for those of the files alone.
  package func text(style: TextStyle) -> String {
    guard !isEmpty else { return "the rules of the files are in force\n" }
    var lines: [String] = []
    func add(_ rule: Rule, _ sign: String, _ ink: Ink) {
      let place = style.paint("\(sign) \(rule.location.fileAndLine)", in: ink)
      lines.append("\(place)  \(rule.text.printable)")
    }
    for rule in changes.removed { add(rule, "-", .problem) }
    for change in changes.changed {
      add(change.from, "-", .problem)
      add(change.to, "+", .heading)
    }
    for rule in changes.added { add(rule, "+", .heading) }
    return lines.map { $0 + "\n" }.joined()
  }

  package static let layout = JSONLayout<RuleDifference>.document(
    "rule-difference", "How the rules of the files differ from those in force."
  ) {
    $0.add("added", .list(of: .object(Rule.layout)), "Rules of the files alone.", \.changes.added)
    $0.add("removed", .list(of: .object(Rule.layout)), "Rules in force alone.", \.changes.removed)
    $0.add(
      "changed", .list(of: .object(changeLayout)), "Rules that have another text."
    ) {
      $0.changes.changed.map { ($0.from, $0.to) }
    }
  }

  package var json: JSONValue { Self.layout.json(self) }

  private static let changeLayout = JSONLayout<(from: Rule, to: Rule)>(
    "ChangedRule", "A rule that has another text."
  ) {
    $0.add("from", .object(Rule.layout), "The rule in force.") { $0.from }
    $0.add("to", .object(Rule.layout), "The rule of the files.") { $0.to }
  }
}
