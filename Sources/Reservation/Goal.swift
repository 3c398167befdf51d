import APBus
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

  /// Whether a queue that rules decide for the host is on `vfio_ap` because that driver came first: without
  /// masks the kernel gives a new queue to the first driver that takes it (SimulatedBus documentation,
  /// "Matching"), and nobody has meant that.
  private func isStray(_ queue: Queue, _ row: DecisionRow, _ bus: BusState) -> Bool {
    queue.owner == .vfioAP && bus.masks == nil && row.host.contains(queue.apqn.domain)
  }

  /// `kept` names queues that keep their owner whatever is requested, each with the reason.
  init(
    inventory: Inventory, decisions: DecisionTable, ownership: Ownership,
    context: PlanningContext, kept: [APQN: Refusal.Reason]
  ) {
    goals.reserveCapacity(inventory.queues.count)
    for card in inventory.cards {
      let row = decisions.row(card.adapter)
      for queue in inventory.queues(ofCard: card.adapter) {
        let goal = goal(for: queue, of: card, row, inventory, ownership, context)
        if goal == .reserve, queue.owner != .vfioAP, let reason = kept[queue.apqn] {
          refusals.append(Refusal(queue.apqn, reason))
          goals.append(.stay)
        } else {
          goals.append(goal)
        }
      }
    }
  }

  private mutating func goal(
    for queue: Queue, of card: Card, _ row: DecisionRow, _ inventory: Inventory,
    _ ownership: Ownership, _ context: PlanningContext
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
    guard ownership.covers(apqn, under: inventory.bus) || isStray(queue, row, inventory.bus) else {
      let isForHost = row.host.contains(apqn.domain)
      // Without masks nobody has asked for it to be there: the kernel gave it to the first driver that came.
      if queue.owner == .vfioAP, isForHost || inventory.bus.masks == nil { adopted.append(apqn) }
      return .stay
    }
    if context.rulesAreMissing, context.isOn(.emptyRules) {
      refusals.append(Refusal(apqn, .rulesMissing))
      return .stay
    }
    if context.isOn(.assignedQueue), inventory.hasGuest(apqn) {
      let holder = inventory.mediatedDevice(holding: apqn)
      let name = holder.map { context.configuration.name(ofMediatedDevice: $0.uuid) }
      refusals.append(Refusal(apqn, .assigned(mediatedDevice: name)))
      return .stay
    }
    return .giveBack
  }
}
