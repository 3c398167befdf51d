import APBus

/// What a queue of the host must be to serve a secure key: its mode, and the master keys of its domain.
package struct SecureKey: Hashable, Sendable {
  /// What wraps the key, and so which queues can unwrap it.
  package enum Kind: String, CaseIterable, Sendable {
    /// A CCA key of type DATA.
    case ccaData = "cca-aesdata"
    /// A CCA key of type CIPHER, which is unwrapped by CEX6 and newer.
    case ccaCipher = "cca-aescipher"
    /// An EP11 key of pkey, which is unwrapped by CEX7 and newer.
    case ep11AES = "ep11-aes"
    /// The keys of a program that uses CCA.
    case cca
    /// The keys of a program that uses EP11.
    case ep11

    var mode: QueueMode {
      switch self {
      case .ccaData, .ccaCipher, .cca: .cca
      case .ep11AES, .ep11: .ep11
      }
    }

    /// The oldest hardware that the kernel asks (`cca_findcard` in zcrypt_ccamisc.c and `pkey_ep11key2pkey` in
    /// pkey_api.c, 6.1).
    var oldest: HardwareType? {
      switch self {
      case .ccaCipher: HardwareType(rawValue: 12)
      case .ep11AES: HardwareType(rawValue: 13)
      case .ccaData, .cca, .ep11: nil
      }
    }
  }

  /// What wraps it; nil for a key that may need any queue.
  package var kind: Kind?
  /// The registers whose master keys wrap it, as `MasterKeyPattern` has them; none if they are not known.
  package var masterKeys: [String]

  package init(kind: Kind? = nil, masterKeys: [String] = []) {
    self.kind = kind
    self.masterKeys = masterKeys
  }

  /// A key of which nothing is known, so that any queue may be the only one for it.
  package static let unknown = SecureKey()

  /// Whether queues of a card can serve it, if their master keys are the right ones. What is not known of the
  /// card does not exclude it.
  func suits(mode: QueueMode?, type: HardwareType) -> Bool {
    guard mode != .accelerator else { return false }
    guard let kind else { return true }
    if let mode, mode != kind.mode { return false }
    return kind.oldest.map { type >= $0 } ?? true
  }
}

/// Compares the master keys of a secure key with those of a queue.
enum MasterKeyMatch {
  /// Current keys of the domain, or those before, unwrap the key now.
  case now
  /// The keys that are entered in the domain unwrap it when they are set.
  case later
  case never
  /// The patterns cannot be compared.
  case unknown

  /// Whether a domain has the master key of this register.
  init(_ wanted: String, in keys: MasterKeyPattern) {
    // The kernel takes an old key only beside a current one (`cca_findcard2`, 6.1).
    let present = keys.registers.isEmpty ? [] : keys.registers + keys.old
    let answers = present.map { Self.isSame($0, wanted) }
    if answers.contains(true) {
      self = .now
    } else if keys.new.contains(where: { Self.isSame($0, wanted) == true }) {
      self = .later
    } else {
      self = answers.contains(nil) ? .unknown : .never
    }
  }

  /// Whether two registers have the same pattern; nil if that cannot be told.
  private static func isSame(_ register: String, _ wanted: String) -> Bool? {
    if register == wanted { return true }
    switch (MasterKeyRegister(register), MasterKeyRegister(wanted)) {
    case (let register?, let wanted?):
      guard register.name == wanted.name else { return false }
      guard let pattern = register.comparable, let other = wanted.comparable else { return nil }
      return pattern == other
    // Words that replace patterns (`Snapshot.redacted`).
    case (nil, nil): return false
    default: return nil
    }
  }
}

/// A register as `MasterKeyPattern` has it, `AES 0x0123456789abcdef`.
package struct MasterKeyRegister {
  let name: Substring
  private let digits: Substring

  /// The register of a text; nil for any other text.
  package init?(_ text: String) {
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 2, words[1].hasPrefix("0x") else { return nil }
    name = words[0]
    digits = words[1].dropFirst(2)
    guard !digits.isEmpty, digits.utf8.allSatisfy({ Hex.value(ofAnyCase: $0) != nil }) else {
      return nil
    }
  }

  /// What is compared of the pattern; nil if there is too little of it.
  fileprivate var comparable: String? {
    KeyPattern.significant(digits, isOfEP11: name == MasterKeyKind.ep11.prefix)
  }

  /// The text that is the same for registers with the same pattern.
  package static func canonical(_ text: String) -> String {
    guard let register = MasterKeyRegister(text), let pattern = register.comparable
    else { return text }
    return "\(register.name) 0x\(pattern)"
  }
}
