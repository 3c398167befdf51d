import ReservationRules
import Testing

/// A text and all that is said of it, as a person reads it.
struct DiagnosticRow: CustomTestStringConvertible, Sendable {
  let text: String
  let said: String

  init(_ text: String, _ said: String) {
    self.text = text
    self.said = said
  }

  var testDescription: String { text }

  /// What is said now.
  var found: [Diagnostic] { RuleSet.parse(files: [RuleFile(path: "f", text: text)]).1 }

  static let all = lines + keys + values + globs + conflicts + slips
}
