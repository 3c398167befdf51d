/// Reads the value of one clause by the grammar of its key.
struct ValueReader {
  let bytes: [UInt8]
  let clause: RawClause
  let key: Key
  /// What stands in the braces behind CARD.
  let attribute: String
  var faults = FaultList()

  init(_ bytes: [UInt8], _ clause: RawClause, _ key: Key, attribute: String = "") {
    self.bytes = bytes
    self.clause = clause
    self.key = key
    self.attribute = attribute
  }

  /// The condition of a match clause, or nil, with `faults` saying why.
  mutating func condition() -> Condition? {
    switch key {
    case .apqn: apqnRanges().map(Condition.apqn)
    case .adapter: numberRanges().map(Condition.adapter)
    case .domain: numberRanges().map(Condition.domain)
    case .hardwareType: numberRanges().map(Condition.hardwareType)
    case .mode: modes().map(Condition.mode)
    case .type: globs().map(Condition.type)
    case .kernel: queueNameGlobs().map(Condition.kernel)
    case .card: globs().map { Condition.card(attribute: attribute, $0) }
    case .host: globs().map(Condition.host)
    case .lpar: globs().map(Condition.lpar)
    case .reserve, .name, .collateral: nil
    }
  }

  /// The one word of RESERVE or COLLATERAL.
  mutating func word<Word: RawRepresentable & CaseIterable>() -> Word?
  where Word.RawValue == String {
    let word = text(clause.value)
    if let value = Word(rawValue: word) { return value }
    let words = Word.allCases.map(\.rawValue)
    if clause.value.isEmpty {
      emptyValue("\(key.rawValue) has no value; write \(Self.list(words))")
    } else {
      fault(
        .unknownValue, clause.value,
        "\(Printable.quoted(word)) is no value of \(key.rawValue); write \(Self.list(words))",
        (Self.synonyms[word.lowercased()].flatMap { words.contains($0) ? $0 : nil }
          ?? Spelling.nearest(to: word, among: words)).map { [$0] } ?? [])
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
      emptyValue("NAME is empty; write a label or leave NAME out")
      return nil
    }
    return Self.unescaped(text(clause.value))
  }

  /// Words in quotes, the last joined by "or".
  static func list(_ words: [String]) -> String {
    let quoted = words.map { "\"\($0)\"" }
    return quoted.dropLast().joined(separator: ", ") + " or " + (quoted.last ?? "")
  }

  /// The text with `\"` read as a quote.
  static func unescaped(_ text: String) -> String {
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
}

// MARK: - Alternatives

extension ValueReader {
  /// The parts between the bars of a value that has no globs. Nil, with a fault, for an empty part, a
  /// comma or a blank.
  mutating func plainAlternatives() -> [Range<Int>]? {
    let value = bytes[clause.value]
    guard !value.isEmpty else {
      emptyValue(
        "\(key.rawValue) has no value; leave the clause out, or write APQN==\"*\" if the rule is for "
          + "every queue")
      return nil
    }
    if value.contains(where: { $0 == UInt8(ascii: ",") || RuleFileParser.isBlank($0) }) {
      separatorInValue(hasComma: value.contains(UInt8(ascii: ",")))
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
      emptyAlternative(empty)
      return nil
    }
    return result
  }

  /// Says of a comma or a blank in the value what to write instead.
  mutating func separatorInValue(hasComma: Bool) {
    let words = bytes[clause.value].split {
      $0 == UInt8(ascii: ",") || RuleFileParser.isBlank($0)
    }
    let parts = words.map { String(decoding: $0, as: UTF8.self) }
    if key == .apqn, parts.map(\.utf8.count) == [2, 4] {
      fault(
        .invalidAPQN, clause.value, "between adapter and domain stands a dot",
        [parts.joined(separator: ".")])
      return
    }
    let corrected = parts.joined(separator: hasComma ? "|" : "")
    let isLikely = !corrected.isEmpty && !corrected.contains("||") && !corrected.contains("[")
    fault(
      hasComma ? .commaInValue : .blankInValue, clause.value,
      hasComma
        ? "alternatives are divided by |, not by a comma"
        : "the value of \(key.rawValue) has no blanks",
      isLikely ? [corrected] : [])
  }

  mutating func emptyAlternative(_ range: Range<Int>) {
    let bar = max(clause.value.lowerBound, range.lowerBound - 1)
    fault(.emptyValue, bar..<bar + 1, "there is nothing beside this |; leave it out")
  }

  mutating func emptyValue(_ message: String) {
    fault(
      .emptyValue, clause.value.lowerBound - 1..<clause.value.upperBound + 1, message)
  }

  func text(_ range: Range<Int>) -> String {
    String(decoding: bytes[range], as: UTF8.self)
  }

  mutating func fault(
    _ code: DiagnosticCode, _ range: Range<Int>, _ message: String, _ fixes: [String] = []
  ) {
    faults.append(Fault(code: code, range: range, message: message, fixes: fixes))
  }
}
