import APBus
import Agent
package import HostSystem

/// Receives the kernel's events as fast as they are sent, and posts what to scan.
///
/// A malformed event is counted and skipped. When receiving fails, another monitor is
/// opened; when that happens again and again, the process is to end, since a new one may do better.
package final class EventIntake {
  private let loop: EventLoop
  private var monitor: UdevMonitor?
  private var source: EventSource?
  private var retry: EventTimer?
  /// What monitors before this one have counted.
  private var earlierCounts = UdevMonitor.Counts()
  private var failures = FailureRate(limit: 5, interval: .seconds(60))
  private let mailbox: Mailbox
  private let log: any MessageLog
  private let onGivingUp: (String) -> Void
  private let time = HostTime()
  private var rate = MessageRate()

  /// How many are received before the loop turns to what else is due.
  private static let turn = 4096
  /// The pause before a monitor that could not be opened is tried again.
  private static let pause = Duration.seconds(1)

  /// Opens the monitor: what happens from here on is noticed. `onGivingUp` is called once, with the reason,
  /// when events cannot be received any more.
  package init(
    _ loop: EventLoop, mailbox: Mailbox, log: any MessageLog,
    onGivingUp: @escaping (String) -> Void
  ) throws {
    self.loop = loop
    self.mailbox = mailbox
    self.log = log
    self.onGivingUp = onGivingUp
    retry = try EventTimer(loop) { [weak self] in self?.reopen() }
    try open()
  }

  /// What was received so far.
  package var counts: UdevMonitor.Counts {
    earlierCounts + (monitor?.counts ?? UdevMonitor.Counts())
  }

  /// The open monitor's descriptor.
  var descriptor: Int32? { monitor?.descriptor }

  /// Receives what has arrived. All of it is one reason to scan.
  package func takeIn() {
    guard let monitor else { return }
    var scopes: Set<ScanScope> = []
    var departures: Set<APQN> = []
    let malformed = monitor.counts.malformed
    let outcome: UdevMonitor.Outcome
    do throws(UdevMonitorError) {
      outcome = try monitor.drainPlaces(limit: Self.turn) { path, isRemoval in
        guard let object = BusObject(path: path) else { return }
        scopes.insert(ScanScope(of: object))
        if isRemoval, case .queue(let apqn) = object { departures.insert(apqn) }
      }
    } catch {
      return fail("\(error)")
    }
    if outcome == .overrun { reportOverrun() }
    // What a malformed event was about is unknown.
    let isBlind = outcome == .overrun || monitor.counts.malformed != malformed
    guard !scopes.isEmpty || isBlind else { return }
    mailbox.post { mail in
      for scope in scopes { mail.scan(scope) }
      for apqn in departures { mail.noteDeparture(of: apqn) }
      if isBlind { mail.scan(.everything) }
    }
  }

  private func open() throws {
    let monitor = try UdevMonitor()
    source = try loop.watch(monitor.descriptor, priority: .high) { [weak self] _ in
      self?.takeIn()
    }
    self.monitor = monitor
  }

  /// What cannot be received must not be waited for either, or the loop would turn for nothing.
  private func fail(_ problem: String) {
    source = nil
    earlierCounts = counts
    monitor = nil
    guard !failures.note(at: time.now) else {
      return onGivingUp(
        "\(problem); events cannot be received although it was tried \(failures.limit) times within "
          + "\(failures.interval.components.seconds) s, and apreserve ends so that it is started again"
      )
    }
    log.write(
      LogMessage(
        .warning, .overrun,
        "\(problem); events may be lost, so the monitor is opened again and everything is scanned"))
    reopen()
  }

  private func reopen() {
    guard monitor == nil else { return }
    earlierCounts.reopenings += 1
    do {
      try open()
    } catch {
      return failToOpen("\(error)")
    }
    // After opening: what happens from then on is noticed.
    mailbox.post { $0.scan(.everything) }
  }

  private func failToOpen(_ problem: String) {
    guard !failures.note(at: time.now) else {
      return onGivingUp("\(problem); apreserve ends so that it is started again")
    }
    retry?.set(after: Self.pause)
  }

  private func reportOverrun() {
    let kind = MessageKind.overrun.identifier
    guard case .write = rate.verdict(kind, now: time.now) else { return }
    log.write(
      LogMessage(
        .warning, .overrun,
        "the kernel has dropped events because the buffer was full; scanning everything")
    )
  }
}

/// Distinguishes a rare failure from one that is repeated again and again.
struct FailureRate: Equatable, Sendable {
  /// So many within `interval` are too many.
  let limit: Int
  /// How long a failure counts.
  let interval: Duration
  private var times: [Instant] = []

  /// A rate of no failures so far.
  init(limit: Int, interval: Duration) {
    self.limit = limit
    self.interval = interval
  }

  /// Counts a failure; true when there are too many.
  mutating func note(at now: Instant) -> Bool {
    times = times.filter { now - $0 < interval } + [now]
    return times.count >= limit
  }
}
