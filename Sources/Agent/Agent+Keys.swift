import APBus
import Reservation

// Master keys, which can be read only while the host has the queue, are put on record before it is taken.

extension Agent {
  /// Takes what was read of master keys into the ledger. The last that can be read of queues that leave the host is put
  /// on record in any case, else only what is new.
  func noteKeys(in inventory: inout Inventory, leaving: Set<APQN> = []) {
    let now = time.wallTime
    var facts: [KeyFact] = []
    for queue in inventory.queues {
      guard let registers = queue.keyRegisters, let card = inventory.card(queue.apqn.adapter) else {
        continue
      }
      let isLeaving = leaving.contains(queue.apqn)
      guard leaving.isEmpty || isLeaving else { continue }
      let news = keyLedger.news(
        in: registers, of: queue.apqn, on: card, at: now, isLast: isLeaving)
      for fact in news { keyLedger.apply(fact) }
      facts += news
    }
    if !facts.isEmpty { environment.keys?.append(facts) }
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
