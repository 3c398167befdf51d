/// Cuts a logical line into clauses.
///
/// After an error it continues after the next comma, so that one line can have several errors. Every
/// byte is read a bounded number of times.
struct ClauseLexer: LineReading {
  let bytes: [UInt8]
  var diagnostics = LineDiagnostics()
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
        report(
          .trailingComment, at: position..<bytes.count,
          "a comment must be on a line of its own; move it above the rule")
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
    if let invisible = LineDiagnostic(invisibleIn: key, of: bytes) {
      diagnostics.append(invisible)
      recover()
      return nil
    }
    var attribute: Range<Int>?
    if peek == UInt8(ascii: "{") {
      guard let braces = readBraces(key) else { return nil }
      attribute = braces
    }
    skip(while: Self.isBlank)
    let operationStart = position
    skip(while: Self.isOperatorByte)
    let operationRange = operationStart..<position
    guard !operationRange.isEmpty else {
      if needsComma {
        report(.unexpectedText, at: key, "\(quoted(key)) is neither a comma nor a clause")
      } else {
        report(
          .missingOperator, at: key,
          "\(quoted(key)) is not followed by an operator; write a clause as KEY==\"value\"")
      }
      recover()
      return nil
    }
    if needsComma {
      report(
        .missingComma, at: key, "missing comma before \(quoted(key))", write: ", " + text(key))
    }
    guard let operation = RawClause.Operator(rawValue: text(operationRange)) else {
      report(
        .unknownOperator, at: operationRange,
        "unknown operator \(quoted(operationRange)); the operators are ==, !=, = and :=",
        write: Self.likelyOperators[text(operationRange)])
      recover()
      return nil
    }
    skip(while: Self.isBlank)
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
      report(
        .blankAfterBackslash, at: position..<bytes.count,
        "a backslash continues a rule only as the last character of a line; remove what follows it",
        write: "\\")
      position = bytes.count
      return nil
    }
    if bytes[position] == UInt8(ascii: "\""), let first = lastMatchValue {
      return strayValues(after: first)
    }
    recover()
    report(
      .unexpectedText, at: start..<max(position, start + 1),
      "\(quoted(start..<max(position, start + 1))) is not a clause; write KEY==\"value\"")
    position = max(position, start + 1)
    return nil
  }

  private mutating func readBraces(_ key: Range<Int>) -> Range<Int>? {
    let open = position
    position += 1
    let start = position
    skip { $0 != UInt8(ascii: "}") && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: ",") }
    guard peek == UInt8(ascii: "}") else {
      report(
        .unclosedBrace, at: open..<open + 1,
        "missing closing brace after \(quoted(key)); write \(text(key)){attribute}")
      recover()
      return nil
    }
    position += 1
    return start..<position - 1
  }
}

/// One `KEY{attribute} operator "value"` as ranges of a logical line, its words not checked yet.
struct RawClause {
  /// The operators that the lexer knows; udev's, some of them only to be refused.
  enum Operator: String {
    case equal = "=="
    case notEqual = "!="
    case assign = "="
    case assignFinally = ":="
    case add = "+="
    case remove = "-="
  }

  var key: Range<Int>
  /// The text between the braces.
  var attribute: Range<Int>?
  var operation: Operator
  var operationRange: Range<Int>
  /// Whether the quote is preceded by `i`.
  var ignoresCase: Bool
  /// The text between the quotes.
  var value: Range<Int>
  /// From the key to the closing quote.
  var range: Range<Int>

  /// The key with its attribute.
  var keyRange: Range<Int> {
    key.lowerBound..<(attribute.map { $0.upperBound + 1 } ?? key.upperBound)
  }
}

extension ClauseLexer {
  mutating func readValue(
    after operation: Range<Int>
  ) -> (value: Range<Int>, ignoresCase: Bool)? {
    guard let first = peek, first != UInt8(ascii: ",") else {
      report(
        .missingValue, at: operation,
        "\(quoted(operation)) is not followed by a value; write a value in quotes")
      return nil
    }
    let prefix = position
    skip { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: ",") && !Self.isBlank($0) }
    guard peek == UInt8(ascii: "\"") else {
      position = prefix
      return unquotedValue()
    }
    let prefixText = text(prefix..<position)
    guard prefixText.isEmpty || prefixText == "i" else {
      report(
        .unknownPrefix, at: prefix..<position,
        "unknown prefix \(quoted(prefix..<position)) of the value; the only prefix is i, to ignore case"
      )
      _ = quotedValue()
      return nil
    }
    return quotedValue().map { ($0, prefixText == "i") }
  }

  mutating func quotedValue() -> Range<Int>? {
    let quote = position
    position += 1
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        position += 1
        let value = quote + 1..<position - 1
        return hasSwallowedClause(value) ? unclosedQuote(quote, value: value) : value
      case UInt8(ascii: "\\") where position + 1 < bytes.count:
        position += 1
        if bytes[position] != UInt8(ascii: "\"") {
          report(
            .unknownEscape, at: position - 1..<position,
            "a backslash in a value is only allowed before a quote; "
              + "to match a special character of globs, write it in brackets, as in [*]")
          continue
        }
        position += 1
      default: position += 1
      }
    }
    return unclosedQuote(quote, value: quote + 1..<position)
  }

  /// Whether the value ends as an assignment does and its closing quote is followed by more text: then
  /// that quote opened the next value, and the one for this is missing.
  private func hasSwallowedClause(_ value: Range<Int>) -> Bool {
    guard let next = peek, next != UInt8(ascii: ","), !Self.isBlank(next) else {
      return false
    }
    return bytes[value].last == UInt8(ascii: "=")
  }

  private mutating func unclosedQuote(_ quote: Int, value: Range<Int>) -> Range<Int>? {
    let comma = bytes[value].firstIndex(of: UInt8(ascii: ","))
    report(
      .unclosedQuote, at: quote..<(comma ?? quote + 1), "this quote is not closed",
      write: comma.map { [text(quote..<$0) + "\""] } ?? [])
    position = bytes.count
    return nil
  }

  private mutating func unquotedValue() -> (value: Range<Int>, ignoresCase: Bool)? {
    let start = position
    skip { $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "\"") }
    var end = position
    while end > start, Self.isBlank(bytes[end - 1]) { end -= 1 }
    let quotes: Set<Unicode.Scalar> = [
      "'", "\u{201c}", "\u{201d}", "\u{201e}", "\u{2018}", "\u{2019}",
    ]
    var scalars = text(start..<end).unicodeScalars[...]
    while let first = scalars.first, quotes.contains(first) { scalars.removeFirst() }
    while let last = scalars.last, quotes.contains(last) { scalars.removeLast() }
    report(
      .missingQuote, at: start..<end,
      "the value \(quoted(start..<end)) must be in straight double quotes",
      write: "\"" + String(scalars) + "\"")
    recover()
    return nil
  }

  /// Values without a key after a match clause: `ADAPTER=="5", "6"`.
  mutating func strayValues(after first: Range<Int>) -> RawClause? {
    var alternatives = [text(first.lowerBound + 1..<first.upperBound - 1)]
    var end = position
    while peek == UInt8(ascii: "\"") {
      guard let value = quotedValue() else { return nil }
      if alternatives.count < LineDiagnostics.limit { alternatives.append(text(value)) }
      end = position
      _ = skipSeparators()
    }
    position = end
    report(
      .commaInValue, at: first.lowerBound..<end,
      "alternatives are written in one pair of quotes, separated by |",
      write: "\"" + alternatives.joined(separator: "|") + "\"")
    return nil
  }
}

extension ClauseLexer {
  static let likelyOperators = [
    "===": "==", "=!": "!=", "=:": ":=", ":": ":=", "::=": ":=", ":==": ":=", "!": "!=",
    "!==": "!=", "<>": "!=", "~": "==", "=~": "==", "~=": "==",
  ]

  var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// Skips blanks and commas; whether a comma was among them.
  mutating func skipSeparators() -> Bool {
    var hasComma = false
    skip {
      if $0 == UInt8(ascii: ",") {
        hasComma = true
        return true
      }
      return Self.isBlank($0)
    }
    return hasComma
  }

  mutating func skip(while condition: (UInt8) -> Bool) {
    while position < bytes.count, condition(bytes[position]) { position += 1 }
  }

  /// Goes to the next comma that is not between quotes.
  mutating func recover() {
    var isQuoted = false
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""): isQuoted.toggle()
      case UInt8(ascii: "\\") where isQuoted && position + 1 < bytes.count: position += 1
      case UInt8(ascii: ",") where !isQuoted: return
      default: break
      }
      position += 1
    }
  }

  static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }

  static func isKeyByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."),
      UInt8(ascii: "$"), 0x80...:
      true
    default: false
    }
  }

  static func isOperatorByte(_ byte: UInt8) -> Bool {
    "=!:+-<>~&^%/*?".utf8.contains(byte)
  }
}
