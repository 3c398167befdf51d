/// Cuts a logical line into clauses.
///
/// After an error it goes on behind the next comma, so that one line can report several. Every byte is
/// looked at a bounded number of times.
struct ClauseLexer {
  let bytes: [UInt8]
  var faults = FaultList()
  var position = 0
  private var isFirst = true
  /// The value of the match clause that was read last, with its quotes.
  private var lastMatchValue: Range<Int>?

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// The next clause without error, nil at the end of the line.
  mutating func next() -> RawClause? {
    while true {
      let hasComma = skipSeparators()
      guard position < bytes.count else { return nil }
      let needsComma = !isFirst && !hasComma
      isFirst = false
      if bytes[position] == UInt8(ascii: "#") {
        fault(
          .trailingComment, position..<bytes.count,
          "a comment must have a line of its own; move it above the rule")
        return nil
      }
      if let clause = clause(needsComma: needsComma) { return clause }
    }
  }

  private mutating func clause(needsComma: Bool) -> RawClause? {
    let start = position
    skip(while: Self.isKeyByte)
    guard position > start else { return unexpectedText() }
    let key = start..<position
    if let invisible = Fault(invisibleIn: bytes, key) {
      faults.append(invisible)
      recover()
      return nil
    }
    var attribute: Range<Int>?
    if peek == UInt8(ascii: "{") {
      guard let braces = readBraces(key) else { return nil }
      attribute = braces
    }
    skip(while: RuleFileParser.isBlank)
    let operationStart = position
    skip(while: Self.isOperatorByte)
    let operationRange = operationStart..<position
    guard !operationRange.isEmpty else {
      if needsComma {
        fault(.unexpectedText, key, "\(quoted(key)) is neither a comma nor a clause")
      } else {
        fault(
          .missingOperator, key,
          "\(quoted(key)) is followed by no operator; write a clause as KEY==\"value\"")
      }
      recover()
      return nil
    }
    if needsComma {
      fault(
        .missingComma, key, "a comma is missing before \(quoted(key))", [", " + text(key)])
    }
    guard let operation = RawClause.Operator(rawValue: text(operationRange)) else {
      fault(
        .unknownOperator, operationRange,
        "\(quoted(operationRange)) is no operator; the operators are ==, !=, = and :=",
        Self.likelyOperators[text(operationRange)].map { [$0] } ?? [])
      recover()
      return nil
    }
    skip(while: RuleFileParser.isBlank)
    lastMatchValue = nil
    guard let (value, ignoresCase) = readValue(after: operationRange) else { return nil }
    if operation == .equal || operation == .notEqual {
      lastMatchValue = value.lowerBound - 1..<position
    }
    return RawClause(
      key: key, attribute: attribute, operation: operation, operationRange: operationRange,
      ignoresCase: ignoresCase, value: value, range: start..<position)
  }

  private mutating func unexpectedText() -> RawClause? {
    let start = position
    if bytes[position] == UInt8(ascii: "\\") {
      fault(
        .blankAfterBackslash, position..<bytes.count,
        "a backslash continues a rule only as the last character of a line; remove what follows",
        ["\\"])
      position = bytes.count
      return nil
    }
    if bytes[position] == UInt8(ascii: "\""), let first = lastMatchValue {
      return strayValues(after: first)
    }
    recover()
    fault(
      .unexpectedText, start..<max(position, start + 1),
      "\(quoted(start..<max(position, start + 1))) is no clause; write KEY==\"value\"")
    position = max(position, start + 1)
    return nil
  }

  private mutating func readBraces(_ key: Range<Int>) -> Range<Int>? {
    let open = position
    position += 1
    let start = position
    skip { $0 != UInt8(ascii: "}") && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: ",") }
    guard peek == UInt8(ascii: "}") else {
      fault(
        .unclosedBrace, open..<open + 1,
        "the brace after \(quoted(key)) is not closed; write \(text(key)){attribute}")
      recover()
      return nil
    }
    position += 1
    return start..<position - 1
  }
}
