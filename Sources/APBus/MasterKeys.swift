/// A kind of master key that a domain can have.
public enum MasterKeyKind: String, CaseIterable, Comparable, Sendable {
  /// The AES master key of CCA.
  case aes
  /// The APKA master key of CCA.
  case apka
  /// The asymmetric master key of CCA.
  case asym
  /// The wrapping key of EP11.
  case ep11

  /// As `mkvps` names it (`cca_mkvps_show` and `ep11_mkvps_show` in zcrypt_cex4.c, 6.1; `ASYM` in 6.17).
  package var prefix: String {
    switch self {
    case .aes: "AES"
    case .apka: "APKA"
    case .asym: "ASYM"
    case .ep11: "WK"
    }
  }

  /// The mode of the cards whose domains have it.
  package var mode: QueueMode { self == .ep11 ? .ep11 : .cca }

  /// In the order of `mkvps`.
  public static func < (first: MasterKeyKind, second: MasterKeyKind) -> Bool {
    first.order < second.order
  }

  fileprivate var order: Int {
    switch self {
    case .aes: 0
    case .apka: 1
    case .asym: 2
    case .ep11: 3
    }
  }
}

/// A register for a master key in a domain, such as `AES CUR`.
package struct KeyRegister: Hashable, Comparable, Sendable {
  package var kind: MasterKeyKind
  package var slot: Slot

  /// What of a master key it holds, as `mkvps` says it.
  package enum Slot: String, CaseIterable, Sendable {
    /// The key that is being entered.
    case new = "NEW"
    /// The key that wraps secure keys.
    case current = "CUR"
    /// The key that was the current one before.
    case old = "OLD"

    /// As documents have it.
    package var word: String {
      switch self {
      case .new: "new"
      case .current: "current"
      case .old: "old"
      }
    }

    fileprivate var order: Int {
      switch self {
      case .new: 0
      case .current: 1
      case .old: 2
      }
    }
  }

  package init(_ kind: MasterKeyKind, _ slot: Slot) {
    self.kind = kind
    self.slot = slot
  }

  /// The register of a name in `mkvps`, `AES CUR`.
  package init?(kind: some StringProtocol, slot: some StringProtocol) {
    guard let kind = MasterKeyKind.allCases.first(where: { $0.prefix == kind }),
      let slot = Slot(rawValue: String(slot))
    else { return nil }
    self.init(kind, slot)
  }

  /// The registers that `mkvps` shows in a mode, in the kernel's order. Those of `ASYM` are not there on older kernels.
  package static func all(of mode: QueueMode?) -> [KeyRegister] {
    switch mode {
    case .cca:
      [MasterKeyKind.aes, .apka, .asym].flatMap { kind in
        Slot.allCases.map { KeyRegister(kind, $0) }
      }
    case .ep11: [KeyRegister(.ep11, .current), KeyRegister(.ep11, .new)]
    case .accelerator, nil: []
    }
  }

  package static func < (first: KeyRegister, second: KeyRegister) -> Bool {
    (first.kind.order, first.slot.order) < (second.kind.order, second.slot.order)
  }
}

extension KeyRegister: CustomStringConvertible {
  package var description: String { "\(kind.prefix) \(slot.rawValue)" }
}

/// The verification pattern of a master key: what distinguishes it from other keys, and does not tell it.
package struct KeyPattern: Hashable, Sendable, CustomStringConvertible {
  /// As `mkvps` has it, `0x` and digits; `sha256:` and digits if it is redacted.
  package let description: String

  private static let redactedPrefix = "sha256:"
  /// The digits of a redacted pattern: 64 bits, as a pattern of CCA has.
  private static let redactedDigits = 16
  /// The most digits of a pattern: 32 bytes of EP11 (`ep11_mkvps_show`).
  private static let mostDigits = 64

  /// The pattern of a text; nil for any other text.
  package init?(_ text: some StringProtocol) {
    let (prefix, most) =
      text.hasPrefix(Self.redactedPrefix)
      ? (Self.redactedPrefix, Self.redactedDigits) : ("0x", Self.mostDigits)
    let digits = text.utf8.dropFirst(prefix.utf8.count)
    guard text.hasPrefix(prefix), (1...most).contains(digits.count),
      digits.allSatisfy({ Hex.value(ofAnyCase: $0) != nil })
    else { return nil }
    description = text.lowercased()
  }

  package var isRedacted: Bool { description.hasPrefix(Self.redactedPrefix) }

  /// The digits.
  private var digits: Substring {
    description.dropFirst(isRedacted ? Self.redactedPrefix.utf8.count : 2)
  }

  /// What is compared of the digits of a pattern; nil if there is too little of it.
  ///
  /// Of a wrapping key of EP11 the first 16 bytes count (`ep11_findcard2` in zcrypt_ep11misc.c, 6.1): keys have
  /// no more of it, and `mkvps` shows 32. Patterns of CCA are numbers.
  package static func significant(_ digits: Substring, isOfEP11: Bool) -> String? {
    guard isOfEP11 else { return digits.drop { $0 == "0" }.lowercased() }
    return digits.utf8.count < 32 ? nil : digits.prefix(32).lowercased()
  }

  /// As `mkvps` shows it, of CCA with 16 digits.
  package func text(kind: MasterKeyKind) -> String {
    guard !isRedacted, kind != .ep11 else { return description }
    return "0x" + String(repeating: "0", count: max(0, 16 - digits.utf8.count)) + digits
  }

  /// Whether two patterns are of the same key; nil if that cannot be told. A redacted pattern can be compared with any
  /// other one.
  package func isSame(as other: KeyPattern, kind: MasterKeyKind) -> Bool? {
    guard isRedacted == other.isRedacted else {
      return redacted(kind: kind).description == other.redacted(kind: kind).description
    }
    if isRedacted { return description == other.description }
    let isOfEP11 = kind == .ep11
    guard let own = Self.significant(digits, isOfEP11: isOfEP11),
      let others = Self.significant(other.digits, isOfEP11: isOfEP11)
    else { return description == other.description ? true : nil }
    return own == others
  }

  /// A text in the place of the pattern: the start of the SHA-256 of what is compared of it, so that patterns of the same
  /// key stay equal on all machines, and nobody learns the pattern who does not know it.
  package func redacted(kind: MasterKeyKind) -> KeyPattern {
    guard !isRedacted else { return self }
    let digits = Self.significant(digits, isOfEP11: kind == .ep11) ?? String(digits)
    return KeyPattern(redacting: "\(kind.prefix) 0x\(digits)")
  }

  private init(redacting text: String) {
    let hash = SHA256.hash(Array(text.utf8)).prefix(Self.redactedDigits / 2)
    description = Self.redactedPrefix + hash.map { Hex.text($0, digits: 2) }.joined()
  }
}

/// What a register holds.
package struct KeyContent: Hashable, Sendable {
  package var state: State
  /// The pattern of the key in it; nil if there is none.
  package var pattern: KeyPattern?

  /// The state of a register, as `mkvps` says it.
  package enum State: String, CaseIterable, Sendable {
    /// A new key is not begun, not entered completely, or entered and not set yet.
    case empty, partial, full
    /// The same of EP11: a new key is not confirmed, or is and not set yet.
    case uncommitted, committed
    /// A current or an old key is there, or is not.
    case valid, invalid

    /// Whether the register holds a key.
    package var hasKey: Bool { self != .empty && self != .invalid }
  }

  package init(_ state: State, _ pattern: KeyPattern? = nil) {
    self.state = state
    self.pattern = state.hasKey ? pattern : nil
  }

  /// The content of the words of a line of `mkvps`; nil for `- -`, and for what is of no known kernel.
  package init?(state: some StringProtocol, pattern: (some StringProtocol)?) {
    guard let state = State(rawValue: String(state)) else { return nil }
    let pattern = pattern.flatMap { KeyPattern($0) }
    // A key without its pattern says nothing.
    guard pattern != nil || !state.hasKey else { return nil }
    self.init(state, pattern)
  }

  /// Whether both hold the same: the same key, or none.
  package func isSame(as other: KeyContent, kind: MasterKeyKind) -> Bool {
    guard state == other.state else { return false }
    guard let pattern, let others = other.pattern else { return pattern == other.pattern }
    return pattern.isSame(as: others, kind: kind) ?? (pattern == others)
  }

  func redacted(kind: MasterKeyKind) -> KeyContent {
    KeyContent(state, pattern?.redacted(kind: kind))
  }
}

extension KeyContent: CustomStringConvertible {
  /// As a line of `mkvps` has it, `valid 0x0123456789abcdef`, with `-` for no pattern.
  package var description: String { "\(state.rawValue) \(pattern?.description ?? "-")" }
}

/// The registers of a domain as `mkvps` shows them: all of those that could be read.
package struct KeyRegisters: Hashable, Sendable {
  private var contents: [KeyRegister: KeyContent] = [:]

  package init() {}

  /// The registers in the text of `mkvps`, as far as it contains them: none while the queue is switched off.
  package init(attribute text: String) {
    // By bytes: with characters of Unicode this would take most of the time that a machine description takes to be read.
    for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
      let words = line.split(separator: UInt8(ascii: " ")).map(Substring.init)
      guard words.count >= 3, words[1].utf8.last == UInt8(ascii: ":"),
        let register = KeyRegister(kind: words[0], slot: Substring(words[1].utf8.dropLast())),
        let content = KeyContent(
          state: words[2], pattern: words.count > 3 ? words[3] : nil)
      else { continue }
      contents[register] = content
    }
  }

  /// The registers of a pattern, of which only those that hold keys are known. With a mode, the other ones of current
  /// keys are known to hold none.
  package init(_ pattern: MasterKeyPattern, mode: QueueMode? = nil) {
    let isOfEP11 =
      mode == .ep11
      || pattern.registers.contains { $0.hasPrefix("\(MasterKeyKind.ep11.prefix) ") }
    for register in KeyRegister.all(of: mode)
    where register.slot == .current && register.kind != .asym {
      contents[register] = KeyContent(.invalid)
    }
    for (slot, state, texts) in [
      (KeyRegister.Slot.new, isOfEP11 ? KeyContent.State.committed : .full, pattern.new),
      (.current, .valid, pattern.registers), (.old, .valid, pattern.old),
    ] {
      for text in texts {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2, let register = KeyRegister(kind: words[0], slot: slot.rawValue),
          let content = KeyContent(state: state.rawValue, pattern: words[1])
        else { continue }
        contents[register] = content
      }
    }
  }

  package var isEmpty: Bool { contents.isEmpty }

  /// Those that are known, in the order of `mkvps`.
  package var registers: [KeyRegister] { contents.keys.sorted() }

  package subscript(register: KeyRegister) -> KeyContent? {
    get { contents[register] }
    set { contents[register] = newValue }
  }

  /// The lines of `mkvps` that show them.
  package var lines: [String] {
    registers.compactMap { register in contents[register].map { "\(register): \($0)" } }
  }

  /// The same with redacted patterns.
  package func redacted() -> KeyRegisters {
    var registers = self
    for (register, content) in contents {
      registers[register] = content.redacted(kind: register.kind)
    }
    return registers
  }
}
