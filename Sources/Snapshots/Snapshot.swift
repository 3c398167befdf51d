package import APBus
package import Reservation

/// A machine at one moment, as a file can describe it: its names, everything on its AP bus, and what
/// else a plan depends on.
///
/// The same description starts a simulated bus.
package struct Snapshot: Equatable, Sendable {
  /// The machine's names.
  package var host: HostIdentity
  /// What is on its AP bus.
  package var inventory: Inventory
  /// What its other files say of its crypto queues.
  package var configuration: HostConfiguration
  /// What apreserve has reserved there.
  package var ownership: Ownership

  /// A machine of these parts.
  package init(
    host: HostIdentity = HostIdentity(), inventory: Inventory,
    configuration: HostConfiguration = HostConfiguration(), ownership: Ownership = Ownership()
  ) {
    self.host = host
    self.inventory = inventory
    self.configuration = configuration
    self.ownership = ownership
  }

  /// The same machine with everything replaced that identifies it or its keys: serial numbers, master
  /// keys' patterns, names of virtual machines, volumes and keys. Equal ones are replaced by equal
  /// words, so that rules and guards still tell them apart.
  package func redacted() -> Snapshot {
    var snapshot = self
    var words = Redaction()
    for var card in inventory.cards {
      guard let serial = card.attributes["serialnr"] else { continue }
      card.attributes["serialnr"] = words.word(for: serial)
      snapshot.inventory.setCard(card, adapter: card.adapter)
    }
    for var queue in inventory.queues {
      guard let keys = queue.masterKeys else { continue }
      queue.masterKeys = MasterKeyPattern(registers: keys.registers.map { words.word(for: $0) })
      snapshot.inventory.setQueue(queue, apqn: queue.apqn)
    }
    for index in configuration.virtualMachines.indices {
      snapshot.configuration.virtualMachines[index].name = words.word(
        for: configuration.virtualMachines[index].name)
    }
    snapshot.configuration.secureKeyUsers = configuration.secureKeyUsers.map { user in
      switch user {
      case .cipherInUse, .unreadable: user
      case .encryptedVolume(let name): .encryptedVolume(words.word(for: name))
      case .repositoryKey(let name): .repositoryKey(words.word(for: name))
      }
    }
    return snapshot
  }
}

/// Words that stand for what is not to be told.
private struct Redaction {
  private var words: [String: String] = [:]

  mutating func word(for text: String) -> String {
    if let word = words[text] { return word }
    let word = "REDACTED-\(words.count + 1)"
    words[text] = word
    return word
  }
}
