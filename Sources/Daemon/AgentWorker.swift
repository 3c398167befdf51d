package import AdjunctProcessor
package import Agent
import HostConfiguration
package import HostSystem
import Reservation
package import ReservationRules
package import Sysfs
import Uevents

/// What an agent is made of, so that it can be made on the thread where it lives.
package struct AgentMaterials: Sendable {
  /// Opens the bus.
  package var sysfs: @Sendable () throws -> any Sysfs
  /// The rules to begin with.
  package var rules: RuleSet
  /// Whose names rules may match.
  package var host: HostIdentity
  /// What an administrator has set.
  package var agent: Agent.Settings
  /// The directory of the record of what is ours, and what tells this boot from others.
  package var record: (directory: String, boot: String)?
  /// The directory below which the host's other files are; nil for none.
  package var root: String?
  /// How often everything is looked at without a reason, since a check-stop sends no event.
  package var interval: Duration
  /// How long to wait for more devices on a kernel that does not count its scans.
  package var settleTime: Duration
  /// Where messages go.
  package var log: any MessageLog

  /// Materials of an agent with those settings.
  package init(
    _ settings: DaemonSettings, rules: RuleSet, log: any MessageLog,
    sysfs: @escaping @Sendable () throws -> any Sysfs
  ) {
    self.sysfs = sysfs
    self.rules = rules
    self.log = log
    host = settings.host
    agent = settings.agent
    record = settings.record
    root = settings.root
    interval = settings.interval
    settleTime = settings.settleTime
  }
}

/// The agent on a thread of its own, the only one that writes to sysfs: whatever the kernel makes it
/// wait for, the event loop goes on.
struct AgentWorker {
  private let agent: Agent
  private let mailbox: Mailbox
  private let board: StatusBoard
  private let time: HostTime
  private let interval: Duration
  private var gate: BootGate
  private var report = AgentReport()
  /// When everything is looked at again.
  private var nextSurvey: Duration

  /// Starts the thread. It ends when the mail says so.
  static func start(
    _ materials: AgentMaterials, mailbox: Mailbox, board: StatusBoard
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

  private init(_ materials: AgentMaterials, _ mailbox: Mailbox, _ board: StatusBoard) throws {
    let time = HostTime()
    let sysfs = ObservedSysfs(try materials.sysfs(), board: board)
    let log = AgentMessages(materials.log)
    let record = try materials.record.map {
      try OwnershipFile.open(directory: $0.directory, boot: $0.boot)
    }
    if let damage = record?.damage {
      materials.log.write(LogMessage(.error, .recordDamaged, damage))
    }
    let root = materials.root
    agent = Agent(
      sysfs: sysfs, rules: materials.rules, host: materials.host, settings: materials.agent,
      ownership: record?.ownership ?? Ownership(),
      surroundings: Agent.Surroundings(
        configuration: {
          root.map { HostConfigurationReader(root: $0).read() } ?? HostConfiguration()
        }, record: record?.file),
      log: log, time: time)
    log.agent = agent
    gate = BootGate(sysfs: sysfs, settleTime: materials.settleTime)
    interval = materials.interval
    nextSurvey = time.now + interval
    self.time = time
    self.mailbox = mailbox
    self.board = board
  }

  private mutating func run() {
    var mail = Mail()
    mail.look(at: .everything)
    while !mail.stops {
      board.publish { $0.isBusy = true }
      deal(with: mail)
      let report = report
      board.publish {
        $0.report = report
        $0.isBusy = false
      }
      mail = mailbox.wait(pause)
    }
  }

  /// How long until something is due without any mail.
  private var pause: Duration {
    let due = [agent.nextDue, gate.nextDue, nextSurvey].compactMap(\.self).min() ?? nextSurvey
    return max(.zero, due - time.now)
  }

  private mutating func deal(with mail: Mail) {
    if let delivery = mail.rules {
      agent.replaceRules(delivery.rules, isExplicit: delivery.isExplicit)
    }
    for apqn in mail.departures { agent.note(departure: apqn) }
    for reaction in mail.reactions { agent.look(at: reaction) }
    if nextSurvey <= time.now { agent.look(at: .everything) }
    report.ticket = max(report.ticket, mail.ticket)
    guard gate.isOpen(now: time.now, isEvent: !mail.reactions.isEmpty) else { return }
    if mail.reactions.contains(.everything) || nextSurvey <= time.now {
      nextSurvey = time.now + interval
    }
    do {
      try agent.reconcile()
      report.problem = nil
    } catch {
      report.problem = "\(error)"
    }
    report.looks += 1
    report.status = agent.status
    report.inventory = agent.inventory
    report.decisions = agent.decisions
    report.ownership = agent.ownership
    report.history = agent.history
  }
}
