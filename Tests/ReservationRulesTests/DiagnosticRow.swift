import ReservationRules
import Testing

/// A text and the diagnostics expected for it, as they are printed.
struct DiagnosticRow: CustomTestStringConvertible, Sendable {
  let text: String
  let expected: String

  init(_ text: String, _ expected: String) {
    self.text = text
    self.expected = expected
  }

  var testDescription: String { text }

  /// The diagnostics found.
  var found: [Diagnostic] { RuleSet.parse(files: [RuleFile(path: "f", text: text)]).1 }

  static let all = lines + keys + values + globs + conflicts + slips
}
