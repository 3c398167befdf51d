package import Reservation
import APBus
package import ReservationRules
package import JSONText

/// What a check of rule files has found, in the order of files and lines.
package struct Verification {
  private let rules: RuleSet
  private let diagnostics: [Diagnostic]

  /// The most findings that are printed for people, who would not read more.
  private static let mostPrinted = 100

  /// The result of reading a set.
  package init(rules: RuleSet, diagnostics: [Diagnostic]) {
    self.rules = rules
    self.diagnostics = diagnostics
  }

  /// The result of reading a set, with what there is to say of files that are not read, of rules that
  /// never decide and, where the set is held against a machine, of what becomes of it there.
  package init(
    rules: RuleSet, diagnostics: [Diagnostic], selection: RuleFileSelection, machine: Assessment?
  ) {
    self.rules = rules
    let ranks = selection.ranks
    let shadows = rules.shadowWarnings()
    let shadowed = Set(shadows.map(\.location))
    // What decides on no machine is reported as that.
    let findings = (machine.map { MachineFindings($0).diagnostics } ?? []).filter {
      $0.code != .idleRule || !shadowed.contains($0.location)
    }
    let all = diagnostics + selection.diagnostics + shadows + findings
    // Those of one place stay in this order.
    self.diagnostics =
      all.enumerated().sorted { left, right in
        func key(_ item: (offset: Int, element: Diagnostic)) -> (Int, Int, Int, Int) {
          let location = item.element.location
          return (ranks[location.file] ?? -1, location.line, location.column, item.offset)
        }
        return key(left) < key(right)
      }.map(\.element)
  }

  /// Whether the set may be used; when `strict`, not even with warnings.
  package func isClean(strict: Bool) -> Bool {
    diagnostics.allSatisfy {
      switch $0.severity {
      case .error: false
      case .warning: !strict
      case .note: true
      }
    }
  }

  /// Each finding with its line and a caret; one line that sums up is the last.
  package func text(style: TextStyle) -> String {
    let printed = printed
    var text = ""
    for diagnostic in printed {
      text += style.paint(
        diagnostic.description, in: diagnostic.severity == .error ? .problem : nil)
      text += "\n\n"
    }
    let others = count(diagnostics) - count(printed)
    if others > 0 {
      text += "and \(others) more; correct these first, or see all of them with --json\n\n"
    }
    return text + summary + "\n"
  }

  /// The findings for people: where there are too many, errors before all others.
  private var printed: [Diagnostic] {
    guard diagnostics.count > Self.mostPrinted else { return diagnostics }
    let errors = diagnostics.filter { $0.severity == .error }
    let others = diagnostics.filter { $0.severity != .error }
    return Array((errors + others).prefix(Self.mostPrinted))
  }

  private func count(_ diagnostics: [Diagnostic]) -> Int {
    diagnostics.reduce(0) { $0 + $1.findings }
  }

  private func count(_ severity: Diagnostic.Severity) -> Int {
    count(diagnostics.filter { $0.severity == severity })
  }

  /// One line: how much was checked and found.
  package var summary: String {
    let checked =
      "\(counted(rules.files.count, "file")), \(counted(rules.rules.count, "rule"))"
    let found = [(Diagnostic.Severity.error, "error"), (.warning, "warning"), (.note, "note")]
      .compactMap { severity, noun -> String? in
        let number = count(severity)
        return number == 0 ? nil : counted(number, noun)
      }
    guard !found.isEmpty else { return "\(checked), no errors" }
    return ([checked] + found).joined(separator: ", ")
  }

  package var json: JSONValue {
    JSONObject.document("verify") {
      $0.set("files", .array(rules.files.map { .string($0) }))
      $0.set("rules", number: rules.rules.count)
      $0.set("errors", number: count(.error))
      $0.set("warnings", number: count(.warning))
      $0.set("notes", number: count(.note))
      $0.set("diagnostics", .array(diagnostics.map(\.json)))
    }
  }
}

extension Diagnostic {
  /// As JSON. What is about a whole file has a length of 0 and no source line.
  fileprivate var json: JSONValue {
    JSONObject.make {
      $0.set("severity", text: severity.rawValue)
      $0.set("code", text: code.rawValue)
      $0.set("file", text: location.file)
      $0.set(
        "span",
        JSONObject.make {
          $0.set("line", number: location.line)
          $0.set("column", number: location.column)
          $0.set("length", number: length)
        })
      $0.set("sourceLine", text: sourceLine.isEmpty ? nil : sourceLine)
      $0.set("message", text: message)
      $0.set("fixes", .array(fixes.map { .string($0) }))
    }
  }
}
