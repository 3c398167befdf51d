package import APBus
package import Agent
package import HostSystem
package import ReservationRules
import Synchronization

/// What the agent's thread is asked to do next, collected from all that was asked since it last took its
/// mail: a thousand events of a queue are one reason to read it again.
package struct Mail: Sendable {
  /// What to scan again.
  package var scopes: Set<ScanScope> = []
  /// Queues that were removed: what is added under the same name is another device.
  package var departures: Set<APQN> = []
  /// Other rules to hold.
  package var rules: RuleDelivery?
  /// Other names of the host.
  package var host: HostIdentity?
  /// Other settings to work by.
  package var configuration: Configuration?
  /// The mechanism to change over to.
  package var changeover: Mechanism?
  /// The last of the numbered requests; its client waits until it has been handled.
  package var ticket: UInt64 = 0

  /// Rules that are to be held from now on.
  package struct RuleDelivery: Sendable {
    package var rules: RuleSet
    /// Whether a person asked for it, so that even an empty set is intended.
    package var isExplicit: Bool
  }

  /// More single scopes than this are replaced by a scan of everything.
  static let scopeLimit = 4096

  /// Adds something to scan.
  package mutating func scan(_ scope: ScanScope) {
    guard !scopes.contains(.everything) else { return }
    if scope == .everything || scopes.count >= Self.scopeLimit {
      scopes = [.everything]
    } else {
      scopes.insert(scope)
    }
  }

  /// Passes on to the agent what concerns it: rules, settings, and what to scan again.
  func deliver(to agent: Agent) {
    if let configuration { agent.replaceSettings(configuration.agentSettings) }
    if let host { agent.replaceHost(host) }
    if let rules { agent.replaceRules(rules.rules, isExplicit: rules.isExplicit) }
    if let changeover { agent.changeOver(to: changeover) }
    for apqn in departures { agent.noteDeparture(of: apqn) }
    for scope in scopes { agent.scan(scope) }
  }

  mutating func add(_ newer: Mail) {
    for scope in newer.scopes { scan(scope) }
    for apqn in newer.departures { noteDeparture(of: apqn) }
    if let rules = newer.rules { self.rules = rules }
    if let host = newer.host { self.host = host }
    if let configuration = newer.configuration { self.configuration = configuration }
    changeover = newer.changeover ?? changeover
    ticket = max(ticket, newer.ticket)
  }

  /// Notes a queue that was removed.
  package mutating func noteDeparture(of apqn: APQN) {
    if departures.count < Self.scopeLimit { departures.insert(apqn) }
  }

  /// Notes other rules. A set that a person asked for stays so when it is posted again; another one that is
  /// posted afterwards was not asked for.
  package mutating func hold(_ rules: RuleSet, isExplicit: Bool) {
    let wasExplicit = self.rules.map { $0.isExplicit && $0.rules == rules } ?? false
    self.rules = RuleDelivery(rules: rules, isExplicit: isExplicit || wasExplicit)
  }
}

/// Where the thread with the event loop leaves work for the agent's thread. Its size is bounded.
package final class Mailbox: Sendable {
  private let mail = Mutex(Mail())
  private let wakeup: Wakeup
  private let tickets = Atomic<UInt64>(0)
  private let stops = Atomic<Bool>(false)

  package init() throws(EventLoopError) {
    wakeup = try Wakeup()
  }

  /// Adds to the mail and wakes the agent's thread.
  package func post(_ body: (inout Mail) -> Void) {
    mail.withLock { body(&$0) }
    wakeup.signal()
  }

  /// Wakes the agent's thread, which finds out by itself what is due.
  package func wake() { wakeup.signal() }

  /// Numbers a request for a scan of everything, or for whatever is to be done anyway. A changeover is taken with its
  /// number or not at all.
  package func postTicket(
    scansEverything: Bool = true, changeover: Mechanism? = nil
  ) -> UInt64 {
    let ticket = tickets.wrappingAdd(1, ordering: .relaxed).newValue
    post {
      $0.ticket = max($0.ticket, ticket)
      $0.changeover = changeover ?? $0.changeover
      if scansEverything { $0.scan(.everything) }
    }
    return ticket
  }

  /// Asks to stop: after the operation that is being done, not after all of them.
  package func postStop() {
    stops.store(true, ordering: .releasing)
    wakeup.signal()
  }

  /// Whether it was asked to stop.
  package var isStopped: Bool { stops.load(ordering: .acquiring) }

  /// Waits for mail, at most that long, and takes it. It may be empty.
  package func wait(_ timeout: Duration?) -> Mail {
    wakeup.wait(timeout)
    return take()
  }

  /// Takes what mail there is.
  func take() -> Mail {
    mail.withLock { current in
      let taken = current
      current = Mail()
      return taken
    }
  }
}
