package import APBus
package import Reservation
package import ReservationRules
package import Uevents

/// Holds every queue against the rules: looks, plans, writes, reads back.
///
/// The agent is level-triggered. An event only makes it look again; the same inventory and rules give
/// the same plan; doing a plan twice changes nothing.
package final class Agent {
  let sysfs: any Sysfs
  let log: any ActivityLog
  let time: any MonotonicTime
  let environment: Environment
  var host: HostIdentity
  var settings: Settings

  var rules: RuleSet
  var context: PlanningContext
  var dirty: Set<Reaction> = [.everything]
  var retries = RetrySchedule()
  var drains = Drains()
  var contention = ContentionTracker()
  var failures: [Operation.Subject: Failure] = [:]
  var announced = Announced()
  /// Master keys of queues that we have switched off, which do not tell them any more.
  var knownMasterKeys: [APQN: MasterKeyPattern] = [:]
  /// When to look again after a look that came to no end, and the pause before that.
  var unfinished: (due: Duration, pause: Duration)?
  /// Whether the plan that is being done has written anything.
  var hasWritten = false
  /// The masks as the plan that is being done has left them so far.
  var masks: MaskPair?
  /// Queues seen that are not on record yet, since that could not be written.
  var unrecorded: [OwnershipChange] = []
  /// What has happened since the plan that is being done was made.
  var news = News()
  /// Queues that came since the last plan.
  var arrivals: Set<APQN> = []
  /// Whether a person has asked to look afresh at what there is.
  var forgetsUnconfigured = false
  /// Queues that have gone since the last scan: what is there under the same name then is another one.
  var departures: Set<APQN> = []
  /// Queues that were not with the driver of their pool at the last scan, as while the kernel moves what
  /// another process's mask write moves, and since when it is these.
  var misplaced: (queues: Set<APQN>, since: Duration) = ([], .zero)
  /// When a queue that a guest has and that is to be given back is looked at again: unassigning it
  /// sends no event.
  var pendingRelease: (due: Duration, queues: [APQN])?

  /// How queues are moved; nil until that is chosen.
  package internal(set) var choice: MechanismChoice?
  /// What was seen at the last look; nil before the first and without a bus.
  package internal(set) var inventory: Inventory?
  /// What the rules decide about the machine as last seen.
  package internal(set) var decisions: DecisionTable?
  /// What is reserved by us.
  package internal(set) var ownership: Ownership
  /// How far the last look has led.
  package internal(set) var status = AgentStatus()
  /// The last moves.
  package internal(set) var history = History()
  /// What the host's other files said at the last look at everything.
  package var configuration: HostConfiguration { context.configuration }
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

    /// The defaults, unless given.
    package init(
      mechanism: Mechanism? = nil, mechanismOrigin: String? = nil,
      policy: GuardPolicy = GuardPolicy()
    ) {
      self.mechanism = mechanism
      self.mechanismOrigin = mechanismOrigin
      self.policy = policy
    }
  }

  /// What surrounds an agent on a host and is not there in a simulation.
  package struct Environment {
    /// Reads what the host's other files say, now.
    package var configuration: () -> HostConfiguration
    /// Where it is put on record what is ours; nil where nothing outlives the agent.
    package var record: (any OwnershipRecord)?
    /// The lock that other tools share; nil where there are none.
    package var lock: (any ConfigurationLock)?
    /// Whether to come to an end: asked before each operation, since one that has begun is better finished.
    package var isInterrupted: () -> Bool
    /// Called before each operation: hands the agent what has come since the plan was made, events, rules and
    /// settings, by calling its methods.
    package var takeIn: (Agent) -> Void

    /// Nothing, unless given.
    package init(
      configuration: @escaping () -> HostConfiguration = { HostConfiguration() },
      record: (any OwnershipRecord)? = nil, lock: (any ConfigurationLock)? = nil,
      isInterrupted: @escaping () -> Bool = { false },
      takeIn: @escaping (Agent) -> Void = { _ in }
    ) {
      self.configuration = configuration
      self.record = record
      self.lock = lock
      self.isInterrupted = isInterrupted
      self.takeIn = takeIn
    }
  }

  /// What can make a plan obsolete while it is being done.
  struct News {
    /// Other rules or other settings are to be held.
    var changesRequest = false
    /// Something has happened to the bus as a whole.
    var concernsBus = false
  }

  /// What was told already, so that it is told once.
  struct Announced {
    var choice: MechanismChoice?
    var operations: [Operation] = []
    var failures: [APQN: String] = [:]
    var refusals: Set<Refusal> = []
    var waiting: Set<Plan.Waiting> = []
    var warnings: [PlanWarning] = []
    var draining: Set<APQN> = []
  }

  /// How often a look that wrote something is followed by another one. Two are enough where nobody
  /// interferes: one to write and one that finds nothing left to do.
  private static let roundsPerLook = 8
  /// How many plans are given up for a newer one before the agent pauses.
  private static let replansPerLook = 256

  /// An agent that holds `rules` on the bus behind `sysfs`.
  ///
  /// `ownership` is what is on record of an earlier agent since the same boot.
  package init(
    sysfs: any Sysfs, rules: RuleSet, host: HostIdentity = HostIdentity(),
    settings: Settings = Settings(), ownership: Ownership = Ownership(),
    environment: Environment = Environment(), log: any ActivityLog, time: any MonotonicTime
  ) {
    self.sysfs = sysfs
    self.rules = rules
    self.host = host
    self.settings = settings
    self.ownership = ownership
    self.environment = environment
    self.log = log
    self.time = time
    context = PlanningContext(policy: settings.policy, rulesAreMissing: rules.rules.isEmpty)
  }

  /// Notes that something happened; what it calls for is done by the next `reconcile`.
  package func handle(_ event: Uevent) {
    guard let reaction = Reaction(to: event) else { return }
    dirty.insert(reaction)
    if reaction == .everything { news.concernsBus = true }
    // What comes under the same name is another device: nobody has moved it back.
    if event.action == .remove, case .queue(let apqn) = reaction {
      contention.forget(apqn)
      departures.insert(apqn)
    }
  }

  /// Notes that events may have been lost, or that it is time to look at what sends none.
  package func scanEverything() {
    dirty.insert(.everything)
    news.concernsBus = true
  }

  /// Holds other rules from the next `reconcile` on, and tries at once whatever had failed.
  ///
  /// `isExplicit` says that a person has asked for it: rules that are all gone then mean that
  /// everything is given back, and what this system is not configured for any more is forgotten.
  package func replaceRules(_ rules: RuleSet, isExplicit: Bool = false) {
    forgetsUnconfigured = forgetsUnconfigured || isExplicit
    self.rules = rules
    context.rulesAreMissing = rules.rules.isEmpty && !isExplicit
    decisions = nil
    dirty.insert(.everything)
    news.changesRequest = true
    retries.reset()
    drains.forgetAll()
    contention.forgetAll()
    failures = [:]
  }

  /// Decides the rules for a machine of these names from the next `reconcile` on.
  package func replaceHost(_ host: HostIdentity) {
    guard host != self.host else { return }
    self.host = host
    decisions = nil
    dirty.insert(.everything)
    news.changesRequest = true
  }

  /// Works by other settings from the next `reconcile` on. Another mechanism is chosen only where
  /// another one is asked for.
  package func replaceSettings(_ settings: Settings) {
    if settings.mechanism != self.settings.mechanism { choice = nil }
    if settings != self.settings { news.changesRequest = true }
    self.settings = settings
    context.policy = settings.policy
    dirty.insert(.everything)
  }

  /// When `reconcile` is due again without any event; nil when nothing waits.
  package var nextDue: Duration? {
    [retries.nextDue, drains.nextDue, pendingRelease?.due, unfinished?.due].compactMap { $0 }.min()
  }

  /// Looks at what may have changed, and writes what the rules want.
  ///
  /// Without a reason to look, nothing is read and nothing written.
  ///
  /// - Throws: `InventoryReaderError` for a bus that makes no sense, `MechanismChoice.Unavailable`
  ///   for a mechanism that this kernel does not have, `OwnershipRecordError` where nothing can be put
  ///   on record. A bus that is not there is no error.
  package func reconcile() throws {
    wake()
    context.busy = []
    guard !dirty.isEmpty else { return }
    do {
      var rounds = 0
      var replans = 0
      while rounds < Self.roundsPerLook, replans < Self.replansPerLook {
        guard try look() else {
          // There is nothing to try again until there is a bus.
          forgetTries()
          break
        }
        let outcome = try act()
        guard outcome != .finished, !environment.isInterrupted() else { break }
        if outcome == .obsolete { replans += 1 } else { rounds += 1 }
      }
    } catch {
      // What was seen was not acted on.
      dirty.insert(.everything)
      lookAgain()
      throw error
    }
    if dirty.isEmpty {
      unfinished = nil
    } else if status.phase == .moving {
      let pause = RetrySchedule.firstPause
      unfinished = (misplaced.since + pause, pause)
    } else {
      lookAgain()
    }
  }

  /// Switches on again what was switched off to be drained. To be called before the agent is given up.
  package func abandonDrains() {
    let executor = Executor(
      sysfs: sysfs, log: log, lock: nil, configuration: HostConfiguration(),
      isCurrent: { _ in true }, mechanism: .bind, masks: nil, willWrite: { _ in })
    for apqn in ownership.offline.sorted() {
      let step = Step.setOnline(apqn, true)
      guard let inventory, inventory.queue(apqn)?.owner == .host else { continue }
      // A queue that stays off is on record, and the next agent switches it on.
      try? executor.perform(Operation(.online(apqn), steps: [step], changes: []), on: inventory)
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

  /// Looks again after a pause, which grows as long as that comes to no end.
  private func lookAgain() {
    let pause = min(unfinished.map { $0.pause * 2 } ?? RetrySchedule.firstPause, .seconds(60))
    unfinished = (time.now + pause, pause)
  }

  /// Makes dirty what is due without any event.
  private func wake() {
    let now = time.now
    if let unfinished, unfinished.due <= now { dirty.insert(.everything) }
    if let due = retries.nextDue, due <= now { dirty.insert(.everything) }
    for apqn in drains.takeDue(now: now) { dirty.insert(.queue(apqn)) }
    if let release = pendingRelease, release.due <= now {
      pendingRelease = nil
      for apqn in release.queues { dirty.insert(.queue(apqn)) }
    }
  }
}
