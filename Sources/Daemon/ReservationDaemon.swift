package import APBus
import Agent
import Glibc
package import HostSystem
import JSONText
package import Reports
import Reservation
import ReservationRules

/// The daemon: an event loop that takes everything in and answers, and a thread with the agent, which
/// alone writes.
package final class ReservationDaemon {
  private let settings: DaemonSettings
  private let log: any MessageLog
  private let loop: EventLoop
  private let mailbox: Mailbox
  private let board: StatusBoard
  private var configuration: Configuration
  private let time = HostTime()
  private var settles = PendingSettles()
  private var problems: [String] = []
  /// What was reported to the service manager last.
  private var reported: StatusBoard.State.Revision?
  private var isStopping = false
  /// What ended the daemon without being asked to.
  private var failure: String?

  private var sources: [EventSource] = []
  private var intake: EventIntake?
  private var rules: RuleStore?
  private var guests: GuestWatch?
  private let history: HistoryKeeper
  private let started = HostTime().wallTime
  /// The names of the host that the rules are decided by.
  private var host: HostIdentity
  private var service: ServiceReporter?
  private var waits: WaitReporter?
  private var control: ControlServer?
  private var calls = CallTimes()
  private var stopTimer: EventTimer?
  private var waitTimer: EventTimer?

  /// A daemon that is not running yet.
  package init(_ settings: DaemonSettings, log: any MessageLog) throws {
    self.settings = settings
    self.log = log
    loop = try EventLoop()
    mailbox = try Mailbox()
    board = try StatusBoard()
    configuration = settings.configuration(nil)
    host = settings.host()
    history = HistoryKeeper(
      .daemon, boot: settings.record?.boot ?? "", directories: settings.historyDirectories, log: log
    )
  }

  /// Runs until a signal says to stop. `activated` is a listening control socket that the service
  /// manager has opened, or says why it is of no use; `sysfs` opens the bus, once for each thread that reads.
  ///
  /// - Throws: when it cannot start, or cannot go on.
  package func run(
    activated: Result<LocalSocket?, UnsuitableSocket> = .success(nil),
    sysfs: @escaping @Sendable () throws -> any Sysfs
  ) throws {
    for repair in settings.repairs { log.write(LogMessage(.warning, .repaired, repair)) }
    // Before there is another thread, since threads inherit which signals are blocked.
    sources = [
      try loop.onSignal(SIGTERM) { [unowned self] in stop() },
      try loop.onSignal(SIGINT) { [unowned self] in stop() },
      try loop.onSignal(SIGHUP) { [unowned self] in _ = reload(for: nil) },
    ]
    service = try ServiceReporter(loop, log: log, limit: configuration.startTimeout)
    waits = try WaitReporter(loop, board: board, log: log)
    stopTimer = try EventTimer(loop) { [unowned self] in stopWaiting() }
    waitTimer = try EventTimer(loop, tolerance: .milliseconds(50)) { [unowned self] in
      finishWaits(board.read())
    }
    // Events first, then the first scan: what happens in between is noticed.
    intake = try EventIntake(loop, mailbox: mailbox, log: log) { [unowned self] in end(because: $0)
    }
    reportConfigurationProblems()
    let rules = try RuleStore(
      loop, settings: settings, interval: configuration.rescanInterval, log: log,
      history: history, onRead: { [unowned self] in readHost() }
    ) { [unowned self] rules, isExplicit in
      mailbox.post { $0.hold(rules, isExplicit: isExplicit) }
    }
    self.rules = rules
    guests = try settings.root.map { root in
      try GuestWatch(loop, root: HostFile.absolute(root)) { [unowned self] in
        mailbox.post { $0.scan(.everything) }
      }
    }
    sources.append(
      try loop.watch(board.wakeup.descriptor, priority: .high) { [unowned self] _ in
        board.wakeup.acknowledge()
        noteReport()
      })
    let ownsControl = try serveControl(activated)
    log.write(LogMessage(.info, .started, "apreserve \(ProgramVersion.text) has started"))
    try AgentWorker.start(
      AgentFactory(
        settings, configuration: configuration, rules: rules.condition.rules, host: host, log: log,
        history: history, sysfs: sysfs),
      mailbox: mailbox, board: board)
    let (held, origin) = (rules.condition.rules, rules.condition.origin)
    if origin == .unconfirmed { mailbox.post { $0.hold(held, isExplicit: true) } }
    try loop.feedWatchdog()
    defer { history.end() }
    try loop.run()
    if ownsControl { unlink(settings.control) }
    if let failure { throw DaemonFailure(description: failure) }
  }

  /// The status now.
  private var status: StatusDocument {
    StatusDocument(
      board: board.read(), rules: rules?.condition ?? RuleKeeper.Condition(),
      settings: configuration.applied,
      events: intake?.counts ?? UdevMonitor.Counts(),
      problems: problems + (rules?.problems ?? []) + (guests?.problems ?? []),
      configurationErrors: configuration.problems.map(\.description),
      now: time.now, wallTime: time.wallTime, started: started,
      lastChange: history.history.lastMove, rescanInterval: configuration.rescanInterval)
  }

  // MARK: The agent

  private func noteReport() {
    let state = board.read()
    waits?.note(isBusy: state.isBusy)
    if state.hasEnded { return noteEnd(state) }
    // That the agent begins to work is nothing to report, and it needs the processor.
    guard !state.isBusy || state.revision != reported else { return }
    reported = state.revision
    service?.report(status.summary, of: state.report.status)
    if !state.isBusy { rules?.isNeeded = state.report.status.phase != .withoutBus }
    finishWaits(state)
  }

  private func noteEnd(_ state: StatusBoard.State) {
    if !isStopping { failure = state.ending ?? "the agent has ended" }
    loop.stop()
  }

  private func stop() {
    guard !isStopping else { return }
    isStopping = true
    service?.stop()
    log.write(LogMessage(.info, .stopping, "stopping; what is reserved stays reserved"))
    mailbox.postStop()
    stopTimer?.set(after: settings.stopLimit)
  }

  /// Ends without being asked to, as if asked, so that the service manager starts the daemon again.
  private func end(because problem: String) {
    guard !isStopping else { return }
    failure = problem
    stop()
  }

  /// Ends although the agent has not: the kernel does not answer. What was put on record before the
  /// write is held against the machine at the next start.
  private func stopWaiting() {
    if let wait = board.read().wait {
      let outlook = "stopping without it; the kernel may hold the process until it answers"
      log.write(WaitReporter.message(wait, now: time.now, outlook))
    }
    loop.stop()
  }

  // MARK: What a person asks for

  private func reportConfigurationProblems() {
    for problem in configuration.problems {
      log.write(LogMessage(.error, .configuration, problem.description))
    }
  }

  /// Reads everything again because a person asked for it: a client of the control socket, or a signal.
  private func reload(for peer: LocalSocket.Peer?) -> Reply {
    noteRequest(.reload, by: peer)
    service?.reload {
      configuration = settings.configuration(configuration)
      service?.setLimit(configuration.startTimeout)
      reportConfigurationProblems()
      rules?.interval = configuration.rescanInterval
      rules?.load(isExplicit: true)
      readHost()
      let (configuration, held) = (configuration, rules?.condition)
      mailbox.post { mail in
        mail.configuration = configuration
        // If files have errors, an empty set is not intended.
        if let held { mail.hold(held.rules, isExplicit: held.errors.isEmpty) }
      }
    }
    let condition = rules?.condition ?? RuleKeeper.Condition()
    guard condition.errors.isEmpty else {
      return Reply(
        error: "org.apreserve.RulesRefused",
        parameters: [.init("errors", .array(condition.errors.map { .string($0) }))])
    }
    return Reply([
      .init("files", .array(condition.rules.files.map { .string($0) })),
      .init("count", .integer(condition.rules.rules.count)),
      .init("warnings", .array(condition.diagnostics.map { .string($0.sentence) })),
      .init("problems", .array(configuration.problems.map { .string($0.description) })),
    ])
  }

  /// Puts a change of the rules on trial; the answer to the client.
  private func tryRules(_ change: RuleTrial.Change, for period: Duration) -> Reply {
    do throws(RuleTrialError) {
      // What was written just now counts.
      rules?.refresh()
      guard let (trial, changes) = try rules?.beginTrial(of: change, for: period), let trial else {
        return .noTrial("the rules have not been read yet")
      }
      return Reply([
        .init("until", .string(trial.until.text)),
        .init("changes", .array(changes.lines.map { .string($0) })),
      ])
    } catch {
      return .noTrial(error.description)
    }
  }

  /// Ends the trial of a change of rules; the answer to the client.
  private func endTrial(_ outcome: RuleTrial.Outcome) -> Reply {
    do throws(RuleTrialError) {
      switch outcome {
      case .confirmed: try rules?.confirmTrial()
      case .takenBack: try rules?.takeBackTrial(because: .requested)
      }
      return Reply([])
    } catch {
      return .noTrial(error.description)
    }
  }

  /// Reports who has asked for something; nil is a signal.
  private func noteRequest(
    _ action: HistoryEntry.Action, by peer: LocalSocket.Peer?, mechanism: Mechanism? = nil
  ) {
    let client = peer.map { HistoryEntry.Client($0) }
    log.write(LogMessage(action, by: client, mechanism: mechanism))
    history.note(.asked(action, by: client, mechanism: mechanism))
  }

  /// Reads the names of the host again; the rules are decided again where they have changed.
  private func readHost() {
    let now = settings.host()
    guard now != host else { return }
    host = now
    let name = now.name.map { "is named \($0.printable)" } ?? "has no name"
    log.write(
      LogMessage(.notice, .hostRenamed, "the host \(name) now; the rules are decided again"))
    mailbox.post { $0.host = now }
  }

  // MARK: Requests

  /// Serves the control socket; true if this process created it. Reserving is more important than answering,
  /// so the daemon continues without a socket; but where another process answers, another daemon may be at
  /// work.
  private func serveControl(
    _ activated: Result<LocalSocket?, UnsuitableSocket>
  ) throws -> Bool {
    do {
      var socket: LocalSocket?
      do throws(UnsuitableSocket) {
        socket = try activated.get()
      } catch {
        reportControlProblem("\(error)")
      }
      let isPassedOn = socket != nil
      let methods = ControlMethods(
        status: { [unowned self] in status }, calls: { [unowned self] in calls },
        reload: { [unowned self] in reload(for: $0) },
        tryRules: { [unowned self] in tryRules($0, for: $1) },
        endTrial: { [unowned self] in endTrial($0) },
        noteRequest: { [unowned self] in noteRequest($0, by: $1) },
        changeOver: { [unowned self] in changeOver(to: $0, for: $1, $2) },
        settle: { [unowned self] in settle($0, until: $1, scansEverything: $2) },
        refresh: { [unowned self] in refresh($0) }, history: history,
        isAnsweringTooMuch: { [unowned self] in control?.isAnsweringTooMuch ?? false })
      control = try ControlServer(
        loop,
        socket: try socket
          ?? LocalSocket.listen(at: settings.control, group: settings.controlGroup),
        serve: { methods.answer($0, for: $1) },
        onAnswer: { [unowned self] in calls.note($0.method, lasting: $1) })
      return !isPassedOn
    } catch let error as FileError {
      if case .inUse = error.problem { throw error }
      reportControlProblem("requests cannot be served: \(error)")
    } catch {
      reportControlProblem("requests cannot be served: \(error)")
    }
    return false
  }

  /// How long a scan is waited for by those who could do without it.
  private static let scanPatience = Duration.seconds(1)

  /// What sends no event shows after a scan.
  private func refresh(_ waiter: any SettleWaiter) {
    intake?.takeIn()
    settles.add(
      waiter, ticket: mailbox.postTicket(),
      until: .scanned(deadline: time.now + Self.scanPatience))
    setWaitTimer()
  }

  private func finishWaits(_ state: StatusBoard.State) {
    for waiter in settles.take(state, now: time.now) { waiter.finish() }
    setWaitTimer()
  }

  private func setWaitTimer() {
    guard let due = settles.nextDue else { waitTimer?.clear(); return }
    waitTimer?.set(after: max(.zero, due - time.now))
  }

  private func reportControlProblem(_ problem: String) {
    problems.append(problem)
    log.write(LogMessage(.error, .control, problem))
  }

  /// What has happened up to now counts: events that were received and rules that have been written are
  /// taken in first.
  private func settle(
    _ waiter: any SettleWaiter, until end: PendingSettles.End, scansEverything: Bool
  ) {
    rules?.refresh()
    guests?.refresh()
    intake?.takeIn()
    settles.add(waiter, ticket: mailbox.postTicket(scansEverything: scansEverything), until: end)
  }

  /// Changes over to another mechanism for a client that waits for it.
  private func changeOver(
    to mechanism: Mechanism, for peer: LocalSocket.Peer, _ waiter: any SettleWaiter
  ) {
    noteRequest(.changeover, by: peer, mechanism: mechanism)
    rules?.refresh()
    intake?.takeIn()
    settles.add(waiter, ticket: mailbox.postTicket(changeover: mechanism), until: .idle)
  }
}

extension HistoryEntry.Client {
  /// The process at the other end of a connection.
  init(_ peer: LocalSocket.Peer) {
    self.init(
      process: Int(peer.process), user: Int(peer.user), loginUser: peer.loginUser.map { Int($0) },
      command: peer.command)
  }

  /// This process, which does what it is asked for by itself.
  package static var current: HistoryEntry.Client {
    HistoryEntry.Client(
      process: Int(getpid()), user: Int(geteuid()),
      loginUser: ProcessName.loginUser(getpid()).map { Int($0) },
      command: ProcessName.command(getpid()))
  }
}

extension LogMessage {
  /// The message of what a person, a program or a signal has asked for.
  init(
    _ action: HistoryEntry.Action, by client: HistoryEntry.Client?, mechanism: Mechanism? = nil
  ) {
    let kind: MessageKind =
      switch action {
      case .reload: .reloadRequested
      case .apply, .undo, .edit, .takeBack: .applyRequested
      case .changeover: .changeoverRequested
      }
    let fields = client.map { client in
      [Field("AP_CLIENT_PID", "\(client.process)"), Field("AP_CLIENT_UID", "\(client.user)")]
        + (client.loginUser.map { [Field("AP_CLIENT_LOGINUID", "\($0)")] } ?? [])
        + (client.command.map { [Field("AP_CLIENT_COMMAND", $0)] } ?? [])
    }
    self.init(
      .notice, kind, action.sentence(by: client, mechanism: mechanism), fields: fields ?? [])
  }
}

/// Why the daemon ended without being asked to.
package struct DaemonFailure: Error, CustomStringConvertible {
  package var description: String
}

/// Those that wait for the agent to come to an end.
struct PendingSettles {
  /// What somebody waits for.
  enum End {
    /// Everything requested is done or refused.
    case settled
    /// Nothing is left that can be done now.
    case idle
    /// Everything has been scanned, or this time has come.
    case scanned(deadline: Instant)
  }

  private struct Entry {
    var ticket: UInt64
    var waiter: any SettleWaiter
    var end: End

    var deadline: Instant? {
      if case .scanned(let deadline) = end { deadline } else { nil }
    }

    func isOver(_ state: StatusBoard.State, now: Instant) -> Bool {
      if let deadline, deadline <= now { return true }
      guard !state.isBusy, ticket <= state.report.ticket else { return false }
      return switch end {
      case .settled: state.report.status.isSettled
      case .idle: state.report.status.isIdle
      case .scanned: true
      }
    }
  }

  private var waiting: [Entry] = []

  var count: Int { waiting.count }

  /// Adds a waiter whose request has that number. Those that have disconnected are forgotten, since it may never
  /// settle.
  mutating func add(_ waiter: any SettleWaiter, ticket: UInt64, until end: End) {
    waiting.removeAll { !$0.waiter.isThere }
    waiting.append(Entry(ticket: ticket, waiter: waiter, end: end))
  }

  /// Takes out those whose wait is over.
  mutating func take(_ state: StatusBoard.State, now: Instant) -> [any SettleWaiter] {
    let done = waiting.filter { $0.isOver(state, now: now) }
    waiting.removeAll { $0.isOver(state, now: now) }
    return done.map(\.waiter)
  }

  /// The next deadline; nil if there is none.
  var nextDue: Instant? { waiting.compactMap(\.deadline).min() }
}

/// A waiter, which may go without notice.
protocol SettleWaiter {
  /// Whether it still waits.
  var isThere: Bool { get }
  /// Lets it go on.
  func finish()
}
