package import APBus

/// Finds the queues that a plan must leave to the host so that its secure keys stay usable.
///
/// A queue may be taken when another one of the same mode and the same master keys stays with the host
/// and is usable there. One whose master keys cannot be read may hold the only ones, and is never
/// taken; an accelerator, and a queue without a valid master key, holds none (SimulatedBus
/// documentation, "Host use").
package struct HostProtection {
  private struct Kind: Hashable {
    let mode: QueueMode?
    let keys: MasterKeyPattern
  }

  private let inventory: Inventory
  private var queues: [Kind: [Queue]] = [:]
  private var kinds: [APQN: Kind] = [:]
  private var unknown: [APQN] = []

  /// What there is to protect on a machine whose queues show their master keys.
  package init(_ inventory: Inventory) {
    self.inventory = inventory
    for card in inventory.cards {
      guard card.mode != .accelerator else { continue }
      for queue in inventory.queues(ofCard: card.adapter) where queue.owner == .host {
        guard let keys = queue.masterKeys else {
          unknown.append(queue.apqn)
          continue
        }
        guard !keys.registers.isEmpty else { continue }
        let kind = Kind(mode: card.mode, keys: keys)
        queues[kind, default: []].append(queue)
        kinds[queue.apqn] = kind
      }
    }
  }

  /// Queues that the host gets when its driver is loaded, which must stay because until then nothing shows
  /// their master keys: as in an initrd, before udev has loaded anything. Those of `ownership` have left
  /// the host already.
  static func beforeDrivers(_ inventory: Inventory, _ ownership: Ownership) -> [APQN] {
    guard !inventory.bus.hasDriver(DriverName.cex4queue) else { return [] }
    return inventory.cards.flatMap { card -> [APQN] in
      guard card.mode != .accelerator, card.hardwareType.isReservable else { return [] }
      return inventory.queues(ofCard: card.adapter).filter { queue in
        queue.owner == .none && queue.masterKeys == nil
          && queue.driverOverride != DriverName.vfioAP
          && inventory.bus.masks?.isInHostPool(queue.apqn) != false
          && !ownership.covers(queue.apqn, under: inventory.bus)
      }.map(\.apqn)
    }
  }

  /// The queues of `changes` that must stay, each with the reason.
  ///
  /// Of several that could stay, one that no rule asked for stays rather than one that a rule wants,
  /// and else the last: what rules want is fulfilled in the order of the queues.
  func protected(from changes: [OwnerChange]) -> [APQN: Refusal.Reason] {
    var causes: [APQN: OwnerChange.Cause] = [:]
    for change in changes where change.to != .host {
      causes[change.apqn] = change.cause
    }
    var protected: [APQN: Refusal.Reason] = [:]
    for apqn in unknown where causes[apqn] != nil { protected[apqn] = .masterKeysUnknown }
    for (kind, queues) in queues {
      let taken = queues.filter { causes[$0.apqn] != nil }
      guard !queues.contains(where: { causes[$0.apqn] == nil && isUsable($0) }) else { continue }
      let usable = taken.filter(isUsable)
      let reason = Refusal.Reason.lastWithMasterKeys(kind.mode, kind.keys)
      guard let last = usable.last(where: { causes[$0.apqn] != .wanted }) ?? usable.last else {
        // None is usable now, so which one will be first is unknown.
        for queue in taken { protected[queue.apqn] = reason }
        continue
      }
      protected[last.apqn] = reason
    }
    return protected
  }

  /// For each kind of key that some queue of `taken` has: the host's other queues of that kind that stay,
  /// of which one must be usable. `leaving` are all queues that leave the host.
  package func substitutes(for taken: [APQN], leaving: Set<APQN>) -> [[APQN]] {
    let kinds = Set(taken.compactMap { self.kinds[$0] })
    return kinds.map { kind in
      (queues[kind] ?? []).lazy.map(\.apqn).filter { !leaving.contains($0) }
    }
  }

  private func isUsable(_ queue: Queue) -> Bool {
    queue.isUsable(on: inventory.card(queue.apqn.adapter))
  }
}
