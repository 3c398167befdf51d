package import APBus
package import Agent
package import HostSystem
import Reservation
package import ReservationRules

/// The agent on a thread of its own, the only one that writes to sysfs: whatever the kernel makes it
/// wait for, the event loop continues.
struct AgentWorker {
  private let agent: Agent
  private let lock: S390ConfigurationLock?
  private let mailbox: Mailbox
  private let board: StatusBoard
  private let time: HostTime
  /// The bus, of which adapters that do not answer are asked again.
  private let sysfs: DeadlineSysfs
  /// How often everything is scanned without a reason, since a check-stop sends no event.
  private var interval: Duration
  private var gate: BootGate
  private var lateStart: LateStart
  private var reannouncesMatrix: Bool
  private let journal: AgentJournal
  private let history: HistoryKeeper
  /// Mail that was delivered to the agent while it performed a plan.
  private let received: ReceivedMail
  private let requestTimes: RequestTimes
  private var report = AgentReport()
  /// When everything is scanned again.
  private var nextSurvey: Instant

  /// Starts the thread. It ends when the mail says so.
  static func start(
    _ factory: AgentFactory, mailbox: Mailbox, board: StatusBoard
  ) throws(EventLoopError) {
    try WorkerThread.start {
      do {
        var mail = Mail()
        mail.scan(.everything)
        if let record = Self.record(factory, mailbox: mailbox, board: board, mail: &mail) {
          var worker = try AgentWorker(factory, record: record, mailbox: mailbox, board: board)
          worker.run(mail)
        }
      } catch {
        board.note { $0.ending = "\(error)" }
      }
      board.publish { $0.hasEnded = true }
    }
  }

  /// Opens the record of what is reserved. Nothing may be written to sysfs without it, so as long as that fails, the
  /// daemon is blocked, and it is tried again after growing pauses and whenever there is mail. Nil if the daemon is to
  /// stop before.
  private static func record(
    _ factory: AgentFactory, mailbox: Mailbox, board: StatusBoard, mail: inout Mail
  ) -> AgentFactory.Record? {
    let journal = AgentJournal(factory.log)
    var pause = RetrySchedule.firstPause
    var phase = Agent.Status.Phase.starting
    while !mailbox.isStopped {
      do throws(OwnershipRecordError) {
        let record = try factory.openRecord()
        if phase != .starting { journal.note(.entered(.starting, from: phase)) }
        return record
      } catch {
        let obstacle = Agent.Status.Phase.blocked(.unrecorded(error))
        if obstacle != phase { journal.note(.entered(obstacle, from: phase)) }
        phase = obstacle
      }
      let ticket = mail.ticket
      board.publish { [phase] in
        $0.report.status = Agent.Status(phase: phase)
        $0.report.ticket = ticket
      }
      // Whoever asked for it is answered now that it cannot be done.
      mail.changeover = nil
      mail.add(mailbox.wait(pause))
      pause = min(pause * 2, longestPause)
    }
    return nil
  }

  /// The longest pause between two tries to open the record.
  private static let longestPause = Duration.seconds(60)

  private init(
    _ factory: AgentFactory, record: AgentFactory.Record, mailbox: Mailbox, board: StatusBoard
  ) throws {
    let time = HostTime()
    let deadline = try DeadlineSysfs(
      limit: factory.answerLimit, patience: DeadlineSysfs.shortPatience,
      isInterrupted: { mailbox.isStopped },
      onReturn: { mailbox.wake() }, onRead: { board.noteRead($0) }, opening: factory.sysfs)
    self.sysfs = deadline
    let sysfs = ObservedSysfs(deadline, board: board)
    let journal = AgentJournal(factory.log)
    self.journal = journal
    lock = factory.lock(board: board, time: time) { mailbox.isStopped }
    history = factory.history
    let received = ReceivedMail()
    self.received = received
    let requestTimes = RequestTimes()
    self.requestTimes = requestTimes
    agent = factory.agent(
      sysfs: sysfs, record: record, lock: lock, time: time,
      isInterrupted: { mailbox.isStopped },
      takeIn: { agent in received.add(mailbox.take(), to: agent) },
      publish: { agent in
        let durations = requestTimes.note(agent.status, now: time.now)
        board.publish { state in
          state.report.note(agent)
          durations.forEach { state.measurements.requests.note($0) }
        }
      },
      report: { event in
        journal.note(event)
        factory.history.note(event)
        board.note { $0.measurements.note(event) }
      })
    lateStart = LateStart(sysfs: sysfs, log: factory.log, root: factory.root)
    reannouncesMatrix = factory.configuration.reannouncesMatrix
    gate = BootGate(sysfs: sysfs, settleTime: factory.configuration.busSettle)
    interval = factory.configuration.rescanInterval
    nextSurvey = time.now + interval
    self.time = time
    self.mailbox = mailbox
    self.board = board
  }

  /// Works until it is asked to stop, beginning with this mail.
  private mutating func run(_ first: Mail) {
    var mail = first
    while !mailbox.isStopped {
      board.publish { $0.isBusy = true }
      handle(mail)
      let report = report
      board.publish {
        $0.report = report
        $0.isBusy = false
      }
      if endsSinceReadOnly() { break }
      mail = mailbox.wait(pause)
    }
    journal.noteLeft(by: agent)
    agent.abandonDrains()
  }

  /// How long until something is due without any mail; nil where only an event can bring anything, since
  /// there is no AP bus.
  private var pause: Duration? {
    let survey = agent.status.phase == .withoutBus ? nil : nextSurvey
    let due = [agent.nextDue, gate.nextDue, sysfs.nextDue, survey].compactMap(\.self).min()
    return due.map { max(.zero, $0 - time.now) }
  }

  /// Whether it is useless to continue: a process keeps the mounts that it was started with, so only a
  /// new one can find a sysfs that takes writes.
  private mutating func endsSinceReadOnly() -> Bool {
    guard let failure = agent.status.failures.first(where: \.isReadOnly) else { return false }
    let sentence =
      "\(failure); sysfs is read-only for this process, which ends so that it can be started again"
    board.note { $0.ending = sentence }
    return true
  }

  private mutating func handle(_ mail: Mail) {
    mail.deliver(to: agent)
    note(mail)
    for adapter in sysfs.takeDue() { agent.scan(.card(adapter)) }
    let isSurvey = nextSurvey <= time.now
    if isSurvey {
      agent.scan(.everything)
      nextSurvey = time.now + interval
    }
    guard gate.isOpen(now: time.now, isEvent: !mail.scopes.isEmpty) else { return }
    history.beginOperation()
    let begin = time.now
    agent.reconcile()
    measureReconciliation(since: begin)
    note(received.take())
    // Whoever asked for one is answered now, and must not be told that it failed if it is done later.
    if agent.status.isIdle { agent.abandonChangeover() }
    if case .refused(let choice, let plan) = agent.changeover, agent.changeover != report.changeover
    {
      journal.noteRefusedChangeover(to: choice.mechanism, because: plan.refusals)
    }
    report.reconciliations += 1
    if agent.status.isDecided, agent.status.draining.isEmpty, !mailbox.isStopped {
      lateStart.noteReconciliation(
        reserved: journal.reserved, isComplete: agent.status.phase == .settled,
        reannounces: reannouncesMatrix)
    }
    report.note(agent)
  }

  private func measureReconciliation(since begin: Instant) {
    let now = time.now
    let isKnown = agent.status.isDecided || agent.status.phase == .withoutBus
    let durations = requestTimes.note(agent.status, now: now)
    board.note { state in
      state.measurements.reconciliations.note(now - begin)
      if isKnown { state.measurements.lastReconciliation = now }
      durations.forEach { state.measurements.requests.note($0) }
    }
  }

  /// Takes note of what in the mail is not the agent's.
  private mutating func note(_ mail: Mail) {
    if let configuration = mail.configuration {
      lock?.limit = configuration.lockTimeout
      gate.settleTime = configuration.busSettle
      interval = configuration.rescanInterval
      reannouncesMatrix = configuration.reannouncesMatrix
      nextSurvey = min(nextSurvey, time.now + interval)
    }
    if mail.scopes.contains(.everything) { nextSurvey = time.now + interval }
    for case .card(let adapter) in mail.scopes { sysfs.askAgain(adapter) }
    if mail.rules?.isExplicit == true { sysfs.askAgain() }
    report.ticket = max(report.ticket, mail.ticket)
  }
}

/// Mail that was delivered to the agent between two operations of a plan, kept for what is not the agent's.
private final class ReceivedMail {
  private var mail = Mail()

  func add(_ newer: Mail, to agent: Agent) {
    newer.deliver(to: agent)
    mail.add(newer)
  }

  func take() -> Mail {
    defer { mail = Mail() }
    return mail
  }
}

/// Makes the agent on the thread where it lives.
package struct AgentFactory: Sendable {
  /// Opens the bus, once for each thread that reads.
  package var sysfs: @Sendable () throws -> any Sysfs
  /// How long an adapter is waited for.
  package var answerLimit: Duration
  /// The rules to begin with.
  package var rules: RuleSet
  /// Whose names rules may match.
  package var host: HostIdentity
  /// What an administrator has set.
  package var configuration: Configuration
  /// The lock that other tools share; nil for none.
  package var configurationLock: String?
  /// The directory of the ownership record, and the identifier of this boot.
  package var record: (directory: String, boot: String)?
  /// The directory for what outlives the boot; nil for none.
  package var lasting: String?
  /// The directory below which the host's other files are; nil for none.
  package var root: String?
  /// Where messages go.
  package var log: any MessageLog
  /// Where what was done is kept.
  package var history: HistoryKeeper

  package init(
    _ settings: DaemonSettings, configuration: Configuration, rules: RuleSet, host: HostIdentity,
    log: any MessageLog, history: HistoryKeeper,
    sysfs: @escaping @Sendable () throws -> any Sysfs
  ) {
    self.sysfs = sysfs
    answerLimit = settings.answerLimit
    self.rules = rules
    self.log = log
    self.history = history
    self.host = host
    self.configuration = configuration
    configurationLock = settings.configurationLock
    record = settings.record
    lasting = settings.lasting
    root = settings.root
  }

  /// What is on record, and where changes of it go; nothing where nothing outlives the daemon.
  struct Record {
    var file: (any OwnershipRecord)?
    var ownership = Ownership()
  }

  /// Opens the record of what is reserved.
  func openRecord() throws(OwnershipRecordError) -> Record {
    guard let record else { return Record() }
    do throws(FileError) {
      let opened = try OwnershipFile.open(
        directory: record.directory, boot: record.boot, lasting: lasting)
      if let damage = opened.damage { log.write(LogMessage(.error, .recordDamaged, damage)) }
      return Record(file: opened.file, ownership: opened.ownership)
    } catch {
      throw OwnershipRecordError(error)
    }
  }

  /// Makes the agent, on the thread that will use it.
  func agent(
    sysfs: any Sysfs, record: Record, lock: S390ConfigurationLock?, time: HostTime,
    isInterrupted: @escaping () -> Bool, takeIn: @escaping (Agent) -> Void,
    publish: @escaping (Agent) -> Void, report: @escaping (Agent.Event) -> Void
  ) -> Agent {
    let log = log
    let keys = lasting.map { directory in
      KeyLedgerFile.open(in: directory) { log.write(LogMessage(.warning, .keyLedger, $0)) }
    }
    let root = root
    return Agent(
      sysfs: sysfs, rules: rules, host: host, settings: configuration.agentSettings,
      ownership: record.ownership, keyLedger: keys?.ledger ?? KeyLedger(),
      environment: Agent.Environment(
        configuration: { HostConfigurationReader.read(root: root) }, record: record.file,
        keys: keys?.file, lock: lock, isInterrupted: isInterrupted, takeIn: takeIn,
        publish: publish),
      time: time, report: report)
  }

  /// The lock that other tools share, if there is one. A wait for it shows on the board.
  func lock(
    board: StatusBoard, time: HostTime, isInterrupted: @escaping () -> Bool
  ) -> S390ConfigurationLock? {
    let log = log
    return configurationLock.map { path in
      S390ConfigurationLock(
        path: path, limit: configuration.lockTimeout, isInterrupted: isInterrupted
      ) { notice in
        switch notice {
        case .waits(let holder):
          let wait = Wait(subject: .lock(path: path, holder: holder), since: time.now)
          board.publish { $0.wait = wait }
        // The board's reader reports it.
        case .waitsLong: break
        case .waitEnded: board.note { $0.wait = nil }
        case .replaced(let sentence):
          log.write(LogMessage(.notice, .lockHeld, sentence, fields: [.init("AP_PATH", path)]))
        }
      }
    }
  }
}

extension AgentReport {
  /// Takes over the state of an agent.
  fileprivate mutating func note(_ agent: Agent) {
    status = agent.status
    inventory = agent.inventory
    decisions = agent.decisions
    ownership = agent.ownership
    configuration = agent.configuration
    host = agent.host
    lastSurvey = agent.lastSurvey
    memory = agent.memory
    changeover = agent.changeover
  }
}

extension Configuration {
  /// What of it the agent works by.
  package var agentSettings: Agent.Settings {
    Agent.Settings(
      mechanism: mechanism, mechanismOrigin: origins[.mechanism], policy: policy)
  }
}
