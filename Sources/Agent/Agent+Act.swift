import APBus
import Reservation
import ReservationRules

extension Agent {
  /// What came of a plan.
  enum Outcome {
    /// Nothing was to be written, or nothing more can be now.
    case finished
    /// Something was written, so that another look is due.
    case written
    /// What the plan was made on has changed before its end.
    case obsolete
  }

  /// Makes a plan of what was seen and does it.
  func act() throws -> Outcome {
    guard var inventory else { return .finished }
    news = News()
    let decisions =
      self.decisions ?? DecisionTable(rules: rules, inventory: inventory, host: host)
    self.decisions = decisions
    context.undrained = drains.undrained
    context.fought = contention.given
    let choice = try mechanism(on: inventory, decisions)
    reportArrivals(on: inventory, decisions)
    let plan = try plan(on: &inventory, decisions, by: choice.mechanism)
    self.inventory = inventory
    let subjects = Set(plan.operations.map(\.subject) + plan.heldBack)
    retries.forget(except: subjects)
    failures = failures.filter { subjects.contains($0.key) }
    drains.forget(
      except: Set(
        plan.steps.compactMap { step in if case .awaitIdle(let apqn) = step { apqn } else { nil } })
    )
    report(plan, choice, inventory, decisions)
    guard !isMoving(inventory, by: choice.mechanism) else {
      status.phase = .moving
      dirty.insert(.everything)
      return .finished
    }
    guard !plan.isEmpty else { return .finished }
    if !plan.leavesMasks { try keep(choice) }
    if announced.operations != plan.operations {
      announced.operations = plan.operations
      log.record(.planned(plan))
    }
    hasWritten = false
    masks = inventory.bus.masks
    let check = PlanCheck(
      plan, on: inventory, context, reader: InventoryReader(sysfs: sysfs))
    var hasFailed = false
    var isObsolete = false
    undone = []
    operations: for (index, operation) in plan.operations.enumerated() {
      var result = Result.interrupted
      environment.takeIn(self)
      if !environment.isInterrupted() {
        result =
          try isCurrent(inventory)
          ? perform(operation, of: plan, check, inventory, decisions) : .obsolete
      }
      switch result {
      case .done:
        // From here on the plan sets overrides.
        if plan.leavesMasks, operation.subject == .masks { try keep(choice) }
      // What comes after masks depends on them.
      case .failed, .waiting:
        if result == .failed { hasFailed = true }
        if operation.subject == .masks { break operations }
      case .locked:
        hasFailed = true
        break operations
      case .obsolete:
        dirty.insert(.everything)
        isObsolete = true
        break operations
      case .interrupted:
        undone = Array(plan.operations[index...])
        dirty.insert(.everything)
        return .finished
      }
    }
    retries.postponeOverdue(now: time.now)
    status.failures = Array(failures.values)
    status.draining = drains.draining
    if isObsolete { return .obsolete }
    return hasWritten || hasFailed ? .written : .finished
  }

  /// Whether a plan still answers to what is asked and to the bus as a whole. Each operation asks about its
  /// own queues by itself.
  private func isCurrent(_ planned: Inventory) throws(InventoryReaderError) -> Bool {
    guard !news.changesRequest else { return false }
    guard news.concernsBus else { return true }
    news.concernsBus = false
    let reader = InventoryReader(sysfs: sysfs)
    let drivers = try reader.reread(planned.bus).drivers
    let devices = try reader.readMediatedDevices()
    return drivers == planned.bus.drivers && devices == planned.mediatedDevices
  }

  /// Whether the kernel seems to be moving queues for another process's mask write, which it does one by one
  /// and without holding a lock that we could take: some are not with the driver of their pool. When nothing
  /// has moved for a while, it is not so, and they are ours to put right.
  private func isMoving(_ inventory: Inventory, by mechanism: Mechanism) -> Bool {
    let queues = mechanism == .mask ? inventory.misplacedQueues : []
    if queues != misplaced.queues { misplaced = (queues, time.now) }
    return !queues.isEmpty && time.now < misplaced.since + RetrySchedule.firstPause
  }

  /// Reports queues that came and went to `vfio_ap` unasked.
  private func reportArrivals(on inventory: Inventory, _ decisions: DecisionTable) {
    defer { arrivals = [] }
    let taken = arrivals.sorted().compactMap { apqn -> OwnerChange? in
      guard let queue = inventory.queue(apqn), queue.driverOverride == nil,
        !decisions.row(apqn.adapter).vfioAP.union(decisions.row(apqn.adapter).undecidable)
          .contains(apqn.domain),
        queue.owner == .vfioAP || inventory.bus.masks?.isInHostPool(apqn) == false
      else { return nil }
      return OwnerChange(apqn, from: .none, to: queue.owner, cause: .collateral)
    }
    guard !taken.isEmpty else { return }
    log.record(.takenOnArrival(taken))
    for change in taken {
      history.append(
        HistoryEntry(
          time: time.sinceEpoch, apqn: change.apqn, from: change.from, to: change.to,
          cause: change.cause, rule: nil, mechanism: choice?.mechanism, failure: nil))
    }
  }

  /// The plan, made with all that it must know: what it takes is surveyed, and what it takes then.
  private func plan(
    on inventory: inout Inventory, _ decisions: DecisionTable, by mechanism: Mechanism
  ) throws(InventoryReaderError) -> Plan {
    var survey = Survey(InventoryReader(sysfs: sysfs))
    // Without the guard that needs the keys, to see whether they are needed at all.
    let draft = planner(for: inventory, decisions, without: .protectHost).plan(by: mechanism)
    if context.protectsHost, draft.changes.contains(where: { $0.from == .host }) {
      try survey.readKeys(
        into: &inventory, switchedOff: ownership.offline, known: &knownMasterKeys)
    }
    while true {
      let plan = planner(for: inventory, decisions).plan(by: mechanism)
      guard context.isOn(.pendingRequests), try survey.count(plan, in: &inventory) else {
        return plan
      }
    }
  }

  private enum Result {
    case done
    case failed
    case waiting
    /// Another process has the lock, and would keep it from what comes next as well.
    case locked
    case obsolete
    case interrupted
  }

  private func planner(
    for inventory: Inventory, _ decisions: DecisionTable, without forced: Guard? = nil
  ) -> Planner {
    var context = context
    if let forced { context.policy.forced.insert(forced) }
    return Planner(
      inventory: inventory, decisions: decisions, ownership: ownership,
      context: context, heldBack: retries.heldBack(now: time.now))
  }

  /// The mechanism: the one that is kept, as long as the kernel has it, or the one to choose now. A
  /// guard that refuses for a while does not decide about it.
  private func mechanism(
    on inventory: Inventory, _ decisions: DecisionTable
  ) throws(MechanismChoice.Unavailable) -> MechanismChoice {
    let planner = planner(for: inventory, decisions, without: .protectHost)
    if let choice, choice.mechanism.isAvailable(on: inventory.bus),
      settings.mechanism != nil || !planner.canLeaveMasks
    {
      return choice
    }
    choice = nil
    var choice = try MechanismChoice(requested: settings.mechanism, planner: planner)
    if settings.mechanism != nil { choice.noteOrigin(settings.mechanismOrigin) }
    if announced.choice != choice {
      announced.choice = choice
      log.record(.chose(choice))
    }
    return choice
  }

  /// Keeps the mechanism from the first plan on that has anything to write: before, there was nothing
  /// to choose it by. What a person has asked for is not on record, since it is asked for each time.
  private func keep(_ choice: MechanismChoice) throws(OwnershipRecordError) {
    guard self.choice == nil else { return }
    if settings.mechanism == nil, ownership.mechanism != choice.mechanism {
      try put([.mechanism(choice.mechanism)])
    }
    self.choice = choice
  }

  private func perform(
    _ operation: Operation, of plan: Plan, _ check: PlanCheck, _ inventory: Inventory,
    _ decisions: DecisionTable
  ) -> Result {
    let place: Reaction =
      switch operation.subject {
      case .masks: .everything
      case .queue(let apqn), .online(let apqn): .queue(apqn)
      }
    let before = ownership
    var claims: [OwnershipChange] = []
    let executor = Executor(
      sysfs: sysfs, log: log, lock: environment.lock,
      configuration: context.configuration,
      isCurrent: { [self] operation throws(InventoryReaderError) in
        try check.isCurrent(operation) { context.busy.insert($0) }
      },
      mechanism: plan.mechanism, masks: masks
    ) { [self] step throws(Failure.Cause) in
      if let change = ownership.change(by: step, on: inventory) {
        do throws(OwnershipRecordError) {
          try put([change])
          claims.append(change)
        } catch {
          throw .unrecorded(error)
        }
      }
      hasWritten = true
      dirty.insert(place)
    }
    do throws(Failure) {
      try executor.perform(operation, on: inventory)
      if operation.subject == .masks { masks = plan.masks(after: inventory.bus) }
      retries.succeed(operation.subject)
      failures[operation.subject] = nil
      for change in operation.changes { note(change, decisions, failure: nil) }
      return .done
    } catch {
      if case .busy(let apqn, let requests) = error.cause {
        return wait(for: apqn, requests: requests, of: operation)
      }
      switch error.cause {
      case .outdated: return .obsolete
      case .changedMeanwhile where error.isWithoutTrace: return .obsolete
      default: break
      }
      // Whoever is to come to an end does not wait for others' locks, and that is no failure.
      if case .locked = error.cause, environment.isInterrupted() { return .interrupted }
      let pause = retries.fail(error, now: time.now)
      var error = error
      let owners = Dictionary(error.moves.map { ($0.apqn, $0.to) }) { _, last in last }
      let missed = operation.changes.filter { owners[$0.apqn] != $0.to }
      error.missed = missed.map(\.apqn)
      failures[operation.subject] = error
      for change in error.moves { note(change, decisions, failure: nil) }
      for change in missed { note(change, decisions, failure: "\(error)") }
      log.record(.failed(error, pause: pause))
      dirty.insert(place)
      // Nothing was done, so what was put on record before the write is not so.
      if error.isWithoutTrace { try? put(claims.compactMap(before.undoing)) }
      if case .locked = error.cause { return .locked }
      return .failed
    }
  }

  private func wait(for apqn: APQN, requests: Int, of operation: Operation) -> Result {
    guard
      drains.wait(
        for: apqn, of: operation.awaited, now: time.now, limit: settings.policy.drainLimit)
    else {
      dirty.insert(.queue(apqn))
      return .failed
    }
    retries.wait(for: operation.subject)
    if announced.draining.insert(apqn).inserted { log.record(.draining(apqn, requests: requests)) }
    return .waiting
  }

  private func note(_ change: OwnerChange, _ decisions: DecisionTable, failure: String?) {
    if let failure {
      // Once for the same reason, so that tries again do not fill the history.
      guard announced.failures.updateValue(failure, forKey: change.apqn) != failure else { return }
    } else {
      announced.failures[change.apqn] = nil
      if change.to == .vfioAP {
        contention.watch(change.apqn)
      } else {
        contention.forget(change.apqn)
      }
    }
    history.append(
      HistoryEntry(
        time: time.sinceEpoch, apqn: change.apqn, from: change.from, to: change.to,
        cause: change.cause, rule: decisions.decision(for: change.apqn).rule,
        mechanism: choice?.mechanism, failure: failure))
  }

  private func report(
    _ plan: Plan, _ choice: MechanismChoice, _ inventory: Inventory, _ decisions: DecisionTable
  ) {
    for refusal in plan.refusals where !announced.refusals.contains(refusal) {
      log.record(.refused(refusal))
    }
    let newlyWaiting = plan.waiting.filter { !announced.waiting.contains($0) }
    for driver in Set(newlyWaiting.map(\.driver)).sorted() {
      log.record(
        .waiting(newlyWaiting.filter { $0.driver == driver }.map(\.apqn), driver: driver))
    }
    for warning in plan.warnings where !announced.warnings.contains(warning) {
      log.record(.warned(warning))
    }
    announced.refusals = Set(plan.refusals)
    announced.waiting = Set(plan.waiting)
    announced.warnings = plan.warnings
    announced.draining.formIntersection(drains.draining)
    let held = plan.refusals.filter(\.endsWithoutEvent).map(\.apqn)
    let due = min(pendingRelease?.due ?? .seconds(Int64.max), time.now + Self.releasePause)
    pendingRelease = held.isEmpty ? nil : (due, held)
    status = AgentStatus(phase: failures.isEmpty ? .settled : .retrying)
    status.mechanism = choice
    status.plan = plan
    status.failures = Array(failures.values)
    status.draining = drains.draining
    for queue in inventory.queues
    where decisions.row(queue.apqn.adapter).vfioAP.contains(queue.apqn.domain) {
      status.wanted += 1
      if queue.owner == .vfioAP { status.reserved += 1 }
    }
  }

  /// The pause before a queue that a guest has is looked at again.
  private static let releasePause = Duration.seconds(1)
}

extension Refusal {
  /// Whether the reason can end without any event.
  fileprivate var endsWithoutEvent: Bool {
    switch reason {
    case .assigned, .vetoed: true
    default: false
    }
  }
}

extension Inventory {
  /// Queues that are not with the driver of the pool that the masks put them into.
  fileprivate var misplacedQueues: Set<APQN> {
    Set(
      queues.lazy.filter { queue in
        switch (queue.owner, bus.masks?.isInHostPool(queue.apqn)) {
        case (.host, false): true
        case (.vfioAP, true): queue.driverOverride == nil
        default: false
        }
      }.map(\.apqn))
  }
}
