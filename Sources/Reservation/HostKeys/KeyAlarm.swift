package import APBus
package import JSONText
package import ReservationRules

/// Queues whose current master key is not the one that their rule expects, or is another one than before.
///
/// It is only reported. Whose key a queue holds is decided with TKE or in a guest, and moving the queue would not change
/// it.
package struct KeyAlarm: Hashable, Sendable {
  /// The queues, ascending.
  package var apqns: [APQN]
  package var kind: MasterKeyKind
  /// What the register has now, as far as that is known.
  package var found: KeyContent
  /// What it had before, and since when it is another one; nil if nothing else is remembered.
  package var change: QueueKeys.Change?
  /// What the rule expects, as it is written.
  package var expected: String
  package var rule: RuleReference
  package var cause: Cause

  package enum Cause: String, CaseIterable, Sendable {
    /// The rule expects another key.
    case unexpected = "unexpected-master-key"
    /// The key is another one than before. The rule does not exclude it, and does not name it either.
    case changed = "changed-master-key"
  }

  /// What is wrong with the master keys of a machine's queues, as far as they are known: for each rule and register the
  /// queues that have the same.
  package static func alarms(on inventory: Inventory, by decisions: DecisionTable) -> [KeyAlarm] {
    guard decisions.rules.rules.contains(where: { !$0.expectedKeys.isEmpty }) else { return [] }
    var alarms: [(alarm: KeyAlarm, apqn: APQN)] = []
    for queue in inventory.queues {
      guard let rule = decisions.decision(for: queue.apqn).rule, !rule.expectedKeys.isEmpty else {
        continue
      }
      let keys = inventory.keys(of: queue.apqn)
      let mode = inventory.card(queue.apqn.adapter)?.mode
      for (kind, expected) in rule.expectedKeys.sorted(by: { $0.key < $1.key })
      where kind.mode == mode {
        let register = keys[kind, .current]
        guard let content = register.content,
          let cause = Cause(content, change: register.change, expected: expected, kind: kind)
        else { continue }
        let alarm = KeyAlarm(
          apqns: [], kind: kind, found: content, change: register.change, expected: expected.text,
          rule: RuleReference(rule), cause: cause)
        alarms.append((alarm, queue.apqn))
      }
    }
    return alarms.grouped(by: \.alarm).map { alarm, elements in
      var alarm = alarm
      alarm.apqns = elements.map(\.apqn)
      return alarm
    }
  }
}

extension KeyAlarm.Cause {
  /// What is wrong with the content of a register; nil for nothing, and if that cannot be told.
  fileprivate init?(
    _ content: KeyContent, change: QueueKeys.Change?, expected: GlobPattern, kind: MasterKeyKind
  ) {
    switch expected.matches(content.pattern, kind: kind) {
    case false?: self = .unexpected
    case true?:
      guard change != nil, let pattern = content.pattern, !expected.names(pattern, kind: kind)
      else { return nil }
      self = .changed
    case nil: return nil
    }
  }
}

extension KeyAlarm {
  package static let layout = JSONLayout<KeyAlarm>(
    "KeyAlarm", "Queues whose master key is not the expected one, or has changed."
  ) {
    $0.add("alarm", .word, "What is wrong.", \.cause)
    $0.add("queues", .queues, "The queues.", \.apqns)
    $0.add("key", .word, "The kind of the master key.", \.kind)
    $0.add(
      "pattern", .nullable(.text), "The verification pattern of the current key; null for no key."
    ) { $0.found.pattern?.description }
    $0.add("expected", .text, "The pattern that the rule expects, as it is written.", \.expected)
    $0.add("rule", .text, "The place of the rule, FILE:LINE.", \.rule.fileAndLine)
    $0.add("message", .text, "A sentence about it.", \.description)
  }
}

extension KeyAlarm: CustomStringConvertible {
  package var description: String {
    let subject = apqns.shortList() + (apqns.count == 1 ? " has" : " have")
    let key = "\(kind.prefix) master key"
    let found = found.pattern.map { "the \(key) \($0)" } ?? "no \(key)"
    let before = change.map {
      "; it was found at \($0.time.text), and before that, at \($0.lastSeen.text), it was "
        + ($0.before.pattern?.description ?? "none")
    }
    switch cause {
    case .unexpected:
      return "\(subject) \(found), and \(rule.fileAndLine) expects \"\(expected.printable)\""
        + (before ?? "")
    case .changed:
      return "\(subject) \(found)\(before ?? ""); write it into EXPECT_MKVP{\(kind.rawValue)} of "
        + "\(rule.fileAndLine) if that is right"
    }
  }
}
