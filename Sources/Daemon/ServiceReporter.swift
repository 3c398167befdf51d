import APBus
import Agent
import HostSystem

/// Reports to the service manager: ready once, and a line whenever it changes.
final class ServiceReporter {
  private let manager = ServiceManager()
  private let log: any MessageLog
  private let time = HostTime()
  private let start: Instant
  private var limit: Duration
  private var deadline: EventTimer?
  private var isReady = false
  private var line = ""

  /// How much longer than `limit` the service manager is asked to wait, so that it never gives up first.
  private static let reserve = Duration.seconds(30)

  /// A reporter of a daemon that has just begun, and is ready after `limit` at the latest.
  init(_ loop: EventLoop, log: any MessageLog, limit: Duration) throws(EventLoopError) {
    self.log = log
    self.limit = limit
    start = time.now
    deadline = try EventTimer(loop, tolerance: .milliseconds(100)) { [weak self] in
      self?.giveUpWaiting()
    }
    deadline?.set(after: limit)
    manager.notify(.extendTimeout(limit + Self.reserve), .status("starting"))
  }

  /// The daemon is ready so long after its start at the latest.
  func setLimit(_ limit: Duration) {
    guard !isReady, limit != self.limit else { return }
    self.limit = limit
    let left = max(.zero, start + limit - time.now)
    deadline?.set(after: left)
    manager.notify(.extendTimeout(left + Self.reserve))
  }

  /// Reports a line, and that the service is ready once there is nothing more that a boot should wait for:
  /// what blocks the agent does not block the boot. The journal has the obstacle from the agent.
  func report(_ line: String, of status: Agent.Status) {
    if !isReady && status.endsBoot {
      becomeReady(line)
      if status.obstacle == nil { log.write(LogMessage(.info, .ready, line)) }
    } else if line != self.line {
      manager.notify(.status(line))
    }
    self.line = line
  }

  /// Reports that the configuration is being read, and that it has been.
  func reload(_ body: () -> Void) {
    if isReady { manager.notify(.reloading) }
    body()
    if isReady { manager.notify(.ready) }
  }

  /// Reports that the service ends.
  func stop() {
    deadline?.clear()
    manager.notify(.stopping, .status("stopping; what is reserved stays reserved"))
  }

  private func giveUpWaiting() {
    guard !isReady else { return }
    log.write(
      LogMessage(
        .warning, .ready,
        "the first reconciliation is not done after \(limit.components.seconds) s; it continues, and "
          + "nothing waits for it any longer: \(line)"))
    becomeReady(line)
  }

  private func becomeReady(_ line: String) {
    isReady = true
    deadline?.clear()
    manager.notify(.ready, .status(line))
  }
}

extension Agent.Status {
  /// Whether the first reconciliation is done, or could not be.
  fileprivate var endsBoot: Bool {
    switch phase {
    case .starting, .beforeFirstScan, .applying: false
    case .withoutBus, .blocked, .moving, .settled, .retrying: true
    }
  }
}

/// Reports what the agent waits for when that takes long. Nothing can be done about it.
final class WaitReporter {
  private let board: StatusBoard
  private let log: any MessageLog
  private let time = HostTime()
  private var timer: EventTimer?
  /// The wait that was reported last, and how long it had taken then. One that fails and is tried again goes on.
  private var reported: (wait: Wait, after: Duration)?

  init(_ loop: EventLoop, board: StatusBoard, log: any MessageLog) throws(EventLoopError) {
    self.board = board
    self.log = log
    timer = try EventTimer(loop, tolerance: .milliseconds(500)) { [weak self] in self?.check() }
  }

  /// Takes note of whether the agent is at work.
  func note(isBusy: Bool) {
    if !isBusy {
      timer?.clear()
      if board.read().report.status.phase != .retrying { reported = nil }
    } else if timer?.isSet == false {
      timer?.set(after: Wait.patience)
    }
  }

  /// A wait is reported after `Wait.patience`, and again whenever it has taken twice as long.
  private func check() {
    let state = board.read()
    guard state.isBusy else { return }
    timer?.set(after: Wait.patience)
    guard var wait = state.wait, !wait.isLimited else { return }
    var due = Wait.patience
    if let reported, reported.wait.subject == wait.subject {
      wait.since = reported.wait.since
      due = reported.after * 2
    }
    let lasting = time.now - wait.since
    guard lasting >= due else { return }
    reported = (wait, lasting)
    log.write(
      Self.message(wait, now: time.now, "nothing is moved meanwhile; everything else continues"))
  }

  /// The message of a wait that lasts.
  static func message(_ wait: Wait, now: Instant, _ outlook: String) -> LogMessage {
    let kind: MessageKind =
      switch wait.subject {
      case .write: .longWrite
      case .read: .longRead
      case .lock: .lockHeld
      }
    return LogMessage(
      .warning, kind, "\(wait.description(now: now)); \(outlook)",
      fields: [.init("AP_PATH", wait.path)])
  }
}
