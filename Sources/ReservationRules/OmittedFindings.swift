/// Counts the findings of one file that nobody would read any more.
struct OmittedFindings {
  /// The most diagnostics of one file that are kept.
  static let limit = 1000

  private var errors = 0
  private var warnings = 0
  private var firstError: SourceLocation?
  private var firstWarning: SourceLocation?

  mutating func add(_ count: Int, _ severity: Diagnostic.Severity, at location: SourceLocation) {
    guard count > 0 else { return }
    if severity == .error {
      errors += count
      firstError = firstError ?? location
    } else {
      warnings += count
      firstWarning = firstWarning ?? location
    }
  }

  /// A sentence for each kind that there is, at the place of the first left out.
  var diagnostics: [Diagnostic] {
    [
      Self.diagnostic(.moreErrors, errors, "error", firstError),
      Self.diagnostic(.moreWarnings, warnings, "warning", firstWarning),
    ].compactMap(\.self)
  }

  private static func diagnostic(
    _ code: DiagnosticCode, _ count: Int, _ noun: String, _ location: SourceLocation?
  ) -> Diagnostic? {
    guard let location else { return nil }
    return Diagnostic(
      code: code, location: location, length: 0, sourceLine: "",
      message:
        "\(count) more \(noun)\(count == 1 ? " is" : "s are") not shown; correct those that are first",
      findings: count)
  }
}
