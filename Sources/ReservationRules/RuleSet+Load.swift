/// Why a rule file could not be read.
package struct RuleFileProblem: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong and what to do, as the end of a sentence: `it is not readable by this user`.
  package var reason: String

  /// A problem.
  package init(reason: String) {
    self.reason = reason
  }

  /// The reason.
  package var description: String { reason }
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
        diagnostics.append(
          Diagnostic(
            code: .unreadableFile, location: SourceLocation(file: path, line: 1, column: 1),
            length: 0, sourceLine: "", message: "the file cannot be read: \(error.reason)"))
      }
    }
    return (RuleSet(rules: rules, files: selection.paths), diagnostics)
  }
}
