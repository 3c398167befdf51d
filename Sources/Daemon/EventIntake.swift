import AdjunctProcessor
import Agent
package import HostSystem

/// Takes the kernel's events in, as fast as they come, and leaves word of what to look at.
package final class EventIntake {
  private let monitor: UdevMonitor
  private let mailbox: Mailbox
  private let log: any MessageLog
  private let time = HostTime()
  private var source: EventSource?
  private var rate = MessageRate()

  /// How many are taken in before the loop looks at what else is due.
  private static let turn = 4096

  /// Opens the monitor: what happens from here on is noticed.
  package init(_ loop: EventLoop, mailbox: Mailbox, log: any MessageLog) throws {
    monitor = try UdevMonitor()
    self.mailbox = mailbox
    self.log = log
    source = try loop.watch(monitor.descriptor, priority: .high) { [weak self] _ in
      self?.takeIn()
    }
  }

  /// Why events are not received any more; nil while they are.
  private(set) var problem: String?

  /// What has come so far.
  package var counts: UdevMonitor.Counts { monitor.counts }

  /// Takes in what has come. All of it is one reason to look.
  package func takeIn() {
    var reactions: Set<Reaction> = []
    var departures: Set<APQN> = []
    let outcome: UdevMonitor.Outcome
    do throws(UdevMonitorError) {
      outcome = try monitor.drainPlaces(limit: Self.turn) { path, isRemoval in
        guard let object = BusObject(path: path) else { return }
        reactions.insert(Reaction(to: object))
        if isRemoval, case .queue(let apqn) = object { departures.insert(apqn) }
      }
    } catch {
      return fail(error)
    }
    if outcome == .overrun { tellOverrun() }
    guard !reactions.isEmpty || outcome == .overrun else { return }
    mailbox.post { mail in
      for reaction in reactions { mail.look(at: reaction) }
      for apqn in departures { mail.note(departure: apqn) }
      if outcome == .overrun { mail.look(at: .everything) }
    }
  }

  /// What cannot be received must not be waited for either, or the loop would turn for nothing. The
  /// regular look at everything remains.
  private func fail(_ error: UdevMonitorError) {
    source = nil
    mailbox.post { $0.look(at: .everything) }
    let problem =
      "\(error); events are not received any more, and changes are noticed late; restart apreserve"
    self.problem = problem
    log.write(LogMessage(.error, .overrun, problem))
  }

  private func tellOverrun() {
    let kind = MessageKind.overrun.identifier
    guard case .write = rate.verdict(kind, now: time.now) else { return }
    log.write(
      LogMessage(
        .warning, .overrun, "the kernel has dropped events for want of room; looking at everything")
    )
  }
}
