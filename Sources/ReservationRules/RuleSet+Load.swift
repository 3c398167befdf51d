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

extension RuleSet {
  /// Reads the selected files through `read` and parses them. A file that cannot be read is an error
  /// beside those of the others.
  package static func load(
    _ selection: RuleFileSelection, read: (String) throws(RuleFileProblem) -> [UInt8]
  ) -> (RuleSet, [Diagnostic]) {
    var rules: [Rule] = []
    var diagnostics: [Diagnostic] = []
    for path in selection.paths {
      do throws(RuleFileProblem) {
        let parsed = parsed(RuleFile(path: path, bytes: try read(path)))
        rules += parsed.rules
        diagnostics += parsed.diagnostics
      } catch {
        diagnostics.append(error.diagnostic(path, noun: "file"))
      }
    }
    return (RuleSet(rules: rules, files: selection.paths), diagnostics)
  }
}
