package import APBus

/// What is known of the current master keys of a machine's queues: what the key `MKVP` is compared with.
///
/// Known is what can be read now, and what was read last of a queue that does not show its keys now. The domains of a
/// card that has no keys of a kind have none; what has never been read is unknown.
package struct MasterKeyValues: Sendable {
  /// What is known of the queues of a card.
  private struct CardKeys {
    var mode: QueueMode?
    var silence: String?
    /// The queues that are there, with the contents of registers that are known.
    var contents: [UInt8: [MasterKeyKind: KeyContent]]
  }

  private var cards: [UInt8: CardKeys] = [:]

  package init() {}

  package init(_ inventory: Inventory) {
    for card in inventory.cards {
      var contents: [UInt8: [MasterKeyKind: KeyContent]] = [:]
      for queue in inventory.queues(ofCard: card.adapter) {
        let keys = inventory.keys(of: queue.apqn)
        var known: [MasterKeyKind: KeyContent] = [:]
        for kind in keys.kinds { known[kind] = keys[kind, .current].content }
        contents[queue.apqn.domain] = known
      }
      cards[card.adapter] = CardKeys(mode: card.mode, silence: card.silence, contents: contents)
    }
  }

  /// The queues of which a condition holds, and those of which that is unknown.
  func answer(_ condition: Condition) -> QueueAnswer {
    guard let kind = condition.masterKeyKind else { return QueueAnswer(yes: .none, unknown: .all) }
    var yes: [Shape.Band] = []
    var unknown: [Shape.Band] = []
    let absent = APMask(cards.keys).complement
    if !absent.isEmpty { unknown.append(Shape.Band(adapters: absent, domains: .all)) }
    for (adapter, card) in cards {
      let adapters = APMask(adapter...adapter)
      var (holding, open) = (APMask(), APMask())
      if let mode = card.mode, mode != kind.mode {
        if condition.holds(for: nil, kind: kind) == true { holding = .all }
      } else {
        open = APMask(card.contents.keys).complement
        for (domain, contents) in card.contents {
          switch contents[kind].map({ condition.holds(for: $0, kind: kind) }) ?? nil {
          case true?: holding.insert(domain)
          case nil: open.insert(domain)
          case false?: break
          }
        }
      }
      if !holding.isEmpty { yes.append(Shape.Band(adapters: adapters, domains: holding)) }
      if !open.isEmpty { unknown.append(Shape.Band(adapters: adapters, domains: open)) }
    }
    return QueueAnswer(yes: Shape(unionOf: yes), unknown: Shape(unionOf: unknown))
  }

  /// What a condition compares its value with, for one queue.
  package func finding(_ condition: Condition, for apqn: APQN) -> Finding {
    guard let kind = condition.masterKeyKind, let card = cards[apqn.adapter] else {
      return .unknown(reason: "there is no \(apqn.cardName) now")
    }
    if let mode = card.mode, mode != kind.mode { return .value(.text("")) }
    guard let contents = card.contents[apqn.domain] else {
      return .unknown(reason: "there is no \(apqn) now")
    }
    guard let content = contents[kind] else {
      return .unknown(
        reason: card.silence ?? "the master keys of \(apqn) were never read by apreserve")
    }
    guard condition.holds(for: content, kind: kind) != nil else {
      return .unknown(reason: "the master keys of \(apqn) are redacted")
    }
    return .value(.text(condition.text(of: content, kind: kind)))
  }
}

extension Condition {
  fileprivate var masterKeyKind: MasterKeyKind? { MasterKeyKind(rawValue: attribute) }

  /// Whether a register has a key that the value matches; nil if that cannot be told of a redacted one. A register
  /// without a key, and none at all, is like an empty text.
  fileprivate func holds(for content: KeyContent?, kind: MasterKeyKind) -> Bool? {
    guard case .globs(let globs) = pattern else { return false }
    return globs.matches(content?.pattern, kind: kind)
  }

  /// The text that the value is compared with: of a redacted pattern the value itself if it is the same.
  fileprivate func text(of content: KeyContent, kind: MasterKeyKind) -> String {
    guard let pattern = content.pattern else { return "" }
    guard pattern.isRedacted, case .globs(let globs) = self.pattern else {
      return pattern.text(kind: kind)
    }
    return globs.literal(of: pattern, kind: kind) ?? pattern.description
  }
}

extension GlobPattern {
  /// Whether a key has a verification pattern that one of the globs matches; nil if that cannot be told of a redacted
  /// pattern.
  package func matches(_ pattern: KeyPattern?, kind: MasterKeyKind) -> Bool? {
    guard let pattern else { return matches("") }
    guard pattern.isRedacted else { return matches(pattern.text(kind: kind)) }
    if alternatives.contains(where: \.matchesEveryPattern)
      || literal(of: pattern, kind: kind) != nil
    {
      return true
    }
    return literals.count == alternatives.count ? false : nil
  }

  /// The alternative that is the pattern which was redacted.
  fileprivate func literal(of pattern: KeyPattern, kind: MasterKeyKind) -> String? {
    literals.first { KeyPattern($0)?.isSame(as: pattern, kind: kind) == true }
  }

  /// Whether it names the pattern itself, and not by a wildcard.
  package func names(_ pattern: KeyPattern, kind: MasterKeyKind) -> Bool {
    literals.contains { KeyPattern($0)?.isSame(as: pattern, kind: kind) == true }
  }
}

extension Glob {
  /// Whether it is `0x*` or `*`.
  fileprivate var matchesEveryPattern: Bool {
    if isLoneStar { return true }
    guard elements.count == 3, case .star = elements[2] else { return false }
    return literalPrefix == "0x".unicodeScalars.map(\.value)
  }
}
