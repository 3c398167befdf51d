import AdjunctProcessor
import Reservation
import ReservationRules
import Sysfs

extension Agent {
  /// Makes a plan of what was seen and does it. True when something was written, so that another look
  /// is due.
  func act() throws -> Bool {
    guard var inventory else { return false }
    let decisions =
      self.decisions ?? DecisionTable(rules: rules, inventory: inventory, host: host)
    self.decisions = decisions
    circumstances.undrained = drains.undrained
    circumstances.fought = fights.given
    let choice = try mechanism(on: inventory, decisions)
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
    guard !plan.isEmpty else { return false }
    try keep(choice)
    if said.operations != plan.operations {
      said.operations = plan.operations
      log.record(.planned(plan))
    }
    hasWritten = false
    var hasFailed = false
    undone = []
    for (index, operation) in plan.operations.enumerated() {
      var result = Result.interrupted
      if !surroundings.isInterrupted() { result = perform(operation, inventory, decisions) }
      switch result {
      case .done: continue
      case .failed: hasFailed = true
      case .waiting: break
      case .interrupted:
        undone = Array(plan.operations[index...])
        dirty.insert(.everything)
        return false
      }
      // What comes behind masks depends on them.
      if operation.subject == .masks { break }
    }
    retries.postponeOverdue(now: time.now)
    status.failures = Array(failures.values)
    status.draining = drains.draining
    return hasWritten || hasFailed
  }

  /// The plan, made with all that it must know: what it takes is surveyed, and what it takes then.
  private func plan(
    on inventory: inout Inventory, _ decisions: DecisionTable, by mechanism: Mechanism
  ) throws(InventoryReaderError) -> Plan {
    var survey = Survey(InventoryReader(sysfs: sysfs))
    // Without the guard that needs the keys, to see whether they are needed at all.
    let draft = planner(for: inventory, decisions, without: .protectHost).plan(by: mechanism)
    if circumstances.protectsHost, draft.changes.contains(where: { $0.from == .host }) {
      try survey.readKeys(
        into: &inventory, switchedOff: ownership.offline, known: &knownMasterKeys)
    }
    while true {
      let plan = planner(for: inventory, decisions).plan(by: mechanism)
      guard circumstances.isOn(.pendingRequests), try survey.count(plan, in: &inventory) else {
        return plan
      }
    }
  }

  private enum Result {
    case done
    case failed
    case waiting
    case interrupted
  }

  private func planner(
    for inventory: Inventory, _ decisions: DecisionTable, without forced: Guard? = nil
  ) -> Planner {
    var circumstances = circumstances
    if let forced { circumstances.policy.forced.insert(forced) }
    return Planner(
      inventory: inventory, decisions: decisions, ownership: ownership,
      circumstances: circumstances, heldBack: retries.heldBack(now: time.now))
  }

  /// The mechanism: the one that is kept, as long as the kernel has it, or the one to choose now. A
  /// guard that refuses for a while does not decide about it.
  private func mechanism(
    on inventory: Inventory, _ decisions: DecisionTable
  ) throws(MechanismChoice.Unavailable) -> MechanismChoice {
    if let choice, choice.mechanism.isAvailable(on: inventory.bus) { return choice }
    choice = nil
    let choice = try MechanismChoice(
      requested: settings.mechanism,
      planner: planner(for: inventory, decisions, without: .protectHost))
    if said.choice != choice {
      said.choice = choice
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
    _ operation: Operation, _ inventory: Inventory, _ decisions: DecisionTable
  ) -> Result {
    let place: Reaction =
      switch operation.subject {
      case .masks: .everything
      case .queue(let apqn), .online(let apqn): .queue(apqn)
      }
    let before = ownership
    var claims: [OwnershipChange] = []
    let executor = Executor(
      sysfs: sysfs, log: log, lock: surroundings.lock,
      sparesAssigned: circumstances.isOn(.assignedQueue), configuration: circumstances.configuration
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
      retries.succeed(operation.subject)
      failures[operation.subject] = nil
      for change in operation.changes { note(change, decisions, failure: nil) }
      return .done
    } catch {
      if case .busy(let apqn, let requests) = error.cause {
        return wait(for: apqn, requests: requests, of: operation)
      }
      // Whoever is to come to an end does not wait for others' locks, and that is no failure.
      if case .locked = error.cause, surroundings.isInterrupted() { return .interrupted }
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
    if said.draining.insert(apqn).inserted { log.record(.draining(apqn, requests: requests)) }
    return .waiting
  }

  private func note(_ change: OwnerChange, _ decisions: DecisionTable, failure: String?) {
    if let failure {
      // Once for the same reason, so that tries again do not fill the history.
      guard said.failures.updateValue(failure, forKey: change.apqn) != failure else { return }
    } else {
      said.failures[change.apqn] = nil
      if change.to == .vfioAP { fights.watch(change.apqn) } else { fights.forget(change.apqn) }
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
    for refusal in plan.refusals where !said.refusals.contains(refusal) {
      log.record(.refused(refusal))
    }
    let newlyWaiting = plan.waiting.filter { !said.waiting.contains($0) }
    for driver in Set(newlyWaiting.map(\.driver)).sorted() {
      log.record(
        .waiting(newlyWaiting.filter { $0.driver == driver }.map(\.apqn), driver: driver))
    }
    for warning in plan.warnings where !said.warnings.contains(warning) {
      log.record(.warned(warning))
    }
    said.refusals = Set(plan.refusals)
    said.waiting = Set(plan.waiting)
    said.warnings = plan.warnings
    said.draining.formIntersection(drains.draining)
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

extension Operation {
  /// The queues that it waits for.
  fileprivate var awaited: [APQN] {
    steps.compactMap { step in if case .awaitIdle(let apqn) = step { apqn } else { nil } }
  }
}
