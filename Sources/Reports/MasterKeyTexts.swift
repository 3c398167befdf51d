package import APBus
package import Agent
package import JSONText
import Reservation

// Master keys as reports show them: what a register holds, and how that is known.

extension QueueKeys {
  /// The current keys, `AES 0x0123456789abcdef, APKA 0x...`, or `none` if no register holds one; nil if they are
  /// unknown.
  var currentText: String? {
    let current = registers.filter { $0.name.slot == .current && $0.content != nil }
    guard !current.isEmpty else { return nil }
    let keys = current.compactMap { register in
      register.content?.pattern.map { "\(register.name.kind.prefix) \($0)" }
    }
    return keys.isEmpty ? "none" : keys.joined(separator: ", ")
  }

  /// How the current keys are known: `now`, since when they could not be read, or `unknown`; and `changed` with the time
  /// if one of them was another one before.
  var sourceText: String {
    guard !registers.isEmpty else { return "-" }
    let changes = registers.filter { $0.name.slot == .current }.compactMap(\.change?.time)
    return source.text + (changes.max().map { ", changed \($0.text)" } ?? "")
  }

  /// Whether a current key was another one before.
  var hasChanged: Bool { registers.contains { $0.name.slot == .current && $0.change != nil } }
}

extension QueueKeys.Source {
  var text: String {
    switch self {
    case .known: "now"
    case .cached(let time): time.text
    case .unknown: "unknown"
    }
  }

  /// How a register is known, in one word.
  package enum Word: String, CaseIterable, Sendable {
    case known, cached, unknown
  }

  package var word: Word {
    switch self {
    case .known: .known
    case .cached: .cached
    case .unknown: .unknown
    }
  }
}

extension QueueKeys.Change {
  var text: String { "changed \(time.text), before: \(before)" }
}

extension QueueKeys.Register {
  package static let layout = JSONLayout<QueueKeys.Register>(
    "MasterKeyRegister", "What is known of a register for a master key."
  ) {
    $0.add("register", .keyRegister, "The register, as mkvps names it.", \.name)
    $0.include(KeyContent.layout, \.content)
    $0.add(
      "source", .word,
      "Whether it was read now, or is as it was read last because it cannot be read now, or is unknown.",
      \.source.word)
    $0.add("lastRead", .time, "When it was read last, if that was not now.") {
      if case .cached(let time) = $0.source { time } else { nil }
    }
    $0.add(
      "changed", .object(QueueKeys.Change.layout),
      "What it held before, if something else was read then."
    ) { $0.change }
  }
}

extension QueueKeys.Change {
  fileprivate static let layout = JSONLayout<QueueKeys.Change>(
    "MasterKeyChange", "A register that held something else before."
  ) {
    $0.add("time", .time, "When the change was found.", \.time)
    $0.include(KeyContent.layout, \.before)
    $0.add("lastRead", .time, "When that was read last.", \.lastSeen)
  }
}

/// The queues of which the same register holds the same thing now instead of the same thing before.
package struct KeyChangeGroup {
  package let apqns: [APQN]
  package let register: KeyRegister
  package let before: KeyContent
  package let content: KeyContent

  package static func groups(of changes: [Agent.FoundKeyChange]) -> [KeyChangeGroup] {
    struct Kind: Hashable {
      var register: KeyRegister
      var before: KeyContent
      var content: KeyContent
    }
    return changes.grouped {
      Kind(
        register: $0.change.register, before: $0.change.before.content, content: $0.change.content)
    }.map { kind, changes in
      KeyChangeGroup(
        apqns: changes.map(\.apqn).sorted(), register: kind.register, before: kind.before,
        content: kind.content)
    }
  }

  package var sentence: String {
    "\(register) of \(apqns.shortList()) has changed: \(content), and it was \(before) when it was read before"
  }
}

extension Agent.FoundKeyChange {
  static let layout = JSONLayout<Agent.FoundKeyChange>(
    "FoundKeyChange", "A change of a master key that was found when a queue was read."
  ) {
    $0.add("queue", .queue, "The queue.", \.apqn)
    $0.add("register", .keyRegister, "The register, as mkvps names it.", \.change.register)
    $0.include(KeyContent.layout, \.change.content)
    $0.add("time", .time, "When it was read.", \.change.time)
    $0.add("before", .object(beforeLayout), "What it held before.", \.change.before)
  }

  private static let beforeLayout = JSONLayout<KeyLedger.Entry.Earlier>(
    "KeyBefore", "What a register held before."
  ) {
    $0.include(KeyContent.layout, \.content)
    $0.add("lastRead", .time, "When that was read last.", \.last)
  }
}
