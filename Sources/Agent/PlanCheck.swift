import APBus
import Reservation
import ReservationRules

/// Asks right before each operation whether the machine is still as it was when its plan was made.
///
/// Minutes can pass between the two: operations before it wait for the hardware, and a lock for its owner.
/// Check-stops, online switches and guests send no event, and an event may not have been received yet.
struct PlanCheck {
  /// Asks adapters only where a rule depends on the answer: that takes them milliseconds.
  private let reader: InventoryReader
  /// Asks adapters whether they answer.
  private let askingReader: InventoryReader
  /// The machine that the plan was made on.
  private let inventory: Inventory
  /// Whether queues with pending requests are drained before they are taken.
  private let drains: Bool
  /// What the host's keys are on; nil where they are not protected.
  private let protection: HostProtection?
  /// The queues that the plan takes from the host.
  private let leaving: Set<APQN>

  init(
    _ plan: Plan, on inventory: Inventory, by rules: RuleSet, _ context: PlanningContext,
    passing: APQNSet, sysfs: any Sysfs
  ) {
    reader = InventoryReader(sysfs: sysfs, asksAdapters: rules.asksAdapters)
    askingReader = InventoryReader(sysfs: sysfs)
    self.inventory = inventory
    drains = context.isOn(.pendingRequests)
    let needs = context.keyNeeds
    protection = needs.isEmpty ? nil : HostProtection(inventory, needs: needs, except: passing)
    leaving = Set(plan.operations.flatMap(\.taken))
  }

  /// Whether the operation may be done as planned. `noteBusy` is called for each queue that would have to
  /// finish requests first, which the plan did not know.
  ///
  /// - Throws: `InventoryReaderError` where that cannot be read.
  func isCurrent(
    _ operation: Operation, noteBusy: (APQN) -> Void
  ) throws(InventoryReaderError) -> Bool {
    switch operation.subject {
    case .online: return true
    case .queue(let apqn):
      guard let planned = inventory.card(apqn.adapter),
        let card = try reader.readCard(apqn.adapter), isSame(card, as: planned),
        try isUnchanged(apqn)
      else { return false }
    case .masks:
      guard try isUnchanged() else { return false }
    }
    let awaited = Set(operation.awaited)
    var isIdle = true
    for apqn in operation.taken where drains && !awaited.contains(apqn) {
      guard let count = try reader.readPendingRequests(apqn), count > 0 else { continue }
      isIdle = false
      noteBusy(apqn)
    }
    guard isIdle else { return false }
    return try keepsHostKeys(without: operation.taken)
  }

  private func isUnchanged(_ apqn: APQN) throws(InventoryReaderError) -> Bool {
    guard let planned = inventory.queue(apqn), let queue = try reader.readQueue(apqn) else {
      return false
    }
    return isSame(queue, as: planned)
  }

  /// A mask moves every queue of a row or column, so everything must be as it was.
  private func isUnchanged() throws(InventoryReaderError) -> Bool {
    let fresh = try reader.read()
    return fresh.bus.masks == inventory.bus.masks
      && fresh.bus.drivers == inventory.bus.drivers
      && fresh.mediatedDevices == inventory.mediatedDevices
      && fresh.cards.elementsEqual(inventory.cards, by: isSame)
      && fresh.queues.elementsEqual(inventory.queues, by: isSame)
  }

  /// An attribute that cannot be read any more says nothing: the kernel answers some of them by asking a queue
  /// of the card that the host has (zcrypt_cex4.c, `cca_serialnr_show`), and the plan takes these one by one.
  private func isSame(_ card: Card, as planned: Card) -> Bool {
    var card = card
    card.attributes.merge(planned.attributes) { fresh, _ in fresh }
    card.unanswered = planned.unanswered
    return card == planned
  }

  /// What the plan's inventory knows of a queue beyond what a scan reads is not asked again here.
  private func isSame(_ queue: Queue, as planned: Queue) -> Bool {
    var queue = queue
    queue.pendingRequests = planned.pendingRequests
    queue.masterKeys = planned.masterKeys
    queue.keyRegisters = planned.keyRegisters
    return queue == planned
  }

  /// Whether some queue that stays with the host can do now what each of those taken does.
  private func keepsHostKeys(without taken: [APQN]) throws(InventoryReaderError) -> Bool {
    guard let protection else { return true }
    for candidates in protection.substitutes(for: taken, leaving: leaving) {
      var isKept = false
      for apqn in candidates where !isKept {
        guard let queue = try reader.readQueue(apqn), queue.owner == .host else { continue }
        let card = try askingReader.readCard(apqn.adapter)
        isKept = queue.isUsable(on: card) && card?.unanswered == nil
      }
      guard isKept else { return false }
    }
    return true
  }
}

extension Operation {
  /// The queues that it takes from the host.
  fileprivate var taken: [APQN] {
    changes.filter(\.leavesHost).map(\.apqn)
  }

  /// The queues whose pending requests it waits for.
  var awaited: [APQN] {
    steps.compactMap { step in if case .awaitIdle(let apqn) = step { apqn } else { nil } }
  }
}
