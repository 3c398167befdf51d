import APBus
import Agent
import Reservation
import ReservationRules
import SimulatedBus
import Testing
import Uevents

/// A simulated machine with the agent on it, as a test plays on it step by step.
final class Stage {
  let bus: SimulatedBus
  let agent: Agent
  /// The events of the last step.
  private(set) var events: [Agent.Event] = []
  /// All moves that were reported, those that failed too.
  private(set) var history: [Agent.Move] = []
  let time = TestTime(sinceEpoch: .seconds(1_800_000_000))
  var now: Instant {
    get { time.now }
    set { time.now = newValue }
  }
  private var pending: [Uevent] = []
  /// Events of these places never reach the agent: a lost event, or a reaction that is missing.
  var isLost: (Uevent) -> Bool = { _ in false }

  /// Adapters 0...2 of type 13 in CCA mode with a serial number, domains 0...3.
  init(
    _ mechanism: Mechanism, rules: String = #"ADAPTER=="1", RESERVE="vfio_ap""#,
    adapters: [UInt8] = [0, 1, 2], modules: [SimulatedBus.Module] = [.zcryptCex4, .vfioAP],
    ownership: Ownership = Ownership(), autoMechanism: Bool = false,
    policy: GuardPolicy = GuardPolicy(), environment: Agent.Environment = Agent.Environment(),
    on behavior: KernelBehavior? = nil, seenThrough wrap: (SimulatedBus) -> any Sysfs = { $0 }
  ) throws {
    bus = SimulatedBus(behavior: behavior ?? .kernel(for: mechanism))
    for domain in UInt8(0)...3 { bus.addDomain(domain, quietly: true) }
    for adapter in adapters { bus.plug(card: Self.card(adapter), quietly: true) }
    bus.scan()
    for module in modules { bus.loadModule(module) }
    var report: (Agent.Event) -> Void = { _ in }
    agent = Agent(
      sysfs: wrap(bus), rules: try Self.rules(rules),
      settings: Agent.Settings(mechanism: autoMechanism ? nil : mechanism, policy: policy),
      ownership: ownership, environment: environment, time: time, report: { report($0) })
    report = { [unowned self] in note($0) }
    bus.onUevent = { [unowned self] event in pending.append(event) }
    try settle()
  }

  static func card(_ adapter: UInt8, type: UInt8 = 13) -> SimulatedCard {
    SimulatedCard(
      adapter: adapter, hardwareType: HardwareType(rawValue: type),
      attributes: ["serialnr": "93AA000\(adapter)"])
  }

  /// The rules of a text; random ones may contradict themselves, and are left out then.
  static func rules(_ text: String) throws -> RuleSet {
    let (set, diagnostics) = RuleSet.parse(files: [RuleFile(path: "test.rules", text: text)])
    let meaningless: Set<DiagnosticCode> = [.contradictingClauses, .neverMatches, .duplicateClause]
    try #require(diagnostics.allSatisfy { meaningless.contains($0.code) }, "\(diagnostics)")
    return set
  }

  /// Keeps an event.
  func note(_ event: Agent.Event) {
    events.append(event)
    history += event.moves
  }

  /// Lets the agent work until no event is left.
  func settle() throws {
    repeat {
      let uevents = pending
      pending = []
      for event in uevents where !isLost(event) { agent.handle(event) }
      try agent.reconcile().get()
    } while !pending.isEmpty
  }

  /// Does something to the machine and lets the agent react.
  func happens(_ change: (SimulatedBus) throws -> Void) throws {
    events = []
    try change(bus)
    try settle()
  }

  /// A queue's driver, read from the machine and not from the agent.
  func driver(_ name: String) -> String? {
    APQN(name).flatMap { bus.driver(of: $0) }
  }

  /// The drivers of all queues of an adapter.
  func drivers(ofCard adapter: UInt8) throws -> Set<String> {
    let inventory = try InventoryReader(sysfs: bus).read()
    return Set(inventory.queues(ofCard: adapter).map { $0.driver ?? "none" })
  }

  /// The writes of the last step, as a person would type them, and the answer of the kernel.
  var writes: [String] {
    events.compactMap { event in
      guard case .wrote(let step, let error) = event else { return nil }
      return step.description + (error.map { ": \($0.errno.name)" } ?? "")
    }
  }

  var failures: [Failure] {
    events.compactMap { event in
      guard case .failed(let failure, _, _) = event else { return nil }
      return failure
    }
  }

  /// Moves a queue to `vfio_ap` by an override, as driverctl does.
  func takeByOverride(_ apqn: APQN) throws {
    try bus.write("vfio_ap", to: .queue(apqn, "driver_override"))
    try bus.write(apqn.description, to: .driver(DriverName.cex4queue, "unbind"))
    try bus.write(apqn.description, to: .bus("drivers_probe"))
  }

  /// Leaves a queue on `vfio_ap` inside the host's pool without an override, as it is for a moment while the
  /// kernel moves what a mask write moves.
  func strand(_ apqn: APQN) throws {
    try takeByOverride(apqn)
    try bus.write("\n", to: .queue(apqn, "driver_override"))
    try #require(driver(apqn.description) == DriverName.vfioAP)
  }

  /// Moves a queue to a driver as a person at a shell does, by what the kernel has.
  func moveByShell(_ name: String, to driver: String) throws {
    let apqn = try #require(APQN(name))
    switch agent.status.mechanism?.mechanism {
    case .mask:
      let mask = APMask.all.description
      try bus.write(mask, to: .bus("apmask"))
      try bus.write(mask, to: .bus("aqmask"))
    case .override:
      try bus.write(
        driver == DriverName.vfioAP ? driver : "\n", to: .queue(apqn, "driver_override"))
      fallthrough
    default:
      if let current = bus.driver(of: apqn) {
        try bus.write(name, to: .driver(current, "unbind"))
      }
      try bus.write(name, to: .driver(driver, "bind"))
    }
  }
}

/// What an agent has written, and what it could not write.
final class WriteLog {
  var writes: [Step] = []
  var failures: [Failure] = []

  func note(_ event: Agent.Event) {
    switch event {
    case .wrote(let step, _): writes.append(step)
    case .failed(let failure, _, _): failures.append(failure)
    default: break
    }
  }
}
