package import APBus
import Reservation
import ReservationRules

/// What to scan again.
///
/// An event is never believed: it only says where to read. A forged one costs a few reads, and a lost
/// one is made up for by the next scan of everything.
package enum ScanScope: Hashable, Sendable {
  /// The card and its queues.
  case card(UInt8)
  case queue(APQN)
  case everything

  /// What to scan after something has happened to an object.
  package init(of object: BusObject) {
    switch object {
    // A card's driver makes attributes readable that rules match; the event of its `config` is sent before
    // those of its queues (`ap_scan_adapter`, 6.1).
    case .card(let adapter): self = .card(adapter)
    // Added, bound to whatever driver, unbound, configured, removed.
    case .queue(let apqn): self = .queue(apqn)
    // The end of the first scan, all queues bound, masks written by another process.
    case .root: self = .everything
    // A driver was registered or removed, and with it what can be bound. Events of modules are sent after
    // those of their drivers, and on some kernels earlier as well.
    case .driver, .module: self = .everything
    // The bus itself; mediated devices, which can hold queues.
    case .bus, .matrixRoot, .matrix, .mediatedDeviceType, .mediatedDevice: self = .everything
    }
  }
}

extension Agent {
  /// Reads again what may have changed. Returns what is waited for while nothing can be decided.
  func scan() throws(Status.Obstacle) -> Status.Phase? {
    do throws(InventoryReaderError) {
      try refresh()
    } catch .noAPBus {
      (inventory, decisions, plan) = (nil, nil, nil)
      dirty = []
      return .withoutBus
    } catch {
      throw .unreadable(error)
    }
    guard let inventory else { return .withoutBus }
    guard inventory.bus.scans != 0 else { return .beforeFirstScan }
    try put(ownership.changes(against: inventory))
    if forgetsUnconfigured { noteSeen(ownership.noLongerConfigured(on: inventory.bus)) }
    forgetsUnconfigured = false
    noteSeen(ownership.newlySeen(on: inventory) + ownership.newlyLoaded(on: inventory.bus))
    return nil
  }

  /// Notes which queues there have been, and which of them rules requested. Where they cannot be put on record now, that is tried again at the
  /// next scan.
  func noteSeen(_ changes: [OwnershipChange]) {
    for change in changes { ownership.apply(change) }
    unrecorded += changes
    guard !unrecorded.isEmpty else { return }
    do throws(OwnershipRecordError) {
      try environment.record?.append(unrecorded)
      unrecorded = []
    } catch {
      // The latest of each adapter says it all.
      var seen: Set<UInt8> = []
      var requested: Set<UInt8> = []
      var reserved: Set<UInt8> = []
      unrecorded = unrecorded.reversed().filter { change in
        switch change {
        case .seen(let adapter, _, _): seen.insert(adapter).inserted
        case .requested(let adapter, _): requested.insert(adapter).inserted
        case .reserved(let adapter, _): reserved.insert(adapter).inserted
        default: true
        }
      }
    }
  }

  /// Puts changes of what the agent owns on record, then takes them over.
  func put(_ changes: [OwnershipChange]) throws(Status.Obstacle) {
    guard !changes.isEmpty else { return }
    do throws(OwnershipRecordError) {
      try environment.record?.append(changes)
    } catch {
      throw .unrecorded(error)
    }
    for change in changes { ownership.apply(change) }
  }

  private func refresh() throws(InventoryReaderError) {
    let reader = InventoryReader(sysfs: sysfs)
    let scopes = dirty
    guard !scopes.isEmpty else { return }
    // Whether there are overrides shows on a queue, so the first queue is a reason to read all again.
    guard var inventory, !scopes.contains(.everything), inventory.bus.supportsOverride != nil
    else {
      var inventory = try reader.read()
      if rules.readsMasterKeys { try reader.readMasterKeys(into: &inventory) }
      context.configuration = environment.configuration()
      note(inventory.queues.map(\.apqn), in: inventory)
      noteKeys(in: &inventory)
      self.inventory = inventory
      lastSurvey = time.now
      dirty = []
      decisions = nil
      // What is added under the same name later is another queue.
      for apqn in contention.watchedQueues where inventory.queue(apqn) == nil {
        contention.forget(apqn)
      }
      return
    }
    for scope in scopes {
      switch scope {
      case .everything: break
      case .card(let adapter): try reread(adapter, in: &inventory, by: reader)
      case .queue(let apqn):
        if inventory.card(apqn.adapter) == nil {
          inventory.setCard(try reader.readCard(apqn.adapter), adapter: apqn.adapter)
        }
        guard inventory.card(apqn.adapter) != nil else { continue }
        inventory.setQueue(try reader.readQueue(apqn), apqn: apqn)
      }
    }
    // A few files, so that no mask is ever planned on what a lost event has left stale.
    let bus = try reader.reread(inventory.bus)
    // Other masks move any queue, and the rest was read before them.
    guard bus.masks == inventory.bus.masks else {
      dirty.insert(.everything)
      try refresh()
      return
    }
    inventory.bus = bus
    inventory.mediatedDevices = try reader.readMediatedDevices()
    if inventory.cards != self.inventory?.cards || rules.readsMasterKeys { decisions = nil }
    let apqns = scopes.flatMap { queues(in: $0, of: inventory) }
    if rules.readsMasterKeys {
      try reader.readMasterKeys(into: &inventory, of: Set(apqns))
    }
    note(apqns, in: inventory)
    noteKeys(in: &inventory)
    self.inventory = inventory
    dirty = []
    for apqn in contention.watched(among: apqns) where inventory.queue(apqn) == nil {
      contention.forget(apqn)
    }
  }

  /// Compares queues with the last scan, and with what the agent has done since.
  private func note(_ apqns: [APQN], in fresh: Inventory) {
    noteRemovedAdapters(in: fresh)
    noteArrivals(among: apqns, in: fresh)
    noteMovesByOthers(among: apqns, in: fresh)
    unboundByOthers.subtract(departures)
    departures = []
  }

  /// Notes queues that were absent at the last scan, and those that masks of the agent kept from the host
  /// without a driver until `vfio_ap` was loaded.
  private func noteArrivals(among apqns: [APQN], in fresh: Inventory) {
    guard let inventory else { return }
    for apqn in apqns {
      guard let known = inventory.queue(apqn), !departures.contains(apqn) else {
        arrivals.insert(apqn)
        continue
      }
      guard known.owner == .none, ownMoves[apqn] == nil, fresh.queue(apqn)?.owner == .vfioAP,
        ownership.covers(apqn, under: fresh.bus)
      else { continue }
      arrivals.insert(apqn)
    }
  }

  private func reread(
    _ adapter: UInt8, in inventory: inout Inventory, by reader: InventoryReader
  ) throws(InventoryReaderError) {
    let card = try reader.readCard(adapter)
    inventory.setCard(card, adapter: adapter)
    for apqn in inventory.queues(ofCard: adapter).map(\.apqn) {
      inventory.setQueue(try reader.readQueue(apqn), apqn: apqn)
    }
  }

  private func queues(in scope: ScanScope, of inventory: Inventory) -> [APQN] {
    switch scope {
    case .everything: []
    case .card(let adapter): inventory.queues(ofCard: adapter).map(\.apqn)
    case .queue(let apqn): [apqn]
    }
  }

  /// Notes queues that have another owner than at the last scan, or than what the agent has done since left
  /// them with. What had no driver was not moved, but bound, which counts where the kernel did it because the driver
  /// was loaded since that scan, and where another process had unbound it. A driver that is gone has lost all its
  /// queues by that, of which those of the host are no news to anybody.
  private func noteMovesByOthers(among apqns: [APQN], in fresh: Inventory) {
    let isLoading = ownership.lacksVfioAP && fresh.bus.hasDriver(DriverName.vfioAP)
    for apqn in apqns {
      guard let queue = fresh.queue(apqn), !departures.contains(apqn), !uncertain.contains(apqn)
      else { continue }
      let known = inventory?.queue(apqn)
      // After a restart, the record says what was reserved.
      let wasReserved =
        inventory == nil && queue.owner == .host && ownership.reserved.contains(apqn)
      let before = ownMoves[apqn] ?? known?.owner ?? (wasReserved ? .vfioAP : queue.owner)
      if isLoading, queue.owner == .vfioAP,
        (ownMoves[apqn] ?? known?.owner ?? Owner.none) == Owner.none
      {
        foreignMoves.append(
          Move(
            time: time.wallTime, apqn: apqn, from: .none, to: .vfioAP, cause: nil,
            foreign: .loading))
        continue
      }
      guard before != queue.owner else { continue }
      let wasUnboundByOthers = unboundByOthers.remove(apqn) != nil
      switch before {
      case .vfioAP:
        guard fresh.bus.hasDriver(DriverName.vfioAP) else {
          foreignMoves.append(
            Move(
              time: time.wallTime, apqn: apqn, from: .vfioAP, to: queue.owner, cause: nil,
              foreign: .unloading))
          continue
        }
      case .host: guard fresh.bus.hasDriver(DriverName.cex4queue) else { continue }
      // A driver that was not there has bound it when it was loaded.
      case .none:
        let driver = queue.owner == .vfioAP ? DriverName.vfioAP : DriverName.cex4queue
        guard wasUnboundByOthers, ownMoves[apqn] == nil, inventory?.bus.hasDriver(driver) == true
        else { continue }
      }
      if queue.owner == .none { unboundByOthers.insert(apqn) }
      foreignMoves.append(
        Move(
          time: time.wallTime, apqn: apqn, from: before, to: queue.owner, cause: nil,
          foreign: foreignChange(of: queue, before: before, known: known, on: fresh.bus)))
    }
    if apqns.count == fresh.queues.count {
      ownMoves = [:]
      uncertain = []
    } else {
      for apqn in apqns {
        ownMoves[apqn] = nil
        uncertain.remove(apqn)
      }
    }
  }

  private func foreignChange(
    of queue: Queue, before: Owner, known: Queue?, on bus: BusState
  ) -> Move.ForeignChange {
    if let masks = bus.masks, masks.isInHostPool(queue.apqn) == (queue.owner == .host),
      queue.driverOverride == nil,
      let earlier = self.masks ?? inventory?.bus.masks ?? ownership.masks,
      earlier.isInHostPool(queue.apqn) != masks.isInHostPool(queue.apqn)
    {
      return .masks
    }
    // In the host's pool, a queue was on `vfio_ap` by its override; one that the agent has set since is not in
    // what was read before.
    let wasOverridden =
      before == .vfioAP && bus.supportsOverride == true
      && !bus.isKeptFromHost(queue.apqn)
    let override = wasOverridden ? DriverName.vfioAP : known?.driverOverride
    return queue.driverOverride == override ? .binding : .override(queue.driverOverride)
  }
}
