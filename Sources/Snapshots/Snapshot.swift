package import AdjunctProcessor

/// A machine at one moment, as a file can describe it: its names, and everything on its AP bus.
///
/// The same description starts a simulated bus.
package struct Snapshot: Equatable, Sendable {
  /// The machine's names.
  package var host: HostIdentity
  /// What is on its AP bus.
  package var inventory: Inventory

  /// A machine of these parts.
  package init(host: HostIdentity = HostIdentity(), inventory: Inventory) {
    self.host = host
    self.inventory = inventory
  }

  /// The same machine with its serial numbers replaced: equal ones by equal words, so that rules on
  /// them still tell the cards apart.
  package func redacted() -> Snapshot {
    var snapshot = self
    var words: [String: String] = [:]
    for var card in inventory.cards {
      guard let serial = card.attributes["serialnr"] else { continue }
      let word = words[serial] ?? "REDACTED-\(words.count + 1)"
      words[serial] = word
      card.attributes["serialnr"] = word
      snapshot.inventory.setCard(card, adapter: card.adapter)
    }
    return snapshot
  }
}
