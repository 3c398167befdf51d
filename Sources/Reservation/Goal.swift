import AdjunctProcessor
import ReservationRules

/// What should become of one queue.
enum Goal: Equatable, Sendable {
  /// To be on `vfio_ap`.
  case reserve
  /// To be given back to the host: we took it, and no rule wants it reserved any more.
  case giveBack
  /// To stay with whoever has it.
  case stay
}

/// The goals for all queues of an inventory, and what there is to say of those that have none.
struct Goals {
  /// The goals in the order of `Inventory.queues`.
  private(set) var goals: [Goal] = []
  private(set) var refusals: [Refusal] = []
  private(set) var undecidable: [APQN] = []
  private(set) var adopted: [APQN] = []

  init(inventory: Inventory, decisions: DecisionTable, ownership: Ownership) {
    goals.reserveCapacity(inventory.queues.count)
    for card in inventory.cards {
      let row = decisions.row(card.adapter)
      for queue in inventory.queues(ofCard: card.adapter) {
        goals.append(goal(for: queue, of: card, row, inventory, ownership))
      }
    }
  }

  private mutating func goal(
    for queue: Queue, of card: Card, _ row: DecisionRow, _ inventory: Inventory,
    _ ownership: Ownership
  ) -> Goal {
    let apqn = queue.apqn
    if row.undecidable.contains(apqn.domain) {
      undecidable.append(apqn)
      return .stay
    }
    if row.vfioAP.contains(apqn.domain) {
      guard card.hardwareType.isReservable else {
        refusals.append(Refusal(apqn, .hardwareTooOld(card.hardwareType)))
        return .stay
      }
      return .reserve
    }
    guard queue.owner != .host || queue.driverOverride == DriverName.vfioAP else { return .stay }
    guard ownership.covers(apqn, under: inventory.bus) else {
      if queue.owner == .vfioAP, row.host.contains(apqn.domain) { adopted.append(apqn) }
      return .stay
    }
    let holder = inventory.mediatedDevice(holding: apqn)
    if holder != nil || [.assigned, .inUse].contains(queue.guestStatus) {
      refusals.append(Refusal(apqn, .assigned(mediatedDevice: holder?.uuid)))
      return .stay
    }
    return .giveBack
  }
}
