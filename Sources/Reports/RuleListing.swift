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

  package var json: JSONValue {
    JSONObject.document("rules") {
      $0.set("files", .array(rules.files.map { .string($0) }))
      $0.set("rules", .array(rules.rules.map(Self.json)))
      $0.set(
        "replaced",
        .array(
          (selection?.replaced ?? []).map { replaced in
            JSONObject.make {
              $0.set("file", text: replaced.path)
              $0.set("by", text: replaced.by)
              $0.set("masked", flag: replaced.isMasked)
            }
          }))
      $0.set(
        "skipped",
        .array(
          (selection?.skipped ?? []).map { skipped in
            JSONObject.make {
              $0.set("file", text: skipped.path)
              $0.set("reason", text: skipped.reason)
            }
          }))
    }
  }

  fileprivate static func json(_ rule: Rule) -> JSONValue {
    JSONObject.make {
      $0.set("file", text: rule.location.file)
      $0.set("line", number: rule.location.line)
      $0.set("text", text: rule.text)
      $0.set("reserve", text: rule.reserve.value.rawValue)
      $0.set("locks", flag: rule.reserve.locks)
      $0.set("collateral", text: rule.collateral.rawValue)
      $0.set("label", text: rule.name)
      $0.set("hash", text: rule.textHash)
    }
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

  package var json: JSONValue {
    JSONObject.document("rule-difference") {
      $0.set("added", .array(changes.added.map(RuleListing.json)))
      $0.set("removed", .array(changes.removed.map(RuleListing.json)))
      $0.set(
        "changed",
        .array(
          changes.changed.map { change in
            JSONObject.make {
              $0.set("from", RuleListing.json(change.from))
              $0.set("to", RuleListing.json(change.to))
            }
          }))
    }
  }
}
