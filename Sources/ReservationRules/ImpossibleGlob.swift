import APBus

/// An alternative of a glob that nothing its key can ever be asked of matches: why, and what was
/// probably meant.
struct ImpossibleGlob {
  var code = DiagnosticCode.neverMatches
  var sentence: String
  var fix: String?

  /// Nil for a glob that can match.
  init?(_ glob: Glob, _ text: String, key: Key, attribute: String) {
    switch key {
    case .kernel: self.init(queueName: glob, text)
    case .type: self.init(type: glob, text)
    case .card: self.init(attribute: attribute, glob, text)
    case .host: self.init(name: glob, "a host's name", longest: 64)
    // sysinfo_2_2_2.name of the kernel has eight characters (arch/s390/include/asm/sysinfo.h).
    case .lpar: self.init(name: glob, "an LPAR's name", longest: 8)
    default: return nil
    }
  }

  private init(_ sentence: String, fix: String? = nil) {
    self.sentence = sentence
    self.fix = fix
  }
}

// MARK: - Names

extension ImpossibleGlob {
  private init?(queueName glob: Glob, _ text: String) {
    guard QueueNameAutomaton(glob)?.matchesAny != true else { return nil }
    self.init(
      "no queue's name matches \(Printable.quoted(text)); a name is adapter and domain as sysfs "
        + "prints them, as 05.0004", fix: Self.likelyQueueName(text))
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
    return LowerHex.text(number, digits: digits)
  }

  private init?(name glob: Glob, _ noun: String, longest: Int) {
    let shortest = glob.elements.count {
      if case .star = $0 { false } else { true }
    }
    guard shortest > longest else { return nil }
    self.init("\(noun) has at most \(longest) characters, and this asks for \(shortest) or more")
  }

  /// The characters that the kernel prints into attributes that are numbers (SimulatedBus
  /// documentation, "Card attributes").
  private init?(attribute: String, _ glob: Glob, _ text: String) {
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
        ? "FW_version is two numbers with a dot between them, as 6.19"
        : "\(attribute) is a decimal number",
      fix: isVersion ? nil : number.map { "\($0)" })
  }
}

// MARK: - Types

extension ImpossibleGlob {
  /// The types that cards can have, EP11 since CEX4.
  private static let types = CardType.all.filter { type in
    type.mode != .ep11 || HardwareType(rawValue: type.number).isReservable
  }

  private static let withoutEP11 = ["CEX2P", "CEX3P"]

  private init?(type glob: Glob, _ text: String) {
    guard !Self.matchesType(glob) else { return nil }
    let capitals = text.uppercased()
    code = .impossibleType
    let candidates = [capitals, capitals + "*", capitals.dropLast() + "*"]
    fix = candidates.first { candidate in
      guard !Self.withoutEP11.contains(capitals) else { return false }
      guard candidate.utf8.count >= 5 else { return false }
      let bytes = Array(candidate.utf8)
      var parser = GlobParser(bytes, bytes.indices, ignoresCase: false)
      parser.parse()
      return parser.globs.count == 1 && parser.globs.allSatisfy(Self.matchesType)
    }
    let reason = Self.reason(capitals, isSpelling: fix == capitals)
    sentence = "no card's type matches \(Printable.quoted(text)); \(reason)"
  }

  private static func matchesType(_ glob: Glob) -> Bool {
    types.contains { $0.matches(glob) }
  }

  private static func reason(_ capitals: String, isSpelling: Bool) -> String {
    if isSpelling { return "types are written in capitals" }
    if ValueReader.number(capitals, radix: 10) != nil {
      return "the number of a type is asked as HWTYPE"
    }
    if withoutEP11.contains(capitals) {
      return "EP11 came with CEX4, so that CEX2 and CEX3 have only A and C"
    }
    let digit = capitals.hasPrefix("CEX") ? capitals.utf8.dropFirst(3).first : nil
    if let digit, UInt8(ascii: "9") == digit || UInt8(ascii: "1") == digit {
      return "products are CEX2 to CEX8; newer hardware is asked as HWTYPE==\"14-\""
    }
    return "a type is a product, CEX2 to CEX8, and its mode's letter: "
      + "A (accelerator), C (CCA) or P (EP11)"
  }
}
