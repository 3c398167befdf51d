/// What the registers of domains held when they were last read, which is possible only while the host has the queue.
///
/// A domain is known by the serial number of its adapter, so that it is the same one under another adapter number and
/// after a boot.
package struct KeyLedger: Equatable, Sendable {
  /// The registers of each domain.
  private var entries: [KeyDomain: [KeyRegister: Entry]] = [:]
  /// Which adapter each number was last. The kernel asks a queue of the host for the serial number
  /// (`cca_serialnr_show` in zcrypt_cex4.c, 6.1), so that nothing tells it once all of them are reserved.
  private var adapters: [UInt8: KeyAdapter] = [:]

  /// What a register held.
  package struct Entry: Equatable, Sendable {
    package var content: KeyContent
    /// When it was read first, and when last.
    package var first: WallTime
    package var last: WallTime
    /// What it held before, as it was read last; nil if nothing else was ever read.
    package var before: Earlier?

    /// What a register held before something else.
    package struct Earlier: Equatable, Sendable {
      package var content: KeyContent
      package var last: WallTime
    }
  }

  package init() {}

  package var isEmpty: Bool { entries.isEmpty && adapters.isEmpty }

  /// The most domains that are remembered: as many as a machine can have. Those that were read longest ago are
  /// forgotten for others.
  package static let capacity = 65_536

  /// The domains, sorted.
  package var domains: [KeyDomain] { entries.keys.sorted() }

  package subscript(domain: KeyDomain) -> [KeyRegister: Entry] { entries[domain] ?? [:] }

  /// The domain of a queue; nil if it has no master keys, or its adapter is not known.
  package func domain(of apqn: APQN, on card: Card) -> KeyDomain? {
    guard let mode = card.mode, mode != .accelerator else { return nil }
    if let serial = card.keySerial { return KeyDomain(serial, apqn.domain, mode) }
    guard let adapter = adapters[card.adapter], adapter.mode == mode,
      adapter.type == card.hardwareType
    else { return nil }
    return KeyDomain(adapter.serial, apqn.domain, mode)
  }

  /// The facts that are to be put on record of registers that were read, since they are new, were not on record for
  /// long, or are the last that can be read.
  package func news(
    in registers: KeyRegisters, of apqn: APQN, on card: Card, at time: WallTime,
    isLast: Bool = false
  ) -> [KeyFact] {
    guard let domain = domain(of: apqn, on: card) else { return [] }
    let time = time.wholeSeconds
    var facts: [KeyFact] = []
    let adapter = KeyAdapter(serial: domain.serial, mode: domain.mode, type: card.hardwareType)
    if adapters[card.adapter] != adapter { facts.append(.adapter(card.adapter, adapter)) }
    for register in registers.registers {
      guard let content = registers[register] else { continue }
      let entry = entries[domain]?[register]
      if let entry, entry.content == content {
        guard time - entry.last >= (isLast ? .seconds(1) : Self.age) else { continue }
      }
      facts.append(.register(domain, register, content, read: time))
    }
    return facts
  }

  /// How long what has not changed is not put on record again.
  private static let age = Duration.seconds(24 * 3600)

  /// Takes over a fact; the result is the change that it is.
  @discardableResult
  package mutating func apply(_ fact: KeyFact) -> KeyChange? {
    switch fact {
    case .adapter(let number, let adapter):
      adapters[number] = adapter
      return nil
    case .register(let domain, let register, let content, let time):
      if entries[domain] == nil { makeRoom() }
      guard var entry = entries[domain]?[register] else {
        entries[domain, default: [:]][register] = Entry(content: content, first: time, last: time)
        return nil
      }
      if entry.content.isSame(as: content, kind: register.kind) {
        entry.last = time
        entries[domain]?[register] = entry
        return nil
      }
      let earlier = Entry.Earlier(content: entry.content, last: entry.last)
      entries[domain]?[register] = Entry(content: content, first: time, last: time, before: earlier)
      return KeyChange(
        domain: domain, register: register, before: earlier, content: content, time: time)
    }
  }

  private mutating func makeRoom() {
    guard entries.count >= Self.capacity else { return }
    let ages = entries.map { domain, registers in
      (domain: domain, last: registers.values.map(\.last).max() ?? WallTime(sinceEpoch: .zero))
    }
    // Some more than needed, so that it is not done for each one.
    for (domain, _) in ages.sorted(by: { ($0.last, $0.domain) < ($1.last, $1.domain) })
      .prefix(Self.capacity / 16)
    {
      entries[domain] = nil
    }
  }

  /// The facts that these adapters were removed: what has their numbers later may be others.
  package func news(ofRemoved numbers: some Sequence<UInt8>) -> [KeyFact] {
    numbers.filter { adapters[$0] != nil }.map { .adapter($0, nil) }
  }

  /// All that it has, as facts that lead to it again.
  package var facts: [KeyFact] {
    adapters.sorted { $0.key < $1.key }.map { .adapter($0.key, $0.value) }
      + domains.flatMap { domain in
        self[domain].sorted { $0.key < $1.key }.flatMap { register, entry -> [KeyFact] in
          var readings: [(KeyContent, WallTime)] = []
          if let before = entry.before { readings.append((before.content, before.last)) }
          readings.append((entry.content, entry.first))
          if entry.last != entry.first { readings.append((entry.content, entry.last)) }
          return readings.map { .register(domain, register, $0.0, read: $0.1) }
        }
      }
  }

  /// The same with other serial numbers, and redacted patterns.
  package func redacted(serial: (String) -> String) -> KeyLedger {
    var ledger = KeyLedger()
    for fact in facts { ledger.apply(fact.redacted(serial: serial)) }
    return ledger
  }
}

/// An adapter that had a number.
package struct KeyAdapter: Hashable, Sendable {
  package var serial: String
  package var mode: QueueMode
  package var type: HardwareType

  package init(serial: String, mode: QueueMode, type: HardwareType) {
    self.serial = serial
    self.mode = mode
    self.type = type
  }
}

/// A domain of an adapter, whatever number that has.
package struct KeyDomain: Hashable, Comparable, Sendable {
  package var serial: String
  package var domain: UInt8
  package var mode: QueueMode

  package init(_ serial: String, _ domain: UInt8, _ mode: QueueMode) {
    self.serial = serial
    self.domain = domain
    self.mode = mode
  }

  package static func < (first: KeyDomain, second: KeyDomain) -> Bool {
    (first.serial, first.domain, first.mode.rawValue)
      < (second.serial, second.domain, second.mode.rawValue)
  }
}

/// A fact of a ledger.
package enum KeyFact: Equatable, Sendable {
  /// The adapter of this number is this one; nil since it was removed.
  case adapter(UInt8, KeyAdapter?)
  case register(KeyDomain, KeyRegister, KeyContent, read: WallTime)

  fileprivate func redacted(serial word: (String) -> String) -> KeyFact {
    switch self {
    case .adapter(let number, let adapter):
      .adapter(
        number, adapter.map { KeyAdapter(serial: word($0.serial), mode: $0.mode, type: $0.type) })
    case .register(let domain, let register, let content, let time):
      .register(
        KeyDomain(word(domain.serial), domain.domain, domain.mode), register,
        content.redacted(kind: register.kind), read: time)
    }
  }
}

/// A register that holds something else than when it was read before.
package struct KeyChange: Equatable, Sendable {
  package var domain: KeyDomain
  package var register: KeyRegister
  package var before: KeyLedger.Entry.Earlier
  package var content: KeyContent
  /// When the change was found.
  package var time: WallTime
}

extension Card {
  /// The serial number by which its master keys are remembered; nil if it cannot be read.
  fileprivate var keySerial: String? {
    attributes["serialnr"].flatMap { KeyLedgerText.isWord($0) ? $0 : nil }
  }
}

extension WallTime {
  /// The moment to the second, as documents have it.
  package var wholeSeconds: WallTime {
    WallTime(sinceEpoch: .seconds(sinceEpoch.components.seconds))
  }
}

/// The ledger as lines of text, each of which adds to what the lines before it say, so that a fact is recorded by
/// appending to the file.
///
/// A line stands for itself. One that is damaged costs what it said, and no other.
package enum KeyLedgerText {
  private static let title = "apreserve-keys 1"

  /// A whole ledger.
  package static func text(_ ledger: KeyLedger) -> String { title + "\n" + text(ledger.facts) }

  /// The lines of some facts.
  package static func text(_ facts: [KeyFact]) -> String {
    facts.map { fact in
      switch fact {
      case .adapter(let number, let adapter?):
        "adapter \(Hex.text(number, digits: 2)) \(adapter.type.rawValue) \(adapter.mode.rawValue) "
          + "\(adapter.serial)\n"
      case .adapter(let number, nil): "removed \(Hex.text(number, digits: 2))\n"
      case .register(let domain, let register, let content, let time):
        "key \(domain.serial) \(Hex.text(domain.domain, digits: 4)) \(domain.mode.rawValue) "
          + "\(register) \(content) \(time.text)\n"
      }
    }.joined()
  }

  /// What the lines say that can be read; `damage` is what is wrong with the others, a clause.
  package static func read(_ bytes: [UInt8]) -> (ledger: KeyLedger, damage: String?) {
    var ledger = KeyLedger()
    var (bad, first) = (0, 0)
    // A last line without its end was being written.
    let end = bytes.lastIndex(of: UInt8(ascii: "\n")) ?? 0
    let lines = bytes[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where !line.isEmpty {
      if let fact = fact(of: line) {
        ledger.apply(fact)
      } else if !line.elementsEqual(title.utf8) {
        bad += 1
        if first == 0 { first = index + 1 }
      }
    }
    guard bad > 0 else { return (ledger, nil) }
    return (ledger, "\(counted(bad, "line")) cannot be read, the first is line \(first)")
  }

  private static func fact(of line: ArraySlice<UInt8>) -> KeyFact? {
    // No line of apreserve is longer.
    guard line.count <= 256 else { return nil }
    let text = String(decoding: line, as: UTF8.self)
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    switch (words.first, words.count) {
    case ("removed", 2): return Hex.byte(words[1].utf8, digits: 2).map { .adapter($0, nil) }
    case ("adapter", 5):
      guard let number = Hex.byte(words[1].utf8, digits: 2), let type = decimal(words[2]),
        let mode = QueueMode(rawValue: String(words[3])), isWord(words[4])
      else { return nil }
      return .adapter(
        number,
        KeyAdapter(serial: String(words[4]), mode: mode, type: HardwareType(rawValue: type)))
    case ("key", 9):
      guard isWord(words[1]), let domain = Hex.byte(words[2].utf8, digits: 4),
        let mode = QueueMode(rawValue: String(words[3])),
        let register = KeyRegister(kind: words[4], slot: words[5]), register.kind.mode == mode,
        let content = KeyContent(state: words[6], pattern: words[7]),
        let time = WallTime(text: String(words[8]))
      else { return nil }
      return .register(
        KeyDomain(String(words[1]), domain, mode), register, content, read: time)
    default: return nil
    }
  }

  private static func decimal(_ text: Substring) -> UInt8? {
    text.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) ? UInt8(text) : nil
  }

  /// Whether a text can stand in a line: visible ASCII without blanks, and not too much of it.
  static func isWord(_ text: some StringProtocol) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { (UInt8(ascii: "!")...UInt8(ascii: "~")).contains($0) }
  }
}

/// What is known of the registers of a queue's domain.
package struct QueueKeys: Equatable, Sendable {
  /// The registers in the order of `mkvps`: all that the mode has; those of `ASYM` only where something is known of them.
  package private(set) var registers: [Register]

  /// What is known of a register.
  package struct Register: Equatable, Sendable {
    package var name: KeyRegister
    package var source: Source
    /// What it holds; nil if that is unknown.
    package var content: KeyContent?
    /// What it held before something else was found in it; nil if nothing else is remembered.
    package var change: Change?
  }

  package enum Source: Hashable, Sendable {
    /// It was read now.
    case known
    /// It cannot be read now, and was last read then.
    case cached(since: WallTime)
    case unknown
  }

  package struct Change: Hashable, Sendable {
    package var before: KeyContent
    /// When that was read last.
    package var lastSeen: WallTime
    /// When the other content was found.
    package var time: WallTime
  }

  package init(registers: [Register] = []) {
    self.registers = registers
  }

  package subscript(kind: MasterKeyKind, slot: KeyRegister.Slot) -> Register {
    let name = KeyRegister(kind, slot)
    return registers.first { $0.name == name } ?? Register(name: name, source: .unknown)
  }

  /// The registers of which something is known; nil if nothing is.
  package var known: KeyRegisters? {
    var known = KeyRegisters()
    for register in registers { known[register.name] = register.content }
    return known.isEmpty ? nil : known
  }

  /// The kinds of keys that the domain can have, as far as something is known of them, or nothing is known of any.
  package var kinds: [MasterKeyKind] {
    MasterKeyKind.allCases.filter { kind in registers.contains { $0.name.kind == kind } }
  }

  /// Where what is known of the current keys comes from, the worst of all.
  package var source: Source {
    let sources = registers.filter { $0.name.slot == .current }.map(\.source)
    guard !sources.isEmpty, !sources.contains(.unknown) else { return .unknown }
    let times = sources.compactMap { source in
      if case .cached(let time) = source { time } else { nil }
    }
    return times.min().map { .cached(since: $0) } ?? .known
  }
}

extension Inventory {
  /// What is known of the master keys of a queue: what was read now, or else what the ledger has. Nothing for an
  /// accelerator, and for a queue whose card is not there.
  package func keys(of apqn: APQN) -> QueueKeys {
    guard let card = card(apqn.adapter) else { return QueueKeys() }
    let queue = queue(apqn)
    let now =
      queue?.keyRegisters ?? queue?.masterKeys.map { KeyRegisters($0, mode: card.mode) }
      ?? KeyRegisters()
    let entries = keyLedger.domain(of: apqn, on: card).map { keyLedger[$0] } ?? [:]
    return QueueKeys(
      registers: KeyRegister.all(of: card.mode).compactMap { name in
        let entry = entries[name]
        var register = QueueKeys.Register(name: name, source: .unknown)
        register.change = entry.flatMap { entry in
          entry.before.map { .init(before: $0.content, lastSeen: $0.last, time: entry.first) }
        }
        if let content = now[name] {
          (register.source, register.content) = (.known, content)
        } else if let entry {
          (register.source, register.content) = (.cached(since: entry.last), entry.content)
        } else if name.kind == .asym {
          return nil
        }
        return register
      })
  }

  /// Takes what was read of the host's queues into the ledger, and not on record.
  package mutating func noteKeys(at time: WallTime) {
    for queue in queues {
      guard let registers = queue.keyRegisters, let card = card(queue.apqn.adapter) else {
        continue
      }
      for fact in keyLedger.news(in: registers, of: queue.apqn, on: card, at: time) {
        keyLedger.apply(fact)
      }
    }
  }
}
