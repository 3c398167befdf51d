package import APBus
package import ReservationRules

/// Decides a queue by asking every rule in the order written: the baseline of the benchmark and the
/// oracle of the properties. It shares no step with the compiled table but the typed rules and what
/// their keys find on a machine.
package struct NaiveRules {
  private let rules: [Rule]
  private let cards: [Card?]
  private let host: HostIdentity

  /// Yes, no, or unknown.
  private enum Truth {
    case yes
    case no
    case unknown
  }

  /// What rules decide for a queue.
  package struct Answer: Equatable {
    /// The request; nil where undecidable.
    package var reserve: Reserve?
    /// The collateral of the rule that won.
    package var collateral: Collateral
    /// The index of the rule that won.
    package var ruleIndex: Int?
  }

  private struct Outcome: Hashable {
    var reserve: Reserve
    var collateral: Collateral

    var bit: UInt8 {
      switch reserve {
      case .unmanaged: 1
      case .host: 2
      case .vfioAP: collateral == .accept ? 4 : 8
      }
    }
  }

  /// Rules against a machine.
  package init(rules: [Rule], cards: [Card], host: HostIdentity) {
    self.rules = rules
    var byAdapter = [Card?](repeating: nil, count: 256)
    for card in cards { byAdapter[Int(card.adapter)] = card }
    self.cards = byAdapter
    self.host = host
  }

  /// Asks every rule about one queue.
  package func answer(for apqn: APQN) -> Answer {
    let card = cards[Int(apqn.adapter)]
    let name = Array(apqn.description.utf8)
    var winner: (outcome: Outcome, index: Int?) = (
      Outcome(reserve: .unmanaged, collateral: .refuse), nil
    )
    var possible = winner.outcome.bit
    var possibleLocks: UInt8 = 0
    for index in rules.indices {
      let truth = truth(of: rules[index], apqn, name, card)
      guard truth != .no else { continue }
      let outcome = Outcome(
        reserve: rules[index].reserve.value, collateral: rules[index].collateral)
      switch (truth, rules[index].reserve.locks) {
      case (.yes, true):
        return Self.answer((outcome, index), possible: possibleLocks | outcome.bit)
      case (.yes, false):
        winner = (outcome, index)
        possible = outcome.bit
      case (_, true): possibleLocks |= outcome.bit
      case (_, false): possible |= outcome.bit
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

  private func truth(of rule: Rule, _ apqn: APQN, _ name: [UInt8], _ card: Card?) -> Truth {
    var result = Truth.yes
    for clause in rule.clauses {
      switch (truth(of: clause.condition, apqn, name, card), clause.isNegated) {
      case (.yes, true), (.no, false): return .no
      case (.unknown, _): result = .unknown
      default: break
      }
    }
    return result
  }

  private func truth(
    of condition: Condition, _ apqn: APQN, _ name: [UInt8], _ card: Card?
  ) -> Truth {
    guard case .value(let found) = condition.finding(for: apqn, card: card, host: host) else {
      return .unknown
    }
    let holds =
      switch (condition.pattern, found) {
      case (.numbers(let ranges), .number(let number)): ranges.contains { $0.contains(number) }
      case (.queues(let ranges), .queue(let apqn)):
        ranges.contains {
          $0.adapters.contains(apqn.adapter) && $0.domains.contains(apqn.domain)
        }
      case (.words(let words), .text(let word)): words.contains(word)
      case (.globs(let pattern), .text(let text)): NaiveGlob.matches(pattern, Array(text.utf8))
      case (.globs(let pattern), .queue): NaiveGlob.matches(pattern, name)
      default: false
      }
    return holds ? .yes : .no
  }
}

/// Matches globs by recursion over the text of the pattern, for ASCII.
enum NaiveGlob {
  /// Whether one of the pattern's alternatives matches.
  static func matches(_ pattern: GlobPattern, _ text: [UInt8]) -> Bool {
    let text = pattern.ignoresCase ? text.map(folded) : text
    var written = pattern.text
    return written.withUTF8 { bytes in
      text.withUnsafeBufferPointer { text in
        var start = 0
        var isInSet = false
        for index in 0...bytes.count {
          if index < bytes.count {
            if bytes[index] == UInt8(ascii: "[") { isInSet = true }
            if bytes[index] == UInt8(ascii: "]") { isInSet = false }
            if isInSet || bytes[index] != UInt8(ascii: "|") { continue }
          }
          let part = UnsafeBufferPointer(rebasing: bytes[start..<index])
          if matches(part, 0, text, 0, pattern.ignoresCase) { return true }
          start = index + 1
        }
        return false
      }
    }
  }

  private static func matches(
    _ pattern: UnsafeBufferPointer<UInt8>, _ patternStart: Int,
    _ text: UnsafeBufferPointer<UInt8>, _ textStart: Int, _ ignoresCase: Bool
  ) -> Bool {
    var position = patternStart
    var character = textStart
    while position < pattern.count {
      switch pattern[position] {
      case UInt8(ascii: "*"):
        return (character...text.count).contains {
          matches(pattern, position + 1, text, $0, ignoresCase)
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
