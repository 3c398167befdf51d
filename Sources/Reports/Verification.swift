import APBus
package import ReservationRules
package import JSONText

/// What a check of rule files has found, in the order of files and lines.
package struct Verification {
  let rules: RuleSet
  package let diagnostics: [Diagnostic]
  /// The machines that the set was held against, if they are several.
  private var fleet: Fleet?

  /// The machines that the set was held against, if they are several.
  var machines: [Fleet.Member] { fleet?.members ?? [] }

  /// Files about machines that the rules could not be held against, beside those of `machines`.
  package var unread: [UnreadFile] = []

  /// The most findings that are printed for people, who would not read more.
  private static let mostPrinted = 100

  /// The result of reading a set.
  package init(rules: RuleSet, diagnostics: [Diagnostic]) {
    self.rules = rules
    self.diagnostics = diagnostics
  }

  /// The result of reading a set, with what there is to say of files that are not read, of rules that
  /// never decide and, where the set is held against machines, of what becomes of it there. `fleet` has these machines if
  /// they are several.
  package init(
    rules: RuleSet, diagnostics: [Diagnostic], selection: RuleFileSelection,
    machines: FleetFindings = FleetFindings(), fleet: Fleet? = nil
  ) {
    self.fleet = fleet
    self.rules = rules
    let ranks = selection.ranks
    let shadows = rules.shadowWarnings()
    let shadowed = Set(shadows.map(\.location))
    // What decides on no machine is reported as that.
    let findings = machines.diagnostics.filter {
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

  /// Each finding with its line and a caret; one line that sums up is the last. On a terminal, sentences are broken into
  /// lines of its width.
  package func text(style: TextStyle) -> String {
    let printed = printed
    var text = ""
    for diagnostic in printed {
      text += style.paint(
        diagnostic.text { style.lines($0, after: "", hanging: 2) },
        in: diagnostic.severity == .error ? .problem : nil)
      text += "\n\n"
    }
    let others = count(diagnostics) - count(printed)
    if others > 0 {
      let hint = "and \(others) more; correct these first, or see all of them with --json"
      text += style.lines(hint, after: "", hanging: 2).map { $0 + "\n" }.joined() + "\n"
    }
    return text + (fleet.map { $0.text(style: style) + "\n" } ?? "") + summary + "\n"
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

  package static let layout = JSONLayout<Verification>.document(
    "verify", "What was found in rule files."
  ) {
    $0.add("files", .list(of: .text), "The files that were read.", \.rules.files)
    $0.add("rules", .count, "How many rules they have.", \.rules.rules.count)
    $0.add("errors", .count, "How many errors.") { $0.count(.error) }
    $0.add("warnings", .count, "How many warnings.") { $0.count(.warning) }
    $0.add("notes", .count, "How many notes.") { $0.count(.note) }
    $0.add(
      "diagnostics", .list(of: .object(Diagnostic.layout)),
      "The findings, in the order of the rules.",
      \.diagnostics)
    $0.add(
      "hosts", .list(of: .object(Fleet.Member.layout)),
      "The machines that the rules were held against, if these are several.", \.fleet?.members)
  }

  package var json: JSONValue { Self.layout.json(self) }
}

extension Diagnostic {
  fileprivate static let layout = JSONLayout<Diagnostic>("Diagnostic", "A finding.") {
    $0.add("severity", .word, "Whether the rules are refused because of it.", \.severity)
    $0.add("code", .word, "What it is, in one word (apreserve.rules(5)).", \.code)
    $0.add("file", .text, "The file.", \.location.file)
    $0.add("span", .object(spanLayout), "The place in the file.") { $0 }
    $0.add("sourceLine", .text, "The line; missing if it is about the whole file.") {
      $0.sourceLine.isEmpty ? nil : $0.sourceLine
    }
    $0.add("message", .text, "What is wrong, a sentence.", \.message)
    $0.add("fixes", .list(of: .text), "What could be written instead.", \.fixes)
  }

  private static let spanLayout = JSONLayout<Diagnostic>("Span", "A place in a file.") {
    $0.add("line", .count, "The line, from 1.", \.location.line)
    $0.add("column", .count, "The column, from 1.", \.location.column)
    $0.add(
      "length", .count, "How many characters it has; 0 if it is about the whole file.", \.length)
  }
}
