import APBus

extension ValueReader {
  /// The modes of MODE.
  mutating func modes() -> [QueueMode]? {
    guard let alternatives = plainAlternatives() else { return nil }
    let faultsBefore = faults.count
    var modes: [QueueMode] = []
    for range in alternatives {
      let word = text(range)
      if let mode = QueueMode(rawValue: clause.ignoresCase ? word.lowercased() : word) {
        if !modes.contains(mode) { modes.append(mode) }
        continue
      }
      let words = QueueMode.allCases.map(\.rawValue)
      let nearest =
        words.first { word.lowercased().hasPrefix($0) } ?? Spelling.nearest(to: word, among: words)
      fault(
        .unknownMode, range,
        "\(Printable.quoted(word)) is no mode; the modes are \(Self.list(words))",
        nearest.map { [$0] } ?? [])
    }
    return faults.count == faultsBefore ? modes : nil
  }

  /// The globs of KERNEL, which is about queues only.
  mutating func queueNameGlobs() -> GlobPattern? {
    guard let pattern = globs() else { return nil }
    for glob in pattern.alternatives where Self.isCardGlob(glob) {
      let digits = glob.literalPrefix.dropFirst(4).compactMap { UInt8(exactly: $0) }
      let number =
        digits.count == 2 && glob.elements.count == 6
        ? Self.number(String(decoding: digits, as: UTF8.self), radix: 16) : nil
      let isOnly = pattern.alternatives.count == 1
      fault(
        .cardInKernel, clause.range,
        "KERNEL is the name of a queue, as 05.0004; cards are asked by number with ADAPTER",
        number.flatMap {
          isOnly ? ["ADAPTER\(clause.operation.rawValue)\"\(Self.plain($0))\""] : nil
        }
          ?? [])
      return nil
    }
    return pattern
  }

  private static func isCardGlob(_ glob: Glob) -> Bool {
    glob.literalPrefix.starts(with: "card".unicodeScalars.map(\.value))
  }

  private static func plain(_ number: Int) -> String {
    number < 10 ? "\(number)" : "0x" + LowerHex.text(number, digits: 2)
  }

  /// The globs of a value, divided by bars outside brackets.
  mutating func globs() -> GlobPattern? {
    let mayBeEmpty = key == .card || key == .host || key == .lpar
    if clause.value.isEmpty && !mayBeEmpty {
      emptyValue("\(key.rawValue) has no value; to match everything leave the clause out")
      return nil
    }
    var parser = GlobParser(bytes, clause.value, ignoresCase: clause.ignoresCase)
    parser.parse()
    faults += parser.faults
    guard parser.faults.count == 0 else { return nil }
    // A blank may stand in an attribute's text, and nowhere else.
    guard !parser.hasComma, key == .card || !parser.hasBlank else {
      separatorInValue(hasComma: parser.hasComma)
      return nil
    }
    if let empty = parser.emptyAlternative, !mayBeEmpty {
      emptyAlternative(empty)
      return nil
    }
    guard isPlausible(parser) else { return nil }
    return GlobPattern(
      text: text(clause.value), ignoresCase: clause.ignoresCase, alternatives: parser.globs)
  }

  /// Whether each alternative can match something; says which cannot.
  private mutating func isPlausible(_ parser: GlobParser) -> Bool {
    let faultsBefore = faults.count
    for (glob, range) in zip(parser.globs, parser.ranges) {
      let impossible = ImpossibleGlob(glob, text(range), key: key, attribute: attribute)
      guard let impossible else { continue }
      // Cards' names have a sentence of their own.
      if key == .kernel, Self.isCardGlob(glob) { continue }
      fault(impossible.code, range, impossible.sentence, impossible.fix.map { [$0] } ?? [])
    }
    return faults.count == faultsBefore
  }
}
