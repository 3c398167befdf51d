import AdjunctProcessor
import HostConfiguration
import Reservation
import Sysfs

/// Asks right before an operation whether the machine is still as it was when its plan was made.
///
/// Minutes can pass between the two: operations before it wait for the hardware, and a lock for its owner.
/// Check-stops, online switches and guests send no event, and an event may not have been received yet.
struct PlanCheck {
  let reader: InventoryReader
  /// The machine that the plan was made on.
  let inventory: Inventory
  let plan: Plan
  let circumstances: Circumstances

  /// Whether the operation may be done as planned.
  ///
  /// - Throws: `InventoryReaderError` where that cannot be read.
  func isCurrent(_ operation: Operation) throws(InventoryReaderError) -> Bool {
    let taken = operation.changes.filter { $0.from == .host && $0.to != .host }.map(\.apqn)
    switch operation.subject {
    case .online: return true
    case .queue(let apqn):
      let planned = inventory.card(apqn.adapter)
      guard try reader.readCard(apqn.adapter) == planned,
        try isUnchanged(apqn)
      else { return false }
    case .masks:
      guard try isUnchanged() else { return false }
    }
    let awaited = Set(operation.awaited)
    for apqn in taken {
      guard circumstances.isOn(.pendingRequests), !awaited.contains(apqn) else { continue }
      if let count = try reader.readPendingRequests(apqn), count > 0 { return false }
    }
    return try keepsHostKeys(without: taken)
  }

  private func isUnchanged(_ apqn: APQN) throws(InventoryReaderError) -> Bool {
    guard let planned = inventory.queue(apqn), let queue = try reader.readQueue(apqn) else {
      return false
    }
    return isSame(queue, planned)
  }

  /// A mask moves every queue of a row or column, so everything must be as it was.
  private func isUnchanged() throws(InventoryReaderError) -> Bool {
    let fresh = try reader.read()
    return fresh.bus.adapterMask == inventory.bus.adapterMask
      && fresh.bus.domainMask == inventory.bus.domainMask
      && fresh.bus.drivers == inventory.bus.drivers && fresh.cards == inventory.cards
      && fresh.mediatedDevices == inventory.mediatedDevices
      && fresh.queues.count == inventory.queues.count
      && zip(fresh.queues, inventory.queues).allSatisfy(isSame)
  }

  /// What the plan's inventory knows of a queue beyond what a scan reads is not asked again here.
  private func isSame(_ queue: Queue, _ planned: Queue) -> Bool {
    var queue = queue
    queue.pendingRequests = planned.pendingRequests
    queue.masterKeys = planned.masterKeys
    return queue == planned
  }

  /// Whether some queue that stays with the host can do now what each of those taken does.
  private func keepsHostKeys(without taken: [APQN]) throws(InventoryReaderError) -> Bool {
    guard circumstances.protectsHost, !taken.isEmpty else { return true }
    let protection = HostProtection(inventory)
    let leaving = Set(plan.changes.filter { $0.from == .host && $0.to != .host }.map(\.apqn))
    for candidates in protection.substitutes(for: taken, leaving: leaving) {
      var isKept = false
      for apqn in candidates where !isKept {
        guard let queue = try reader.readQueue(apqn), queue.owner == .host else { continue }
        isKept = queue.isUsable(on: try reader.readCard(apqn.adapter))
      }
      guard isKept else { return false }
    }
    return true
  }
}

extension Operation {
  /// The queues whose pending requests it waits for.
  var awaited: [APQN] {
    steps.compactMap { step in if case .awaitIdle(let apqn) = step { apqn } else { nil } }
  }
}
