import APBus

/// Reads the value of one clause by the grammar of its key.
struct ValueReader: LineReading {
  let bytes: [UInt8]
  let clause: RawClause
  /// The name of the key.
  let name: String
  var diagnostics = LineDiagnostics()

  init(_ clause: RawClause, of name: String, in bytes: [UInt8]) {
    self.bytes = bytes
    self.clause = clause
    self.name = name
  }

  /// The value of a match clause, or nil, with `diagnostics` saying why.
  mutating func pattern(by grammar: ValueGrammar, attribute: String) -> ValuePattern? {
    switch grammar {
    case .numbers(let notation): numberRanges(in: notation).map(ValuePattern.numbers)
    case .queues: apqnRanges().map(ValuePattern.queues)
    case .words(let words, let noun, let unknown):
      alternatives(of: words, noun: noun, unknown: unknown).map(ValuePattern.words)
    case .globs(let grammar): globs(by: grammar, attribute: attribute).map(ValuePattern.globs)
    }
  }

  // MARK: - Assignments

  /// The one word of RESERVE or COLLATERAL.
  mutating func word<Word: RawRepresentable & CaseIterable>() -> Word?
  where Word.RawValue == String {
    let word = text(clause.value)
    if let value = Word(rawValue: word) { return value }
    let words = Word.allCases.map(\.rawValue)
    if clause.value.isEmpty {
      reportEmptyValue("\(name) has no value; write \(Self.list(words))")
    } else {
      report(
        .unknownValue, at: clause.value,
        "unknown value \(quoted(clause.value)) of \(name); write \(Self.list(words))",
        write: Self.synonyms[word.lowercased()].flatMap { words.contains($0) ? $0 : nil }
          ?? Spelling.nearest(to: word, among: words))
    }
    return nil
  }

  /// Words that people write for values of RESERVE and COLLATERAL.
  private static let synonyms = [
    "vfio": "vfio_ap", "vfioap": "vfio_ap", "guest": "vfio_ap", "guests": "vfio_ap",
    "kvm": "vfio_ap", "cex4queue": "host", "zcrypt": "host", "none": "unmanaged",
    "yes": "accept", "allow": "accept", "no": "refuse", "deny": "refuse", "reject": "refuse",
  ]

  /// The text of NAME.
  mutating func label() -> String? {
    guard !clause.value.isEmpty else {
      reportEmptyValue("NAME has no value; write a label, or remove NAME")
      return nil
    }
    return Self.unescaped(text(clause.value))
  }

  /// The text with `\"` read as a quote.
  private static func unescaped(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "\\")) else { return text }
    var result = String.UnicodeScalarView()
    var pending = false
    for scalar in text.unicodeScalars {
      if pending && scalar != "\"" { result.append("\\") }
      pending = scalar == "\\"
      if !pending { result.append(scalar) }
    }
    if pending { result.append("\\") }
    return String(result)
  }

  /// Words in quotes, the last joined by "or".
  private static func list(_ words: [String]) -> String {
    let quoted = words.map { "\"\($0)\"" }
    return quoted.dropLast().joined(separator: ", ") + " or " + (quoted.last ?? "")
  }
}

// MARK: - Alternatives

extension ValueReader {
  /// The parts between the bars of a value that has no globs. Nil, with a diagnostic, for an empty
  /// part, a comma or a blank.
  mutating func plainAlternatives() -> [Range<Int>]? {
    let value = bytes[clause.value]
    guard !value.isEmpty else {
      reportEmptyValue(
        "\(name) has no value; remove the clause, or write APQN==\"*\" if the rule applies to "
          + "every queue")
      return nil
    }
    if value.contains(where: { $0 == UInt8(ascii: ",") || ClauseLexer.isBlank($0) }) {
      reportSeparator(isComma: value.contains(UInt8(ascii: ",")))
      return nil
    }
    var result: [Range<Int>] = []
    var start = value.startIndex
    for index in value.indices where value[index] == UInt8(ascii: "|") {
      result.append(start..<index)
      start = index + 1
    }
    result.append(start..<value.endIndex)
    if let empty = result.first(where: \.isEmpty) {
      reportEmptyAlternative(empty)
      return nil
    }
    return result
  }

  /// The words of a list.
  private mutating func alternatives(
    of words: [String], noun: String, unknown: DiagnosticCode
  ) -> [String]? {
    guard let alternatives = plainAlternatives() else { return nil }
    let countBefore = diagnostics.count
    var found: [String] = []
    for range in alternatives {
      let word = text(range)
      let known = clause.ignoresCase ? word.lowercased() : word
      if words.contains(known) {
        if !found.contains(known) { found.append(known) }
        continue
      }
      report(
        unknown, at: range,
        "unknown \(noun) \(quoted(range)); the \(noun)s are \(words.joined(separator: ", "))",
        write: words.first { word.lowercased().hasPrefix($0) }
          ?? Spelling.nearest(to: word, among: words))
    }
    return diagnostics.count == countBefore ? found : nil
  }

  /// Reports a comma or a blank in the value.
  private mutating func reportSeparator(isComma: Bool) {
    let words = bytes[clause.value].split {
      $0 == UInt8(ascii: ",") || ClauseLexer.isBlank($0)
    }
    let parts = words.map { String(decoding: $0, as: UTF8.self) }
    if name == MatchKey.apqn.name, parts.map(\.utf8.count) == [2, 4] {
      report(
        .invalidAPQN, at: clause.value, "adapter and domain are separated by a dot",
        write: parts.joined(separator: "."))
      return
    }
    let corrected = parts.joined(separator: isComma ? "|" : "")
    let isLikely = !corrected.isEmpty && !corrected.contains("||") && !corrected.contains("[")
    report(
      isComma ? .commaInValue : .blankInValue, at: clause.value,
      isComma
        ? "alternatives are separated by |, not by a comma"
        : "the value of \(name) cannot have blanks",
      write: isLikely ? corrected : nil)
  }

  private mutating func reportEmptyAlternative(_ range: Range<Int>) {
    let bar = max(clause.value.lowerBound, range.lowerBound - 1)
    report(.emptyValue, at: bar..<bar + 1, "an alternative beside this | is empty; remove the |")
  }

  private mutating func reportEmptyValue(_ message: String) {
    report(
      .emptyValue, at: clause.value.lowerBound - 1..<clause.value.upperBound + 1, message)
  }
}

// MARK: - Globs

extension ValueReader {
  /// The globs of a value, divided by bars outside brackets.
  private mutating func globs(by grammar: GlobGrammar, attribute: String) -> GlobPattern? {
    if clause.value.isEmpty && !grammar.mayBeEmpty {
      reportEmptyValue("\(name) has no value; to match everything, remove the clause")
      return nil
    }
    var parser = GlobParser(bytes, in: clause.value, ignoresCase: clause.ignoresCase)
    parser.parse()
    diagnostics += parser.diagnostics
    guard parser.diagnostics.count == 0 else { return nil }
    guard !parser.hasComma, grammar.mayHaveBlanks || !parser.hasBlank else {
      reportSeparator(isComma: parser.hasComma)
      return nil
    }
    if let empty = parser.emptyAlternative, !grammar.mayBeEmpty {
      reportEmptyAlternative(empty)
      return nil
    }
    let countBefore = diagnostics.count
    for (glob, range) in zip(parser.globs, parser.ranges) {
      guard let impossible = grammar.check(glob, text(range), attribute) else { continue }
      switch impossible.fix {
      case .value(let value):
        report(impossible.code, at: range, impossible.sentence, write: value)
      case .clause(let key, let value):
        let isOnly = parser.globs.count == 1
        report(
          impossible.code, at: clause.range, impossible.sentence,
          write: isOnly ? value.map { "\(key)\(clause.operation.rawValue)\"\($0)\"" } : nil)
        return nil
      }
    }
    guard diagnostics.count == countBefore else { return nil }
    return GlobPattern(
      text: text(clause.value), ignoresCase: clause.ignoresCase, alternatives: parser.globs)
  }
}
