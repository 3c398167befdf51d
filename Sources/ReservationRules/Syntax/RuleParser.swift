import APBus

/// Reads one logical line as a rule.
struct RuleParser: LineReading {
  let bytes: [UInt8]
  var diagnostics: LineDiagnostics
  private var clauses: [Clause] = []
  /// The range of each of the clauses.
  private var ranges: [Range<Int>] = []
  private var assignments = AssignmentKey.Assignments()
  private var locks = false
  /// The range of each assignment, by its key, with the name in braces.
  private var assignmentRanges: [String: Range<Int>] = [:]

  /// A reader of one line that keeps at most so many diagnostics.
  init(_ bytes: [UInt8], limit: Int) {
    self.bytes = bytes
    diagnostics = LineDiagnostics(limit: limit)
  }

  /// The rule, or nil, with `diagnostics` saying why. It is between blanks and commas in the range
  /// `content` of the line; `location` and `source` say where that begins and what to show of it.
  mutating func parse(
    _ content: Range<Int>, at location: SourceLocation, source: SourceExcerpt
  ) -> Rule? {
    var lexer = ClauseLexer(bytes)
    while let clause = lexer.next() { read(clause) }
    diagnostics += lexer.diagnostics
    checkAssignments(content, isWhole: lexer.diagnostics.count == 0)
    checkClauses()
    checkReach()
    guard !diagnostics.hasErrors, let reserve = assignments.reserve else { return nil }
    return Rule(
      location: location, clauses: clauses,
      reserve: Rule.ReserveAssignment(value: reserve, locks: locks), name: assignments.name,
      collateral: assignments.collateral ?? .refuse, expectedKeys: assignments.expectedKeys,
      text: text(content), source: source)
  }

  private mutating func read(_ clause: RawClause) {
    switch key(of: clause) {
    case .match(let key)?: readMatch(clause, of: key)
    case .assignment(let key)?: readAssignment(clause, of: key)
    case nil: break
    }
  }

  private mutating func readMatch(_ clause: RawClause, of key: MatchKey) {
    guard let attribute = attribute(of: clause, among: key.attributes, name: key.name) else {
      return
    }
    switch clause.operation {
    case .equal, .notEqual: break
    case .assign, .assignFinally:
      report(
        .assignmentOfMatchKey, at: clause.operationRange,
        "\(key.name) can only be matched, not assigned; use == or !=", write: "==")
    case .add, .remove: refuseListOperator(of: clause, instead: "==")
    }
    if let invisible = LineDiagnostic(invisibleIn: clause.value, of: bytes) {
      diagnostics.append(invisible)
      return
    }
    var reader = ValueReader(clause, of: key.name, in: bytes)
    let pattern = reader.pattern(by: key.grammar, attribute: attribute)
    diagnostics += reader.diagnostics
    guard let pattern else { return }
    clauses.append(
      Clause(
        condition: Condition(key, attribute: attribute, pattern),
        isNegated: clause.operation == .notEqual, text: text(clause.range)))
    ranges.append(clause.range)
  }

  private mutating func readAssignment(_ clause: RawClause, of key: AssignmentKey) {
    guard let attribute = attribute(of: clause, among: key.attributes, name: key.name) else {
      return
    }
    switch clause.operation {
    case .assign: break
    case .assignFinally where key.canLock: locks = true
    case .assignFinally:
      report(
        .lockOnlyReserve, at: clause.operationRange,
        "\(key.name) comes from the rule that decides RESERVE; to lock it, write RESERVE:=",
        write: "=")
    case .equal, .notEqual:
      report(
        .matchOfAssignmentKey, at: clause.operationRange,
        "\(key.name) can only be assigned, not matched; use =", write: "=")
    case .add, .remove: refuseListOperator(of: clause, instead: "=")
    }
    if clause.ignoresCase {
      report(
        .ignoredCaseInAssignment, at: clause.value.lowerBound - 2..<clause.value.lowerBound - 1,
        "only a match can ignore case; remove the i")
    }
    let name = attribute.isEmpty ? key.name : "\(key.name){\(attribute)}"
    if assignmentRanges.updateValue(clause.range, forKey: name) != nil {
      report(.duplicateAssignment, at: clause.range, "\(name) is assigned twice in one rule")
    }
    var reader = ValueReader(clause, of: key.name, in: bytes)
    key.read(&reader, attribute, &assignments)
    diagnostics += reader.diagnostics
  }

  private mutating func refuseListOperator(of clause: RawClause, instead: String) {
    report(
      .refusedOperator, at: clause.operationRange,
      "\(clause.operation.rawValue) is for lists, but \(text(clause.key)) has one value; "
        + "use \(instead)", write: instead)
  }
}

// MARK: - The rule as a whole

extension RuleParser {
  /// The codes of words that may be a misspelt RESERVE.
  private static let unread: Set<DiagnosticCode> = [
    .unknownKey, .keyCase, .refusedKey,
  ]

  /// Looks for a missing RESERVE. It may be in a part of the line that could not be read.
  private mutating func checkAssignments(_ range: Range<Int>, isWhole: Bool) {
    if let place = assignmentRanges[AssignmentKey.collateral.name] {
      if let reserve = assignments.reserve, reserve != .vfioAP {
        report(
          .collateralWithoutReservation, at: place,
          "COLLATERAL is only allowed with RESERVE=\"vfio_ap\"; remove it")
      } else if assignmentRanges[AssignmentKey.reserve.name] == nil {
        report(
          .collateralWithoutReservation, at: place,
          "COLLATERAL without a reservation does nothing; add RESERVE=\"vfio_ap\", or remove it")
      }
    } else if assignmentRanges[AssignmentKey.reserve.name] == nil, isWhole,
      !diagnostics.contains(Self.unread)
    {
      report(
        .ruleWithoutReserve, at: range,
        "the rule decides nothing; add RESERVE=\"vfio_ap\", \"host\" or \"unmanaged\"")
    }
  }

  /// Looks for a rule that matches every queue because it names none: a file that is still being
  /// written has such lines. What has other errors may have lost its clauses to them.
  private mutating func checkReach() {
    guard clauses.isEmpty, !diagnostics.hasErrors,
      let place = assignmentRanges[AssignmentKey.reserve.name]
    else { return }
    report(
      .ruleWithoutMatch, at: place,
      "the rule has no match clause; name the queues it applies to, or write APQN==\"*\" if it "
        + "applies to every queue", write: "APQN==\"*\", " + text(place))
  }

  /// Looks for clauses that contradict each other, or are written twice.
  private mutating func checkClauses() {
    var texts: Set<String> = []
    if let index = clauses.firstIndex(where: { !texts.insert($0.text).inserted }) {
      report(
        .duplicateClause, at: ranges[index],
        "\(clauses[index].text.excerpt) is in this rule twice; remove one of them"
      )
    }
    for conflict in ClauseConflict.all(in: clauses) {
      let (code, sentence) = conflict.message(in: clauses)
      report(code, at: ranges[conflict.index], sentence)
    }
  }
}

// MARK: - Words before the operator

extension RuleParser {
  private mutating func key(of clause: RawClause) -> Key? {
    let word = text(clause.key)
    if let key = Key(name: word) { return key }
    let upperCase = word.uppercased()
    if let refused = RefusedWord.key(upperCase, attribute: clause.attribute.map(text)) {
      report(.refusedKey, at: clause.keyRange, refused.reason, write: refused.fix)
    } else if Key(name: upperCase) != nil {
      report(.keyCase, at: clause.key, "keys are written in capital letters", write: upperCase)
    } else if !diagnostics.isFull, let nearest = Spelling.nearest(to: word, among: Key.names) {
      report(
        .unknownKey, at: clause.key,
        "unknown key \(quoted(clause.key)); did you mean \"\(nearest)\"?", write: nearest)
    } else {
      report(
        .unknownKey, at: clause.key,
        "unknown key \(quoted(clause.key)); the keys are " + Key.names.joined(separator: ", "))
    }
    return nil
  }

  /// The name in braces, empty for a key that takes none; nil, with a diagnostic, if it is not one that
  /// the key takes.
  private mutating func attribute(
    of clause: RawClause, among attributes: MatchKey.Attributes?, name: String
  ) -> String? {
    guard let attributes else {
      guard clause.attribute != nil else { return "" }
      report(.unexpectedAttribute, at: clause.keyRange, "\(name) takes no attribute", write: name)
      return nil
    }
    if attributes.isOptional, clause.attribute == nil { return "" }
    let list = attributes.names.joined(separator: ", ")
    guard let range = clause.attribute, !range.isEmpty else {
      report(
        .missingAttribute, at: clause.keyRange,
        "\(name) needs an attribute in braces, one of \(list)")
      return nil
    }
    let word = text(range)
    if attributes.names.contains(word) { return word }
    if let refused = attributes.refusal(word) {
      report(.refusedAttribute, at: clause.keyRange, refused.reason, write: refused.fix)
    } else {
      report(
        .unknownAttribute, at: range,
        "unknown attribute \(quoted(range)) of \(name); the attributes are \(list)",
        write: Spelling.nearest(to: word, among: attributes.names))
    }
    return nil
  }
}
