import APBus
import Reservation
import ReservationRules

extension Agent {
  /// Reads again what is dirty. False while nothing can be decided.
  func look() throws -> Bool {
    do throws(InventoryReaderError) {
      try refresh()
    } catch .noAPBus {
      inventory = nil
      dirty = []
      status = AgentStatus(phase: .withoutBus)
      return false
    }
    guard let inventory else { return false }
    guard inventory.bus.scans != 0 else {
      status = AgentStatus(phase: .beforeFirstScan)
      return false
    }
    try put(ownership.changes(against: inventory))
    if forgetsUnconfigured { noteSeen(ownership.noLongerConfigured(on: inventory.bus)) }
    forgetsUnconfigured = false
    noteSeen(ownership.newlySeen(on: inventory))
    return true
  }

  /// Notes which queues there have been. That they cannot be put on record now is no reason to do nothing;
  /// it is tried again at the next scan.
  private func noteSeen(_ changes: [OwnershipChange]) {
    for change in changes { ownership.apply(change) }
    unrecorded += changes
    guard !unrecorded.isEmpty else { return }
    do throws(OwnershipRecordError) {
      try environment.record?.append(unrecorded)
      unrecorded = []
    } catch {
      // The latest of each adapter says it all.
      var adapters: Set<UInt8> = []
      unrecorded = unrecorded.reversed().filter { change in
        guard case .seen(let adapter, _, _) = change else { return true }
        return adapters.insert(adapter).inserted
      }
    }
  }

  /// Puts changes of what is ours on record, then takes them over.
  func put(_ changes: [OwnershipChange]) throws(OwnershipRecordError) {
    guard !changes.isEmpty else { return }
    try environment.record?.append(changes)
    for change in changes { ownership.apply(change) }
  }

  private func refresh() throws(InventoryReaderError) {
    let reader = InventoryReader(sysfs: sysfs)
    let places = dirty
    guard !places.isEmpty else { return }
    // Whether there are overrides shows on a queue, so the first queue is a reason to read all again.
    guard var inventory, !places.contains(.everything), inventory.bus.supportsOverride != nil
    else {
      let inventory = try reader.read()
      context.configuration = environment.configuration()
      noteArrivals(among: inventory.queues.map(\.apqn))
      self.inventory = inventory
      dirty = []
      decisions = nil
      noteMovesByOthers(among: inventory.queues.map(\.apqn))
      return
    }
    for place in places {
      switch place {
      case .everything: break
      case .card(let adapter): try reread(adapter, in: &inventory, reader)
      case .queue(let apqn):
        if inventory.card(apqn.adapter) == nil {
          inventory.setCard(try reader.readCard(apqn.adapter), adapter: apqn.adapter)
        }
        guard inventory.card(apqn.adapter) != nil else { continue }
        inventory.setQueue(try reader.readQueue(apqn), apqn: apqn)
      }
    }
    // A few files, so that no mask is ever planned on what a lost event has left behind.
    let bus = try reader.reread(inventory.bus)
    // Other masks move any queue, and the rest was read before them.
    guard bus.masks == inventory.bus.masks else {
      dirty.insert(.everything)
      try refresh()
      return
    }
    inventory.bus = bus
    inventory.mediatedDevices = try reader.readMediatedDevices()
    if inventory.cards != self.inventory?.cards { decisions = nil }
    noteArrivals(among: places.flatMap { queues(of: $0, in: inventory) })
    self.inventory = inventory
    dirty = []
    noteMovesByOthers(among: places.flatMap { queues(of: $0, in: inventory) })
  }

  /// Takes note of queues that were not here at the last scan.
  private func noteArrivals(among apqns: [APQN]) {
    defer { departures = [] }
    guard let inventory else { return }
    for apqn in apqns where inventory.queue(apqn) == nil || departures.contains(apqn) {
      arrivals.insert(apqn)
    }
  }

  private func reread(
    _ adapter: UInt8, in inventory: inout Inventory, _ reader: InventoryReader
  ) throws(InventoryReaderError) {
    let card = try reader.readCard(adapter)
    inventory.setCard(card, adapter: adapter)
    for apqn in inventory.queues(ofCard: adapter).map(\.apqn) {
      inventory.setQueue(try reader.readQueue(apqn), apqn: apqn)
    }
  }

  private func queues(of place: Reaction, in inventory: Inventory) -> [APQN] {
    switch place {
    case .everything: []
    case .card(let adapter): inventory.queues(ofCard: adapter).map(\.apqn)
    case .queue(let apqn): [apqn]
    }
  }

  /// Takes note of queues that we reserved and that somebody else has moved away. Without the driver
  /// nobody could have kept them there, so its going is no such move.
  private func noteMovesByOthers(among apqns: [APQN]) {
    guard contention.isWatching, let inventory, inventory.bus.hasDriver(DriverName.vfioAP) else {
      return
    }
    var moves: [OwnerChange] = []
    for apqn in contention.watched(among: apqns) {
      guard let queue = inventory.queue(apqn) else {
        contention.forget(apqn)
        continue
      }
      guard queue.owner != .vfioAP else { continue }
      contention.note(
        apqn, now: time.now, limit: settings.policy.fightLimit,
        interval: settings.policy.fightInterval)
      moves.append(OwnerChange(apqn, from: .vfioAP, to: queue.owner, cause: .sideEffect))
      history.append(
        HistoryEntry(
          time: time.sinceEpoch, apqn: apqn, from: .vfioAP, to: queue.owner, cause: nil, rule: nil,
          mechanism: nil, failure: nil))
    }
    if !moves.isEmpty { log.record(.movedByOthers(moves)) }
  }
}
