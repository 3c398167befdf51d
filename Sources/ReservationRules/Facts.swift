import APBus

/// Answers conditions on cards and the host for all 256 adapters at a time.
struct Facts {
  /// For which adapters a condition holds and for which it cannot be told.
  struct Answer {
    var yes: APMask
    var unknown: APMask
    var no: APMask { yes.union(unknown).complement }
  }

  private let cards: [Card]
  private let host: HostIdentity
  private let present: APMask
  private var types: CardValues?
  private var attributes: [String: CardValues] = [:]

  init(cards: [Card], host: HostIdentity) {
    self.cards = cards
    self.host = host
    present = APMask(cards.lazy.map(\.adapter))
  }

  /// The answer to a condition that does not depend on the domain. Adapters without a card have no
  /// answer to what is asked of the card.
  mutating func answer(_ condition: Condition) -> Answer {
    switch condition {
    case .hardwareType(let ranges):
      let yes = adapters { card in ranges.contains { $0.contains(card.hardwareType.rawValue) } }
      return Answer(yes: yes, unknown: present.complement)
    case .mode(let modes):
      let yes = adapters { card in card.mode.map(modes.contains) ?? false }
      let known = adapters { card in card.mode != nil }
      return Answer(yes: yes, unknown: known.complement)
    case .type(let pattern):
      let values = types ?? CardValues(cards, \.typeName)
      types = values
      return values.answer(pattern)
    case .card(let attribute, let pattern):
      let values = attributes[attribute] ?? CardValues(cards) { $0.attributes[attribute] }
      attributes[attribute] = values
      return values.answer(pattern)
    case .host(let pattern): return Self.answer(pattern, host.name)
    case .lpar(let pattern): return Self.answer(pattern, host.lpar)
    case .apqn, .adapter, .domain, .kernel:
      preconditionFailure("a clause on numbers belongs to the rule's shape")
    }
  }

  private static func answer(_ pattern: GlobPattern, _ value: String?) -> Answer {
    guard let value else { return Answer(yes: APMask(), unknown: .all) }
    return Answer(yes: pattern.matches(value) ? .all : APMask(), unknown: APMask())
  }

  private func adapters(_ isWanted: (Card) -> Bool) -> APMask {
    APMask(cards.lazy.filter(isWanted).map(\.adapter))
  }
}
