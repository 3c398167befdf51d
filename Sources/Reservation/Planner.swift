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

  /// The same without a guard.
  package func without(_ guarding: Guard) -> Planner {
    var context = context
    context.policy.forced.insert(guarding)
    return Planner(
      inventory: inventory, decisions: decisions, ownership: ownership, context: context,
      heldBack: heldBack)
  }

  /// The plan that moves queues by `mechanism`.
  ///
  /// A queue that a guard keeps can make another request impossible or needless, so the plan is made again
  /// with it until no guard has anything to add.
  package func plan(by mechanism: Mechanism) -> Plan {
    if let target = context.changeover { return changeover(to: target) }
    var kept = keptByExperience
    let needs = context.keyNeeds
    guard !needs.isEmpty else { return plan(by: mechanism, kept: kept) }
    let early = HostProtection.beforeDrivers(on: inventory, ownership: ownership, needs: needs)
    kept.merge(early) { _, early in early }
    let protection = HostProtection(inventory, needs: needs, except: ownership.passing)
    while true {
      let plan = plan(by: mechanism, kept: kept, unserved: protection.unserved)
      let protected = protection.protected(from: plan.changes)
        .filter { kept[$0.key] == nil }
      guard !protected.isEmpty else { return plan }
      kept.merge(protected) { first, _ in first }
    }
  }

  /// Queues that are left alone because of what happened when they were to be moved.
  private var keptByExperience: [APQN: Refusal.Reason] {
    var kept: [APQN: Refusal.Reason] = [:]
    if context.isOn(.pendingRequests) {
      for apqn in context.undrained { kept[apqn] = .guarded(.busy) }
    }
    if context.isOn(.fighting) {
      for (apqn, count) in context.fought {
        let suspect = context.configuration.suspect(ofMoving: apqn)
        kept[apqn] = .guarded(.fought(times: count, suspect: suspect))
      }
    }
    return kept
  }

  /// The plan that leaves `kept` where it is. `unserved` are needs of the host that no queue of it can serve.
  private func plan(
    by mechanism: Mechanism, kept: [APQN: Refusal.Reason], unserved: [KeyNeed] = []
  ) -> Plan {
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
    if let masks = plan.masks(after: inventory.bus) {
      plan.latentCollateral = latentCollateral(of: masks)
    }
    plan.refusals.sort { $0.apqn < $1.apqn }
    plan.warnings =
      Warnings(
        of: plan, inventory: inventory, decisions: decisions, context: context, unserved: unserved
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
  func canGiveToHost(_ apqn: APQN, in plan: inout Plan) -> Bool {
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

/// What a plan depends on besides the machine and its rules: what the host's other files say, how
/// careful to be, and what experience has taught.
package struct PlanningContext: Equatable, Sendable {
  /// What the host's other files say.
  package var configuration: HostConfiguration
  /// How careful to be.
  package var policy: GuardPolicy
  /// Whether there are no rules at all, and that is not confirmed.
  package var rulesAreMissing: Bool
  /// Queues that another process keeps moving back, with how often that was.
  package var fought: [APQN: Int]
  /// Queues that did not finish their pending requests in time.
  package var undrained: Set<APQN>
  /// Queues that were found busy when they were about to be taken, whatever they are now.
  package var busy: Set<APQN> = []
  /// The mechanism that a person asks to change over to; nil while nobody does.
  package var changeover: Mechanism?

  /// By default, that of a machine of which nothing else is known.
  package init(
    configuration: HostConfiguration = HostConfiguration(), policy: GuardPolicy = GuardPolicy(),
    rulesAreMissing: Bool = false, fought: [APQN: Int] = [:], undrained: Set<APQN> = []
  ) {
    self.configuration = configuration
    self.policy = policy
    self.rulesAreMissing = rulesAreMissing
    self.fought = fought
    self.undrained = undrained
  }

  /// The reason of a refusal by masks whose row or column has nothing in it but queues that are left to another
  /// process: no wider rule would help.
  func contendedNeighbor(of refusal: Refusal) -> Refusal.Reason? {
    guard case .inexpressible(let row, let column) = refusal.reason else { return nil }
    for neighbors in [row, column] where neighbors.absentCount == 0 {
      let others = neighbors.present.filter { $0 != refusal.apqn }
      guard let other = others.first, let times = fought[other],
        others.allSatisfy({ fought[$0] != nil })
      else { continue }
      return .besideContended(other, times: times)
    }
    return nil
  }

  /// Whether a guard is on.
  package func isOn(_ check: Guard) -> Bool { !policy.forced.contains(check) }
}

/// What should become of one queue.
enum Goal: Equatable, Sendable {
  /// To be on `vfio_ap`.
  case reserve
  /// To be given back to the host: it is owned, and no rule reserves it any more.
  case giveBack
  /// To stay with its owner.
  case stay
}

/// The goals for all queues of an inventory, and why some have none.
struct Goals {
  /// The goals in the order of `Inventory.queues`.
  private(set) var goals: [Goal] = []
  private(set) var refusals: [Refusal] = []
  private(set) var undecidable: [APQN] = []
  private(set) var adopted: [APQN] = []

  /// Whether a queue that rules decide for the host is on `vfio_ap` only because that driver was loaded
  /// first: without masks the kernel gives a new queue to the first driver that takes it (SimulatedBus
  /// documentation, "Matching").
  private func isStray(_ queue: Queue, row: DecisionRow, on bus: BusState) -> Bool {
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
    guard
      ownership.covers(apqn, under: inventory.bus) || isStray(queue, row: row, on: inventory.bus)
    else {
      let isForHost = row.host.contains(apqn.domain)
      // Without masks that is not intended: the kernel gave it to the first driver that was loaded.
      if queue.owner == .vfioAP, isForHost || inventory.bus.masks == nil { adopted.append(apqn) }
      return .stay
    }
    if context.rulesAreMissing, context.isOn(.emptyRules) {
      refusals.append(Refusal(apqn, .guarded(.rulesMissing)))
      return .stay
    }
    if context.isOn(.assignedQueue), inventory.hasGuest(apqn) {
      let holder = inventory.mediatedDevice(holding: apqn)
      let name = holder.map { context.configuration.name(ofMediatedDevice: $0.uuid) }
      refusals.append(Refusal(apqn, .guarded(.assigned(mediatedDevice: name))))
      return .stay
    }
    return .giveBack
  }
}

extension Planner {
  /// Plain unbind and bind, as on the kernels of 2018: nothing gates a bind but the hardware type.
  func planBinds(_ goals: [Goal], into plan: inout Plan) {
    for (queue, goal) in zip(inventory.queues, goals) {
      let apqn = queue.apqn
      let to: Owner
      let target: String
      switch goal {
      case .stay: continue
      case .reserve:
        guard queue.owner != .vfioAP else { continue }
        guard hasVfioAP else {
          plan.waiting.append(Plan.Waiting(apqn, driver: DriverName.vfioAP))
          continue
        }
        (to, target) = (.vfioAP, DriverName.vfioAP)
      case .giveBack:
        guard canGiveToHost(apqn, in: &plan) else { continue }
        (to, target) = (.host, DriverName.cex4queue)
      }
      var steps: [Step] = []
      if goal == .giveBack, context.isOn(.assignedQueue) {
        steps.append(.requireUnassigned(apqn))
      }
      if let driver = queue.driver { steps.append(.unbind(apqn, from: driver)) }
      steps.append(.bind(apqn, to: target))
      plan.operations.append(
        Operation(
          .queue(apqn), steps: steps,
          changes: [
            OwnerChange(
              apqn, from: queue.owner, to: to, cause: goal == .reserve ? .wanted : .givenBack)
          ]))
    }
  }
}

extension Planner {
  /// The operation with the queues that the host is busy with drained first: switched off, so that no
  /// request is added, and waited for until none is left. An unbind would throw the requests back
  /// (SimulatedBus documentation, "Host use").
  func draining(_ operation: Operation) -> Operation {
    guard context.isOn(.pendingRequests) else { return operation }
    let busy = operation.changes.filter(\.leavesHost)
      .compactMap { inventory.queue($0.apqn) }
      .filter { queue in
        queue.pendingRequests ?? 0 > 0 || context.busy.contains(queue.apqn)
          || ownership.offline.contains(queue.apqn)
      }
    var operation = operation
    let switches = busy.filter { $0.isOnline != false }.map { Step.setOnline($0.apqn, false) }
    operation.steps = switches + busy.map { .awaitIdle($0.apqn) } + operation.steps
    return operation
  }

  /// Switches on again what apreserve switched off and no operation is going to take any more.
  func restoreOnline(into plan: inout Plan) {
    let drained = Set(
      plan.operations.flatMap(\.steps).compactMap { step in
        if case .awaitIdle(let apqn) = step { apqn } else { nil }
      })
    let abandoned = ownership.offline.subtracting(drained).sorted().filter { apqn in
      let queue = inventory.queue(apqn)
      return queue?.owner == .host && queue?.isOnline == false
    }
    // First of all, since the host waits for them.
    plan.operations.insert(
      contentsOf: abandoned.map { apqn in
        Operation(.online(apqn), steps: [.setOnline(apqn, true)], changes: [])
      }, at: 0)
  }
}
