package import APBus

/// What is reserved by us, and so may be given back by us, and which queues there have been.
///
/// What apreserve did not reserve it does not release: a queue that was on `vfio_ap` when first seen
/// is the work of others.
package struct Ownership: Equatable, Sendable {
  /// Queues that we bound to `vfio_ap`, or whose override we set.
  package var queues: Set<APQN>
  /// Bits of `apmask` that we cleared.
  package var adapters: APMask
  /// Bits of `aqmask` that we cleared.
  package var domains: APMask
  /// Queues of the host that we switched off, to take them when they have no requests left.
  package var offline: Set<APQN>
  /// The mechanism that was chosen; nil before the choice.
  package var mechanism: Mechanism?
  /// Queues that have been here since boot, whether they are here now or not: what was not to be taken
  /// while it was here is not to be taken when it comes back.
  package var seen: APQNSet
  /// The adapters of `seen` whose hardware `vfio_ap` does not take.
  package var olderAdapters: APMask

  /// A record; a new one owns nothing.
  package init(
    queues: Set<APQN> = [], adapters: APMask = [], domains: APMask = [], offline: Set<APQN> = [],
    mechanism: Mechanism? = nil, seen: APQNSet = APQNSet(), olderAdapters: APMask = []
  ) {
    self.queues = queues
    self.adapters = adapters
    self.domains = domains
    self.offline = offline
    self.mechanism = mechanism
    self.seen = seen
    self.olderAdapters = olderAdapters
  }

  /// Whether the queue is reserved by us alone: we moved it itself, or every cleared bit of the masks
  /// that keeps it from the host is owned. Where another process has cleared one too, it is that process's.
  package func covers(_ apqn: APQN, under bus: BusState) -> Bool {
    guard let masks = bus.masks, !masks.isInHostPool(apqn) else { return queues.contains(apqn) }
    return (masks.adapters.contains(apqn.adapter) || adapters.contains(apqn.adapter))
      && (masks.domains.contains(apqn.domain) || domains.contains(apqn.domain))
  }

  /// The change that takes back another one which was made to this record.
  package func undoing(_ change: OwnershipChange) -> OwnershipChange? {
    switch change {
    case .mechanism: nil
    case .adapters: .adapters(adapters)
    case .domains: .domains(domains)
    case .queue(let apqn, _): .queue(apqn, isOwned: queues.contains(apqn))
    case .offline(let apqn, _): .offline(apqn, isOwned: offline.contains(apqn))
    case .seen: nil
    }
  }

  /// Applies a change.
  package mutating func apply(_ change: OwnershipChange) {
    switch change {
    case .mechanism(let mechanism): self.mechanism = mechanism
    case .adapters(let mask): adapters = mask
    case .domains(let mask): domains = mask
    case .queue(let apqn, true): queues.insert(apqn)
    case .queue(let apqn, false): queues.remove(apqn)
    case .offline(let apqn, true): offline.insert(apqn)
    case .offline(let apqn, false): offline.remove(apqn)
    case .seen(let adapter, let domains, let isReservable):
      seen[adapter] = domains
      if isReservable { olderAdapters.remove(adapter) } else { olderAdapters.insert(adapter) }
    }
  }

  /// What a step makes owned that is not owned yet; to be recorded before the step's write is done, since a
  /// write that is recorded and did not happen does no harm, and the reverse would be forgotten.
  ///
  /// `inventory` is the machine as it was before the first step of the same plan.
  package func change(by step: Step, on inventory: Inventory) -> OwnershipChange? {
    switch step {
    case .setAdapterMask(let mask):
      let cleared = inventory.bus.masks?.adapters.subtracting(mask) ?? []
      return cleared.isSubset(of: adapters) ? nil : .adapters(adapters.union(cleared))
    case .setDomainMask(let mask):
      let cleared = inventory.bus.masks?.domains.subtracting(mask) ?? []
      return cleared.isSubset(of: domains) ? nil : .domains(domains.union(cleared))
    case .setOverride(let apqn, DriverName.vfioAP), .bind(let apqn, DriverName.vfioAP):
      // What is on vfio_ap already is only kept there from now on: apreserve does not own it.
      guard inventory.queue(apqn)?.owner != .vfioAP, !queues.contains(apqn) else { return nil }
      return .queue(apqn, isOwned: true)
    case .unbind(let apqn, let driver) where driver != DriverName.vfioAP:
      // Outside the host's pool it is the masks that reserve it, whoever has set them.
      guard inventory.bus.masks?.isInHostPool(apqn) != false else { return nil }
      return queues.contains(apqn) ? nil : .queue(apqn, isOwned: true)
    case .setOnline(let apqn, false):
      return offline.contains(apqn) ? nil : .offline(apqn, isOwned: true)
    case .setOverride, .bind, .unbind, .probe, .requireUnassigned, .setOnline, .awaitIdle:
      return nil
    }
  }

  /// What is not owned any more: bits that are set again, queues that have left `vfio_ap` for the host
  /// or are gone, with no override left on them, and queues that are not switched off any more.
  package func changes(against inventory: Inventory) -> [OwnershipChange] {
    var changes: [OwnershipChange] = []
    if let mask = inventory.bus.masks?.adapters, !adapters.isDisjoint(with: mask) {
      changes.append(.adapters(adapters.subtracting(mask)))
    }
    if let mask = inventory.bus.masks?.domains, !domains.isDisjoint(with: mask) {
      changes.append(.domains(domains.subtracting(mask)))
    }
    let left = queues.filter { apqn in
      guard let queue = inventory.queue(apqn) else { return true }
      return queue.owner == .host && queue.driverOverride != DriverName.vfioAP
    }
    changes += left.sorted().map { .queue($0, isOwned: false) }
    let switched = offline.filter { apqn in
      guard let queue = inventory.queue(apqn) else { return true }
      return queue.owner != .host || queue.isOnline != false
    }
    changes += switched.sorted().map { .offline($0, isOwned: false) }
    return changes
  }

  /// Queues that were not here before, on a kernel with masks, where that matters.
  package func newlySeen(on inventory: Inventory) -> [OwnershipChange] {
    guard inventory.bus.masks != nil else { return [] }
    let present = inventory.apqns
    return inventory.cards.compactMap { card in
      let known = seen[card.adapter]
      let domains = known.union(present[card.adapter])
      let isReservable = card.hardwareType.isReservable
      guard
        domains != known || !known.isEmpty && isReservable == olderAdapters.contains(card.adapter)
      else { return nil }
      return .seen(adapter: card.adapter, domains: domains, isReservable: isReservable)
    }
  }

  /// What was here and is of adapters or domains that this system is not configured for any more.
  package func noLongerConfigured(on bus: BusState) -> [OwnershipChange] {
    guard let adapters = bus.configuredAdapters, let domains = bus.configuredDomains else {
      return []
    }
    return seen.adapters.compactMap { adapter in
      let left = adapters.contains(adapter) ? seen[adapter].intersection(domains) : []
      guard left != seen[adapter] else { return nil }
      return .seen(
        adapter: adapter, domains: left, isReservable: !olderAdapters.contains(adapter))
    }
  }
}
