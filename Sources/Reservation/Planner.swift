package import AdjunctProcessor
package import ReservationRules

/// Turns an inventory and what the rules decide into a plan. Pure: the same input gives the same plan.
package struct Planner {
  let inventory: Inventory
  let decisions: DecisionTable
  let ownership: Ownership
  let heldBack: Set<Operation.Subject>

  /// A planner for one moment.
  ///
  /// `heldBack` is what failed lately and is not to be tried again yet.
  package init(
    inventory: Inventory, decisions: DecisionTable, ownership: Ownership = Ownership(),
    heldBack: Set<Operation.Subject> = []
  ) {
    self.inventory = inventory
    self.decisions = decisions
    self.ownership = ownership
    self.heldBack = heldBack
  }

  /// The plan that moves queues by `mechanism`.
  package func plan(by mechanism: Mechanism) -> Plan {
    let goals = Goals(inventory: inventory, decisions: decisions, ownership: ownership)
    var plan = Plan(mechanism: mechanism)
    plan.refusals = goals.refusals
    plan.undecidable = goals.undecidable
    plan.adopted = goals.adopted
    switch mechanism {
    case .bind: planBinds(goals.goals, into: &plan)
    case .mask: planMasks(goals.goals, into: &plan)
    case .override: planOverrides(goals.goals, into: &plan)
    }
    plan.heldBack = plan.operations.map(\.subject).filter { heldBack.contains($0) }
    plan.operations.removeAll { operation in
      if heldBack.contains(operation.subject) { return true }
      // A queue that is to be bound outside the host's pool would go to the host while the masks that
      // take it out of there are not written.
      guard heldBack.contains(.masks), mechanism == .mask, case .queue(let apqn) = operation.subject
      else { return false }
      return inventory.bus.isInHostPool(apqn) == true
    }
    plan.refusals.sort { $0.apqn < $1.apqn }
    return plan
  }

  /// Whether the driver that reserves queues is registered.
  var hasVfioAP: Bool { inventory.bus.hasDriver(DriverName.vfioAP) }

  /// Whether a queue can be given to the host now; what stands in the way goes into the plan.
  ///
  /// `cex4queue` takes the card driver's data without looking whether there is any (ap-bus.md 1.4),
  /// so the card must be bound first.
  func canGiveToHost(_ apqn: APQN, _ plan: inout Plan) -> Bool {
    guard inventory.bus.hasDriver(DriverName.cex4queue) else {
      plan.waiting.append(Plan.Waiting(apqn, driver: DriverName.cex4queue))
      return false
    }
    guard inventory.card(apqn.adapter)?.driver != nil else {
      plan.refusals.append(Refusal(apqn, .cardUnbound))
      return false
    }
    return true
  }
}
