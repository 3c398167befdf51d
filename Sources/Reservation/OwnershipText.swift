import APBus

/// The record of what is ours as lines of text, each of which adds to or takes from what the lines
/// before it say, so that a change is recorded by appending to the file.
///
/// The first line names the boot that the record belongs to. A last line without its newline was not
/// written to the end and counts for nothing: the write that it was to precede was not done.
package enum OwnershipText {
  private static let title = "apreserve-ownership 1"

  /// Why a record cannot be used.
  package struct Damage: Error, Equatable, CustomStringConvertible {
    /// The line, from 1 on.
    package var line: Int
    /// What it says.
    package var text: String

    /// One sentence.
    package var description: String {
      "line \(line) of the ownership record makes no sense: \"\(text)\""
    }
  }

  /// A whole record.
  package static func text(_ ownership: Ownership, boot: String) -> String {
    var changes: [OwnershipChange] = []
    if let mechanism = ownership.mechanism { changes.append(.mechanism(mechanism)) }
    if !ownership.adapters.isEmpty { changes.append(.adapters(ownership.adapters)) }
    if !ownership.domains.isEmpty { changes.append(.domains(ownership.domains)) }
    changes += ownership.queues.sorted().map { .queue($0, isOwned: true) }
    changes += ownership.offline.sorted().map { .offline($0, isOwned: true) }
    changes += ownership.seen.adapters.map { adapter in
      .seen(
        adapter: adapter, domains: ownership.seen[adapter],
        isReservable: !ownership.olderAdapters.contains(adapter))
    }
    return "\(title) boot=\(boot)\n" + text(changes)
  }

  /// The lines of some changes.
  package static func text(_ changes: [OwnershipChange]) -> String {
    changes.map { change in
      switch change {
      case .mechanism(let mechanism): "mechanism \(mechanism.rawValue)\n"
      case .adapters(let mask): "adapters \(mask)\n"
      case .domains(let mask): "domains \(mask)\n"
      case .queue(let apqn, let isOwned): "\(isOwned ? "+" : "-")queue \(apqn)\n"
      case .offline(let apqn, let isOwned): "\(isOwned ? "+" : "-")offline \(apqn)\n"
      case .seen(let adapter, let domains, let isReservable):
        "\(isReservable ? "seen" : "seen-older") \(BusObject.cardName(adapter))=\(domains)\n"
      }
    }.joined()
  }

  /// What a record says; nil where it belongs to another boot.
  ///
  /// `boot` is the boot that runs now.
  /// - Throws: `Damage` at the first line that makes no sense.
  package static func read(_ bytes: [UInt8], boot: String) throws(Damage) -> Ownership? {
    guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return nil }
    let lines = bytes[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    var ownership = Ownership()
    for (index, line) in lines.enumerated() {
      let text = String(decoding: line, as: UTF8.self)
      let words = text.split(separator: " ", omittingEmptySubsequences: false)
      if index == 0 {
        guard text.hasPrefix(title + " boot=") else { throw Damage(line: 1, text: text) }
        if words.last != "boot=\(boot)" { return nil }
        continue
      }
      guard words.count == 2, let change = OwnershipChange(words[0], String(words[1])) else {
        throw Damage(line: index + 1, text: text)
      }
      ownership.apply(change)
    }
    return ownership
  }
}

extension OwnershipChange {
  /// The change of one line; nil where it makes no sense.
  fileprivate init?(_ word: Substring, _ value: String) {
    switch word {
    case "mechanism":
      guard let mechanism = Mechanism(rawValue: value) else { return nil }
      self = .mechanism(mechanism)
    case "adapters", "domains":
      guard let mask = APMask(value) else { return nil }
      self = word == "adapters" ? .adapters(mask) : .domains(mask)
    case "+queue", "-queue", "+offline", "-offline":
      guard let apqn = APQN(value) else { return nil }
      let isOwned = word.hasPrefix("+")
      self =
        word.hasSuffix("queue") ? .queue(apqn, isOwned: isOwned) : .offline(apqn, isOwned: isOwned)
    case "seen", "seen-older":
      let parts = value.split(separator: "=", omittingEmptySubsequences: false)
      guard parts.count == 2, let adapter = BusObject.adapter(ofCardName: parts[0]),
        let domains = APMask(parts[1])
      else { return nil }
      self = .seen(adapter: adapter, domains: domains, isReservable: word == "seen")
    default: return nil
    }
  }
}
