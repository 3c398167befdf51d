package import APBus
package import ReservationRules

/// Turns an inventory and what the rules decide into a plan. Pure: the same input gives the same plan.
package struct Planner {
  let inventory: Inventory
  let decisions: DecisionTable
  let ownership: Ownership
  let context: PlanningContext
  let heldBack: Set<Operation.Subject>

  /// A planner for one moment.
  ///
  /// `heldBack` is what failed lately and is not to be tried again yet.
  package init(
    inventory: Inventory, decisions: DecisionTable, ownership: Ownership = Ownership(),
    context: PlanningContext = PlanningContext(), heldBack: Set<Operation.Subject> = []
  ) {
    self.inventory = inventory
    self.decisions = decisions
    self.ownership = ownership
    self.context = context
    self.heldBack = heldBack
  }

  /// The plan that moves queues by `mechanism`.
  ///
  /// A queue that a guard keeps can make another request impossible or needless, so the plan is made again
  /// with it until no guard has anything to add.
  package func plan(by mechanism: Mechanism) -> Plan {
    var kept = keptByExperience
    if context.protectsHost {
      for apqn in HostProtection.beforeDrivers(inventory, ownership) {
        kept[apqn] = .masterKeysUnknown
      }
    }
    while true {
      let plan = plan(by: mechanism, kept: kept)
      guard context.protectsHost else { return plan }
      let protected = HostProtection(inventory).protected(from: plan.changes)
        .filter { kept[$0.key] == nil }
      guard !protected.isEmpty else { return plan }
      kept.merge(protected) { first, _ in first }
    }
  }

  /// Queues that are left alone because of what happened when they were to be moved.
  private var keptByExperience: [APQN: Refusal.Reason] {
    var kept: [APQN: Refusal.Reason] = [:]
    if context.isOn(.pendingRequests) {
      for apqn in context.undrained { kept[apqn] = .busy }
    }
    if context.isOn(.fighting) {
      for (apqn, count) in context.fought { kept[apqn] = .fought(times: count) }
    }
    return kept
  }

  private func plan(by mechanism: Mechanism, kept: [APQN: Refusal.Reason]) -> Plan {
    let goals = Goals(
      inventory: inventory, decisions: decisions, ownership: ownership,
      context: context, kept: kept)
    var plan = Plan(mechanism: mechanism)
    plan.refusals = goals.refusals
    plan.undecidable = goals.undecidable
    plan.adopted = goals.adopted
    switch mechanism {
    case .bind: planBinds(goals.goals, into: &plan)
    case .mask: planMasks(goals.goals, kept: kept, into: &plan)
    case .override: planOverrides(goals.goals, kept: kept, into: &plan)
    }
    plan.operations = plan.operations.map(draining)
    holdBack(in: &plan)
    restoreOnline(into: &plan)
    holdBack(in: &plan)
    plan.refusals.sort { $0.apqn < $1.apqn }
    plan.warnings =
      Warnings(
        of: plan, inventory: inventory, decisions: decisions, context: context
      ).warnings
    return plan
  }

  /// Takes out what failed lately.
  private func holdBack(in plan: inout Plan) {
    plan.heldBack += plan.operations.map(\.subject).filter { heldBack.contains($0) }
    plan.operations.removeAll { operation in
      if heldBack.contains(operation.subject) { return true }
      guard heldBack.contains(.masks), case .queue(let apqn) = operation.subject else {
        return false
      }
      // The kernel takes no override before the masks are set back. A queue that is to be bound outside the
      // host's pool would go to the host while the masks that take it out of there are not written.
      return plan.leavesMasks
        || plan.mechanism == .mask && inventory.bus.masks?.isInHostPool(apqn) == true
    }
  }

  /// Whether the driver that reserves queues is registered.
  var hasVfioAP: Bool { inventory.bus.hasDriver(DriverName.vfioAP) }

  /// Whether a queue can be given to the host now; what blocks it is added to the plan.
  ///
  /// `cex4queue` takes the card driver's data without checking that there is any (SimulatedBus
  /// documentation, "Matching"), so the card must be bound first.
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
