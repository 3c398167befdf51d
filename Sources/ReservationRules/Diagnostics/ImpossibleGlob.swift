import APBus

/// An alternative of a glob that nothing its key is compared with matches: why, and what was probably
/// meant.
struct ImpossibleGlob {
  var code = DiagnosticCode.neverMatches
  var sentence: String
  var fix: Fix

  /// What to write instead, if that is known.
  enum Fix {
    /// Another value.
    case value(String?)
    /// A clause with another key.
    case clause(String, String?)
  }

  private init(_ sentence: String, fix: String? = nil) {
    self.sentence = sentence
    self.fix = .value(fix)
  }
}

// MARK: - Names

extension ImpossibleGlob {
  init?(queueName glob: Glob, text: String) {
    guard QueueNameAutomaton(glob)?.matchesAny != true else { return nil }
    if glob.literalPrefix.starts(with: "card".unicodeScalars.map(\.value)) {
      self.init(cardName: glob)
    } else {
      self.init(
        "no queue name matches \(text.quoted); a queue name is adapter and domain as in "
          + "sysfs, such as 05.0004", fix: Self.likelyQueueName(text))
    }
  }

  private init(cardName glob: Glob) {
    let digits = glob.literalPrefix.dropFirst(4).compactMap { UInt8(exactly: $0) }
    let number =
      digits.count == 2 && glob.elements.count == 6
      ? ValueReader.number(String(decoding: digits, as: UTF8.self), radix: 16) : nil
    code = .cardInKernel
    sentence =
      "KERNEL matches queue names, such as 05.0004; to match a card, use ADAPTER"
    fix = .clause("ADAPTER", number.map { NumberNotation.hexadecimalFromTen.text($0) })
  }

  /// What was meant by a name with too few digits or with capitals.
  private static func likelyQueueName(_ text: String) -> String? {
    let parts = text.lowercased().split(maxSplits: 1, omittingEmptySubsequences: false) {
      $0 == "." || $0 == ":"
    }
    guard let adapter = padded(parts[0], digits: 2) else { return nil }
    guard parts.count == 2 else { return adapter + ".*" }
    guard let domain = padded(parts[1], digits: 4) else { return nil }
    return adapter + "." + domain
  }

  /// A number with its leading zeros, or a star.
  private static func padded(_ word: Substring, digits: Int) -> String? {
    if word == "*" { return "*" }
    guard let number = ValueReader.number(word, radix: 16), number <= 255 else { return nil }
    return Hex.text(number, digits: digits)
  }

  init?(name glob: Glob, noun: String, longest: Int) {
    let shortest = glob.elements.count {
      if case .star = $0 { false } else { true }
    }
    guard shortest > longest else { return nil }
    self.init(
      "\(noun) has at most \(longest) characters, but this matches only \(shortest) or more")
  }

  /// For a name that no host has.
  init?(hostName text: String) {
    guard HostIdentity.unnamed.contains(text.lowercased()) else { return nil }
    self.init(
      "\(text.quoted) is not a name, so that the clause is unknown on a host that is called so")
  }

  /// For the name of a guest, which may be anything but a UUID in capitals.
  init?(guestName text: String) {
    guard BusObject.isUUID(text), text != text.lowercased() else { return nil }
    self.init("the UUIDs of guests are compared in lower case", fix: text.lowercased())
  }

  init?(guestStart glob: Glob, text: String) {
    let words = ["auto", "manual"]
    guard !words.contains(where: { glob.matches(Glob.scalars(of: $0, foldingCase: true)) }) else {
      return nil
    }
    self.init(
      "a mediated device starts \"auto\" or \"manual\"",
      fix: Spelling.nearest(to: text, among: words))
  }

  /// For attributes that the kernel prints as numbers (SimulatedBus documentation, "Card
  /// attributes").
  init?(attribute: String, glob: Glob, text: String) {
    let isVersion = attribute == "FW_version"
    guard isVersion || ["raw_hwtype", "max_msg_size", "API_ordinalnr"].contains(attribute) else {
      return nil
    }
    let isForeign = glob.elements.contains {
      guard case .literal(let scalar) = $0 else { return false }
      return !(0x30...0x39 ~= scalar || isVersion && scalar == 0x2e)
    }
    guard isForeign else { return nil }
    let number = text.hasPrefix("0x") ? ValueReader.number(text.dropFirst(2), radix: 16) : nil
    self.init(
      isVersion
        ? "FW_version is two numbers separated by a dot, such as 6.19"
        : "\(attribute) is a decimal number",
      fix: isVersion ? nil : number.map { "\($0)" })
  }
}

// MARK: - Master keys

extension ImpossibleGlob {
  /// For a verification pattern: `0x` and as many digits as `mkvps` shows of it (`cca_mkvps_show` and
  /// `ep11_mkvps_show` in zcrypt_cex4.c).
  init?(masterKey glob: Glob, text: String, kind: MasterKeyKind) {
    guard !text.isEmpty else { return nil }
    let length = kind == .ep11 ? 64 : 16
    let whole = length + 2
    let shortest = glob.elements.count { if case .star = $0 { false } else { true } }
    let hasStar = shortest < glob.elements.count
    let start = "0x".unicodeScalars.map(\.value)
    let begins = zip(glob.literalPrefix, start).allSatisfy { $0 == $1 }
    let literals = glob.elements.compactMap { element in
      if case .literal(let scalar) = element { scalar } else { nil }
    }
    let digits = literals.dropFirst(glob.literalPrefix.starts(with: start) ? 2 : 0)
    let isHexadecimal = digits.allSatisfy { scalar in
      UInt8(exactly: scalar).flatMap { Hex.value(ofAnyCase: $0) } != nil
    }
    let lower = text.lowercased()
    guard begins else {
      let isNumber = !text.isEmpty && text.utf8.allSatisfy { Hex.value(ofAnyCase: $0) != nil }
      let capital = text.hasPrefix("0X") ? "0x" + text.dropFirst(2).lowercased() : nil
      self.init(
        "a verification pattern begins with 0x, as mkvps shows it",
        fix: capital ?? (isNumber ? "0x" + lower : nil))
      return
    }
    guard isHexadecimal else {
      self.init("a verification pattern is 0x and \(length) hex digits; \(text.quoted) is none")
      return
    }
    guard glob.ignoresCase || !digits.contains(where: { 0x41...0x46 ~= $0 }) else {
      self.init("verification patterns are compared in lower case, as mkvps shows them", fix: lower)
      return
    }
    guard shortest > whole || !hasStar && shortest < whole else { return nil }
    guard shortest < whole, let literal = glob.literal else {
      self.init(
        "a verification pattern of \(kind.prefix) has \(length) digits, and this matches "
          + (hasStar ? "only longer ones" : "only \(shortest - 2)"))
      return
    }
    if kind == .ep11 {
      self.init(
        "mkvps shows \(length) digits of the verification pattern of a wrapping key; write * after the first ones",
        fix: literal + "*")
    } else {
      let zeros = String(repeating: "0", count: whole - shortest)
      self.init(
        "a verification pattern of \(kind.prefix) has \(length) digits",
        fix: "0x" + zeros + literal.dropFirst(2))
    }
  }
}

// MARK: - Types

extension ImpossibleGlob {
  /// The kinds of cards that exist: EP11 since CEX4.
  private static let existing = CardKinds.each.lazy
    .filter { $0.mode != .ep11 || $0.type.isReservable }
    .reduce(into: CardKinds()) { $0.formUnion($1.kinds) }

  private static let withoutEP11 = ["CEX2P", "CEX3P"]

  init?(cardType glob: Glob, text: String) {
    guard !Self.matchesType(glob) else { return nil }
    let capitals = text.uppercased()
    code = .impossibleType
    let candidates = [capitals, capitals + "*", capitals.dropLast() + "*"]
    let likely = candidates.first { candidate in
      guard !Self.withoutEP11.contains(capitals) else { return false }
      guard candidate.utf8.count >= 5 else { return false }
      let bytes = Array(candidate.utf8)
      var parser = GlobParser(bytes, in: bytes.indices, ignoresCase: false)
      parser.parse()
      return parser.globs.count == 1 && parser.globs.allSatisfy(Self.matchesType)
    }
    let reason = Self.reason(capitals, isSpelling: likely == capitals)
    fix = .value(likely)
    sentence = "no card type matches \(text.quoted); \(reason)"
  }

  private static func matchesType(_ glob: Glob) -> Bool {
    let pattern = GlobPattern(text: "", ignoresCase: glob.ignoresCase, alternatives: [glob])
    let matching = MatchKey.type.kinds?.owners(matching: .globs(pattern)) ?? CardKinds()
    return !matching.intersection(existing).isEmpty
  }

  private static func reason(_ capitals: String, isSpelling: Bool) -> String {
    if isSpelling { return "types are written in capital letters" }
    if ValueReader.number(capitals, radix: 10) != nil {
      return "to match the number of a type, use HWTYPE"
    }
    if withoutEP11.contains(capitals) {
      return "EP11 exists since CEX4; CEX2 and CEX3 have only A and C"
    }
    let digit = capitals.hasPrefix("CEX") ? capitals.utf8.dropFirst(3).first : nil
    if let digit, UInt8(ascii: "9") == digit || UInt8(ascii: "1") == digit {
      return "known types are CEX2 to CEX8; to match newer hardware, use HWTYPE==\"14-\""
    }
    return "a type is CEX2 to CEX8 followed by the letter of the mode: "
      + "A (accelerator), C (CCA) or P (EP11)"
  }
}
