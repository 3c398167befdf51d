import APBus
import Reservation
import ReservationRules

/// What has been reported, so that each fact is reported once until it changes.
struct Announced {
  private var choice: MechanismChoice?
  private var operations: [Operation] = []
  private var failures: [APQN: String] = [:]
  private var refusals: Set<Refusal> = []
  private var waiting: Set<Plan.Waiting> = []
  private var warnings: [PlanWarning] = []
  /// Adapters that do not answer.
  private var silent = APMask()
  private var draining: Set<APQN> = []
  /// The requests that were reported as missing or the like, or refused.
  private var stuck: [APQN: Requests.State] = [:]

  /// The event of a choice; nil where it was reported last.
  mutating func event(of choice: MechanismChoice) -> Agent.Event? {
    guard self.choice != choice else { return nil }
    self.choice = choice
    return .chose(choice)
  }

  /// The events of what a plan does not do, and warns of. Adapters that do not answer are first, since more can
  /// follow from that.
  mutating func events(
    of plan: Plan, on inventory: Inventory, decisions: DecisionTable
  ) -> [Agent.Event] {
    let newWarnings = plan.warnings.filter { !warnings.contains($0) }
    var events: [Agent.Event] = newWarnings.filter(\.isSilence).map { .warned($0) }
    let silent = APMask(
      inventory.cards.lazy.filter { $0.unanswered?.isAwaited == false }.map(\.adapter))
    let answering = self.silent.subtracting(silent).intersection(inventory.adapters)
    if !answering.isEmpty { events.append(.answered(Array(answering))) }
    self.silent = silent
    events += plan.refusals.filter { !refusals.contains($0) }.map {
      .refused($0, rule: decisions.decision(for: $0.apqn).rule)
    }
    let new = Dictionary(grouping: plan.waiting.filter { !waiting.contains($0) }, by: \.driver)
    events += new.sorted { $0.key < $1.key }.map { driver, requests in
      .waiting(
        requests.map { .init(apqn: $0.apqn, rule: decisions.decision(for: $0.apqn).rule) },
        driver: driver)
    }
    events += newWarnings.filter { !$0.isSilence }.map { .warned($0) }
    let refused = Set(plan.refusals.map(\.apqn))
    let ended = Set(refusals.map(\.apqn)).subtracting(refused).filter {
      !decisions.row($0.adapter).vfioAP.contains($0.domain)
    }
    if !ended.isEmpty { events.append(.refusalsEnded(ended.sorted())) }
    refusals = Set(plan.refusals)
    waiting = Set(plan.waiting)
    // What failed and waits for its next try is not part of the plan meanwhile, nor are the warnings of it.
    warnings = plan.heldBack.isEmpty ? plan.warnings : warnings + newWarnings
    return events
  }

  /// The event of requests that have become stuck, or are no longer; nil where there are none.
  mutating func event(of requests: Requests, decisions: DecisionTable) -> Agent.Event? {
    let before = stuck
    stuck = Dictionary(
      uniqueKeysWithValues: requests.open.lazy.filter(\.state.isStuck).map { ($0.apqn, $0.state) })
    let changed = Set(before.keys).union(stuck.keys).filter { before[$0] != stuck[$0] }.sorted()
    let changes = changed.compactMap { apqn -> Agent.RequestChange? in
      // A queue that is requested no longer has nothing to come back to.
      guard requests.queues.contains(apqn) else { return nil }
      let reason = requests.reason(for: apqn)
      // That has an event of its own.
      if case .refusal? = reason { return nil }
      return Agent.RequestChange(
        apqn: apqn, from: before[apqn], reason: reason, rule: decisions.decision(for: apqn).rule)
    }
    return changes.isEmpty ? nil : .requestsChanged(changes)
  }

  /// Whether a plan has other operations than the one reported last.
  mutating func isNew(_ operations: [Operation]) -> Bool {
    defer { self.operations = operations }
    return self.operations != operations
  }

  /// The event of a queue that is being drained; nil where it was reported.
  mutating func event(ofDraining apqn: APQN, requests: Int) -> Agent.Event? {
    draining.insert(apqn).inserted ? .draining(apqn, requests: requests) : nil
  }

  /// Keeps only queues that are still being drained.
  mutating func forgetDrained(except apqns: [APQN]) {
    draining.formIntersection(apqns)
  }

  /// Whether the queue was reported last with another failure, or with none.
  mutating func isNew(failure: String, of apqn: APQN) -> Bool {
    failures.updateValue(failure, forKey: apqn) != failure
  }

  /// Forgets the failure of a queue that was moved.
  mutating func forgetFailure(of apqn: APQN) {
    failures[apqn] = nil
  }
}
