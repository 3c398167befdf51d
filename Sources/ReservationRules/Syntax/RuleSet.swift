package import APBus

/// The rules of all files in effective order.
package struct RuleSet: Sendable {
  /// The rules, files in the order of their names, lines in the order written.
  package let rules: [Rule]
  /// The paths of the files they come from, in that order, also those without a rule.
  package let files: [String]
  /// Queues that a rule reserves and names one by one with `APQN`, as in `APQN=="05.0004|06.0004"`.
  package let singlyNamed: APQNSet
  /// Whether a rule compares what only an adapter itself knows, such as its serial number.
  package let asksAdapters: Bool
  /// Whether a rule compares master keys, or expects some.
  package let readsMasterKeys: Bool
  /// The rules prepared for any inventory.
  let compiled: CompiledRules

  /// The set of these rules, compiled.
  package init(rules: [Rule], files: [String]) {
    self.rules = rules
    self.files = files
    asksAdapters = rules.contains { $0.clauses.contains { $0.condition.asksAdapter } }
    readsMasterKeys = rules.contains { rule in
      !rule.expectedKeys.isEmpty || rule.clauses.contains { $0.condition.key == .masterKey }
    }
    compiled = CompiledRules(rules)
    singlyNamed = APQNSet(rules.lazy.filter { $0.reserve.value == .vfioAP }.flatMap(\.singlyNamed))
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
  /// The most diagnostics before the remaining files are not read.
  private static let mostDiagnostics = 10_000

  /// Reads files in the order given. The set has the rules without error; the caller must check
  /// the diagnostics first, since a set with errors must not be used in part.
  package static func parse(files: [RuleFile]) -> (RuleSet, [Diagnostic]) {
    var rules: [Rule] = []
    var diagnostics: [Diagnostic] = []
    for (index, file) in files.enumerated() {
      var parser = RuleFileParser(file)
      parser.parse()
      rules += parser.rules
      diagnostics += parser.diagnostics
      if rules.count > mostRules {
        diagnostics.append(
          Diagnostic(
            .tooManyRules, file: file.path,
            "the files up to this one have \(rules.count) rules, and at most \(mostRules) are allowed; "
              + "put several queues into one rule, as in ADAPTER==\"1-5\""))
        return (RuleSet(), diagnostics)
      }
      let rest = files.count - index - 1
      if diagnostics.count >= mostDiagnostics, rest > 0 {
        diagnostics.append(
          Diagnostic(
            .moreErrors, file: file.path,
            "the \(rest) files after this one are not read; correct the errors in the files before them first"
          ))
        return (RuleSet(), diagnostics)
      }
    }
    return (RuleSet(rules: rules, files: files.map(\.path)), diagnostics)
  }
}

extension RuleSet: Equatable {
  package static func == (left: RuleSet, right: RuleSet) -> Bool {
    left.rules == right.rules && left.files == right.files
  }
}

/// One rule: clauses that all must match, and what is assigned then.
package struct Rule: Hashable, Sendable {
  /// Where the rule begins.
  package var location: SourceLocation
  /// The match clauses in the order written; at least one.
  package var clauses: [Clause]
  package var reserve: ReserveAssignment
  /// The label for people.
  package var name: String?
  package var collateral: Collateral
  /// The verification patterns that the current master keys of the queues are to have.
  package var expectedKeys: [MasterKeyKind: GlobPattern] = [:]
  /// The rule as written, continued lines joined.
  package var text: String
  /// What diagnostics about the rule show of it.
  package var source: SourceExcerpt

  /// `RESERVE="..."` or `RESERVE:="..."`.
  package struct ReserveAssignment: Hashable, Sendable {
    package var value: Reserve
    /// Whether it was written `:=`, so that no later rule changes it.
    package var locks = false
  }
}

/// What is kept of a rule beside the rule files, as by the history: its place and label, and a hash of its text, which
/// shows whether the file still says the same there.
package struct RuleReference: Hashable, Sendable {
  /// The path as it was given.
  package var file: String
  package var line: Int
  package var label: String?
  /// The first 12 digits of the text's checksum; nil if it is not known.
  package var textHash: String?

  package init(file: String, line: Int, label: String? = nil, textHash: String? = nil) {
    self.file = file
    self.line = line
    self.label = label
    self.textHash = textHash
  }

  package init(_ rule: Rule) {
    self.init(
      file: rule.location.file, line: rule.location.line, label: rule.name, textHash: rule.textHash)
  }

  /// `file:line`, as a decision names its rule.
  package var fileAndLine: String { "\(file.printable):\(line)" }
}

extension Rule {
  /// The rule of a text like `text`, which was written at that place; nil for one with errors.
  package init?(text: String, file: String, line: Int, column: Int) {
    let location = SourceLocation(file: file, line: line, column: column)
    let bytes = Array(text.utf8)
    var parser = RuleParser(bytes, limit: 1)
    let source = SourceExcerpt(
      line: text.printableColumns, length: max(1, text.unicodeScalars.count))
    guard let rule = parser.parse(bytes.indices, at: location, source: source) else { return nil }
    self = rule
  }

  /// The first 12 digits of the checksum of its text.
  package var textHash: String {
    String(Hex.text(Checksum(text.utf8).value, digits: 16).prefix(12))
  }
}

extension Rule {
  /// The queues that its clauses name one by one.
  fileprivate var singlyNamed: [APQN] {
    clauses.flatMap { clause -> [APQN] in
      guard !clause.isNegated, clause.condition.key == .apqn,
        case .queues(let ranges) = clause.condition.pattern
      else { return [] }
      return ranges.compactMap(\.singleQueue)
    }
  }
}

extension Rule {
  /// Whether it matches only what the definition of a guest assigns.
  var namesGuests: Bool {
    clauses.contains { !$0.isNegated && $0.condition.key == .guest }
  }
}

/// One match clause of a rule: `DOMAIN!="4"`.
package struct Clause: Hashable, Sendable {
  package var condition: Condition
  /// Whether it was written `!=`. An unknown condition stays unknown then, too.
  package var isNegated: Bool
  /// The clause as written.
  package var text: String
}

/// The value of RESERVE: what a rule wants for the queues it matches.
package enum Reserve: String, Hashable, Sendable, CaseIterable {
  /// The queue is for guests: bound to `vfio_ap`.
  case vfioAP = "vfio_ap"
  /// The queue is never taken from the host, and is given back if apreserve reserved it.
  case host
  /// The queue stays where it is, and is given back if apreserve reserved it. A queue that no rule
  /// matches is unmanaged.
  case unmanaged
}

/// The value of COLLATERAL: whether a reservation may move unmanaged queues of type 10 and newer in
/// the row or column that its mask change clears.
package enum Collateral: String, Hashable, Sendable, CaseIterable {
  /// It may not; the default.
  case refuse
  /// It may, but never a queue requested for the host.
  case accept
}
