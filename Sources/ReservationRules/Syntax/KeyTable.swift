import APBus

// The keys of the rule language. A key is defined here and nowhere else.

extension MatchKey {
  /// The keys in the order in which messages and the manual page list them.
  package static let all = [
    apqn, adapter, domain, hardwareType, type, mode, kernel, card, masterKey, guest, host, lpar,
  ]

  package static let apqn = MatchKey(
    "APQN", grammar: .queues, subject: .queue,
    examples: [#"APQN=="05.0004""#, #"APQN=="04-07.0000-0012|*.0003""#, #"APQN!="02.*""#])

  package static let adapter = MatchKey(
    "ADAPTER", grammar: .numbers(.hexadecimalFromTen), subject: .adapter,
    examples: [#"ADAPTER=="5""#, #"ADAPTER=="0-3|0x0a-0xff""#, #"ADAPTER!="2|4""#])

  package static let domain = MatchKey(
    "DOMAIN", grammar: .numbers(.hexadecimalFromTen), subject: .domain,
    examples: [#"DOMAIN=="4|0x47""#, #"DOMAIN=="0-0x12""#, #"DOMAIN!="3""#])

  package static let hardwareType = MatchKey(
    "HWTYPE",
    grammar: .numbers(
      .decimal { word in
        guard word.hasPrefix("CEX"), let generation = word.utf8.dropFirst(3).first,
          UInt8(ascii: "4")...UInt8(ascii: "8") ~= generation
        else { return nil }
        return (
          "HWTYPE is the decimal hwtype of the card; to match a name, use TYPE",
          "\(generation - UInt8(ascii: "0") + 6)"
        )
      }),
    subject: .cardKind({ type, _ in .number(type.rawValue) }, unknown: ""),
    examples: [#"HWTYPE=="10-""#, #"HWTYPE=="11-12|14""#, #"HWTYPE!="13""#])

  package static let type = MatchKey(
    "TYPE",
    grammar: .globs(GlobGrammar { glob, text, _ in ImpossibleGlob(cardType: glob, text: text) }),
    subject: .cardKind(
      { type, mode in type.name(mode: mode).map(FoundValue.text) },
      unknown: "hwtype and ap_functions give no type"),
    examples: [#"TYPE=="CEX7C""#, #"TYPE==i"cex8*|CEX[57]P""#, #"TYPE!="CEX?A""#])

  package static let mode = MatchKey(
    "MODE",
    grammar: .words(QueueMode.allCases.map(\.rawValue), noun: "mode", unknown: .unknownMode),
    subject: .cardKind(
      { _, mode in mode.map { .text($0.rawValue) } }, unknown: "ap_functions gives no mode"),
    examples: [#"MODE=="cca""#, #"MODE=="accel|ep11""#, #"MODE!="accel""#])

  package static let kernel = MatchKey(
    "KERNEL",
    grammar: .globs(GlobGrammar { glob, text, _ in ImpossibleGlob(queueName: glob, text: text) }),
    subject: .queue,
    examples: [#"KERNEL=="0[1-3].*""#, #"KERNEL=="05.000?|*4""#, #"KERNEL!="*.0002""#])

  package static let card = MatchKey(
    "CARD",
    attributes: Attributes(names: Card.ruleAttributes, refusal: RefusedWord.cardAttribute),
    // Only the text of an attribute can have a blank.
    grammar: .globs(
      GlobGrammar(mayBeEmpty: true, mayHaveBlanks: true) { glob, text, attribute in
        ImpossibleGlob(attribute: attribute, glob: glob, text: text)
      }),
    subject: .card { card, attribute in card.attributes[attribute].map(FoundValue.text) },
    examples: [
      #"CARD{serialnr}=="93AABE*""#, #"CARD{FW_version}!="6.*|?.9""#,
      #"CARD{max_msg_size}=="65536""#,
    ])

  /// The kinds of master keys, in braces.
  static let masterKeys = Attributes(
    names: MasterKeyKind.allCases.map(\.rawValue), refusal: RefusedWord.masterKey)

  /// Verification patterns.
  static let masterKeyGrammar = ValueGrammar.globs(
    GlobGrammar(mayBeEmpty: true) { glob, text, attribute in
      MasterKeyKind(rawValue: attribute).flatMap {
        ImpossibleGlob(masterKey: glob, text: text, kind: $0)
      }
    })

  package static let masterKey = MatchKey(
    "MKVP", attributes: masterKeys, grammar: masterKeyGrammar, subject: .masterKey,
    examples: [
      #"MKVP{aes}=="0x1122334455667788""#, #"MKVP{apka}!="0xaa*|0x00000000000000[01]*""#,
      #"MKVP{asym}==i"0xFEEDDEADBEEFCAFE""#, #"MKVP{ep11}=="0x00112233445566778899aabbccddeeff*""#,
      #"MKVP{aes}!="""#,
    ])

  /// The name in braces that stands for when the mediated device is started.
  static let guestStart = "start"

  package static let guest = MatchKey(
    "GUEST",
    attributes: Attributes(
      names: [guestStart], isOptional: true, refusal: RefusedWord.guestAttribute),
    grammar: .globs(
      GlobGrammar(mayHaveBlanks: true) { glob, text, attribute in
        attribute == guestStart
          ? ImpossibleGlob(guestStart: glob, text: text) : ImpossibleGlob(guestName: text)
      }),
    subject: .guest,
    examples: [
      #"GUEST=="*""#, #"GUEST=="web*|5d8c0f2a-31f6-4c1b-9a57-0c4d0a8d2b11""#, #"GUEST!="web1""#,
      #"GUEST{start}=="auto""#, #"GUEST{start}!="manual""#,
    ])

  package static let host = MatchKey(
    "HOST",
    grammar: .globs(
      GlobGrammar { glob, text, _ in
        // HOST_NAME_MAX of Linux (gethostname(2)).
        ImpossibleGlob(name: glob, noun: "a host name", longest: 64)
          ?? ImpossibleGlob(hostName: text)
      }),
    subject: .host({ $0.name.map(FoundValue.text) }, unknown: "the host name is unknown"),
    examples: [#"HOST=="lnx?rod*""#, #"HOST!="kvm[0-4]*""#])

  package static let lpar = MatchKey(
    "LPAR",
    grammar: .globs(
      GlobGrammar { glob, _, _ in
        // sysinfo_2_2_2.name of the kernel has eight characters (arch/s390/include/asm/sysinfo.h).
        ImpossibleGlob(name: glob, noun: "an LPAR name", longest: 8)
      }),
    subject: .host({ $0.lpar.map(FoundValue.text) }, unknown: "the LPAR name is unknown"),
    examples: [#"LPAR=="P*""#, #"LPAR!=i"test?""#])
}

/// A key that assigns.
struct AssignmentKey: Sendable {
  let name: String
  /// Whether `:=` is allowed.
  var canLock = false
  /// The names that must follow in braces; nil for a key that takes none.
  var attributes: MatchKey.Attributes?
  /// Reads the value, with the name in braces; nil, with the reader's diagnostics, if it is none.
  let read: @Sendable (inout ValueReader, String, inout Assignments) -> Void

  /// The values that one rule assigns.
  struct Assignments {
    var reserve: Reserve?
    var name: String?
    var collateral: Collateral?
    var expectedKeys: [MasterKeyKind: GlobPattern] = [:]
  }

  static let all = [reserve, name, collateral, expectedKey]

  static let reserve = AssignmentKey(name: "RESERVE", canLock: true) { reader, _, assignments in
    assignments.reserve = reader.word()
  }

  static let name = AssignmentKey(name: "NAME") { reader, _, assignments in
    assignments.name = reader.label()
  }

  static let collateral = AssignmentKey(name: "COLLATERAL") { reader, _, assignments in
    assignments.collateral = reader.word()
  }

  static let expectedKey = AssignmentKey(
    name: "EXPECT_MKVP", attributes: MatchKey.masterKeys
  ) { reader, attribute, assignments in
    guard let kind = MasterKeyKind(rawValue: attribute),
      case .globs(let globs)? = reader.pattern(by: MatchKey.masterKeyGrammar, attribute: attribute)
    else { return }
    assignments.expectedKeys[kind] = globs
  }
}

enum Key {
  case match(MatchKey)
  case assignment(AssignmentKey)

  static let names = MatchKey.all.map(\.name) + AssignmentKey.all.map(\.name)

  private static let byName = Dictionary(
    uniqueKeysWithValues: MatchKey.all.map { ($0.name, Key.match($0)) }
      + AssignmentKey.all.map { ($0.name, Key.assignment($0)) })

  init?(name: String) {
    guard let key = Self.byName[name] else { return nil }
    self = key
  }
}
