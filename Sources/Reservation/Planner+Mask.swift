import APBus
import ReservationRules

extension Planner {
  /// `apmask` and `aqmask`: one pair of masks for the whole machine, and `drivers_probe` for what the
  /// kernel does not bind by itself.
  ///
  /// `kept` names queues that keep their owner, whatever their goal, each with its reason.
  func planMasks(_ goals: [Goal], kept: [APQN: Refusal.Reason], into plan: inout Plan) {
    guard let current = inventory.bus.masks else { return }
    let before = plan.operations.count
    let goals = giveBackOverridden(goals, into: &plan)
    if canLeaveOverrides, plan.operations.count > before {
      // The masks are those of the machine without what is given back.
      let next = planner(after: plan.changes) { _ in }
      guard next.inventory != inventory else { return }
      let nextGoals = Goals(
        inventory: next.inventory, decisions: decisions, ownership: ownership, context: context,
        kept: kept)
      return next.planMasks(nextGoals.goals, kept: kept, into: &plan)
    }
    let hold = MediatedDeviceHold(
      on: inventory, masks: current, configuration: context.configuration)
    // What may be requested again once its card shows what it is stays prepared, so that the host does not
    // get it for a moment when it is added again. What may turn out to be the host's does not, and on
    // kernels with overrides masks take nothing that may turn out to be unmanaged.
    let staysPrepared = inventory.bus.supportsOverride != true
    let possible = absentees {
      staysPrepared
        ? $0.vfioAP.union($0.undecidable.subtracting($0.possiblyHost)) : $0.vfioAP
    }
    var solver = MaskSolver(current: current)
    if !(context.rulesAreMissing && context.isOn(.emptyRules)) {
      solver.owned = MaskPair(
        adapters: ownership.adapters.subtracting(possible.adapters).subtracting(
          hold.bits.adapters),
        domains: ownership.domains.subtracting(possible.domains).subtracting(hold.bits.domains))
    }
    solver.claimed = absentees { $0.vfioAP }
    solver.latent = latentAPQNs()
    let absent = AbsentQueues(
      inventory: inventory, decisions: decisions, ownership: ownership, masks: current,
      settable: MaskPair(
        adapters: current.adapters.union(solver.owned.adapters),
        domains: current.domains.union(solver.owned.domains)),
      hold: hold, protectsHost: context.protectsHost)
    var firm = APQNSet()
    var requests: MaskRequests
    var target: MaskPair
    repeat {
      requests = MaskRequests(
        inventory: inventory, goals: goals, decisions: decisions, ownership: ownership,
        masks: current, hold: hold,
        kept: kept, absent: absent, firm: firm)
      solver.hosts = requests.hosts
      solver.reserved = requests.reserved
      target = solver.solution()
      let unasked = requests.takenUnasked(
        by: target, from: current, goals: zip(inventory.queues, goals), absent: absent)
      guard unasked.contains(where: { !firm.contains($0) }) else { break }
      firm.formUnion(unasked)
    } while true
    requests.forgetAcceptedCollateral(under: target)
    plan.alternatives = MaskAlternative.all(
      for: requests.refusals, hosts: requests.hosts, unmanaged: requests.unmanaged)
    plan.refusals += requests.refusals.map { refusal in
      context.contendedNeighbor(of: refusal).map { Refusal(refusal.apqn, $0) } ?? refusal
    }
    write(target, from: current, goals, into: &plan)
  }

  /// The mediated device that has a queue.
  func holder(of apqn: APQN) -> ChangeoverObstacle.Holder {
    let device = inventory.mediatedDevice(holding: apqn)
    return ChangeoverObstacle.Holder(device?.uuid, in: context.configuration)
  }

  /// Gives back by its override what an owned override reserves, as since before masks were asked for: no
  /// mask can do that, and none can be written before. The goals that are left for masks are returned.
  private func giveBackOverridden(_ goals: [Goal], into plan: inout Plan) -> [Goal] {
    zip(inventory.queues, goals).map { queue, goal in
      guard goal == .giveBack, queue.driverOverride == DriverName.vfioAP,
        inventory.bus.masks?.isInHostPool(queue.apqn) == true
      else { return goal }
      giveBackByOverride(queue, into: &plan)
      return .stay
    }
  }

  /// Whether overrides give way to masks.
  private var canLeaveOverrides: Bool {
    ownership.changeover == .mask && inventory.bus.supportsOverride == true
      && inventory.bus.masks == .all
  }

  /// Queues on `vfio_ap` that only an override keeps there, or has kept there until a moment ago, and that rules
  /// reserve. What rules do not reserve has another goal.
  private func overridden(_ goals: [Goal]) -> [Queue] {
    zip(inventory.queues, goals).compactMap { queue, goal in
      let isOverridden =
        queue.driverOverride == DriverName.vfioAP
        || queue.driverOverride == nil && queue.owner == .vfioAP
      return goal == .reserve && isOverridden ? queue : nil
    }
  }

  /// Clears the overrides, which leaves the queues on `vfio_ap`, and writes masks that keep them there. In between no
  /// process may write a mask, and the first of two masks must keep what guests have: the kernel gives to the host
  /// what is in the pool without an override (SimulatedBus documentation, "Masks").
  ///
  /// A mask that is written cannot be taken back without giving everything to the host, so the second one is an
  /// operation of its own.
  private func leaveOverrides(
    _ overridden: [Queue], for target: MaskPair, from current: MaskPair, _ goals: [Goal],
    into plan: inout Plan
  ) {
    let first = firstMasks(on: current, to: target, keeping: overridden)
    let clearing = overridden.filter { $0.driverOverride != nil }.map {
      Step.setOverride($0.apqn, driver: nil)
    }
    let transition = MaskTransition(from: current, to: first, on: inventory)
    let operation = Operation(
      .masks, steps: clearing + transition.steps, changes: moves(by: transition, of: goals))
    plan.operations.append(operation)
    plan.leavesOverrides = true
    guard first != target else { return append(probes(after: transition, for: goals), to: &plan) }
    let next = planner(after: operation.changes) { bus in bus.masks = first }
    let rest = MaskTransition(from: first, to: target, on: next.inventory)
    plan.operations.append(
      Operation(.masks, steps: rest.steps, changes: next.moves(by: rest, of: goals)))
    next.append(next.probes(after: rest, for: goals), to: &plan)
  }

  /// The masks after the first of two writes that only clear bits: those that give the fewest queues to the host,
  /// those of guests before all others.
  private func firstMasks(
    on current: MaskPair, to target: MaskPair, keeping overridden: [Queue]
  ) -> MaskPair {
    let orders = [
      MaskPair(adapters: target.adapters, domains: current.domains),
      MaskPair(adapters: current.adapters, domains: target.domains),
    ].filter { $0 != current }
    func losses(_ masks: MaskPair) -> (Int, Int) {
      let lost = overridden.filter { masks.isInHostPool($0.apqn) }
      return (lost.count { inventory.hasGuest($0.apqn) }, lost.count)
    }
    return orders.min { losses($0) < losses($1) } ?? target
  }

  /// A planner for the machine after these changes.
  private func planner(
    after changes: [OwnerChange], _ change: (inout BusState) -> Void
  ) -> Planner {
    var next = inventory
    change(&next.bus)
    for change in changes {
      guard var queue = next.queue(change.apqn) else { continue }
      queue.driver =
        switch change.to {
        case .host: DriverName.cex4queue
        case .vfioAP: DriverName.vfioAP
        default: nil
        }
      if change.to == .host { queue.driverOverride = nil }
      queue.guestStatus = nil
      next.setQueue(queue, apqn: change.apqn)
    }
    return Planner(
      inventory: next, decisions: decisions, ownership: ownership, context: context,
      heldBack: heldBack)
  }

  /// Sets all owned bits again, so that the kernel takes overrides, and reserves by these what is
  /// with the host then. Only where no guest has any of the queues that are the host's meanwhile.
  func leaveMasks(_ goals: [Goal], kept: [APQN: Refusal.Reason], into plan: inout Plan) {
    guard let current = inventory.bus.masks else { return }
    write(.all, from: current, goals, into: &plan)
    guard let operation = plan.operations.first else { return }
    plan.leavesMasks = true
    let next = planner(after: operation.changes) { bus in bus.masks = .all }
    let nextGoals = Goals(
      inventory: next.inventory, decisions: decisions, ownership: ownership, context: context,
      kept: kept)
    // What rules reserve only passes through the host.
    for index in plan.operations[0].changes.indices {
      let apqn = plan.operations[0].changes[index].apqn
      if decisions.row(apqn.adapter).vfioAP.contains(apqn.domain) {
        plan.operations[0].changes[index].cause = .sideEffect
      }
    }
    next.planOverrides(nextGoals.goals, kept: kept, into: &plan)
  }

  /// The operation that writes the masks, with everything it moves, or the refusal of all of it.
  private func write(
    _ target: MaskPair, from current: MaskPair, _ goals: [Goal], into plan: inout Plan
  ) {
    let transition = MaskTransition(from: current, to: target, on: inventory)
    let probes = probes(after: transition, for: goals)
    let overridden = canLeaveOverrides ? overridden(goals) : []
    if transition.steps.isEmpty {
      append(probes, to: &plan)
    } else if let obstacle = obstacle(to: transition, among: goals, leaving: overridden) {
      for (queue, goal) in zip(inventory.queues, goals)
      where goal == .reserve && current.isInHostPool(queue.apqn)
        || goal == .giveBack && !current.isInHostPool(queue.apqn)
      {
        plan.refusals.append(Refusal(queue.apqn, obstacle))
      }
    } else if !overridden.isEmpty {
      leaveOverrides(overridden, for: target, from: current, goals, into: &plan)
    } else {
      plan.operations.append(
        Operation(
          .masks, steps: transition.steps, changes: moves(by: transition, of: goals),
          changesByUndoing: movesByUndoing(transition)))
      plan.undoVeto = MaskVeto.againstUndoing(
        transition, devices: inventory.mediatedDevices, asksWide: asksWide)
      append(probes, to: &plan)
    }
    guard !hasVfioAP else { return }
    for (queue, goal) in zip(inventory.queues, goals)
    where goal == .reserve && !target.isInHostPool(queue.apqn) {
      plan.waiting.append(Plan.Waiting(queue.apqn, driver: DriverName.vfioAP))
    }
  }

  /// Each on its own, so that one queue that cannot be bound holds up no other. They come after the
  /// masks, on which they depend.
  private func append(_ probes: [OwnerChange], to plan: inout Plan) {
    for probe in probes {
      let driver = inventory.queue(probe.apqn)?.driver
      let unbind = driver.map { [Step.unbind(probe.apqn, from: $0)] } ?? []
      plan.operations.append(
        Operation(.queue(probe.apqn), steps: unbind + [.probe(probe.apqn)], changes: [probe]))
    }
  }

  /// Unbound queues that the kernel does not check by itself: a mask write binds those of the
  /// host's pool only, and no scan ever tries an unbound queue again (SimulatedBus documentation,
  /// "Matching" and "Masks").
  private func probes(after transition: MaskTransition, for goals: [Goal]) -> [OwnerChange] {
    let target = transition.target
    return zip(inventory.queues, goals).compactMap { queue, goal in
      // With the host outside its pool: the masks are right, and the kernel has not moved it.
      if goal == .reserve, hasVfioAP, queue.owner == .host,
        inventory.bus.isKeptFromHost(queue.apqn), !target.isInHostPool(queue.apqn)
      {
        return OwnerChange(queue.apqn, from: .host, to: .vfioAP, cause: .wanted)
      }
      guard transition.owner(of: queue) == .none else { return nil }
      if goal == .reserve, hasVfioAP, !target.isInHostPool(queue.apqn) {
        return OwnerChange(queue.apqn, from: .none, to: .vfioAP, cause: .wanted)
      }
      if goal == .giveBack, transition.steps.isEmpty, target.isInHostPool(queue.apqn),
        inventory.bus.hasDriver(DriverName.cex4queue),
        inventory.card(queue.apqn.adapter)?.driver != nil
      {
        return OwnerChange(queue.apqn, from: .none, to: .host, cause: .givenBack)
      }
      return nil
    }
  }

  /// What the kernel moves when the masks are written, from their first state to the last.
  private func moves(by transition: MaskTransition, of goals: [Goal]) -> [OwnerChange] {
    zip(inventory.queues, goals).compactMap { queue, goal in
      let owner = transition.owner(of: queue)
      guard owner != queue.owner else { return nil }
      let entersPool = transition.target.isInHostPool(queue.apqn)
      // A reservation that rules for the host leave no place for is given back like any other.
      let isGivenBack =
        goal == .giveBack || goal == .reserve && !transition.current.isInHostPool(queue.apqn)
      let cause: OwnerChange.Cause =
        entersPool
        ? isGivenBack ? .givenBack : .sideEffect : goal == .reserve ? .wanted : .collateral
      return OwnerChange(queue.apqn, from: queue.owner, to: owner, cause: cause)
    }
  }

  /// What the kernel moves when the first masks have to be set back since a later one failed.
  private func movesByUndoing(_ transition: MaskTransition) -> [OwnerChange] {
    inventory.queues.flatMap { queue in
      transition.ownersByUndoing(queue).map {
        OwnerChange(queue.apqn, from: queue.owner, to: $0, cause: .sideEffect)
      }
    }
  }

  /// Why no mask may or can be written now, if so. `overridden` are those whose overrides are cleared before.
  func obstacle(
    to transition: MaskTransition, among goals: [Goal], leaving overridden: [Queue]
  ) -> Refusal.Reason? {
    if let apqn = transition.takenByZeros { return .wouldTakeEverything(apqn) }
    let leaving = Set(overridden.map(\.apqn))
    let first = firstMasks(
      on: transition.current, to: transition.target, keeping: overridden)
    for (queue, goal) in zip(inventory.queues, goals) {
      let isInPool = transition.current.isInHostPool(queue.apqn)
      if leaving.contains(queue.apqn) {
        if transition.target.isInHostPool(queue.apqn) { return .overrideInUse(queue.apqn) }
        if first.isInHostPool(queue.apqn), inventory.hasGuest(queue.apqn) {
          return .changeover(.heldBetweenMasks(queue.apqn, holder(of: queue.apqn)))
        }
        continue
      }
      if queue.driverOverride != nil { return .overrideInUse(queue.apqn) }
      if queue.owner == .host, !isInPool { return .maskChangeUnderWay(queue.apqn) }
      if inventory.card(queue.apqn.adapter)?.driver == nil, transition.bindsToHost(queue) {
        return .wouldBindBelowUnboundCard(queue.apqn)
      }
      // On vfio_ap inside the host's pool: its override was cleared there. Any mask write moves it.
      guard queue.owner == .vfioAP, isInPool else { continue }
      if goal == .stay || inventory.mediatedDevice(holding: queue.apqn) != nil {
        return .strandedInHostPool(queue.apqn)
      }
    }
    return nil
  }

  /// Whether the kernel asks for the new bit alone, whatever the other mask is (SimulatedBus
  /// documentation, "Masks").
  private var asksWide: Bool { inventory.bus.supportsOverride == true }

  /// Adapters and domains that are absent and of which `domains` names every APQN.
  private func absentees(_ domains: (DecisionRow) -> APMask) -> MaskPair {
    var claimed = MaskPair(
      adapters: inventory.adapters.complement,
      domains: inventory.apqns.domains.complement)
    for adapter in UInt8.min...UInt8.max {
      let wanted = domains(decisions.row(adapter))
      if wanted != .all { claimed.adapters.remove(adapter) }
      claimed.domains.formIntersection(wanted)
    }
    return claimed
  }

  /// APQNs that are absent and that no rule is sure to want.
  private func latentAPQNs() -> APQNSet {
    let present = inventory.apqns
    var latent = APQNSet()
    for adapter in UInt8.min...UInt8.max {
      latent[adapter] = present[adapter].union(decisions.row(adapter).vfioAP).complement
    }
    return latent
  }

  /// What masks would take of these when it is added.
  func latentCollateral(of masks: MaskPair) -> LatentCollateral {
    var collateral = LatentCollateral()
    guard masks != .all else { return collateral }
    let latent = latentAPQNs()
    for adapter in UInt8.min...UInt8.max {
      let taken = latent[adapter].subtracting(masks.hostDomains(of: adapter))
      guard !taken.isEmpty else { continue }
      collateral.count += taken.count
      collateral.hostCount += taken.intersection(decisions.row(adapter).host).count
      if masks.adapters.contains(adapter) {
        collateral.domains.formUnion(taken)
      } else {
        collateral.adapters.insert(adapter)
      }
    }
    return collateral
  }
}
