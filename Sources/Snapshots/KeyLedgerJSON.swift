import APBus
import JSONText
import Reservation

// The JSON of what was read of master keys before.

extension KeyLedger {
  static let layout = JSONLayout<KeyLedger>(
    "KeyLedger", "The master keys of domains, as they were when they could be read last."
  ) {
    $0.add(
      "adapters", .list(of: .object(adapterLayout)), "The adapters that had a number last."
    ) { ledger in
      ledger.facts.compactMap { fact in
        if case .adapter(let number, let adapter?) = fact { (number, adapter) } else { nil }
      }
    }
    $0.add("domains", .list(of: .object(domainLayout)), "The domains.") { ledger in
      ledger.domains.map { domain in
        (domain, ledger[domain].sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
      }
    }
  }

  private typealias NamedEntry = (name: KeyRegister, entry: Entry)

  private static let adapterLayout = JSONLayout<(number: UInt8, adapter: KeyAdapter)>(
    "KeyAdapter", "An adapter that had a number last."
  ) {
    $0.add("card", .card, "The card of that number.") { $0.number }
    $0.add("serialnr", .text, "The serial number of the adapter.") { $0.adapter.serial }
    $0.add("hwtype", .integer, "Its hardware type.") { $0.adapter.type.rawValue }
    $0.add("mode", .word, "Its mode.") { $0.adapter.mode }
  }

  private static let domainLayout = JSONLayout<(domain: KeyDomain, registers: [NamedEntry])>(
    "KeyDomain", "The registers of a domain."
  ) {
    $0.add("serialnr", .text, "The serial number of the adapter.") { $0.domain.serial }
    $0.add("mode", .word, "The mode of the adapter.") { $0.domain.mode }
    $0.add("domain", .integer, "The domain.") { $0.domain.domain }
    $0.add("registers", .list(of: .object(registerLayout)), "Its registers.") { $0.registers }
  }

  private static let registerLayout = JSONLayout<NamedEntry>(
    "RememberedRegister", "What a register held."
  ) {
    $0.add("register", .keyRegister, "The register.") { $0.name }
    $0.include(KeyContent.layout) { $0.entry.content }
    $0.add("firstRead", .time, "When it was first read with that.") { $0.entry.first }
    $0.add("lastRead", .time, "When it was last read.") { $0.entry.last }
    $0.add("before", .object(beforeLayout), "What it held before, if that is known.") {
      $0.entry.before
    }
  }

  private static let beforeLayout = JSONLayout<Entry.Earlier>(
    "EarlierContent", "What a register held before."
  ) {
    $0.include(KeyContent.layout, \.content)
    $0.add("lastRead", .time, "When that was last read.", \.last)
  }

  init(_ value: JSONValue) throws(ValueError) {
    let fields = try Fields(value, at: "keyLedger", keys: Self.layout.keys)
    self.init()
    for fields in try fields.objects("adapters", keys: Self.adapterLayout.keys) {
      guard let number = try fields.text("card").flatMap({ BusObject.adapter(ofCardName: $0) })
      else {
        throw fields.error(at: "card", expecting: "a card's name, \"card00\" to \"cardff\"")
      }
      guard let type = try fields.number("hwtype", as: UInt8.self) else {
        throw fields.error(at: "hwtype", expecting: "a hardware type, such as 13 for CEX7")
      }
      apply(
        .adapter(
          number,
          KeyAdapter(
            serial: try fields.requiredText("serialnr"), mode: try fields.keyMode(),
            type: HardwareType(rawValue: type))))
    }
    for fields in try fields.objects("domains", keys: Self.domainLayout.keys) {
      guard let number = try fields.number("domain", as: UInt8.self) else {
        throw fields.error(at: "domain", expecting: "a domain, 0 to 255")
      }
      let domain = KeyDomain(
        try fields.requiredText("serialnr"), number, try fields.keyMode())
      for fields in try fields.objects("registers", keys: Self.registerLayout.keys) {
        try apply(fields, of: domain)
      }
    }
  }

  private mutating func apply(_ fields: Fields, of domain: KeyDomain) throws(ValueError) {
    let words = try fields.requiredText("register").split(separator: " ")
    guard words.count == 2, let register = KeyRegister(kind: words[0], slot: words[1]),
      register.kind.mode == domain.mode
    else {
      throw fields.error(at: "register", expecting: "a register, such as \"AES CUR\"")
    }
    if let value = fields["before"] {
      let fields = try Fields(value, at: fields.path("before"), keys: Self.beforeLayout.keys)
      apply(
        .register(domain, register, try KeyContent(fields), read: try fields.time("lastRead")))
    }
    let content = try KeyContent(fields)
    for key in ["firstRead", "lastRead"] {
      apply(.register(domain, register, content, read: try fields.time(key)))
    }
  }
}

extension KeyContent {
  fileprivate init(_ fields: Fields) throws(ValueError) {
    let pattern = try fields.text("pattern")
    guard let content = KeyContent(state: try fields.requiredText("state"), pattern: pattern)
    else {
      throw fields.error(
        at: "state",
        expecting: "the state of a register, such as \"valid\" or \"empty\", with its pattern")
    }
    self = content
  }
}

extension Fields {
  fileprivate func keyMode() throws(ValueError) -> QueueMode {
    guard let mode = try text("mode").flatMap(QueueMode.init(rawValue:)), mode != .accelerator
    else { throw error(at: "mode", expecting: "a mode with master keys: \"cca\" or \"ep11\"") }
    return mode
  }

  fileprivate func time(_ key: String) throws(ValueError) -> WallTime {
    guard let time = try text(key).flatMap({ WallTime(text: $0) }) else {
      throw error(at: key, expecting: "a time such as \"2027-01-15T08:00:00Z\"")
    }
    return time
  }
}
