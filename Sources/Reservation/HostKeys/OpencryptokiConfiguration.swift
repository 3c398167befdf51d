package import APBus

/// The tokens of opencryptoki that need queues, as opencryptoki.conf(5) defines them.
package struct OpencryptokiConfiguration: Equatable, Sendable {
  package static let directory = "/etc/opencryptoki"

  /// A token whose keys are wrapped by master keys.
  package struct Token: Equatable, Sendable {
    package enum Kind: Sendable {
      case cca
      case ep11
    }

    package var kind: Kind
    /// The file in the directory that configures it.
    package var fileName: String
    /// The directory of its data, below opencryptoki's.
    package var name: String
  }

  package var tokens: [Token] = []

  /// The EP11 token if nothing else is said: `EP11_DEFAULT_CFG_FILE` and `ep11tok` in its sources.
  package static let usualEP11 = Token(kind: .ep11, fileName: "ep11tok.conf", name: "ep11tok")

  /// The slots of a text `slot N { key = value ... }`.
  package init(_ text: String) {
    var words = OpencryptokiWord.words(of: text)[...]
    while let word = words.popFirst() {
      guard word == .text("slot"), words.dropFirst().first == .text("{") else { continue }
      let slot = words.prefix { $0 != .text("}") }
      if let token = Self.token(slot) { tokens.append(token) }
      words = words[slot.endIndex...]
    }
  }

  /// The token of a slot; nil for one that needs no adapter's master key.
  private static func token(_ slot: ArraySlice<OpencryptokiWord>) -> Token? {
    var values: [String: String] = [:]
    var rest = slot
    while let equals = rest.firstIndex(of: .text("=")) {
      if equals > rest.startIndex, equals + 1 < rest.endIndex,
        case .text(let key) = rest[equals - 1]
      {
        values[key] = rest[equals + 1].string
      }
      rest = rest[(equals + 1)...]
    }
    // Its own file is in the same directory, and below another root it must be, too.
    if values["confname"]?.split(separator: "/").contains("..") == true { values["confname"] = "" }
    if values["tokname"]?.split(separator: "/").contains("..") == true { values["tokname"] = "" }
    let library = values["stdll"]?.lowercased() ?? ""
    if library.contains("pkcs11_ep11") {
      let usual = usualEP11
      return Token(
        kind: .ep11, fileName: values["confname"] ?? usual.fileName,
        name: values["tokname"] ?? usual.name)
    }
    guard library.contains("pkcs11_cca") else { return nil }
    return Token(
      kind: .cca, fileName: values["confname"] ?? "opencryptoki.conf",
      name: values["tokname"] ?? "ccatok")
  }
}

/// Which queues an EP11 token uses, as its own configuration file says.
package enum EP11TokenQueues: Equatable, Sendable {
  /// Any.
  case any
  case listed(Set<APQN>)
  /// A text that the token refuses, or that is not understood.
  case unknown

  /// The queues of a text: `APQN_ANY`, or lines with two numbers between `APQN_ALLOWLIST` and `END`
  /// (`read_adapter_config_file` in ep11_specific.c, and cfglex.l, of opencryptoki). A number with a leading zero is
  /// octal in some versions and an error in others.
  package init(_ text: String) {
    var isAny = false
    var apqns: Set<APQN>?
    var words = OpencryptokiWord.words(of: text)[...]
    while let word = words.popFirst() {
      switch word {
      case .text("APQN_ANY"): isAny = true
      case .text("APQN_ALLOWLIST"), .text("APQN_WHITELIST"):
        var listed = apqns ?? []
        while words.first != .text("END") {
          guard let adapter = words.popFirst()?.number, let domain = words.popFirst()?.number else {
            self = .unknown
            return
          }
          listed.insert(APQN(adapter: adapter, domain: domain))
        }
        apqns = listed
      default: continue
      }
    }
    switch (isAny, apqns) {
    case (true, nil): self = .any
    case (false, let apqns?) where !apqns.isEmpty: self = .listed(apqns)
    default: self = .unknown
    }
  }
}

/// A word of opencryptoki's configuration files (cfglex.l).
private enum OpencryptokiWord: Equatable {
  /// A bare word, a number, or one of `={}(),`.
  case text(String)
  case quoted(String)

  var string: String {
    switch self {
    case .text(let text), .quoted(let text): text
    }
  }

  /// A number of 0 to 255, decimal or after `0x`.
  var number: UInt8? {
    guard case .text(let text) = self else { return nil }
    let isDecimal = text == "0" || text.utf8.first != UInt8(ascii: "0")
    let digits = isDecimal ? Substring(text) : text.hasPrefix("0x") ? text.dropFirst(2) : ""
    guard digits.utf8.allSatisfy({ Hex.value(ofAnyCase: $0) != nil }) else { return nil }
    return UInt8(digits, radix: isDecimal ? 10 : 16)
  }

  static func words(of text: String) -> [OpencryptokiWord] {
    var words: [OpencryptokiWord] = []
    var bytes = Array(text.utf8)[...]
    while let byte = bytes.first {
      switch byte {
      case let byte where " \t\r\n".utf8.contains(byte): bytes.removeFirst()
      case UInt8(ascii: "#"): bytes = bytes.drop { $0 != UInt8(ascii: "\n") }
      case UInt8(ascii: "\""):
        let content = bytes.dropFirst().prefix { $0 != UInt8(ascii: "\"") }
        words.append(.quoted(String(decoding: content, as: UTF8.self)))
        bytes = bytes[content.endIndex...].dropFirst()
      case let byte where "={}(),".utf8.contains(byte):
        words.append(.text(String(decoding: [byte], as: UTF8.self)))
        bytes.removeFirst()
      default:
        let word = bytes.prefix { !" \t\r\n#\"={}(),".utf8.contains($0) }
        words.append(.text(String(decoding: word, as: UTF8.self)))
        bytes = bytes[word.endIndex...]
      }
    }
    return words
  }
}
