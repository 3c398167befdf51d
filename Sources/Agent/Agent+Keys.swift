package import APBus

// Master keys, which can be read only while the host has the queue, are put on record before it is taken.

extension Agent {
  /// A change of a master key that was found when a queue was read.
  package struct FoundKeyChange: Equatable, Sendable {
    package var apqn: APQN
    package var change: KeyChange
  }
}

extension Agent {
  /// Takes what was read of master keys into the ledger. The last that can be read of queues that leave the host is put
  /// on record in any case, else only what is new.
  func noteKeys(in inventory: inout Inventory, leaving: Set<APQN> = []) {
    let now = time.wallTime
    var facts: [KeyFact] = []
    var changes: [FoundKeyChange] = []
    for queue in inventory.queues {
      guard let registers = queue.keyRegisters, let card = inventory.card(queue.apqn.adapter) else {
        continue
      }
      let isLeaving = leaving.contains(queue.apqn)
      guard leaving.isEmpty || isLeaving else { continue }
      let news = keyLedger.news(
        in: registers, of: queue.apqn, on: card, at: now, isLast: isLeaving)
      changes += news.compactMap { fact in
        keyLedger.apply(fact).map { FoundKeyChange(apqn: queue.apqn, change: $0) }
      }
      facts += news
    }
    if !facts.isEmpty { environment.keys?.append(facts) }
    if !changes.isEmpty { report(.keysChanged(changes)) }
    inventory.keyLedger = keyLedger
  }

  /// Forgets which adapter had the number of one that was removed.
  func noteRemovedAdapters(in fresh: Inventory) {
    let present = fresh.adapters
    var removed = (inventory?.adapters ?? []).subtracting(present)
    for apqn in departures { removed.insert(apqn.adapter) }
    let facts = keyLedger.news(ofRemoved: removed)
    guard !facts.isEmpty else { return }
    for fact in facts { keyLedger.apply(fact) }
    environment.keys?.append(facts)
  }
}
