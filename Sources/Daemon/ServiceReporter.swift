import HostSystem

/// Tells the service manager how far the daemon has come: ready once, and a line whenever it changes.
final class ServiceReporter {
  private let manager = ServiceManager()
  private let log: any MessageLog
  private let time = HostTime()
  private let start: Duration
  private var limit: Duration
  private var deadline: EventTimer?
  private var isReady = false
  private var line = ""

  /// How much longer than our own limit the manager is asked to wait, so that it is never the manager
  /// that gives up first.
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

  /// Tells the line, and that the service is ready if it is.
  func tell(_ line: String, isReady ready: Bool) {
    if ready && !isReady {
      become(line)
      log.write(LogMessage(.info, .ready, line))
    } else if line != self.line {
      manager.notify(.status(line))
    }
    self.line = line
  }

  /// Tells that the configuration is being read, and that it has been.
  func reload(_ body: () -> Void) {
    if isReady { manager.notify(.reloading) }
    body()
    if isReady { manager.notify(.ready) }
  }

  /// Tells that the service ends.
  func stop() {
    deadline?.clear()
    manager.notify(.stopping, .status("stopping; what is reserved stays reserved"))
  }

  private func giveUpWaiting() {
    guard !isReady else { return }
    log.write(
      LogMessage(
        .warning, .ready,
        "the first reconciliation is not done after \(limit.components.seconds) s; it goes on, and "
          + "nothing waits for it any longer: \(line)"))
    become(line)
  }

  private func become(_ line: String) {
    isReady = true
    deadline?.clear()
    manager.notify(.ready, .status(line))
  }
}
