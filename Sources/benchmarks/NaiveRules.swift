package import APBus
package import ReservationRules

/// Decides a queue by asking every rule in the order written: the baseline of the benchmark and the
/// oracle of the properties.
///
/// It is the loop that one would write first. The values of cards and host are looked up once, before it.
/// It shares no step with the compiled table but the typed rules.
package struct NaiveRules {
  private let rules: [NaiveRule]

  /// What rules decide for a queue.
  package struct Answer: Equatable {
    /// The request; nil where undecidable.
    package var reserve: Reserve?
    /// The collateral of the rule that won.
    package var collateral: Collateral
    /// The index of the rule that won.
    package var ruleIndex: Int?
  }

  package init(
    rules: [Rule], cards: [Card], host: HostIdentity,
    guests: GuestAssignments = GuestAssignments(), queues: [Queue] = []
  ) {
    var values = NaiveValues(cards: cards, host: host, guests: guests, queues: queues)
    self.rules = rules.map { rule in
      NaiveRule(
        clauses: rule.clauses.map { NaiveClause($0, values: &values) },
        outcome: Outcome(reserve: rule.reserve.value, collateral: rule.collateral),
        locks: rule.reserve.locks)
    }
  }

  /// Asks every rule about one queue.
  package func answer(for apqn: APQN) -> Answer {
    let name = Array(apqn.description.utf8)
    var winner: (outcome: Outcome, index: Int?) = (
      Outcome(reserve: .unmanaged, collateral: .refuse), nil
    )
    var possible = winner.outcome.bit
    var possibleLocks: UInt8 = 0
    for (index, rule) in rules.enumerated() {
      switch (rule.truth(for: apqn, name: name), rule.locks) {
      case (.no, _): break
      case (.yes, true):
        return Self.answer((rule.outcome, index), possible: possibleLocks | rule.outcome.bit)
      case (.yes, false):
        winner = (rule.outcome, index)
        possible = rule.outcome.bit
      case (.unknown, true): possibleLocks |= rule.outcome.bit
      case (.unknown, false): possible |= rule.outcome.bit
      }
    }
    return Self.answer(winner, possible: possible | possibleLocks)
  }

  private static func answer(_ winner: (outcome: Outcome, index: Int?), possible: UInt8) -> Answer {
    guard possible == winner.outcome.bit else { return Answer(reserve: nil, collateral: .refuse) }
    return Answer(
      reserve: winner.outcome.reserve, collateral: winner.outcome.collateral,
      ruleIndex: winner.index)
  }
}

private struct Outcome {
  var reserve: Reserve
  var collateral: Collateral

  /// One bit for each outcome, so that a byte holds all that are possible.
  var bit: UInt8 {
    switch reserve {
    case .unmanaged: 1
    case .host: 2
    case .vfioAP: collateral == .accept ? 4 : 8
    }
  }
}

private enum Truth {
  case yes
  case no
  case unknown
}

private struct NaiveRule {
  var clauses: [NaiveClause]
  var outcome: Outcome
  var locks: Bool

  func truth(for apqn: APQN, name: [UInt8]) -> Truth {
    var result = Truth.yes
    for clause in clauses {
      switch (clause.truth(for: apqn, name: name), clause.isNegated) {
      case (.yes, true), (.no, false): return .no
      case (.unknown, _): result = .unknown
      case (.yes, false), (.no, true): break
      }
    }
    return result
  }
}

private struct NaiveClause {
  private enum Test {
    case adapter(NaivePattern)
    case domain(NaivePattern)
    case queue([APQNRange])
    case name(NaivePattern)
    /// What is known of each adapter's card, or of the host.
    case values([NaiveValue], NaivePattern)
    case guests([NaiveGuest])
    /// The patterns of current master keys of this kind; empty texts for no key.
    case keys(MasterKeyKind, NaiveValues, NaivePattern)
  }

  private let test: Test
  let isNegated: Bool

  init(_ clause: Clause, values: inout NaiveValues) {
    isNegated = clause.isNegated
    let condition = clause.condition
    let pattern = NaivePattern(condition.pattern)
    switch (condition.key, condition.pattern) {
    case (.adapter, _): test = .adapter(pattern)
    case (.domain, _): test = .domain(pattern)
    case (.kernel, _): test = .name(pattern)
    case (.guest, _): test = .guests(NaiveGuest.all(for: condition, of: values.guests))
    case (.masterKey, _):
      test = .keys(MasterKeyKind(rawValue: condition.attribute) ?? .aes, values, pattern)
    case (_, .queues(let ranges)): test = .queue(ranges)
    default: test = .values(values[condition], pattern)
    }
  }

  func truth(for apqn: APQN, name: [UInt8]) -> Truth {
    switch test {
    case .adapter(let pattern): pattern.matches(apqn.adapter) ? .yes : .no
    case .domain(let pattern): pattern.matches(apqn.domain) ? .yes : .no
    case .name(let pattern): pattern.matches(name) ? .yes : .no
    case .guests(let guests):
      guests.contains { $0.truth == .yes && $0.holds(apqn) == .yes }
        ? .yes
        : guests.contains { $0.truth != .no && $0.holds(apqn) != .no } ? .unknown : .no
    case .keys(let kind, let values, let pattern):
      values.key(kind, of: apqn).map { pattern.matches(Array($0.utf8)) ? .yes : .no } ?? .unknown
    case .queue(let ranges):
      ranges.contains {
        $0.adapters.contains(apqn.adapter) && $0.domains.contains(apqn.domain)
      } ? .yes : .no
    case .values(let values, let pattern):
      switch values[Int(apqn.adapter)] {
      case .unknown: .unknown
      case .number(let number): pattern.matches(number) ? .yes : .no
      case .text(let text): pattern.matches(text) ? .yes : .no
      }
    }
  }
}

/// A definition, or all that may exist beside those that are known, and whether a condition holds for it.
private struct NaiveGuest {
  var truth: Truth
  var contents: GuestAssignments.Contents?

  static func all(for condition: Condition, of guests: GuestAssignments) -> [NaiveGuest] {
    let pattern = NaivePattern(condition.pattern)
    var all = guests.definitions.map { definition in
      var names = definition.virtualMachines + [definition.uuid]
      if condition.attribute == "start" {
        names = definition.contents.map { [$0.startsAutomatically ? "auto" : "manual"] } ?? []
      }
      let isLabelled =
        condition.attribute.isEmpty
        && pattern.alternatives.contains {
          GuestAssignments.uuid(forLabel: $0) == definition.uuid
        }
      let mayHaveMore =
        condition.attribute.isEmpty
        ? guests.missingMachines != nil : definition.contents == nil
      let isNamed = isLabelled || names.contains { pattern.matches(Array($0.utf8)) }
      return NaiveGuest(
        truth: isNamed ? .yes : mayHaveMore ? .unknown : .no, contents: definition.contents)
    }
    if guests.missingDefinitions != nil { all.append(NaiveGuest(truth: .unknown, contents: nil)) }
    return all
  }

  func holds(_ apqn: APQN) -> Truth {
    guard let contents else { return .unknown }
    return contents.adapters.contains(apqn.adapter) && contents.domains.contains(apqn.domain)
      ? .yes : .no
  }
}

private enum NaivePattern {
  case numbers([ClosedRange<UInt8>])
  case words([[UInt8]])
  case globs(NaiveGlob)

  init(_ pattern: ValuePattern) {
    self =
      switch pattern {
      case .numbers(let ranges): .numbers(ranges)
      case .words(let words): .words(words.map { Array($0.utf8) })
      case .globs(let globs): .globs(NaiveGlob(globs))
      case .queues: .numbers([])
      }
  }

  /// The alternatives of a glob, as they are written.
  var alternatives: [String] {
    guard case .globs(let glob) = self else { return [] }
    return glob.texts
  }

  func matches(_ number: UInt8) -> Bool {
    guard case .numbers(let ranges) = self else { return false }
    return ranges.contains { $0.contains(number) }
  }

  func matches(_ text: [UInt8]) -> Bool {
    switch self {
    case .numbers: false
    case .words(let words): words.contains(text)
    case .globs(let glob): glob.matches(text)
    }
  }
}

private enum NaiveValue {
  case unknown
  case number(UInt8)
  case text([UInt8])

  init(_ text: String?) {
    self = text.map { .text(Array($0.utf8)) } ?? .unknown
  }
}

/// What the keys on cards and host find, for each adapter.
private struct NaiveValues {
  private let cards: [UInt8: Card]
  private let host: HostIdentity
  let guests: GuestAssignments
  private let queues: [APQN: Queue]
  private var known: [Condition: [NaiveValue]] = [:]

  init(cards: [Card], host: HostIdentity, guests: GuestAssignments, queues: [Queue]) {
    self.cards = Dictionary(uniqueKeysWithValues: cards.map { ($0.adapter, $0) })
    self.host = host
    self.guests = guests
    self.queues = Dictionary(uniqueKeysWithValues: queues.map { ($0.apqn, $0) })
  }

  /// The pattern of a queue's current master key; empty if there is none, nil if that is unknown.
  func key(_ kind: MasterKeyKind, of apqn: APQN) -> String? {
    guard let mode = cards[apqn.adapter]?.mode else { return nil }
    guard mode == kind.mode else { return "" }
    guard let content = queues[apqn]?.keyRegisters?[KeyRegister(kind, .current)] else { return nil }
    return content.pattern?.description ?? ""
  }

  subscript(condition: Condition) -> [NaiveValue] {
    mutating get {
      let source = Condition(condition.key, attribute: condition.attribute, .words([]))
      if let values = known[source] { return values }
      let values = (UInt8.min...UInt8.max).map { value(of: source, adapter: $0) }
      known[source] = values
      return values
    }
  }

  private func value(of source: Condition, adapter: UInt8) -> NaiveValue {
    let card = cards[adapter]
    switch source.key {
    case .hardwareType: return card.map { .number($0.hardwareType.rawValue) } ?? .unknown
    case .type: return NaiveValue(card.flatMap { $0.hardwareType.name(mode: $0.mode) })
    case .mode: return NaiveValue(card?.mode?.rawValue)
    case .card: return NaiveValue(card?.attributes[source.attribute])
    case .host: return NaiveValue(host.name)
    case .lpar: return NaiveValue(host.lpar)
    default: break
    }
    // What another key finds is taken from its definition; how rules with it decide is still checked.
    let apqn = APQN(adapter: adapter, domain: 0)
    switch source.finding(
      for: apqn, card: card, host: host, guests: guests, keys: MasterKeyValues())
    {
    case .value(.number(let number)): return .number(number)
    case .value(.text(let text)): return NaiveValue(text)
    case .value(.queue), .value(.texts), .unknown: return .unknown
    }
  }
}

/// Matches globs by recursion over the text of each alternative, for ASCII.
private struct NaiveGlob {
  private let alternatives: [[UInt8]]
  private let ignoresCase: Bool

  init(_ pattern: GlobPattern) {
    ignoresCase = pattern.ignoresCase
    var parts: [[UInt8]] = [[]]
    var isInSet = false
    for byte in pattern.text.utf8 {
      if byte == UInt8(ascii: "[") { isInSet = true }
      if byte == UInt8(ascii: "]") { isInSet = false }
      if byte == UInt8(ascii: "|"), !isInSet {
        parts.append([])
      } else {
        parts[parts.count - 1].append(byte)
      }
    }
    alternatives = parts
  }

  /// Those of the alternatives that have nothing special in them.
  var texts: [String] {
    ignoresCase
      ? []
      : alternatives.filter { !$0.contains { "*?[".utf8.contains($0) } }
        .map { String(decoding: $0, as: UTF8.self) }
  }

  func matches(_ text: [UInt8]) -> Bool {
    let text = ignoresCase ? text.map(Self.folded) : text
    return text.withUnsafeBufferPointer { text in
      alternatives.contains { alternative in
        alternative.withUnsafeBufferPointer {
          Self.matches($0, from: 0, in: text, from: 0, ignoringCase: ignoresCase)
        }
      }
    }
  }

  private static func matches(
    _ pattern: UnsafeBufferPointer<UInt8>, from patternStart: Int,
    in text: UnsafeBufferPointer<UInt8>, from textStart: Int, ignoringCase ignoresCase: Bool
  ) -> Bool {
    var position = patternStart
    var character = textStart
    while position < pattern.count {
      switch pattern[position] {
      case UInt8(ascii: "*"):
        return (character...text.count).contains {
          matches(pattern, from: position + 1, in: text, from: $0, ignoringCase: ignoresCase)
        }
      case UInt8(ascii: "["):
        guard character < text.count else { return false }
        var isNegated = false
        var isMember = false
        position += 1
        if pattern[position] == UInt8(ascii: "!") {
          isNegated = true
          position += 1
        }
        while pattern[position] != UInt8(ascii: "]") {
          let low = pattern[position]
          var high = low
          if pattern[position + 1] == UInt8(ascii: "-"), pattern[position + 2] != UInt8(ascii: "]")
          {
            high = pattern[position + 2]
            position += 2
          }
          position += 1
          for candidate in [
            text[character], ignoresCase ? raised(text[character]) : text[character],
          ]
          where low <= candidate && candidate <= high {
            isMember = true
          }
        }
        guard isMember != isNegated else { return false }
      case UInt8(ascii: "?"): guard character < text.count else { return false }
      case let literal:
        guard character < text.count, (ignoresCase ? folded(literal) : literal) == text[character]
        else { return false }
      }
      position += 1
      character += 1
    }
    return character == text.count
  }

  private static func folded(_ byte: UInt8) -> UInt8 {
    UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte + 32 : byte
  }

  private static func raised(_ byte: UInt8) -> UInt8 {
    UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte ? byte - 32 : byte
  }
}
