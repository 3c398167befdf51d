package import APBus
package import Reservation
package import ReservationRules
package import Uevents

/// Fulfils the rules on a bus: scans it, plans, writes, reads back.
///
/// The agent is level-triggered. An event only makes it scan again; the same inventory and rules give
/// the same plan; doing a plan twice changes nothing. What it does and finds out it reports as events, and
/// `reconcile` returns its status.
package final class Agent {
  let sysfs: any Sysfs
  let time: any TimeSource
  let environment: Environment
  let report: (Event) -> Void
  package internal(set) var host: HostIdentity
  var settings: Settings

  var rules: RuleSet
  var context: PlanningContext
  /// What to scan again.
  var dirty: Set<ScanScope> = [.everything]
  var plan: Plan?
  var retries = RetrySchedule()
  var drains = Drains()
  var contention = ContentionTracker()
  var failures: [Operation.Subject: Failure] = [:]
  var announced = Announced()
  /// Master keys of queues that the agent has switched off, which do not show them then.
  var knownMasterKeys: [APQN: MasterKeyPattern] = [:]
  /// When to scan again after a reconciliation that was not finished, and the pause before that.
  var unfinished: (due: Instant, pause: Duration)?
  /// Whether the plan that is being done has written anything.
  var hasWritten = false
  /// The masks as the plan that is being done has left them so far.
  var masks: MaskPair?
  /// When what the plan has done so far was published last.
  private var lastProgress: Instant?
  /// Queues seen that are not on record yet, since that could not be written.
  var unrecorded: [OwnershipChange] = []
  /// What has happened since the plan that is being done was made.
  var news = News()
  /// The owners that queues have had since the last scan, by what the agent itself has done.
  var ownMoves: [APQN: Owner] = [:]
  /// Queues that an operation which failed may have moved.
  var uncertain: Set<APQN> = []
  /// Moves of another process that were found and are not reported yet.
  var foreignMoves: [Move] = []
  /// Queues that another process has unbound and nobody has bound since.
  var unboundByOthers: Set<APQN> = []
  /// Queues that were added since the last plan.
  var arrivals: Set<APQN> = []
  /// The mechanism that a person has asked to change over to; nil once that is decided.
  var requestedChangeover: Mechanism?
  /// Whether a person has asked to forget what this system is not configured for any more.
  var forgetsUnconfigured = false
  /// Queues that were removed since the last scan: what has the same name then is another one.
  var departures: Set<APQN> = []
  /// Queues that were not with the driver of their pool at the last scan, as while the kernel moves what
  /// another process's mask write moves, and since when it is these.
  var misplaced: (queues: Set<APQN>, since: Instant) = ([], .boot)
  /// When queues that guests have and that are to be given back are read again: unassigning them sends no
  /// event.
  var pendingRelease: (due: Instant, queues: [APQN])?

  /// The mechanism that is kept, from the first plan on that has anything to write.
  package internal(set) var keptChoice: MechanismChoice?
  /// The mechanism of the last plan.
  var choice: MechanismChoice?
  /// The machine as of the last scan; nil before the first and without a bus.
  package internal(set) var inventory: Inventory?
  /// When everything was scanned last.
  package internal(set) var lastSurvey: Instant?
  /// What the rules decide about the machine as of the last scan.
  package internal(set) var decisions: DecisionTable?
  /// What the agent has reserved.
  package internal(set) var ownership: Ownership
  /// What was read of master keys, in this boot and before.
  package internal(set) var keyLedger: KeyLedger
  /// How far the agent is.
  package private(set) var status = Status()
  /// The phase that was reported last.
  private var lastPhase = Status.Phase.starting
  /// What the host's other files said at the last scan of everything.
  package var configuration: HostConfiguration { context.configuration }
  /// How the last request to change over was decided; nil while there was none, or while it is not decided.
  package internal(set) var changeover: ChangeoverDecision?
  /// What the last plan has and was not begun, because the agent was interrupted.
  package internal(set) var undone: [Operation] = []

  /// What an administrator can set.
  package struct Settings: Equatable, Sendable {
    /// The mechanism to use; nil lets the bus decide, once.
    package var mechanism: Mechanism?
    /// The place that asks for the mechanism, `file:line`.
    package var mechanismOrigin: String?
    /// How careful to be.
    package var policy: GuardPolicy

    package init(
      mechanism: Mechanism? = nil, mechanismOrigin: String? = nil,
      policy: GuardPolicy = GuardPolicy()
    ) {
      self.mechanism = mechanism
      self.mechanismOrigin = mechanismOrigin
      self.policy = policy
    }
  }

  /// What an agent has around it on a host, and not in a simulation.
  package struct Environment {
    /// Reads what the host's other files say, now.
    package var configuration: () -> HostConfiguration
    /// The record of what the agent has reserved; nil where nothing outlives the agent.
    package var record: (any OwnershipRecord)?
    /// The record of master keys; nil where nothing outlives the agent.
    package var keys: (any KeyRecord)?
    /// The lock that other tools share; nil where there are none.
    package var lock: (any ConfigurationLock)?
    /// Whether to stop. Called before each operation, since one that has begun is better finished.
    package var isInterrupted: () -> Bool
    /// Called before each operation, to pass on the events, rules and settings that have arrived since the
    /// plan was made, by the methods of the agent.
    package var takeIn: (Agent) -> Void
    /// Called while a plan is being done, when there is something new for others to see.
    package var publish: (Agent) -> Void
    /// Whether a plan, which may be empty, is to be done. Called with each plan before its first write.
    package var permits: (Agent, Plan) -> Bool

    package init(
      configuration: @escaping () -> HostConfiguration = { HostConfiguration() },
      record: (any OwnershipRecord)? = nil, keys: (any KeyRecord)? = nil,
      lock: (any ConfigurationLock)? = nil,
      isInterrupted: @escaping () -> Bool = { false },
      takeIn: @escaping (Agent) -> Void = { _ in },
      publish: @escaping (Agent) -> Void = { _ in },
      permits: @escaping (Agent, Plan) -> Bool = { _, _ in true }
    ) {
      self.configuration = configuration
      self.record = record
      self.keys = keys
      self.lock = lock
      self.isInterrupted = isInterrupted
      self.takeIn = takeIn
      self.publish = publish
      self.permits = permits
    }
  }

  /// How a request to change over to another mechanism was decided.
  package enum ChangeoverDecision: Equatable, Sendable {
    /// It is on record, and all plans are by the other mechanism.
    case begun
    /// It is refused: the plan has the reasons. Nothing is written for it.
    case refused(MechanismChoice, Plan)
    /// The kernel does not have the mechanism.
    case unavailable(MechanismChoice.Unavailable)
    /// The kernel cannot write masks any more until the next boot, a sentence: everything stays on overrides.
    case failed(String)
  }

  /// What can make a plan obsolete while it is being done.
  struct News {
    /// There are other rules or other settings.
    var changesRequest = false
    /// Something has happened to the bus as a whole.
    var concernsBus = false
  }

  /// How many scans that led to writes are made in one reconciliation. Two are enough where nobody
  /// interferes: one to write and one that finds nothing left to do.
  private static let roundLimit = 8
  /// The pause between two publications of what a plan has done so far: each counts all requests.
  private static let progressPause = Duration.milliseconds(100)
  /// How many plans are given up for a newer one before the agent pauses.
  private static let replanLimit = 256

  /// An agent that fulfils `rules` on the bus of `sysfs`.
  ///
  /// `ownership` is what is on record of an earlier agent since the same boot, and `keyLedger` what is on record of
  /// master keys; `report` is called with each event, on the thread of the agent and in their order.
  package init(
    sysfs: any Sysfs, rules: RuleSet, host: HostIdentity = HostIdentity(),
    settings: Settings = Settings(), ownership: Ownership = Ownership(),
    keyLedger: KeyLedger = KeyLedger(), environment: Environment = Environment(),
    time: any TimeSource,
    report: @escaping (Event) -> Void = { _ in }
  ) {
    self.sysfs = sysfs
    self.rules = rules
    self.host = host
    self.settings = settings
    self.ownership = ownership
    self.keyLedger = keyLedger
    self.environment = environment
    self.report = report
    self.time = time
    context = PlanningContext(policy: settings.policy, rulesAreMissing: rules.rules.isEmpty)
  }

  /// Notes an event of the kernel; what it calls for is done by the next `reconcile`.
  package func handle(_ event: Uevent) {
    guard let object = BusObject(path: event.devicePath) else { return }
    scan(ScanScope(of: object))
    if event.action == .remove, case .queue(let apqn) = object { noteDeparture(of: apqn) }
  }

  /// Scans this again at the next `reconcile`.
  package func scan(_ scope: ScanScope) {
    dirty.insert(scope)
    if scope == .everything { news.concernsBus = true }
  }

  /// Notes that a queue was removed. What is added under the same name is another device, so nobody has
  /// moved it back.
  package func noteDeparture(of apqn: APQN) {
    contention.forget(apqn)
    departures.insert(apqn)
  }

  /// Fulfils other rules from the next `reconcile` on, and tries at once what had failed.
  ///
  /// `isExplicit` says that a person has asked for it: an empty set of rules then means that everything is
  /// given back, what this system is not configured for any more is forgotten, and queues that were left alone
  /// since another process kept moving them back are moved again.
  package func replaceRules(_ rules: RuleSet, isExplicit: Bool = false) {
    forgetsUnconfigured = forgetsUnconfigured || isExplicit
    self.rules = rules
    context.rulesAreMissing = rules.rules.isEmpty && !isExplicit
    dirty.insert(.everything)
    news.changesRequest = true
    retries.reset()
    drains.forgetAll()
    if isExplicit { contention.forgetAll() }
    failures = [:]
  }

  /// Changes over to another mechanism at the next `reconcile`, if that is possible then (`changeover`).
  package func changeOver(to mechanism: Mechanism) {
    requestedChangeover = mechanism
    changeover = nil
    dirty.insert(.everything)
    news.changesRequest = true
    retries.reset()
  }

  /// Forgets a changeover that has not been decided. It is for the caller to say that it is not done.
  package func abandonChangeover() { requestedChangeover = nil }

  /// Decides the rules for a host of these names from the next `reconcile` on.
  package func replaceHost(_ host: HostIdentity) {
    guard host != self.host else { return }
    self.host = host
    dirty.insert(.everything)
    news.changesRequest = true
  }

  /// Works by other settings from the next `reconcile` on. The mechanism is chosen again only if
  /// that setting has changed.
  package func replaceSettings(_ settings: Settings) {
    if settings.mechanism != self.settings.mechanism { keptChoice = nil }
    if settings != self.settings { news.changesRequest = true }
    self.settings = settings
    context.policy = settings.policy
    dirty.insert(.everything)
  }

  /// When `reconcile` is due again without any event; nil when nothing is.
  package var nextDue: Instant? {
    [retries.nextDue, drains.nextDue, pendingRelease?.due, unfinished?.due].compactMap { $0 }.min()
  }

  /// Scans what may have changed, and writes what the rules want.
  ///
  /// Without a reason to scan, nothing is read and nothing written. An error is a phase of the status
  /// returned; `Status.get` throws it.
  @discardableResult
  package func reconcile() -> Status {
    wake()
    context.busy = []
    guard !dirty.isEmpty else { return status }
    let phase: Status.Phase
    do throws(Status.Obstacle) {
      phase = try work()
    } catch {
      // What was scanned was not acted on.
      dirty.insert(.everything)
      phase = isInterruption(error) ? status.phase : .blocked(error)
    }
    scheduleNextScan(after: phase)
    enter(phase)
    return status
  }

  /// Scans and acts until nothing is left to do, and returns what the agent waits for then.
  private func work() throws(Status.Obstacle) -> Status.Phase {
    var rounds = 0
    var replans = 0
    var phase = Status.Phase.settled
    while rounds < Self.roundLimit, replans < Self.replanLimit {
      if let waiting = try scan() {
        // There is nothing to try again until there is a bus.
        forgetTries()
        return waiting
      }
      switch try act() {
      case .finished: return finishedPhase
      case .moving: return .moving
      case .written: rounds += 1
      case .obsolete: replans += 1
      }
      phase = finishedPhase
      if environment.isInterrupted() { break }
    }
    return phase
  }

  /// Whether a read was given up because the agent is to stop, which is not an obstacle.
  private func isInterruption(_ obstacle: Status.Obstacle) -> Bool {
    guard case .unreadable(let error) = obstacle else { return false }
    return isInterruption(error)
  }

  func isInterruption(_ error: InventoryReaderError) -> Bool {
    error.isInterruption && environment.isInterrupted()
  }

  private var finishedPhase: Status.Phase { failures.isEmpty ? .settled : .retrying }

  private func scheduleNextScan(after phase: Status.Phase) {
    if dirty.isEmpty {
      unfinished = nil
    } else if phase == .moving {
      let pause = RetrySchedule.firstPause
      unfinished = (misplaced.since + pause, pause)
    } else {
      // The pause grows as long as reconciliations are not finished.
      let pause = min(unfinished.map { $0.pause * 2 } ?? RetrySchedule.firstPause, .seconds(60))
      unfinished = (time.now + pause, pause)
    }
  }

  /// Publishes what a plan has done so far: at its beginning, before it makes the agent wait for anything,
  /// and then after pauses.
  func publishProgress(isBeginning: Bool = false) {
    let now = time.now
    if !isBeginning, let lastProgress, now - lastProgress < Self.progressPause { return }
    enter(.applying)
    lastProgress = now
    environment.publish(self)
  }

  /// The one place where the status is set. While nothing can be decided, it keeps what was known before.
  private func enter(_ phase: Status.Phase) {
    switch phase {
    case .starting, .beforeFirstScan: status = Status(phase: phase)
    case .withoutBus:
      status = Status(phase: phase)
      status.requests = requests(on: .empty)
    case .blocked(let obstacle):
      status.phase = phase
      if case .unreadable = obstacle {
        status.requests = status.requests.unreadable(because: "\(obstacle)")
      } else if let inventory {
        status.requests = requests(on: inventory, obstacle: "\(obstacle)")
      }
    case .moving, .applying, .settled, .retrying:
      status = Status(phase: phase)
      status.mechanism = choice
      status.plan = plan
      status.failures = Array(failures.values)
      status.drains = drains.since
      status.requests = inventory.map { requests(on: $0) } ?? Requests()
      status.awaitsAdapters =
        inventory?.cards.contains { $0.unanswered?.isAwaited == true } ?? false
    }
    // That a plan is being done shows in its own events.
    guard phase != .applying else { return }
    if case .some(let event) = announced.event(
      of: status.requests, decisions: currentDecisions)
    {
      report(event)
    }
    if phase != lastPhase { report(.entered(phase, from: lastPhase)) }
    lastPhase = phase
  }

  /// What the rules decide about the machine as of the last scan.
  private var currentDecisions: DecisionTable {
    decisions ?? decide(on: inventory ?? .empty)
  }

  /// Decides all queues of a machine.
  func decide(on inventory: Inventory) -> DecisionTable {
    DecisionTable(
      rules: rules, inventory: inventory, host: host, guests: context.configuration.guests)
  }

  /// What of earlier plans the next one depends on.
  package var memory: AgentMemory {
    var memory = AgentMemory()
    memory.choice = keptChoice
    memory.fought = contention.given
    memory.undrained = drains.undrained
    memory.busy = context.busy
    memory.heldBack = retries.heldBack(now: time.now)
    memory.acceptsNoRules = !context.rulesAreMissing
    memory.progress = progress(obstacle: status.obstacle?.description)
    if case .unreadable(let error) = status.obstacle { memory.unreadable = "\(error)" }
    return memory
  }

  /// What has been done since the machine was scanned. An obstacle means that nothing is decided or done.
  private func progress(obstacle: String?) -> RequestProgress {
    var progress = RequestProgress(
      draining: Set(drains.draining), moved: Set(ownMoves.filter { $0.value == .vfioAP }.keys),
      obstacle: obstacle)
    for failure in failures.values {
      if case .locked = failure.cause {
        progress.isLocked = true
        continue
      }
      for apqn in failure.missed {
        progress.failures[apqn] = failure.isFinal ? .final("\(failure)") : .retried("\(failure)")
      }
    }
    return progress
  }

  private func requests(on inventory: Inventory, obstacle: String? = nil) -> Requests {
    Requests(
      inventory: inventory, decisions: currentDecisions, ownership: ownership,
      configuration: context.configuration, plan: plan ?? Plan(mechanism: .bind),
      progress: progress(obstacle: obstacle))
  }

  /// Switches on again what was switched off to be drained. Call it before the agent is given up.
  package func abandonDrains() {
    if let inventory {
      let executor = Executor(
        sysfs: sysfs, inventory: inventory, lock: nil, configuration: HostConfiguration(),
        isCurrent: { _ in true }, mechanism: .bind, masks: nil, willWrite: { _ in },
        didWrite: { [self] in report(.wrote($0, error: $1)) })
      for apqn in ownership.offline.sorted() where inventory.queue(apqn)?.owner == .host {
        // A queue that stays off is on record, and the next agent switches it on.
        let step = Step.setOnline(apqn, true)
        _ = try? executor.perform(Operation(.online(apqn), steps: [step], changes: []))
      }
    }
    drains.forgetAll()
    dirty.insert(.everything)
  }

  private func forgetTries() {
    retries.reset()
    drains.forgetAll()
    failures = [:]
    pendingRelease = nil
  }

  /// Notes what is due without any event.
  private func wake() {
    let now = time.now
    if let due = retries.nextDue, due <= now { dirty.insert(.everything) }
    for apqn in drains.takeDue(now: now) { dirty.insert(.queue(apqn)) }
    if let release = pendingRelease, release.due <= now {
      pendingRelease = nil
      for apqn in release.queues { dirty.insert(.queue(apqn)) }
    }
  }
}
