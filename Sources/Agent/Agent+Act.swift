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
    let choice = try choice ?? chooseMechanism(planner(for: inventory, decisions))
    var plan = planner(for: inventory, decisions).plan(by: choice.mechanism)
    // What a plan that takes queues must know costs too much to be known always.
    if let survey = Survey(for: plan, of: inventory, circumstances) {
      try survey.read(into: &inventory, InventoryReader(sysfs: sysfs))
      self.inventory = inventory
      plan = planner(for: inventory, decisions).plan(by: choice.mechanism)
    }
    let subjects = Set(plan.operations.map(\.subject) + plan.heldBack)
    retries.forget(except: subjects)
    failures = failures.filter { subjects.contains($0.key) }
    drains.forget(
      except: Set(
        plan.steps.compactMap { step in if case .awaitIdle(let apqn) = step { apqn } else { nil } })
    )
    report(plan, choice, inventory, decisions)
    guard !plan.isEmpty else { return false }
    log.record(.planned(plan))
    hasWritten = false
    var hasFailed = false
    for operation in plan.operations {
      switch perform(operation, inventory, decisions) {
      case .done: continue
      case .failed: hasFailed = true
      case .waiting: break
      }
      // What comes behind masks depends on them.
      if operation.subject == .masks { break }
    }
    status.failures = Array(failures.values)
    status.draining = drains.draining
    return hasWritten || hasFailed
  }

  private enum Result {
    case done
    case failed
    case waiting
  }

  private func planner(for inventory: Inventory, _ decisions: DecisionTable) -> Planner {
    Planner(
      inventory: inventory, decisions: decisions, ownership: ownership,
      circumstances: circumstances, heldBack: retries.heldBack(now: time.now))
  }

  private func chooseMechanism(_ planner: Planner) throws -> MechanismChoice {
    let choice = try MechanismChoice(requested: settings.mechanism, planner: planner)
    try put([.mechanism(choice.mechanism)])
    self.choice = choice
    log.record(.chose(choice))
    return choice
  }

  private func perform(
    _ operation: Operation, _ inventory: Inventory, _ decisions: DecisionTable
  ) -> Result {
    let place: Reaction =
      switch operation.subject {
      case .masks: .everything
      case .queue(let apqn): .queue(apqn)
      }
    let executor = Executor(
      sysfs: sysfs, log: log, lock: surroundings.lock, configuration: circumstances.configuration
    ) { [self] step throws(Failure.Cause) in
      if let change = ownership.change(by: step, on: inventory) {
        do throws(OwnershipRecordError) {
          try put([change])
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
        return wait(for: apqn, requests: requests)
      }
      let pause = retries.fail(error, now: time.now)
      failures[operation.subject] = error
      for change in operation.changes { note(change, decisions, failure: "\(error)") }
      log.record(.failed(error, pause: pause))
      dirty.insert(place)
      return .failed
    }
  }

  private func wait(for apqn: APQN, requests: Int) -> Result {
    guard drains.wait(for: apqn, now: time.now, limit: settings.policy.drainLimit) else {
      dirty.insert(.queue(apqn))
      return .failed
    }
    if said.draining.insert(apqn).inserted { log.record(.draining(apqn, requests: requests)) }
    return .waiting
  }

  private func note(_ change: OwnerChange, _ decisions: DecisionTable, failure: String?) {
    if failure == nil, change.to == .vfioAP {
      fights.watch(change.apqn)
    } else if failure == nil {
      fights.forget(change.apqn)
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
    said = Said(
      refusals: Set(plan.refusals), waiting: Set(plan.waiting), warnings: plan.warnings,
      draining: said.draining.intersection(drains.draining))
    pendingRelease = nil
    let held = plan.refusals.filter(\.endsWithoutEvent).map(\.apqn)
    if !held.isEmpty { pendingRelease = (time.now + Self.releasePause, held) }
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
