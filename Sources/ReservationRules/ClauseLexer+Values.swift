extension ClauseLexer {
  /// Reads the value in quotes.
  mutating func readValue(
    after operation: Range<Int>
  ) -> (value: Range<Int>, ignoresCase: Bool)? {
    guard let first = peek, first != UInt8(ascii: ",") else {
      fault(
        .missingValue, operation,
        "\(quoted(operation)) is followed by no value; write the value in quotes")
      return nil
    }
    let prefix = position
    skip { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: ",") && !RuleFileParser.isBlank($0) }
    guard peek == UInt8(ascii: "\"") else {
      position = prefix
      return unquotedValue()
    }
    let prefixText = text(prefix..<position)
    guard prefixText.isEmpty || prefixText == "i" else {
      fault(
        .unknownPrefix, prefix..<position,
        "\(quoted(prefix..<position)) before the quote has no meaning; only i, to ignore case, has")
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
        return hasSwallowedClause(value) ? unclosedQuote(quote, value) : value
      case UInt8(ascii: "\\") where position + 1 < bytes.count:
        position += 1
        if bytes[position] != UInt8(ascii: "\"") {
          fault(
            .unknownEscape, position - 1..<position,
            "a backslash in a value stands only before a quote; "
              + "for a character that has a meaning in globs write it in brackets, as [*]")
          continue
        }
        position += 1
      default: position += 1
      }
    }
    return unclosedQuote(quote, quote + 1..<position)
  }

  /// Whether the value ends as an assignment does and its closing quote is followed by more text: then
  /// that quote opened the next value, and the one for this is missing.
  private func hasSwallowedClause(_ value: Range<Int>) -> Bool {
    guard let next = peek, next != UInt8(ascii: ","), !RuleFileParser.isBlank(next) else {
      return false
    }
    return bytes[value].last == UInt8(ascii: "=")
  }

  private mutating func unclosedQuote(_ quote: Int, _ value: Range<Int>) -> Range<Int>? {
    let comma = bytes[value].firstIndex(of: UInt8(ascii: ","))
    fault(
      .unclosedQuote, quote..<(comma ?? quote + 1), "the quote that begins here is not closed",
      comma.map { [text(quote..<$0) + "\""] } ?? [])
    position = bytes.count
    return nil
  }

  private mutating func unquotedValue() -> (value: Range<Int>, ignoresCase: Bool)? {
    let start = position
    skip { $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "\"") }
    var end = position
    while end > start, RuleFileParser.isBlank(bytes[end - 1]) { end -= 1 }
    let quotes: Set<Unicode.Scalar> = [
      "'", "\u{201c}", "\u{201d}", "\u{201e}", "\u{2018}", "\u{2019}",
    ]
    var scalars = text(start..<end).unicodeScalars[...]
    while let first = scalars.first, quotes.contains(first) { scalars.removeFirst() }
    while let last = scalars.last, quotes.contains(last) { scalars.removeLast() }
    fault(
      .missingQuote, start..<end, "the value \(quoted(start..<end)) must stand in straight quotes",
      ["\"" + String(scalars) + "\""])
    recover()
    return nil
  }

  /// Values without a key behind a match clause: `ADAPTER=="5", "6"`.
  mutating func strayValues(after first: Range<Int>) -> RawClause? {
    var alternatives = [text(first.lowerBound + 1..<first.upperBound - 1)]
    var end = position
    while peek == UInt8(ascii: "\"") {
      guard let value = quotedValue() else { return nil }
      if alternatives.count < FaultList.limit { alternatives.append(text(value)) }
      end = position
      _ = skipSeparators()
    }
    position = end
    fault(
      .commaInValue, first.lowerBound..<end,
      "alternatives stand in one pair of quotes, divided by |",
      ["\"" + alternatives.joined(separator: "|") + "\""])
    return nil
  }
}
