import Agent
import HostSystem
import APBus

/// The agent on a thread of its own, the only one that writes to sysfs: whatever the kernel makes it
/// wait for, the event loop goes on.
struct AgentWorker {
  private let agent: Agent
  private let lock: S390ConfigurationLock?
  private let mailbox: Mailbox
  private let board: StatusBoard
  private let time: HostTime
  /// How often everything is looked at without a reason, since a check-stop sends no event.
  private var interval: Duration
  private var gate: BootGate
  private var lateStart: LateStart
  private var reannouncesMatrix: Bool
  private let messages: AgentMessages
  /// Mail that the agent has had while it was at a plan.
  private let received: ReceivedMail
  private var report = AgentReport()
  /// When everything is looked at again.
  private var nextSurvey: Duration

  /// Starts the thread. It ends when the mail says so.
  static func start(
    _ materials: AgentFactory, mailbox: Mailbox, board: StatusBoard
  ) throws(EventLoopError) {
    try WorkerThread.start {
      do {
        var worker = try AgentWorker(materials, mailbox, board)
        worker.run()
      } catch {
        board.note { $0.report.problem = "\(error)" }
      }
      board.publish { $0.hasEnded = true }
    }
  }

  private init(_ materials: AgentFactory, _ mailbox: Mailbox, _ board: StatusBoard) throws {
    let time = HostTime()
    let sysfs = ObservedSysfs(try materials.sysfs(), board: board)
    let log = AgentMessages(materials.log)
    lock = materials.lock { mailbox.isStopped }
    let received = ReceivedMail()
    self.received = received
    agent = try materials.agent(
      sysfs: sysfs, lock: lock, log: log, time: time, isInterrupted: { mailbox.isStopped },
      takeIn: { agent in received.add(mailbox.take(), to: agent) })
    log.agent = agent
    messages = log
    lateStart = LateStart(sysfs: sysfs, log: materials.log, root: materials.root)
    reannouncesMatrix = materials.configuration.reannouncesMatrix
    gate = BootGate(sysfs: sysfs, settleTime: materials.configuration.busSettle)
    interval = materials.configuration.rescanInterval
    nextSurvey = time.now + interval
    self.time = time
    self.mailbox = mailbox
    self.board = board
  }

  private mutating func run() {
    var mail = Mail()
    mail.look(at: .everything)
    while !mailbox.isStopped {
      board.publish { $0.isBusy = true }
      deal(with: mail)
      let report = report
      board.publish {
        $0.report = report
        $0.isBusy = false
      }
      if endsSinceReadOnly() { break }
      mail = mailbox.wait(pause)
    }
    messages.tellLeft(by: agent)
    agent.abandonDrains()
  }

  /// How long until something is due without any mail; nil where only an event can bring anything, since
  /// there is no AP bus.
  private var pause: Duration? {
    let isWithoutBus =
      report.looks > 0 && report.problem == nil && agent.status.phase == .withoutBus
    let survey = isWithoutBus ? nil : nextSurvey
    let due = [agent.nextDue, gate.nextDue, survey].compactMap(\.self).min()
    return due.map { max(.zero, $0 - time.now) }
  }

  /// Whether there is no use in going on: a process keeps the mounts that it was started with, so only a
  /// new one can find a sysfs that takes writes.
  private mutating func endsSinceReadOnly() -> Bool {
    guard let failure = agent.status.failures.first(where: \.isReadOnly) else { return false }
    let sentence =
      "\(failure); sysfs is read-only for this process, which ends so that it can be started anew"
    board.note { $0.report.problem = sentence }
    return true
  }

  private mutating func deal(with mail: Mail) {
    mail.deliver(to: agent)
    note(mail)
    let isSurvey = nextSurvey <= time.now
    if isSurvey {
      agent.look(at: .everything)
      nextSurvey = time.now + interval
    }
    guard gate.isOpen(now: time.now, isEvent: !mail.reactions.isEmpty) else { return }
    do {
      try agent.reconcile()
      report.problem = nil
    } catch {
      report.problem = "\(error)"
    }
    note(received.take())
    report.looks += 1
    if agent.status.isDecided, agent.status.draining.isEmpty, !mailbox.isStopped {
      lateStart.noteLook(
        reserved: messages.reserved, isComplete: agent.status.phase == .settled,
        reannounces: reannouncesMatrix)
    }
    report.status = agent.status
    report.inventory = agent.inventory
    report.decisions = agent.decisions
    report.ownership = agent.ownership
    report.history = agent.history
    report.configuration = agent.configuration
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
    if mail.reactions.contains(.everything) { nextSurvey = time.now + interval }
    report.ticket = max(report.ticket, mail.ticket)
  }
}

/// Mail that was delivered to the agent between two operations of a plan, kept for the rest of what it says.
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
