import APBus
import Agent
import Reservation
import ReservationRules
import SimulatedBus
import TestSupport
import Uevents

/// An agent that is disturbed at its work, with what the simulator itself says happened.
final class DisturbedAgent {
  let injector: FaultInjector
  private var agent: Agent
  private let mechanism: Mechanism
  private let rules: RuleSet
  private let time = TestTime()
  /// Queues that a driver was taken from or given to, by the simulator's own log.
  private(set) var touched: Set<APQN> = []
  /// Whether a driver was taken from or given to anything else, such as a card.
  private(set) var hasTouchedCard = false
  /// Queues of which the agent says that it does not know who has them.
  private var unread: Set<APQN> = []
  /// Queues that the agent says have not come to where they were to be.
  private var missed: Set<APQN> = []
  private(set) var writes: [String] = []
  /// The calls that a fault has struck, by the injector's own word.
  private(set) var struck: [(call: SysfsCall, effect: CallEffect)] = []
  /// Who has each queue by what the agent reported.
  private var reported: [APQN: Owner] = [:]
  /// Whether the run under disturbance ended with an error instead of a report.
  private(set) var error: (any Error)?

  /// An agent that has held `before` undisturbed; then `change` happened, and now it holds `rules`.
  init(
    on bus: SimulatedBus, mechanism: Mechanism, before: String = "", rules: String,
    change: (SimulatedBus) throws -> Void = { _ in }
  ) throws {
    self.mechanism = mechanism
    self.rules = try Stage.rules(rules)
    injector = FaultInjector(bus)
    agent = Agent(
      sysfs: injector, rules: try Stage.rules(before),
      settings: Agent.Settings(mechanism: mechanism), time: TestTime())
    try agent.reconcile().get()
    try change(bus)
    agent = next()
    reported = try owners()
    injector.onFault = { [unowned self] call, effect in struck.append((call, effect)) }
    bus.onCallback = { [unowned self] callback in
      guard callback.refusal == nil else { return }
      if case .queue(let apqn) = callback.device {
        touched.insert(apqn)
      } else {
        hasTouchedCard = true
      }
    }
  }

  /// Counts what went wrong, by what was called and how it failed.
  func report(in proof: ProofReport.Proof) {
    for (call, effect) in struck {
      let error: String =
        if case .fail(let errno) = effect { errno.name } else { "success without effect" }
      ProofReport.count("calls failed", error, in: proof)
      ProofReport.count("of them", call.operation.rawValue, in: proof)
    }
  }

  /// Another process, which knows what was on record.
  private func next() -> Agent {
    Agent(
      sysfs: injector, rules: rules, settings: Agent.Settings(mechanism: mechanism),
      ownership: agent.ownership, time: time, report: { [unowned self] in note($0) })
  }

  private func note(_ event: Agent.Event) {
    switch event {
    case .wrote(let step, _): writes.append(step.description)
    case .moved(let changes):
      for change in changes { reported[change.apqn] = change.to }
    case .failed(let failure, _, _):
      unread.formUnion(failure.unread)
      missed.formUnion(failure.missed)
    case .planned(let plan, _):
      everPlanned.formUnion(plan.changes.map(\.apqn) + plan.changesByUndoing.map(\.apqn))
    default: break
    }
  }

  /// Queues that some plan has said it would move.
  private(set) var everPlanned: Set<APQN> = []

  /// Who has each queue, from the simulator.
  private func owners() throws -> [APQN: Owner] {
    Dictionary(uniqueKeysWithValues: try state().queues.map { ($0.apqn, $0.owner) })
  }

  /// Owners, masks and overrides: everything but what the kernel counts.
  func state() throws -> Inventory {
    var inventory = try InventoryReader(sysfs: injector.bus).read()
    inventory.bus.bindingsCompleteCount = nil
    return inventory
  }

  /// One pass with these faults.
  func disturb(_ plan: FaultPlan) {
    injector.plan = plan
    do { try agent.reconcile().get() } catch { self.error = error }
  }

  /// Queues whose owner is another than was reported, and of which the agent does not report that it does not
  /// know; nor that they were missed, where it may have read twice that a queue has no driver.
  func unreported(withRepeatedLies isLiedTo: Bool = false) throws -> [APQN] {
    guard error == nil else { return [] }
    let owners = try owners()
    let excused = isLiedTo ? unread.union(missed) : unread
    return owners.keys.filter { owners[$0] != reported[$0] && !excused.contains($0) }.sorted()
  }

  /// A new process, undisturbed; then one that must find nothing to do. Returns the second's writes.
  func converge() throws -> [String] {
    injector.plan = FaultPlan()
    agent = next()
    for _ in 0..<8 {
      try agent.reconcile().get()
      guard let due = agent.nextDue else { break }
      time.now = max(time.now, due)
    }
    agent = next()
    writes = []
    try agent.reconcile().get()
    return writes
  }
}
