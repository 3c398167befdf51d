/// Something wrong in a rule file: where, what, and what to write instead.
package struct Diagnostic: Hashable, Sendable {
  /// How bad it is.
  package enum Severity: String, Hashable, Sendable {
    /// The set of rules is not used.
    case error
    /// The set of rules is used, but hardly means what it says.
    case warning
    /// Nothing is wrong; a person may want to know.
    case note
  }

  /// How bad it is.
  package var severity: Severity { code.severity }
  /// The kind, stable and in kebab case as `rawValue`.
  package var code: DiagnosticCode
  /// The first of the characters it is about.
  package var location: SourceLocation
  /// How many Unicode scalars it is about, at least 1; 0 where it is about the whole file.
  package var length: Int
  /// The physical line, without its end; what a terminal would not show is `U+FFFD`.
  package var sourceLine: String
  /// A sentence: what is wrong and why.
  package var message: String
  /// Texts that are likely meant instead of the characters it is about, the likeliest first.
  package var fixes: [String]
  /// How many findings it stands for: more than one only where it tells of those left out.
  package var findings: Int

  /// A diagnostic.
  package init(
    code: DiagnosticCode, location: SourceLocation, length: Int, sourceLine: String,
    message: String, fixes: [String] = [], findings: Int = 1
  ) {
    self.code = code
    self.location = location
    self.length = length
    self.sourceLine = sourceLine
    self.message = message
    self.fixes = fixes
    self.findings = findings
  }

  /// The corrected text, alternatives joined by "or"; nil where none is likely.
  package var fix: String? { fixes.isEmpty ? nil : fixes.joined(separator: " or ") }
}
