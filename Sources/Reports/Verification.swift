import AdjunctProcessor
package import ReservationRules
package import JSONText

/// What a check of rule files has found.
package struct Verification {
  private let rules: RuleSet
  private let diagnostics: [Diagnostic]

  /// The result of reading a set.
  package init(rules: RuleSet, diagnostics: [Diagnostic]) {
    self.rules = rules
    self.diagnostics = diagnostics
  }

  /// Whether the set may be used; when `strict`, not even with warnings.
  package func isClean(strict: Bool) -> Bool {
    diagnostics.allSatisfy { $0.severity != .error && !strict }
  }

  /// Each finding with its line and a caret; one line that sums up is the last.
  package func text(style: TextStyle) -> String {
    var text = ""
    for diagnostic in diagnostics {
      text += style.paint(diagnostic.description, diagnostic.severity == .error ? .problem : nil)
      text += "\n\n"
    }
    return text + summary + "\n"
  }

  /// One line: how much was checked and found.
  package var summary: String {
    let errors = diagnostics.count { $0.severity == .error }
    let warnings = diagnostics.count - errors
    let checked =
      "\(counted(rules.files.count, "file")), \(counted(rules.rules.count, "rule"))"
    guard !diagnostics.isEmpty else { return "\(checked), no errors" }
    var parts: [String] = []
    if errors > 0 { parts.append(counted(errors, "error")) }
    if warnings > 0 { parts.append(counted(warnings, "warning")) }
    return "\(checked), \(parts.joined(separator: ", "))"
  }

  /// The same for programs.
  package var json: JSONValue {
    JSONObject.document("verify") {
      $0.set("files", .array(rules.files.map { .string($0) }))
      $0.set("rules", number: rules.rules.count)
      $0.set("diagnostics", .array(diagnostics.map(Self.json)))
    }
  }

  private static func json(_ diagnostic: Diagnostic) -> JSONValue {
    JSONObject.make {
      $0.set("severity", text: diagnostic.severity.rawValue)
      $0.set("code", text: diagnostic.code.rawValue)
      $0.set("file", text: diagnostic.location.file)
      $0.set("line", number: diagnostic.location.line)
      $0.set("column", number: diagnostic.location.column)
      $0.set("length", number: diagnostic.length)
      $0.set("sourceLine", text: diagnostic.sourceLine)
      $0.set("message", text: diagnostic.message)
      $0.set("fixes", .array(diagnostic.fixes.map { .string($0) }))
    }
  }
}
