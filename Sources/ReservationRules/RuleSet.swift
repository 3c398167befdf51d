/// The rules of all files in effective order.
package struct RuleSet: Sendable {
  /// The rules, files in the order of their names, lines in the order written.
  package let rules: [Rule]
  /// The paths of the files they come from, in that order, also those without a rule.
  package let files: [String]
  /// The rules prepared for any inventory.
  let compiled: CompiledRules

  /// The set of these rules, compiled.
  package init(rules: [Rule], files: [String]) {
    self.rules = rules
    self.files = files
    compiled = CompiledRules(rules)
  }

  /// No rules: every queue is unmanaged.
  package init() {
    self.init(rules: [], files: [])
  }

  /// The rules, the one that beats all others first: the locking ones as written, since the first lock
  /// holds, then the plain ones backwards, since the last one wins.
  var indicesByStrength: [Int] {
    rules.indices.filter { rules[$0].reserve.locks }
      + rules.indices.reversed().filter { !rules[$0].reserve.locks }
  }

  /// The most rules of a set.
  package static let mostRules = 100_000
  /// The most files that a set comes from, with all other entries of their directories.
  package static let mostFiles = 4096
  /// The most bytes of all files together.
  package static let largestText = 16 * 1024 * 1024
  /// The most findings before the rest of the files is not read.
  private static let mostFindings = 10_000

  /// Reads files in the order given. The set holds the lines without error; whoever uses it must look
  /// at the diagnostics first, since a set with errors is not to be used by half.
  package static func parse(files: [RuleFile]) -> (RuleSet, [Diagnostic]) {
    var rules: [Rule] = []
    var diagnostics: [Diagnostic] = []
    for (index, file) in files.enumerated() {
      let parsed = parsed(file)
      rules += parsed.rules
      diagnostics += parsed.diagnostics
      if rules.count > mostRules {
        diagnostics.append(
          Diagnostic(
            .tooManyRules, file: file.path,
            "the files up to this one have \(rules.count) rules, and at most \(mostRules) are taken; "
              + "put several queues into one rule, as ADAPTER==\"1-5\""))
        return (RuleSet(), diagnostics)
      }
      let rest = files.count - index - 1
      if diagnostics.count >= mostFindings, rest > 0 {
        diagnostics.append(
          Diagnostic(
            .moreErrors, file: file.path,
            "the \(rest) files after this one are not read; correct those that are first"))
        return (RuleSet(), diagnostics)
      }
    }
    return (RuleSet(rules: rules, files: files.map(\.path)), diagnostics)
  }

  static func parsed(_ file: RuleFile) -> (rules: [Rule], diagnostics: [Diagnostic]) {
    var parser = RuleFileParser(file)
    parser.parse()
    return (parser.rules, parser.diagnostics)
  }
}

extension RuleSet: Equatable {
  /// Equal rules from equal files.
  package static func == (left: RuleSet, right: RuleSet) -> Bool {
    left.rules == right.rules && left.files == right.files
  }
}
