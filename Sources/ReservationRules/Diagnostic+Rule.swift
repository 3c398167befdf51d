extension Diagnostic {
  /// A diagnostic about a whole rule.
  package init(_ code: DiagnosticCode, _ rule: Rule, _ message: String) {
    self.init(
      code: code, location: rule.location, length: rule.source.length,
      sourceLine: rule.source.line, message: message)
  }

  /// A diagnostic about a whole file or directory.
  package init(_ code: DiagnosticCode, file path: String, _ message: String) {
    self.init(
      code: code, location: SourceLocation(file: path, line: 1, column: 1), length: 0,
      sourceLine: "", message: message)
  }
}
