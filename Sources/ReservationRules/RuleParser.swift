import APBus

/// Reads one logical line as a rule.
struct RuleParser {
  private(set) var faults: FaultList
  private let bytes: [UInt8]
  private var clauses: [PlacedClause] = []
  private var reserve: Rule.ReserveAssignment?
  private var name: String?
  private var collateral: Collateral?
  /// Where each assignment stands.
  private var assignments: [Key: Range<Int>] = [:]

  /// A reader of one line that keeps at most so many faults.
  init(_ bytes: [UInt8], mostFaults: Int) {
    self.bytes = bytes
    faults = FaultList(limit: mostFaults)
  }

  /// The rule, or nil, with `faults` saying why. Only blanks and commas are no rule and no fault.
  mutating func parse() -> ParsedRule? {
    var lexer = ClauseLexer(bytes)
    while let clause = lexer.next() { read(clause) }
    faults += lexer.faults
    guard let range = contentRange else { return nil }
    checkAssignments(range, isWhole: lexer.faults.count == 0)
    checkClauses()
    checkReach()
    guard !faults.hasErrors, let reserve else { return nil }
    return ParsedRule(
      range: range, clauses: clauses.map(\.clause), reserve: reserve, name: name,
      collateral: collateral ?? .refuse, text: text(range))
  }

  private var contentRange: Range<Int>? {
    func isContent(_ byte: UInt8) -> Bool {
      !RuleFileParser.isBlank(byte) && byte != UInt8(ascii: ",")
    }
    guard let first = bytes.firstIndex(where: isContent),
      let last = bytes.lastIndex(where: isContent)
    else { return nil }
    return first..<last + 1
  }

  private mutating func read(_ clause: RawClause) {
    guard let key = key(of: clause) else { return }
    if clause.attribute != nil, key != .card {
      fault(
        .unexpectedAttribute, clause.keyRange, "\(key.rawValue) has no attributes",
        [key.rawValue])
      return
    }
    if key.isAssignment {
      readAssignment(key, clause)
    } else {
      readMatch(key, clause)
    }
  }

  private mutating func readMatch(_ key: Key, _ clause: RawClause) {
    switch clause.operation {
    case .equal, .notEqual: break
    case .assign, .assignFinally:
      fault(
        .assignmentOfMatchKey, clause.operationRange,
        "\(key.rawValue) can only be matched, not assigned; use == or !=", ["=="])
    case .add, .remove: refuseListOperator(clause, instead: "==")
    }
    var attribute = ""
    if key == .card {
      guard let name = cardAttribute(of: clause) else { return }
      attribute = name
    }
    if let invisible = Fault(invisibleIn: bytes, clause.value) {
      faults.append(invisible)
      return
    }
    var reader = ValueReader(bytes, clause, key, attribute: attribute)
    let condition = reader.condition()
    faults += reader.faults
    guard let condition else { return }
    let isNegated = clause.operation == .notEqual
    clauses.append(
      PlacedClause(
        key: key,
        clause: Clause(condition, isNegated: isNegated, text: text(clause.range)),
        range: clause.range))
  }

  private mutating func readAssignment(_ key: Key, _ clause: RawClause) {
    switch clause.operation {
    case .assign: break
    case .assignFinally where key == .reserve: break
    case .assignFinally:
      fault(
        .lockOnlyReserve, clause.operationRange,
        "\(key.rawValue) goes with the rule that wins RESERVE; to lock it write RESERVE:=", ["="])
    case .equal, .notEqual:
      fault(
        .matchOfAssignmentKey, clause.operationRange,
        "\(key.rawValue) can only be assigned, not matched; use =", ["="])
    case .add, .remove: refuseListOperator(clause, instead: "=")
    }
    if clause.ignoresCase {
      let prefix = clause.value.lowerBound - 2..<clause.value.lowerBound - 1
      fault(
        .ignoredCaseInAssignment, prefix, "case can be ignored only in a match; leave out the i")
    }
    if assignments.updateValue(clause.range, forKey: key) != nil {
      fault(.duplicateAssignment, clause.range, "\(key.rawValue) is assigned twice in one rule")
    }
    var reader = ValueReader(bytes, clause, key)
    switch key {
    case .reserve:
      if let value: Reserve = reader.word() {
        reserve = Rule.ReserveAssignment(value, locks: clause.operation == .assignFinally)
      }
    case .collateral: collateral = reader.word()
    default: name = reader.label()
    }
    faults += reader.faults
  }

  private mutating func refuseListOperator(_ clause: RawClause, instead: String) {
    fault(
      .refusedOperator, clause.operationRange,
      "\(clause.operation.rawValue) is for lists, and \(text(clause.key)) has one value; "
        + "use \(instead)", [instead])
  }

  private func text(_ range: Range<Int>) -> String {
    String(decoding: bytes[range], as: UTF8.self)
  }

  private mutating func fault(
    _ code: DiagnosticCode, _ range: Range<Int>, _ message: String, _ fixes: [String] = []
  ) {
    faults.append(Fault(code: code, range: range, message: message, fixes: fixes))
  }
}

// MARK: - The rule as a whole

extension RuleParser {
  /// What is said of words that may be a misspelt RESERVE.
  private static let unread: Set<DiagnosticCode> = [
    .unknownKey, .keyCase, .refusedKey,
  ]

  /// Looks for a missing RESERVE. Where a part of the line could not be read it may be there.
  private mutating func checkAssignments(_ range: Range<Int>, isWhole: Bool) {
    if let place = assignments[.collateral] {
      if let reserve, reserve.value != .vfioAP {
        fault(
          .collateralWithoutReservation, place,
          "COLLATERAL has a meaning only with RESERVE=\"vfio_ap\"; leave it out")
      } else if assignments[.reserve] == nil {
        fault(
          .collateralWithoutReservation, place,
          "COLLATERAL without a reservation does nothing; add RESERVE=\"vfio_ap\", or leave it out")
      }
    } else if assignments[.reserve] == nil, isWhole, !faults.contains(Self.unread) {
      fault(
        .ruleWithoutReserve, range,
        "the rule decides nothing; add RESERVE=\"vfio_ap\", \"host\" or \"unmanaged\"")
    }
  }

  /// Looks for a rule that reaches every queue because it names none: a file that is still being
  /// written has such lines. What has other errors may have lost its clauses to them.
  private mutating func checkReach() {
    guard clauses.isEmpty, !faults.hasErrors, let place = assignments[.reserve] else { return }
    fault(
      .ruleWithoutMatch, place,
      "the rule has no match clause; name the queues it is for, or write APQN==\"*\" if it is for "
        + "every queue", ["APQN==\"*\", " + text(place)])
  }

  /// Looks for clauses that contradict each other or say the same twice.
  private mutating func checkClauses() {
    var texts: Set<String> = []
    if let place = clauses.first(where: { !texts.insert($0.clause.text).inserted }) {
      fault(
        .duplicateClause, place.range,
        "\(place.quoted) stands in this rule already; leave one of them out")
    }
    for conflict in ClauseConflict.all(in: clauses) { faults.append(conflict.fault) }
  }
}

// MARK: - Words before the operator

extension RuleParser {
  private mutating func key(of clause: RawClause) -> Key? {
    let word = text(clause.key)
    if let key = Key(rawValue: word) { return key }
    let upperCase = word.uppercased()
    let attribute = clause.attribute.map(text)
    if let refused = RefusedWord.key(upperCase, attribute: attribute) {
      fault(.refusedKey, clause.keyRange, refused.reason, refused.fix.map { [$0] } ?? [])
    } else if Key(rawValue: upperCase) != nil {
      fault(.keyCase, clause.key, "keys are written in capitals", [upperCase])
    } else if !faults.isFull,
      let nearest = Spelling.nearest(to: word, among: Key.allCases.map(\.rawValue))
    {
      fault(.unknownKey, clause.key, "\(Printable.quoted(word)) is no key", [nearest])
    } else {
      fault(
        .unknownKey, clause.key,
        "\(Printable.quoted(word)) is no key; the keys are "
          + Key.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return nil
  }

  private mutating func cardAttribute(of clause: RawClause) -> String? {
    let attributes = Card.ruleAttributes
    guard let range = clause.attribute, !range.isEmpty else {
      fault(
        .missingAttribute, clause.keyRange,
        "CARD needs an attribute in braces: " + attributes.joined(separator: ", "))
      return nil
    }
    let word = text(range)
    if attributes.contains(word) { return word }
    if let refused = RefusedWord.cardAttribute(word) {
      fault(.refusedAttribute, clause.keyRange, refused.reason, refused.fix.map { [$0] } ?? [])
    } else {
      fault(
        .unknownAttribute, range,
        "\(Printable.quoted(word)) is no attribute that rules can ask of a card; those are "
          + attributes.joined(separator: ", "),
        Spelling.nearest(to: word, among: attributes).map { [$0] } ?? [])
    }
    return nil
  }
}
