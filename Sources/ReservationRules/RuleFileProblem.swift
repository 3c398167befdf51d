/// Why a rule file could not be read.
package struct RuleFileProblem: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong and what to do, as the end of a sentence: `it is not readable by this user`.
  package var reason: String
  /// What kind of error that is.
  package var code: DiagnosticCode

  /// A problem.
  package init(reason: String, code: DiagnosticCode = .unreadableFile) {
    self.reason = reason
    self.code = code
  }

  /// The reason.
  package var description: String { reason }

  /// The error for the file or directory at that path.
  package func diagnostic(_ path: String, noun: String) -> Diagnostic {
    Diagnostic(
      code, file: path,
      code == .unreadableFile ? "the \(noun) cannot be read: \(reason)" : reason)
  }
}
