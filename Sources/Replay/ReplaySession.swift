package import APBus
package import Agent
package import Reservation
package import ReservationRules
package import SimulatedBus
package import Uevents

/// Something that is seen while a script runs.
package enum ReplayOccurrence: Equatable, Sendable {
  /// A step of the script begins.
  case step(ReplayStep)
  /// The simulated kernel sends an event.
  case uevent(Uevent)
  /// The bus calls into a driver.
  case callback(DriverCallback)
  /// The agent has done something, or found it out.
  case agent(Agent.Event)
  /// The simulated kernel refuses another process's write.
  case foreignWriteRefused(SysfsError)
  /// A fault strikes a call of the agent.
  case fault(SysfsCall, CallEffect)
  /// Events are lost on their way to the agent.
  case overrun
  /// A line of the scenario does not hold.
  case failed(ScenarioFailure)
}

/// A simulated machine with the agent on it, and a script that happens to the machine.
///
/// Time passes where the scenario says so, a second in each unit, and when nothing else is left to do: then it jumps
/// to the agent's next try.
package final class ReplaySession {
  package let bus: SimulatedBus
  /// How the session is set up.
  package struct Options: Sendable {
    /// The mechanism to use; nil lets the bus decide.
    package var mechanism: Mechanism?
    /// How careful to be.
    package var policy: GuardPolicy
    /// The host's names for rules that ask.
    package var host: HostIdentity
    /// Faults between the agent and the bus.
    package var faults: FaultPlan
    /// What the host's other files say.
    package var configuration: HostConfiguration
    /// What an earlier agent has reserved on the machine as it is at the start.
    package var ownership: Ownership

    /// Options; by default the bus decides, there are no faults, and nothing is owned yet.
    package init(
      mechanism: Mechanism? = nil, policy: GuardPolicy = GuardPolicy(),
      host: HostIdentity = HostIdentity(),
      faults: FaultPlan = FaultPlan(), configuration: HostConfiguration = HostConfiguration(),
      ownership: Ownership = Ownership()
    ) {
      self.mechanism = mechanism
      self.policy = policy
      self.host = host
      self.faults = faults
      self.configuration = configuration
      self.ownership = ownership
    }
  }

  private let time: SimulatedTime
  /// How often the agent wrote.
  package private(set) var writeCount = 0
  /// How many events the simulated kernel sent after the start.
  package private(set) var eventCount = 0
  /// The machine before the agent's first write; nil if it never wrote.
  package private(set) var before: Inventory?
  /// The lines of the scenario that did not hold.
  package private(set) var failures: [ScenarioFailure] = []

  private let script: ReplayScript
  private let rules: RuleSet
  private let options: Options
  private let observe: (ReplayOccurrence) -> Void
  private var pending: [Uevent] = []
  private let agent: Agent
  private var foreignWriter: ForeignWriter
  /// Through it the agent sees the bus.
  private let injector: FaultInjector
  private let scenario: ScenarioRun

  /// A session that is ready to run.
  ///
  /// `observe` is called for everything that is seen, in order.
  package init(
    _ script: ReplayScript, rules: RuleSet, options: Options = Options(),
    observe: @escaping (ReplayOccurrence) -> Void = { _ in }
  ) {
    self.script = script
    self.rules = rules
    self.options = options
    self.observe = observe
    let behavior = script.behavior ?? Self.behavior(for: script, mechanism: options.mechanism)
    if let start = script.start {
      bus = SimulatedBus(inventory: start, behavior: behavior)
    } else {
      bus = SimulatedBus(behavior: behavior)
    }
    foreignWriter = ForeignWriter(bus: bus)
    scenario = ScenarioRun(on: bus, file: script.name)
    for module in script.loaded { bus.loadModule(module) }
    injector = FaultInjector(bus, plan: options.faults)
    let time = SimulatedTime()
    self.time = time
    var report: (Agent.Event) -> Void = { _ in }
    agent = Agent(
      sysfs: injector, rules: rules, host: options.host,
      settings: Agent.Settings(mechanism: options.mechanism, policy: options.policy),
      ownership: options.ownership,
      environment: Agent.Environment(configuration: { options.configuration }), time: time,
      report: { report($0) })
    report = { [unowned self] in note($0) }
    let inject = bus.onUevent
    bus.onUevent = { [unowned self] event in
      eventCount += 1
      scenario.take(event)
      observe(.uevent(event))
      inject?(event)
    }
    injector.onUevent = { [unowned self] in pending.append($0) }
    injector.onOverrun = { observe(.overrun) }
    injector.onDelay = { _, pause in time.now += pause }
    injector.onFault = { observe(.fault($0, $1)) }
    bus.onCallback = { observe(.callback($0)) }
  }

  private static func behavior(for script: ReplayScript, mechanism: Mechanism?) -> KernelBehavior {
    if let mechanism { return .kernel(for: mechanism) }
    if let start = script.start { return .kernel(of: start) }
    return script.hasMasks ? .mask61 : .bind2018
  }

  /// How far the agent has come.
  package var status: Agent.Status { agent.status }

  /// What the rules decide about the machine as the agent last saw it.
  package var decisions: DecisionTable? { agent.decisions }

  /// What is reserved by the agent.
  package var ownership: Ownership { agent.ownership }

  /// The machine now.
  package func inventory() throws -> Inventory { try InventoryReader(sysfs: bus).read() }

  /// What the rules request of the machine as it is now, whether the agent has noticed that or not, since faults may
  /// have kept it from the agent.
  package func requests() throws -> Requests {
    try Assessment(
      inventory: inventory(), rules: rules, host: options.host,
      mechanism: options.mechanism ?? status.mechanism?.mechanism, ownership: ownership,
      context: PlanningContext(configuration: options.configuration, policy: options.policy)
    ).requests
  }

  package func run() throws {
    try settle()
    for step in script.steps {
      observe(.step(step))
      perform(step)
      try settle()
      if case .scenario(let line) = step, case .step(.pass(let units)) = line.content {
        let end = time.now + .seconds(units)
        try waitForRetries(until: end)
        time.now = max(time.now, end)
      }
    }
    try waitForRetries(until: time.now + Self.patience)
  }

  /// Lets the agent work until no event is left.
  private func settle() throws {
    repeat {
      let events = pending
      pending = []
      for event in events { agent.handle(event) }
      try agent.reconcile().get()
    } while !pending.isEmpty
  }

  /// How far ahead the session waits for tries that are still due.
  private static let patience = Duration.seconds(60)

  /// Lets time pass up to each try that is due until `end`.
  private func waitForRetries(until end: Instant) throws {
    while let due = agent.nextDue, due <= end {
      time.now = max(time.now, due)
      try settle()
    }
  }

  private func perform(_ step: ReplayStep) {
    switch step {
    case .hardware(let changes):
      for change in changes { perform(change) }
      bus.scan()
    case .load(let module): bus.loadModule(module)
    case .unload(let module): try? bus.unloadModule(module)
    case .foreign(let change):
      do throws(SysfsError) {
        try foreignWriter.perform(change)
      } catch {
        observe(.foreignWriteRefused(error))
      }
    case .scenario(let line):
      if let failure = scenario.perform(line) {
        failures.append(failure)
        observe(.failed(failure))
      }
    case .mark: break
    }
  }

  /// Sentences about the faults that never occurred.
  package var pendingFaults: [String] { injector.pendingFaultSentences }

  private func perform(_ change: HardwareChange) {
    switch change {
    case .plug(let card, let masterKeys):
      var simulated = SimulatedCard(card)
      simulated.domainRegisters = masterKeys
      bus.plug(card: simulated, domains: [], quietly: true)
    case .unplug(let adapter): bus.unplug(card: adapter, quietly: true)
    case .plugQueue(let apqn): bus.plugQueue(apqn, quietly: true)
    case .unplugQueue(let apqn): bus.unplugQueue(apqn, quietly: true)
    case .configure(let adapter, let isConfigured):
      bus.setConfigured(card: adapter, to: isConfigured, quietly: true)
    }
  }

  private func note(_ event: Agent.Event) {
    if case .wrote(_, error: nil) = event { writeCount += 1 }
    if case .planned = event, before == nil { before = agent.inventory }
    observe(.agent(event))
  }
}

/// The time of a replay. It begins with the replay, so that what is reported is the same at every run.
private final class SimulatedTime: TimeSource {
  var now = Instant.boot
  var wallTime: WallTime { WallTime(sinceEpoch: now.sinceBoot) }
}

extension ReplaySession {
  /// What an expectation counts, as it is now.
  package var counts: [Expectation.Counter: Int] {
    [
      .writes: writeCount, .reserved: status.requests.reserved,
      .refused: status.plan?.refusals.count ?? 0,
      .undecidable: status.plan?.undecidable.count ?? 0,
    ]
  }
}
