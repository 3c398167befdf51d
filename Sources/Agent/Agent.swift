package import AdjunctProcessor
package import Reservation
package import ReservationRules
package import Sysfs
package import Uevents

/// Holds every queue against the rules: looks, plans, writes, reads back.
///
/// The agent is level-triggered. An event only makes it look again; the same inventory and rules give
/// the same plan; doing a plan twice changes nothing.
package final class Agent {
  private let sysfs: any Sysfs
  private let log: any ActivityLog
  private let time: any MonotonicTime
  private let host: HostIdentity
  private let requestedMechanism: Mechanism?

  private var rules: RuleSet
  /// What was seen at the last look; nil before the first and without a bus.
  package private(set) var inventory: Inventory?
  /// What the rules decide about the machine as last seen.
  package private(set) var decisions: DecisionTable?
  private var dirty: Set<Reaction> = [.everything]
  private var choice: MechanismChoice?
  private var retries = RetrySchedule()
  private var failures: [Operation.Subject: Failure] = [:]
  private var saidRefusals: [Refusal] = []
  private var saidWaiting: [Plan.Waiting] = []

  /// What is reserved by us.
  package private(set) var ownership: Ownership
  /// How far the last look has led.
  package private(set) var status = AgentStatus()

  /// How often a look that wrote something is followed by another one. Two are enough where nobody
  /// interferes: one to write and one that finds nothing left to do.
  private static let roundsPerLook = 8

  /// An agent that holds `rules` on the bus behind `sysfs`.
  ///
  /// `mechanism` is the mechanism to use; nil lets the bus decide, once.
  package init(
    sysfs: any Sysfs, rules: RuleSet, host: HostIdentity = HostIdentity(),
    mechanism: Mechanism? = nil, ownership: Ownership = Ownership(), log: any ActivityLog,
    time: any MonotonicTime
  ) {
    self.sysfs = sysfs
    self.rules = rules
    self.host = host
    requestedMechanism = mechanism
    self.ownership = ownership
    self.log = log
    self.time = time
  }

  /// Notes that something happened; what it calls for is done by the next `reconcile`.
  package func handle(_ event: Uevent) {
    guard let reaction = Reaction(to: event) else { return }
    dirty.insert(reaction)
  }

  /// Holds other rules from the next `reconcile` on, and tries at once whatever had failed.
  package func replaceRules(_ rules: RuleSet) {
    self.rules = rules
    dirty.insert(.everything)
    retries.reset()
    failures = [:]
  }

  /// When `reconcile` is due again without any event; nil when nothing waits.
  package var nextDue: Duration? { retries.nextDue }

  /// Looks at what may have changed, and writes what the rules want.
  ///
  /// Without a reason to look, nothing is read and nothing written.
  ///
  /// - Throws: `InventoryReaderError` for a bus that makes no sense, `MechanismChoice.Unavailable`
  ///   for a mechanism that this kernel does not have. A bus that is not there is no error.
  package func reconcile() throws {
    if let due = retries.nextDue, due <= time.now { dirty.insert(.everything) }
    guard !dirty.isEmpty else { return }
    for _ in 0..<Self.roundsPerLook {
      guard try look() else { return }
      guard try act() else { break }
    }
  }

  /// Reads again what is dirty. False while nothing can be decided.
  private func look() throws -> Bool {
    do throws(InventoryReaderError) {
      try refresh()
    } catch .noAPBus {
      inventory = nil
      dirty = []
      status = AgentStatus(phase: .withoutBus)
      return false
    }
    guard let inventory else { return false }
    guard inventory.bus.scans != 0 else {
      status = AgentStatus(phase: .beforeFirstScan)
      return false
    }
    ownership.forget(against: inventory)
    return true
  }

  private func refresh() throws(InventoryReaderError) {
    let reader = InventoryReader(sysfs: sysfs)
    let places = dirty
    guard !places.isEmpty else { return }
    // Whether there are overrides shows on a queue, so the first queue is a reason to read all again.
    guard var inventory, !places.contains(.everything), inventory.bus.supportsOverride != nil
    else {
      self.inventory = try reader.read()
      dirty = []
      decisions = nil
      return
    }
    for place in places {
      switch place {
      case .everything: break
      case .card(let adapter): try reread(adapter, in: &inventory, reader)
      case .queue(let apqn):
        if inventory.card(apqn.adapter) == nil {
          inventory.setCard(try reader.readCard(apqn.adapter), adapter: apqn.adapter)
        }
        guard inventory.card(apqn.adapter) != nil else { continue }
        inventory.setQueue(try reader.readQueue(apqn), apqn: apqn)
      }
    }
    // A few files, so that no mask is ever planned on what a lost event has left behind.
    inventory.bus = try reader.reread(inventory.bus)
    inventory.mediatedDevices = try reader.readMediatedDevices()
    if inventory.cards != self.inventory?.cards { decisions = nil }
    self.inventory = inventory
    dirty = []
  }

  private func reread(
    _ adapter: UInt8, in inventory: inout Inventory, _ reader: InventoryReader
  ) throws(InventoryReaderError) {
    let card = try reader.readCard(adapter)
    inventory.setCard(card, adapter: adapter)
    for apqn in inventory.queues(ofCard: adapter).map(\.apqn) {
      inventory.setQueue(try reader.readQueue(apqn), apqn: apqn)
    }
  }

  /// Makes a plan of what was seen and does it. True when something was written, so that another look
  /// is due.
  private func act() throws -> Bool {
    guard let inventory else { return false }
    let decisions =
      self.decisions ?? DecisionTable(rules: rules, inventory: inventory, host: host)
    self.decisions = decisions
    let planner = Planner(
      inventory: inventory, decisions: decisions, ownership: ownership,
      heldBack: retries.heldBack(now: time.now))
    let choice = try choice ?? chooseMechanism(planner)
    let plan = planner.plan(by: choice.mechanism)
    let subjects = Set(plan.operations.map(\.subject) + plan.heldBack)
    retries.forget(except: subjects)
    failures = failures.filter { subjects.contains($0.key) }
    report(plan, choice, inventory, decisions)
    guard !plan.isEmpty else { return false }
    log.record(.planned(plan))
    for operation in plan.operations {
      // What comes behind masks depends on them.
      guard perform(operation, inventory) || operation.subject != .masks else { break }
    }
    return true
  }

  private func chooseMechanism(_ planner: Planner) throws -> MechanismChoice {
    let choice = try MechanismChoice(requested: requestedMechanism, planner: planner)
    self.choice = choice
    log.record(.chose(choice))
    return choice
  }

  /// Does an operation. False when it failed.
  private func perform(_ operation: Operation, _ inventory: Inventory) -> Bool {
    switch operation.subject {
    case .masks: dirty.insert(.everything)
    case .queue(let apqn): dirty.insert(.queue(apqn))
    }

    let executor = Executor(sysfs: sysfs, log: log) { [self] step in
      ownership.record(step, on: inventory)
    }
    do throws(Failure) {
      try executor.perform(operation, on: inventory)
      retries.succeed(operation.subject)
      failures[operation.subject] = nil
      return true
    } catch {
      let pause = retries.fail(error, now: time.now)
      failures[operation.subject] = error
      log.record(.failed(error, pause: pause))
      return false
    }
  }

  private func report(
    _ plan: Plan, _ choice: MechanismChoice, _ inventory: Inventory, _ decisions: DecisionTable
  ) {
    for refusal in plan.refusals where !saidRefusals.contains(refusal) {
      log.record(.refused(refusal))
    }
    let newlyWaiting = plan.waiting.filter { !saidWaiting.contains($0) }
    for driver in Set(newlyWaiting.map(\.driver)).sorted() {
      log.record(
        .waiting(newlyWaiting.filter { $0.driver == driver }.map(\.apqn), driver: driver))
    }
    saidRefusals = plan.refusals
    saidWaiting = plan.waiting
    status = AgentStatus(phase: failures.isEmpty ? .settled : .retrying)
    status.mechanism = choice
    status.plan = plan
    status.failures = Array(failures.values)
    for queue in inventory.queues
    where decisions.row(queue.apqn.adapter).vfioAP.contains(queue.apqn.domain) {
      status.wanted += 1
      if queue.owner == .vfioAP { status.reserved += 1 }
    }
  }
}
