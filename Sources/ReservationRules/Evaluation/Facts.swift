package import APBus

/// The queues of which a condition holds, and those of which that is unknown.
struct QueueAnswer {
  var yes: Shape
  var unknown: Shape

  /// Those of which a clause with the condition, possibly under `!=`, surely holds.
  func certain(isNegated: Bool) -> Shape {
    isNegated ? yes.union(unknown).complement : yes
  }
}

/// Answers conditions on cards, the host, guests and master keys for all queues at a time.
struct Facts {
  /// For which adapters a condition holds, and for which that is unknown.
  struct Answer {
    var yes: APMask
    var unknown: APMask
    var no: APMask { yes.union(unknown).complement }
  }

  private struct Source: Hashable {
    var key: MatchKey
    var attribute: String
  }

  private let cards: [Card]
  private let host: HostIdentity
  private let guests: GuestAssignments
  private let keys: MasterKeyValues
  private var indices: [Source: ValueIndex<APMask>] = [:]

  init(cards: [Card], host: HostIdentity, guests: GuestAssignments, keys: MasterKeyValues) {
    self.cards = cards
    self.host = host
    self.guests = guests
    self.keys = keys
  }

  /// The answer to a condition on guests or master keys.
  func queues(_ condition: Condition) -> QueueAnswer {
    if case .masterKey = condition.key.subject { return keys.answer(condition) }
    return guests.answer(condition)
  }

  /// The answer to a condition that does not depend on the domain. Adapters without a card have no
  /// answer to a condition on the card.
  mutating func answer(_ condition: Condition) -> Answer {
    switch condition.key.subject {
    case .cardKind, .card:
      let index = index(of: condition)
      return Answer(
        yes: index.owners(matching: condition.pattern), unknown: index.known.complement)
    case .host(let value, _):
      guard let found = value(host) else { return Answer(yes: APMask(), unknown: .all) }
      return Answer(
        yes: condition.pattern.matches(found) ? .all : APMask(), unknown: APMask())
    case .adapter, .domain, .queue, .guest, .masterKey:
      preconditionFailure("the condition depends on the domain")
    }
  }

  private mutating func index(of condition: Condition) -> ValueIndex<APMask> {
    let source = Source(key: condition.key, attribute: condition.attribute)
    if let known = indices[source] { return known }
    let index = ValueIndex(
      cards.lazy.map { card in
        (
          condition.key.value(of: card, attribute: condition.attribute),
          APMask(card.adapter...card.adapter)
        )
      })
    indices[source] = index
    return index
  }
}

extension MatchKey {
  /// What is found of a card; nil if it cannot be read now, or for a key that is not about cards.
  fileprivate func value(of card: Card, attribute: String) -> FoundValue? {
    switch subject {
    case .cardKind(let value, _): value(card.hardwareType, card.mode)
    case .card(let value): value(card, attribute)
    case .adapter, .domain, .queue, .host, .guest, .masterKey: nil
    }
  }
}

/// What is found for a condition.
package enum Finding: Equatable, Sendable {
  case value(FoundValue)
  case unknown(reason: String)
}

extension Condition {
  /// Whether only the adapter itself knows what the condition compares its value with.
  var asksAdapter: Bool {
    switch key.subject {
    case .card: SysfsPath.card(0, attribute).askedAdapter != nil
    case .masterKey: true
    case .adapter, .domain, .queue, .cardKind, .host, .guest: false
    }
  }

  /// What the condition compares its value with, for one queue.
  package func finding(
    for apqn: APQN, card: Card?, host: HostIdentity, guests: GuestAssignments,
    keys: MasterKeyValues
  ) -> Finding {
    switch key.subject {
    case .adapter: return .value(.number(apqn.adapter))
    case .domain: return .value(.number(apqn.domain))
    case .queue: return .value(.queue(apqn))
    case .host(let value, let reason):
      return value(host).map { .value($0) } ?? .unknown(reason: reason)
    case .guest: return guests.finding(self, for: apqn)
    case .masterKey: return keys.finding(self, for: apqn)
    case .cardKind, .card:
      guard let card else { return .unknown(reason: "there is no \(apqn.cardName) now") }
      if let found = key.value(of: card, attribute: attribute) { return .value(found) }
      guard case .cardKind(_, let reason) = key.subject else {
        let name = attribute.isEmpty ? key.name : attribute
        let silence = asksAdapter ? card.silence : nil
        return .unknown(reason: silence ?? "\(name) of \(card.name) cannot be read now")
      }
      return .unknown(reason: "\(reason) of \(card.name)")
    }
  }
}
