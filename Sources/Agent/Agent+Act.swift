import APBus
import Reservation
import ReservationRules

extension Agent {
  /// The result of a plan.
  enum Outcome {
    /// Nothing was to be written, or nothing more can be now.
    case finished
    /// The kernel is moving queues for another process's write of masks, so nothing was written.
    case moving
    /// Something was written, so that another scan is due.
    case written
    /// What the plan was made on has changed before its end.
    case obsolete
  }

  /// Makes a plan for the machine as scanned, and does it.
  func act() throws(Status.Obstacle) -> Outcome {
    guard var inventory else { return .finished }
    news = News()
    let decisions = self.decisions ?? decide(on: inventory)
    self.decisions = decisions
    reportMovesByOthers(by: decisions)
    noteSeen(ownership.newlyRequested(on: inventory, by: decisions))
    context.undrained = drains.undrained
    context.fought = contention.given
    try decideChangeover(on: inventory, by: decisions)
    try put(ownership.noLongerPassing(on: inventory, by: decisions))
    let areKeysRead = try readKeysForChoice(into: &inventory, by: decisions)
    let choice = try mechanism(on: inventory, by: decisions)
    self.choice = choice
    reportArrivals(on: inventory, by: decisions)
    let plan: Plan
    do throws(InventoryReaderError) {
      plan = try self.plan(
        on: &inventory, by: decisions, mechanism: choice.mechanism, areKeysRead: areKeysRead)
    } catch {
      throw .unreadable(error)
    }
    noteKeys(in: &inventory)
    self.inventory = inventory
    self.plan = plan
    let isMoving = isMoving(inventory, by: choice.mechanism)
    guard isMoving || environment.permits(self, plan) else { return .finished }
    forgetTries(except: plan)
    for event in announced.events(of: plan, on: inventory, decisions: decisions) { report(event) }
    announced.forgetDrained(except: drains.draining)
    scheduleRelease(of: plan.refusals.filter(\.endsWithoutEvent).map(\.apqn))
    guard !isMoving else {
      dirty.insert(.everything)
      return .moving
    }
    guard !plan.isEmpty else { return .finished }
    if !plan.leavesMasks { try keep(choice) }
    if announced.isNew(plan.operations) {
      report(.planned(plan, moves(plan.changes, by: decisions)))
    }
    noteKeys(in: &inventory, leaving: Set(plan.changes.lazy.filter(\.leavesHost).map(\.apqn)))
    self.inventory = inventory
    publishProgress(isBeginning: true)
    return try perform(plan, chosen: choice, on: inventory, by: decisions)
  }

  /// Decides a changeover that a person asks for. One that is not refused is put on record, and from then on every
  /// plan is by the new mechanism.
  private func decideChangeover(
    on inventory: Inventory, by decisions: DecisionTable
  ) throws(Status.Obstacle) {
    guard let target = requestedChangeover else { return }
    guard inventory.bus.masks == .all || !isMoving(inventory, by: .mask) else {
      dirty.insert(.everything)
      return
    }
    requestedChangeover = nil
    context.changeover = target
    defer { context.changeover = nil }
    let choice: MechanismChoice
    do throws(MechanismChoice.Unavailable) {
      choice = try MechanismChoice(planner: planner(for: inventory, by: decisions))
    } catch {
      changeover = .unavailable(error)
      return
    }
    var inventory = inventory
    let plan: Plan
    do throws(InventoryReaderError) {
      plan = try self.plan(on: &inventory, by: decisions, mechanism: target)
    } catch {
      throw .unreadable(error)
    }
    guard !plan.refusesChangeover else {
      changeover = .refused(choice, plan)
      return
    }
    try put(ownership.changes(toChangeOverTo: target, on: inventory, by: decisions))
    keptChoice = nil
    changeover = .begun
  }

  /// Forgets tries at what the plan does not contain any more.
  private func forgetTries(except plan: Plan) {
    let subjects = Set(plan.operations.map(\.subject) + plan.heldBack)
    retries.forget(except: subjects)
    failures = failures.filter { subjects.contains($0.key) }
    drains.forget(except: Set(plan.operations.flatMap(\.awaited)))
  }

  private func scheduleRelease(of apqns: [APQN]) {
    let due = time.now + Self.releasePause
    pendingRelease = apqns.isEmpty ? nil : (min(pendingRelease?.due ?? due, due), apqns)
  }

  /// Does the operations of a plan, as long as it answers to what is requested and to the machine.
  private func perform(
    _ plan: Plan, chosen choice: MechanismChoice, on inventory: Inventory,
    by decisions: DecisionTable
  ) throws(Status.Obstacle) -> Outcome {
    hasWritten = false
    masks = inventory.bus.masks
    let check = PlanCheck(
      plan, on: inventory, by: decisions.rules, context, passing: ownership.passing, sysfs: sysfs)
    var hasFailed = false
    undone = []
    operations: for (index, operation) in plan.operations.enumerated() {
      var result = Result.interrupted
      if !environment.isInterrupted() {
        result = perform(operation, of: plan, checkedBy: check, on: inventory, by: decisions)
      }
      publishProgress()
      switch result {
      case .done:
        // From here on the plan sets overrides.
        if plan.leavesMasks, operation.subject == .masks { try keep(choice) }
      // The operations after masks depend on them.
      case .failed, .waiting:
        if result == .failed { hasFailed = true }
        if operation.subject == .masks { break operations }
      case .locked: break operations
      case .obsolete:
        dirty.insert(.everything)
        retries.postponeOverdue(now: time.now)
        return .obsolete
      case .interrupted:
        undone = Array(plan.operations[index...])
        dirty.insert(.everything)
        return .finished
      }
    }
    retries.postponeOverdue(now: time.now)
    return hasWritten || hasFailed ? .written : .finished
  }

  /// Whether a plan still answers to what is requested and to the bus as a whole. Each operation asks about
  /// its own queues by itself.
  private func isCurrent(_ planned: Inventory) throws(InventoryReaderError) -> Bool {
    guard !news.changesRequest else { return false }
    guard news.concernsBus else { return true }
    news.concernsBus = false
    let reader = InventoryReader(sysfs: sysfs)
    guard try reader.reread(planned.bus).drivers == planned.bus.drivers else { return false }
    return try reader.readMediatedDevices() == planned.mediatedDevices
  }

  /// Whether the kernel seems to be moving queues for another process's mask write, which it does one by one
  /// and without holding a lock that the agent could take: some are not with the driver of their pool. When
  /// nothing has moved for a while, that is not the cause, and the agent puts them right.
  private func isMoving(_ inventory: Inventory, by mechanism: Mechanism) -> Bool {
    let isOwnWork = ownership.changeover == .mask && inventory.bus.masks == .all
    let queues = mechanism == .mask && !isOwnWork ? inventory.misplacedQueues : []
    if queues != misplaced.queues { misplaced = (queues, time.now) }
    return !queues.isEmpty && time.now < misplaced.since + RetrySchedule.firstPause
  }

  /// Reports what other processes, and drivers that were loaded or unloaded, have moved. A queue that another process
  /// takes from guests again and again is left alone.
  private func reportMovesByOthers(by decisions: DecisionTable) {
    let moves = foreignMoves.compactMap { move -> Move? in
      let row = decisions.row(move.apqn.adapter)
      let isRequested = row.vfioAP.contains(move.apqn.domain)
      let isWatched = contention.isWatched(move.apqn)
      // What is prepared and not requested is reported as an arrival.
      guard move.foreign != .loading || isRequested || row.undecidable.contains(move.apqn.domain)
      else { return nil }
      if move.from == .vfioAP, move.foreign != .unloading, isRequested || isWatched {
        contention.note(
          move.apqn, now: time.now, limit: settings.policy.fightLimit,
          interval: settings.policy.fightInterval)
      }
      var move = move
      move.rule = decisions.decision(for: move.apqn).rule.map { RuleReference($0) }
      return move
    }
    foreignMoves = []
    let bound = moves.filter { $0.foreign == .loading }
    if !bound.isEmpty { report(.boundAtLoading(bound)) }
    let unbound = moves.filter { $0.foreign == .unloading }
    if !unbound.isEmpty { report(.unboundAtUnloading(unbound)) }
    let moved = moves.filter { $0.foreign != .loading && $0.foreign != .unloading }
    if !moved.isEmpty { report(.movedByOthers(moved)) }
  }

  /// Reports queues that were added and kept from the host although no rule reserves them.
  private func reportArrivals(on inventory: Inventory, by decisions: DecisionTable) {
    let undecidable = arrivals.filter {
      inventory.queue($0) != nil && decisions.row($0.adapter).undecidable.contains($0.domain)
    }
    defer { arrivals = undecidable }
    let taken = arrivals.subtracting(undecidable).sorted().compactMap { apqn -> Move? in
      guard let queue = inventory.queue(apqn), queue.driverOverride == nil,
        !decisions.row(apqn.adapter).vfioAP.contains(apqn.domain),
        queue.owner == .vfioAP || inventory.bus.isKeptFromHost(apqn)
      else { return nil }
      return Move(
        time: time.wallTime, apqn: apqn, from: .none, to: queue.owner, cause: .collateral,
        mechanism: choice?.mechanism)
    }
    if !taken.isEmpty { report(.takenOnArrival(taken)) }
  }

  /// The plan, made with all that it must know: what it takes is surveyed, and what it takes then.
  private func plan(
    on inventory: inout Inventory, by decisions: DecisionTable, mechanism: Mechanism,
    areKeysRead: Bool = false
  ) throws(InventoryReaderError) -> Plan {
    var survey = Survey(InventoryReader(sysfs: sysfs))
    // Without the guard that needs the keys, to see whether they are needed at all.
    let draft = planner(for: inventory, by: decisions).without(.protectHost).plan(by: mechanism)
    if context.protectsHost, draft.changes.contains(where: { $0.from == .host }) {
      if !areKeysRead {
        try survey.readKeys(
          into: &inventory, switchedOff: ownership.offline, known: &knownMasterKeys)
      }
    } else if environment.keys != nil {
      try survey.readKeys(of: draft, into: &inventory)
    }
    while true {
      let plan = planner(for: inventory, by: decisions).plan(by: mechanism)
      guard context.isOn(.pendingRequests), try survey.count(plan, in: &inventory) else {
        return plan
      }
    }
  }

  /// Reads the master keys before the mechanism is chosen for the first time, if that may depend on them: masks may not
  /// be able to do everything beside a queue that stays. Whether they were read.
  private func readKeysForChoice(
    into inventory: inout Inventory, by decisions: DecisionTable
  ) throws(Status.Obstacle) -> Bool {
    let bus = inventory.bus
    guard context.protectsHost, keptChoice == nil, settings.mechanism == nil,
      ownership.mechanism == nil, bus.masks != nil, bus.supportsOverride == true,
      planner(for: inventory, by: decisions).without(.protectHost).plan(by: .mask).changes
        .contains(where: { $0.from == .host })
    else { return false }
    do throws(InventoryReaderError) {
      try Survey(InventoryReader(sysfs: sysfs)).readKeys(
        into: &inventory, switchedOff: ownership.offline, known: &knownMasterKeys)
    } catch {
      throw .unreadable(error)
    }
    return true
  }

  private enum Result {
    case done
    case failed
    case waiting
    /// Another process has the lock, which blocks the next operations as well.
    case locked
    case obsolete
    case interrupted
  }

  private func planner(for inventory: Inventory, by decisions: DecisionTable) -> Planner {
    Planner(
      inventory: inventory, decisions: decisions, ownership: ownership,
      context: context, heldBack: retries.heldBack(now: time.now))
  }

  /// The mechanism: the one that is kept, as long as the kernel has it, or the one to choose now.
  private func mechanism(
    on inventory: Inventory, by decisions: DecisionTable
  ) throws(Status.Obstacle) -> MechanismChoice {
    let choice: MechanismChoice
    do throws(MechanismChoice.Unavailable) {
      choice = try MechanismChoice(
        requested: settings.mechanism, origin: settings.mechanismOrigin, kept: keptChoice,
        planner: planner(for: inventory, by: decisions))
    } catch {
      keptChoice = nil
      throw .unavailable(error)
    }
    if choice != keptChoice {
      // Only the reason may be another one.
      keptChoice = choice.mechanism == keptChoice?.mechanism ? choice : nil
      if let event = announced.event(of: choice) { report(event) }
    }
    return choice
  }

  /// Keeps the mechanism from the first plan on that has anything to write: before, there was nothing
  /// to choose it by. One that a person has asked for is not put on record, since it is asked for each time.
  private func keep(_ choice: MechanismChoice) throws(Status.Obstacle) {
    guard self.keptChoice == nil else { return }
    if settings.mechanism == nil, ownership.mechanism != choice.mechanism {
      try put([.mechanism(choice.mechanism)])
    }
    self.keptChoice = choice
  }

  private func perform(
    _ operation: Operation, of plan: Plan, checkedBy check: PlanCheck, on inventory: Inventory,
    by decisions: DecisionTable
  ) -> Result {
    let scope: ScanScope =
      switch operation.subject {
      case .masks: .everything
      case .queue(let apqn), .online(let apqn): .queue(apqn)
      }
    let before = ownership
    var claims: [OwnershipChange] = []
    let executor = Executor(
      sysfs: sysfs, inventory: inventory, lock: environment.lock,
      configuration: context.configuration,
      isCurrent: { [self] operation throws(InventoryReaderError) in
        do throws(InventoryReaderError) {
          // After what takes long: the operations before, and the wait for the lock.
          environment.takeIn(self)
          guard !environment.isInterrupted(), try isCurrent(inventory) else { return false }
          return try check.isCurrent(operation) { context.busy.insert($0) }
        } catch {
          guard isInterruption(error) else { throw error }
          return false
        }
      },
      mechanism: plan.mechanism, masks: masks,
      willWrite: { [self] step throws(Failure.Cause) in
        if let change = ownership.change(by: step, on: inventory) {
          do throws(OwnershipRecordError) {
            try environment.record?.append([change])
          } catch {
            throw .unrecorded(error)
          }
          ownership.apply(change)
          claims.append(change)
        }
        hasWritten = true
        dirty.insert(scope)
      },
      didWrite: { [self] in report(.wrote($0, error: $1)) })
    do throws(Failure) {
      let changes = try executor.perform(operation)
      if operation.subject == .masks { masks = plan.masks(after: inventory.bus) }
      retries.succeed(operation.subject)
      failures[operation.subject] = nil
      noteMoves(changes, by: decisions)
      return .done
    } catch {
      if case .busy(let apqn, let requests) = error.cause {
        return wait(for: apqn, requests: requests, in: operation)
      }
      switch error.cause {
      case .outdated: return environment.isInterrupted() ? .interrupted : .obsolete
      case .changedMeanwhile where error.isWithoutTrace: return .obsolete
      // An agent that is to stop does not wait for the lock of others, and that is not a failure.
      case .locked where environment.isInterrupted(): return .interrupted
      default: break
      }
      dirty.insert(scope)
      note(error, of: operation, by: decisions)
      // Until the next boot the kernel takes no masks, so the overrides stay.
      if plan.leavesOverrides, case .leakedOverrideCount = error.cause {
        try? put([.mechanism(.override), .changeover(.override)])
        if changeover == .begun { changeover = .failed("\(error)") }
      }
      // Nothing was done, so what was put on record before the write is undone.
      if error.isWithoutTrace { try? put(claims.compactMap(before.undoing)) }
      if case .locked = error.cause { return .locked }
      return .failed
    }
  }

  private func wait(for apqn: APQN, requests: Int, in operation: Operation) -> Result {
    guard
      drains.wait(
        for: apqn, of: operation.awaited, now: time.now, limit: settings.policy.drainLimit)
    else { return .failed }
    retries.wait(for: operation.subject)
    if let event = announced.event(ofDraining: apqn, requests: requests) { report(event) }
    return .waiting
  }

  /// Reports an operation that failed, with what has moved all the same.
  private func note(_ failure: Failure, of operation: Operation, by decisions: DecisionTable) {
    let pause = retries.fail(failure, now: time.now)
    var failure = failure
    let owners = Dictionary(failure.moves.map { ($0.apqn, $0.to) }) { _, last in last }
    let missed = operation.changes.filter { owners[$0.apqn] != $0.to }
    failure.missed = missed.map(\.apqn)
    failure.attempts = retries.attempts(of: operation.subject)
    failures[operation.subject] = failure
    noteMoves(failure.moves, by: decisions)
    uncertain.formUnion(operation.changes.map(\.apqn))
    uncertain.formUnion(operation.changesByUndoing.map(\.apqn))
    let reason = "\(failure)"
    let moves = moves(missed, by: decisions).map { move in
      var move = move
      if announced.isNew(failure: reason, of: move.apqn) { move.failure = reason }
      return move
    }
    report(.failed(failure, missed: moves, pause: pause))
  }

  /// Reports queues that have another owner, and watches those that were reserved.
  private func noteMoves(_ changes: [OwnerChange], by decisions: DecisionTable) {
    guard !changes.isEmpty else { return }
    for change in changes {
      announced.forgetFailure(of: change.apqn)
      ownMoves[change.apqn] = change.to
      if change.to == .vfioAP {
        contention.watch(change.apqn)
      } else {
        contention.forget(change.apqn)
      }
    }
    report(.moved(moves(changes, by: decisions)))
  }

  /// Changes of owners with the time, the rule of each, and the mechanism.
  private func moves(_ changes: [OwnerChange], by decisions: DecisionTable) -> [Move] {
    let now = time.wallTime
    return changes.map {
      Move(
        time: now, apqn: $0.apqn, from: $0.from, to: $0.to, cause: $0.cause,
        rule: decisions.decision(for: $0.apqn).rule.map { RuleReference($0) },
        mechanism: choice?.mechanism)
    }
  }

  /// The pause before a queue that a guest has is read again.
  private static let releasePause = Duration.seconds(1)
}

extension Refusal {
  /// Whether the reason can end without any event.
  fileprivate var endsWithoutEvent: Bool {
    switch reason {
    case .guarded(.assigned), .vetoed: true
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
