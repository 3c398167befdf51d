import APBus
import Agent
import ArgumentParser
import HostSystem
import Daemon
import Reservation
import ReservationRules
import JSONText
import Reports
import Snapshots

/// `apreserve apply`
struct ApplyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Reserve the queues that the rules request, once.",
    usage: "apreserve apply [<plan>] [<options>]",
    discussion: """
      Scans the machine, makes a plan, writes it, reads the result back, and repeats this until nothing is \
      left to do. A second run changes nothing.

      What is reserved is recorded (--state-dir), so that a later run can give it back if no rule requests it. \
      Other queues on vfio_ap belong to another program and stay there.

        apreserve plan && echo nothing to do
        apreserve apply

      With a plan that "apreserve plan -o" has saved, exactly this plan is done. If the machine, the rules or the \
      settings have changed so that the plan is another one now, nothing is written, and the changes are shown.

      With --confirm, the last change of the rule files is on trial: unless "apreserve confirm" is run in time, the \
      daemon puts the rules from before in force again, also after a restart. A queue that a guest has by then is \
      not taken from it.

        apreserve apply --confirm 5min

      What is moved, refused or fails is also in the journal and in the history, as if the daemon had done it.

      If the daemon is running, it does the work, by its own rules and settings; options that select others are \
      refused then, as is a saved plan. The command ends when nothing is left that the daemon can do now.

      The exit status is 0 if everything is done or waits for vfio_ap; 3 if something is refused, contended or not \
      given back; 1 if something failed, or the daemon has not come to an end in time; 4 if there is no AP bus; 64 if \
      the daemon cannot take an option.
      """)

  @Argument(
    help: ArgumentHelp(
      "Do the plan in this file, which \"apreserve plan -o\" has saved, or nothing.",
      valueName: "plan"),
    completion: .file())
  var plan: String?

  @Flag(
    help: ArgumentHelp(
      "Prepare the boot, before vfio_ap is loaded: wait for the first scan of the AP bus, and succeed if "
        + "there is no AP bus."))
  var prepare = false

  @OptionGroup var trial: TrialOptions

  @OptionGroup var wait: WorkOptions

  @OptionGroup(title: OptionTitle.machine) var machine: SysfsOptions
  @OptionGroup(title: OptionTitle.machine) var state: StateOptions
  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.settings) var settings: SettingsOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  @Option(help: .hidden)
  var inventory: String?

  @Option(help: .hidden)
  var capture: String?

  func validate() throws {
    guard inventory == nil, capture == nil else {
      throw ValidationError(
        "apply writes to a sysfs tree and does not accept "
          + "\(inventory == nil ? "--capture" : "--inventory"); use plan to see what would be written, or "
          + "simulate to see it done.")
    }
    guard trial.time == nil || plan == nil && !prepare else {
      throw ValidationError(
        "--confirm is for the rules, and cannot be combined with a saved plan or --prepare.")
    }
    guard plan == nil || !prepare else {
      throw ValidationError(
        "--prepare cannot be combined with a saved plan, which is made for a scanned bus.")
    }
  }

  func run() throws {
    try reportingErrors {
      let saved = try plan.map { path throws in
        try SavedPlan.decode(
          HostFile.read(path, sizeLimit: SavedPlan.sizeLimit, allowsStreams: true), file: path)
      }
      let run = ApplyRun(
        machine: machine, state: state, settings: settings, output: output, plan: plan,
        prepare: prepare)
      guard try run.hasBus(try HostSysfs(root: machine.path)) else { return }
      let lock: InstanceLock?
      do {
        lock = try state.instanceLock(isThisHost: machine.isThisHost)
      } catch let held as InstanceLockHeld where machine.isThisHost && held.holder != .command {
        return try applyByDaemon(held)
      }
      defer { withExtendedLifetime(lock) {} }
      guard trial.time == nil else {
        Terminal.say(
          "--confirm needs the daemon, which takes the change back; start it with systemctl start apreserve.service, "
            + "or apply the rules without --confirm, and take that back with \"apreserve undo\"")
        throw ExitCode.validationFailure
      }
      try run.apply(try rulesInForce(), as: saved)
    }
  }

  /// The rules of the files; but in their place those from before a change that is not confirmed, which at the boot is
  /// taken back. Whether it is to be at other times only the daemon decides.
  private func rulesInForce() throws -> RuleSet {
    guard prepare else {
      try RuleTrialRecord.requireNone(state: state.state)
      return try rules.rules(for: machine.files)
    }
    guard let trial = try RuleTrialRecord.read(state: state.state) else {
      return try rules.rules(for: machine.files)
    }
    Terminal.say("a change of the rule files is not confirmed; the rules from before are used")
    return RuleSet.parse(files: trial.before).0
  }
}

/// The change of rules that a daemon has on trial, or has taken back, while none is running.
enum RuleTrialRecord {
  /// - Throws: what makes it unreadable.
  static func read(state: String?) throws -> RuleTrial? {
    try RuleTrial.read(DaemonPlace.ruleTrial(state: state), owner: HostFile.trustedOwner)
  }

  /// Ends the program if there is such a change.
  static func requireNone(state: String?) throws {
    let path = DaemonPlace.ruleTrial(state: state)
    guard try RuleTrial.read(path, owner: HostFile.trustedOwner) != nil else { return }
    Terminal.say(
      "a change of the rule files is not confirmed, and only the daemon takes it back or keeps it: start it, or remove "
        + "\(path) to use the rule files as they are")
    throw ExitStatus.error
  }
}

/// One reconciliation by this process, for `apply` and `changeover`.
struct ApplyRun {
  let machine: SysfsOptions
  let state: StateOptions
  let settings: SettingsOptions
  let output: OutputOptions
  /// The file of the plan to do, and nothing else.
  var plan: String?
  var prepare = false
  /// The mechanism to change over to before.
  var changeover: Mechanism?
  /// What a person has asked for; with a mechanism to change over to, that.
  var action = HistoryEntry.Action.apply
  /// Whether no result is printed, since the caller prints one.
  var isSilent = false

  /// Does the work; with a saved plan, nothing but that.
  func apply(_ rules: RuleSet, as saved: SavedPlan? = nil) throws {
    let host = machine.files.root.map { HostFacts(root: $0) }
    let boot = host?.bootID ?? ""
    let record = try state.record(for: machine.files, boot: boot)
    let keys = state.lasting(for: machine.files).map { directory in
      KeyLedgerFile.open(in: directory) { Terminal.say($0) }
    }
    let settings = try settings.settings(for: machine.files)
    if let changeover, let sentence = settings.contradiction(toChangingOverTo: changeover) {
      Terminal.say(sentence)
      throw ExitStatus.refused
    }
    let interruption = Interruption()
    let path = machine.path
    // A saved plan is done as a whole, or not at all.
    let bus = try DeadlineSysfs(
      patience: saved == nil ? DeadlineSysfs.shortPatience : nil,
      isInterrupted: { interruption.hasOccurred }, opening: { try HostSysfs(root: path) })
    // A person at a terminal reads the same, and the journal has it for later.
    let journal = machine.isThisHost || Journal.isConnected ? AgentJournal(Journal()) : nil
    let request = HistoryEntry.Fact.asked(action, by: .current, mechanism: changeover)
    let history = state.history(
      prepare ? .prepare : .apply, isThisHost: machine.isThisHost, boot: boot,
      // The boot prepares itself.
      request: prepare ? nil : request)
    defer { history?.end() }
    // A timer may run apply often, and mostly there is nothing to do.
    if action != .apply { history?.begin() }
    var events: [Agent.Event] = []
    let printEvent = eventPrinter
    let gate = PlanGate(saved, file: plan ?? "") { agent in
      PlanningState(
        machine: Snapshot(
          host: agent.host, inventory: agent.inventory ?? .empty,
          configuration: agent.configuration, ownership: agent.ownership),
        rules: RulesInForce(rules), settings: settings.applied, memory: agent.memory,
        lastSurvey: agent.lastSurvey ?? .boot)
    } deliver: { event in
      events.append(event)
      journal?.note(event)
      history?.note(event)
      printEvent(event)
    }
    let agent = Agent(
      sysfs: bus, rules: rules, host: host?.identity() ?? HostIdentity(),
      settings: settings.agentSettings, ownership: record?.ownership ?? Ownership(),
      keyLedger: keys?.ledger ?? KeyLedger(),
      environment: environment(
        record: record?.file, keys: keys?.file, lockTimeout: settings.lockTimeout,
        interruption: interruption,
        gate: gate),
      time: HostTime(), report: gate.pass)
    if let changeover { agent.changeOver(to: changeover) }
    try reconcile(agent, on: bus, until: interruption, or: gate)
    if let signal = interruption.signal {
      journal?.noteLeft(by: agent)
      try stop(agent, after: signal)
    }
    if let refusal = gate.refusal {
      if gate.isOpen { agent.abandonDrains() }
      Terminal.say(refusal)
      throw ExitStatus.error
    }
    guard agent.status.phase != .withoutBus else { return try withoutBus() }
    try requireChangeover(by: agent, settings: settings.applied)
    let shortfall = gate.shortfall(of: agent)
    defer { if let shortfall { Terminal.say(shortfall) } }
    if shortfall != nil {
      _ = try? end(with: ApplyReport(agent.status), events: events, settings: settings.applied)
      throw ExitStatus.error
    }
    try end(with: ApplyReport(agent.status), events: events, settings: settings.applied)
  }

  private func environment(
    record: OwnershipFile?, keys: KeyLedgerFile?, lockTimeout: Duration, interruption: Interruption,
    gate: PlanGate
  ) -> Agent.Environment {
    let root = machine.files.root
    let lock = root.flatMap { S390ConfigurationLock.path(root: $0) }.map {
      S390ConfigurationLock(
        path: $0, limit: lockTimeout, isInterrupted: { interruption.hasOccurred }
      ) { if let sentence = $0.sentence { Terminal.say(sentence) } }
    }
    return Agent.Environment(
      configuration: { HostConfigurationReader.read(root: root) }, record: record, keys: keys,
      lock: lock,
      isInterrupted: { interruption.hasOccurred },
      permits: { agent, plan in
        // A changeover that is refused writes nothing.
        (changeover == nil || agent.changeover == .begun) && gate.permits(plan, of: agent)
      })
  }

  /// Ends the program if the changeover is not begun.
  private func requireChangeover(by agent: Agent, settings: [AppliedSetting]) throws {
    guard let changeover else { return }
    switch agent.changeover {
    case .begun, nil: break
    case .unavailable(let error): throw error
    case .failed(let sentence):
      Terminal.say("the changeover has failed: \(sentence)")
      throw ExitStatus.error
    case .refused(let choice, let plan):
      guard let inventory = agent.inventory, let decisions = agent.decisions else { return }
      var context = PlanningContext(configuration: agent.configuration)
      context.changeover = changeover
      let report = PlanReport(
        Assessment(
          inventory: inventory, decisions: decisions, choice: choice, plan: plan,
          requests: agent.status.requests, ownership: agent.ownership, context: context,
          settings: settings))
      Terminal.say(report.changeoverRefusal ?? "the changeover is refused")
      if output.json { try Terminal.print(report.json.documentText) }
      throw ExitStatus.refused
    }
  }

  /// Prints an event as it happens; with --json, all are printed at the end.
  private var eventPrinter: (Agent.Event) -> Void {
    guard !output.json else { return { _ in } }
    var report = AgentEventReport(style: output.style)
    report.goesOn = false
    return { [report] event in
      // The remaining writes must be done even if nothing can be printed.
      for line in report.lines(event) { _ = try? Terminal.print(line + "\n") }
    }
  }

  /// Reconciles until nothing is left that this program can do or may do, or until it is interrupted.
  private func reconcile(
    _ agent: Agent, on bus: DeadlineSysfs, until interruption: Interruption, or gate: PlanGate
  ) throws {
    try agent.reconcile().get()
    if prepare { try waitForFirstScan(of: agent, until: interruption) }
    try drain(agent, until: interruption, or: gate)
    guard gate.refusal == nil else { return }
    // Adapters that have not answered yet have held up nothing so far.
    while interruption.signal == nil {
      let adapters = bus.takeDue()
      for adapter in adapters { agent.scan(.card(adapter)) }
      if !adapters.isEmpty {
        try agent.reconcile().get()
      } else if !bus.isAwaiting || interruption.wait(atMost: .milliseconds(50)) != nil {
        break
      }
    }
    try drain(agent, until: interruption, or: gate)
  }

  private func drain(
    _ agent: Agent, until interruption: Interruption, or gate: PlanGate
  ) throws {
    let time = HostTime()
    // Queues that are drained are offline, so this waits for them, and for the kernel while it moves queues
    // for another process.
    while gate.refusal == nil, !agent.status.draining.isEmpty || agent.status.phase == .moving,
      let due = agent.nextDue,
      interruption.wait(atMost: due - time.now) == nil
    {
      try agent.reconcile().get()
    }
  }

  /// Prints the result, and ends with its exit status.
  private func end(
    with report: ApplyReport, events: [Agent.Event], settings: [AppliedSetting]
  ) throws {
    if !isSilent {
      try output.print(text: report.text, json: report.json(events: events, settings: settings))
    }
    switch report.outcome {
    case .done, .waiting: break
    // One that is refused has ended already.
    case .refused where changeover != nil: break
    case .refused: throw ExitStatus.refused
    case .failed, .beforeFirstScan: throw ExitStatus.error
    }
  }

  /// The longest wait for the first scan.
  private static let scanLimit = Duration.seconds(30)

  /// Whether there is a bus. With --prepare its absence is only reported.
  func hasBus(_ bus: HostSysfs) throws -> Bool {
    do {
      _ = try InventoryReader(sysfs: bus).readBus()
      return true
    } catch InventoryReaderError.noAPBus where prepare {
      Terminal.say("there is no AP bus yet, so there is nothing to prepare")
      return false
    } catch InventoryReaderError.noAPBus {
      return try withoutBus()
    }
  }
}

extension ApplyCommand {
  /// Makes a running daemon reconcile, and waits for it.
  private func applyByDaemon(_ held: InstanceLockHeld) throws {
    if let plan {
      Terminal.say(
        "\(held), and does what its rules request: the plan \(plan) would have no effect. Change the rules and run "
          + "\"apreserve reload\", or stop apreserve.service first")
      throw ExitCode.validationFailure
    }
    if let option = (rules.given + settings.given).first {
      Terminal.say(
        "\(held), and it has its own rules and settings: \(option) would have no effect. Change the rule files or "
          + "apreserve.conf(5) and run \"apreserve reload\", or stop apreserve.service first")
      throw ExitCode.validationFailure
    }
    Terminal.say("\(held); it does the work")
    let control = ControlOptions(path: DaemonPlace.systemControl)
    try trial.begin(.last, by: control)
    let document = try control.apply(within: wait.limit)
    try output.print(text: "\(document["summary"]?.text ?? "")\n", json: document)
    try ControlOptions.endApplying(with: document)
  }
}

extension ApplyRun {
  /// Ends after a signal, and reports what is left.
  private func stop(_ agent: Agent, after signal: Int32) throws {
    if let left = LogMessage.left(agent.undone, draining: agent.status.draining) {
      Terminal.say("interrupted: \(left.text)")
    }
    agent.abandonDrains()
    throw ExitCode(128 + signal)
  }

  private func withoutBus<Value>() throws -> Value {
    try MachineOptions.readingBus(of: machine.path, advice: ", so there is nothing to write to") {
      throw InventoryReaderError.noAPBus
    }
  }

  private func waitForFirstScan(of agent: Agent, until interruption: Interruption) throws {
    let time = HostTime()
    let end = time.now + Self.scanLimit
    while agent.status.phase == .beforeFirstScan, time.now < end,
      interruption.wait(atMost: .milliseconds(100)) == nil
    {
      agent.scan(.everything)
      try agent.reconcile().get()
    }
  }
}
