import AdjunctProcessor
import HostConfiguration
import ReservationRules

extension Planner {
  /// `apmask` and `aqmask`: one pair of masks for the whole machine, and `drivers_probe` for what the
  /// kernel does not bind by itself.
  ///
  /// `kept` names queues that keep their owner, whatever their goal, each with its reason.
  func planMasks(_ goals: [Goal], kept: [APQN: Refusal.Reason], into plan: inout Plan) {
    guard let adapters = inventory.bus.adapterMask, let domains = inventory.bus.domainMask else {
      return
    }
    let current = MaskPair(adapters: adapters, domains: domains)
    let hold = MediatedDeviceHold(
      on: inventory, masks: current, configuration: circumstances.configuration)
    // What may be wanted again once its card shows what it is stays prepared, so that the host does
    // not get it for a moment when it comes back.
    let possible = absentees { $0.vfioAP.union($0.undecidable) }
    var solver = MaskSolver(current: current)
    if !(circumstances.rulesAreMissing && circumstances.isOn(.emptyRules)) {
      solver.ours = MaskPair(
        adapters: ownership.adapters.subtracting(possible.adapters).subtracting(
          hold.bits.adapters),
        domains: ownership.domains.subtracting(possible.domains).subtracting(hold.bits.domains))
    }
    solver.claimed = absentees { $0.vfioAP }
    solver.latent = latentAPQNs()
    var firm = APQNSet()
    var wishes: MaskWishes
    var target: MaskPair
    repeat {
      wishes = MaskWishes(
        inventory: inventory, goals: goals, decisions: decisions, masks: current, hold: hold,
        kept: kept, firm: firm)
      solver.hosts = wishes.hosts
      solver.reserved = wishes.reserved
      target = solver.solution()
      let unasked = wishes.takenUnasked(
        by: target, from: current, goals: zip(inventory.queues, goals))
      guard unasked.contains(where: { !firm.contains($0) }) else { break }
      firm.formUnion(unasked)
    } while true
    wishes.forgetAcceptedCollateral(under: target)
    plan.alternatives = MaskAlternative.all(
      for: wishes.refusals, hosts: wishes.hosts, unmanaged: wishes.unmanaged)
    plan.refusals += wishes.refusals
    plan.latentCollateral = latentCollateral(of: target, latent: solver.latent)
    write(target, from: current, goals, into: &plan)
  }

  /// The operation that writes the masks, with everything it moves, or the refusal of all of it.
  private func write(
    _ target: MaskPair, from current: MaskPair, _ goals: [Goal], into plan: inout Plan
  ) {
    let steps = current.steps(to: target, absent: absentAdapters)
    let probes = probes(under: target, goals)
    if steps.isEmpty {
      append(probes, to: &plan)
    } else if let obstacle = obstacleToMaskWrites(from: current, to: target, goals) {
      for (queue, goal) in zip(inventory.queues, goals)
      where goal == .reserve && current.isInHostPool(queue.apqn)
        || goal == .giveBack && !current.isInHostPool(queue.apqn)
      {
        plan.refusals.append(Refusal(queue.apqn, obstacle))
      }
    } else {
      plan.operations.append(
        Operation(
          .masks, steps: steps, changes: moves(from: current, to: target, goals),
          changesByUndoing: movesByUndoing(from: current, to: target, isPossible: steps.count > 1)))
      plan.undoVeto = MaskVeto.againstUndoing(
        from: current, to: target, absent: absentAdapters, devices: inventory.mediatedDevices,
        asksWide: asksWide)
      append(probes, to: &plan)
    }
    guard !hasVfioAP else { return }
    for (queue, goal) in zip(inventory.queues, goals)
    where goal == .reserve && !target.isInHostPool(queue.apqn) {
      plan.waiting.append(Plan.Waiting(queue.apqn, driver: DriverName.vfioAP))
    }
  }

  /// Each on its own, so that one queue that cannot be bound holds up no other. They come behind the
  /// masks, on which they depend.
  private func append(_ probes: [OwnerChange], to plan: inout Plan) {
    for probe in probes {
      let driver = inventory.queue(probe.apqn)?.driver
      let unbind = driver.map { [Step.unbind(probe.apqn, from: $0)] } ?? []
      plan.operations.append(
        Operation(.queue(probe.apqn), steps: unbind + [.probe(probe.apqn)], changes: [probe]))
    }
  }

  /// Unbound queues that the kernel does not look at by itself: a mask write binds those of the
  /// host's pool only, and no scan ever tries an unbound queue again (ap-bus.md 4.1, 4.3).
  private func probes(under target: MaskPair, _ goals: [Goal]) -> [OwnerChange] {
    let masksChange =
      target.adapters != inventory.bus.adapterMask
      || target.domains != inventory.bus.domainMask
    return zip(inventory.queues, goals).compactMap { queue, goal in
      // With the host outside its pool: the masks are right, and the kernel has not moved it.
      if goal == .reserve, hasVfioAP, queue.owner == .host,
        inventory.bus.isInHostPool(queue.apqn) == false, !target.isInHostPool(queue.apqn)
      {
        return OwnerChange(queue.apqn, from: .host, to: .vfioAP, cause: .wanted)
      }
      guard queue.owner == .none else { return nil }
      if goal == .reserve, hasVfioAP, !target.isInHostPool(queue.apqn) {
        return OwnerChange(queue.apqn, from: .none, to: .vfioAP, cause: .wanted)
      }
      if goal == .giveBack, !masksChange, target.isInHostPool(queue.apqn),
        inventory.bus.hasDriver(DriverName.cex4queue),
        inventory.card(queue.apqn.adapter)?.driver != nil
      {
        return OwnerChange(queue.apqn, from: .none, to: .host, cause: .givenBack)
      }
      return nil
    }
  }

  /// What the kernel moves when the masks are written (ap-bus.md 4.3 step 6).
  private func moves(from current: MaskPair, to target: MaskPair, _ goals: [Goal])
    -> [OwnerChange]
  {
    let reservedOwner: Owner = hasVfioAP ? .vfioAP : .none
    let hostOwner: Owner =
      inventory.bus.hasDriver(DriverName.cex4queue) ? .host : .none
    let reached = current.reached(onTheWayTo: target, absent: absentAdapters)
    return zip(inventory.queues, goals).compactMap { queue, goal in
      let isReservable = inventory.card(queue.apqn.adapter)?.hardwareType.isReservable == true
      switch (queue.owner, target.isInHostPool(queue.apqn)) {
      case (.host, false) where current.isInHostPool(queue.apqn):
        return OwnerChange(
          queue.apqn, from: .host, to: isReservable ? reservedOwner : .none,
          cause: goal == .reserve ? .wanted : .collateral)
      case (.vfioAP, true):
        return OwnerChange(
          queue.apqn, from: .vfioAP, to: hostOwner,
          cause: goal == .giveBack ? .givenBack : .sideEffect)
      case (.none, true) where hostOwner == .host && isReservable:
        return OwnerChange(
          queue.apqn, from: .none, to: .host, cause: goal == .giveBack ? .givenBack : .sideEffect)
      // The first of two writes binds it to the host, the second one moves it. What is wanted is
      // probed for anyway.
      case (.none, false)
      where goal != .reserve && hasVfioAP && hostOwner == .host && isReservable
        && reached.contains(where: { $0.isInHostPool(queue.apqn) }):
        return OwnerChange(queue.apqn, from: .none, to: .vfioAP, cause: .collateral)
      default: return nil
      }
    }
  }

  /// What the kernel moves when the first masks have to be set back since a later one failed: each of
  /// those writes looks at the unbound queues of the host's pool again (ap-bus.md 4.3 step 6).
  private func movesByUndoing(
    from current: MaskPair, to target: MaskPair, isPossible: Bool
  ) -> [OwnerChange] {
    guard isPossible, inventory.bus.hasDriver(DriverName.cex4queue) else { return [] }
    return inventory.queues.compactMap { queue in
      let isReservable = inventory.card(queue.apqn.adapter)?.hardwareType.isReservable == true
      guard queue.owner == .none, isReservable, current.isInHostPool(queue.apqn),
        !target.isInHostPool(queue.apqn)
      else { return nil }
      return OwnerChange(queue.apqn, from: .none, to: .host, cause: .sideEffect)
    }
  }

  /// Adapters that are not here and that no mediated device has assigned.
  private var absentAdapters: APMask {
    inventory.mediatedDevices.reduce(inventory.adapters.complement) {
      $0.subtracting($1.adapters)
    }
  }

  /// Why no mask may or can be written now, if so.
  private func obstacleToMaskWrites(
    from current: MaskPair, to target: MaskPair, _ goals: [Goal]
  ) -> Refusal.Reason? {
    let bindsToHost = inventory.bus.hasDriver(DriverName.cex4queue)
    var reached = current.reached(onTheWayTo: target, absent: absentAdapters)
    // When a later one fails, the first are set back.
    if reached.count > 1 { reached.append(current) }
    for (queue, goal) in zip(inventory.queues, goals) {
      if queue.driverOverride != nil { return .overrideInUse(queue.apqn) }
      if queue.owner == .host, !current.isInHostPool(queue.apqn) {
        return .maskChangeUnderWay(queue.apqn)
      }
      let card = inventory.card(queue.apqn.adapter)
      if bindsToHost, queue.owner == .none, card?.driver == nil,
        card?.hardwareType.isReservable == true,
        reached.contains(where: { $0.isInHostPool(queue.apqn) })
      {
        return .wouldBindBelowUnboundCard(queue.apqn)
      }
      // On vfio_ap inside the host's pool: its override was cleared there. Any mask write moves it.
      guard queue.owner == .vfioAP, current.isInHostPool(queue.apqn) else { continue }
      if goal == .stay || inventory.mediatedDevice(holding: queue.apqn) != nil {
        return .strandedInHostPool(queue.apqn)
      }
    }
    return nil
  }

  /// Whether the kernel asks for the new bit alone, whatever the other mask is (ap-bus.md 4.3).
  private var asksWide: Bool { inventory.bus.supportsOverride == true }

  /// Adapters and domains that are not here and of which `domains` names every APQN.
  private func absentees(_ domains: (DecisionRow) -> APMask) -> MaskPair {
    var claimed = MaskPair(
      adapters: inventory.adapters.complement,
      domains: APQNSet(inventory.queues.lazy.map(\.apqn)).domains.complement)
    for adapter in UInt8.min...UInt8.max {
      let wanted = domains(decisions.row(adapter))
      if wanted != .all { claimed.adapters.remove(adapter) }
      claimed.domains.formIntersection(wanted)
    }
    return claimed
  }

  /// APQNs that are not here and that no rule is sure to want.
  private func latentAPQNs() -> APQNSet {
    let present = APQNSet(inventory.queues.lazy.map(\.apqn))
    var latent = APQNSet()
    for adapter in UInt8.min...UInt8.max {
      latent[adapter] = present[adapter].union(decisions.row(adapter).vfioAP).complement
    }
    return latent
  }

  private func latentCollateral(of masks: MaskPair, latent: APQNSet) -> LatentCollateral {
    var collateral = LatentCollateral()
    for adapter in UInt8.min...UInt8.max {
      let taken = latent[adapter].subtracting(masks.hostDomains(of: adapter))
      guard !taken.isEmpty else { continue }
      collateral.count += taken.count
      if masks.adapters.contains(adapter) {
        collateral.domains.formUnion(taken)
      } else {
        collateral.adapters.insert(adapter)
        collateral.domains.formUnion(taken.subtracting(masks.domains))
      }
    }
    return collateral
  }
}
