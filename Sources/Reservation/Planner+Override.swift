import APBus

extension Planner {
  /// `driver_override` on each queue: written before the unbind, so that whatever stops apreserve in the
  /// middle leaves a queue that says where it belongs, and so that it can be done before `vfio_ap` is
  /// loaded (SimulatedBus documentation, "Overrides" and "Sequences").
  ///
  /// `kept` names queues that keep their owner, whatever their goal, each with its reason.
  func planOverrides(_ goals: [Goal], kept: [APQN: Refusal.Reason], into plan: inout Plan) {
    guard inventory.bus.masks == .all || !ownMasksAreFree else {
      leaveMasks(goals, kept: kept, into: &plan)
      return
    }
    for (queue, goal) in zip(inventory.queues, goals) {
      switch goal {
      case .stay: markAssigned(queue, into: &plan)
      case .reserve: reserveByOverride(queue, into: &plan)
      case .giveBack: giveBackByOverride(queue, into: &plan)
      }
    }
  }

  private func reserveByOverride(_ queue: Queue, into plan: inout Plan) {
    let apqn = queue.apqn
    var steps: [Step] = []
    if queue.driverOverride != DriverName.vfioAP {
      if let other = queue.driverOverride {
        plan.refusals.append(Refusal(apqn, .overriddenByOthers(driver: other)))
        return
      }
      guard inventory.bus.masks == .all else {
        plan.refusals.append(Refusal(apqn, .masksInUse))
        return
      }
      steps.append(.setOverride(apqn, driver: DriverName.vfioAP))
    }
    var owner = queue.owner
    if owner == .host, let driver = queue.driver {
      steps.append(.unbind(apqn, from: driver))
      owner = .none
    }
    if owner == .none {
      if hasVfioAP {
        steps.append(.probe(apqn))
        owner = .vfioAP
      } else {
        plan.waiting.append(Plan.Waiting(apqn, driver: DriverName.vfioAP))
      }
    }
    guard !steps.isEmpty else { return }
    let change = OwnerChange(apqn, from: queue.owner, to: owner, cause: .wanted)
    plan.operations.append(
      Operation(.queue(apqn), steps: steps, changes: owner == queue.owner ? [] : [change]))
  }

  /// Clears the override of an owned queue, and gives the queue to the host.
  func giveBackByOverride(_ queue: Queue, into plan: inout Plan) {
    let apqn = queue.apqn
    if queue.owner == .host {
      // Interrupted between override and unbind: the mark is all there is to take back.
      plan.operations.append(
        Operation(.queue(apqn), steps: [.setOverride(apqn, driver: nil)], changes: []))
      return
    }
    // Overwritten by another process, which has plans of its own for the queue.
    if let other = queue.driverOverride, other != DriverName.vfioAP {
      plan.refusals.append(Refusal(apqn, .overriddenByOthers(driver: other)))
      return
    }
    let canGiveToHost = canGiveToHost(apqn, in: &plan)
    guard !inventory.bus.isKeptFromHost(apqn) else {
      if canGiveToHost { plan.refusals.append(Refusal(apqn, .masksInUse)) }
      return
    }
    var steps: [Step] = []
    if queue.driverOverride != nil { steps.append(.setOverride(apqn, driver: nil)) }
    if context.isOn(.assignedQueue) { steps.append(.requireUnassigned(apqn)) }
    guard canGiveToHost else {
      // Nobody has the queue, and as long as the override says so, vfio_ap would be given it on registration
      // (SimulatedBus documentation, "Matching"). The host's driver gets it by its own registration.
      if queue.owner == .none, queue.driverOverride != nil {
        plan.operations.append(Operation(.queue(apqn), steps: steps, changes: []))
      }
      return
    }
    if let driver = queue.driver { steps.append(.unbind(apqn, from: driver)) }
    steps.append(.probe(apqn))
    plan.operations.append(
      Operation(
        .queue(apqn), steps: steps,
        changes: [OwnerChange(apqn, from: queue.owner, to: .host, cause: .givenBack)]))
  }

  /// An owned queue that a guest has and that has lost its override, as when the agent was stopped between
  /// clearing it and reading it back: any write of masks would take it away (SimulatedBus documentation,
  /// "Masks").
  private func markAssigned(_ queue: Queue, into plan: inout Plan) {
    guard queue.owner == .vfioAP, queue.driverOverride == nil,
      ownership.queues.contains(queue.apqn), inventory.bus.masks == .all,
      inventory.hasGuest(queue.apqn)
    else { return }
    plan.operations.append(
      Operation(
        .queue(queue.apqn), steps: [.setOverride(queue.apqn, driver: DriverName.vfioAP)],
        changes: []))
  }
}
