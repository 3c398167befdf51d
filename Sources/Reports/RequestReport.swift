package import APBus
package import Agent
package import JSONText
package import Reservation
package import ReservationRules

/// Requests that have changed in the same way, for the same rule.
package struct RequestChangeGroup: Equatable, Sendable {
  /// The queues, in the order of the changes.
  package let apqns: [APQN]
  /// The state before; nil if the queues were not requested.
  package let from: Requests.State?
  package let to: Requests.State
  /// Why the requests are open; nil if they are fulfilled.
  package let reason: OpenRequest.Reason?
  package let rule: Rule?

  private init(of changes: [Agent.RequestChange], like change: Agent.RequestChange) {
    apqns = changes.map(\.apqn)
    from = change.from
    to = change.to
    reason = change.reason
    rule = change.rule
  }

  /// The changes by what they are, in the order of their first queues.
  package static func groups(of changes: [Agent.RequestChange]) -> [RequestChangeGroup] {
    struct Key: Hashable {
      var from: Requests.State?
      var reason: OpenRequest.Reason?
      var rule: Rule?
    }
    return changes.grouped { Key(from: $0.from, reason: $0.reason, rule: $0.rule) }
      .compactMap { group in
        group.elements.first.map { RequestChangeGroup(of: group.elements, like: $0) }
      }
  }

  /// Whether only a person or hardware can change it now.
  package var isStuck: Bool { to.isStuck }

  /// One sentence: `06.0004 is missing: adapter 0x06 is absent`, or what the requests are no longer.
  package var sentence: String {
    if let reason, isStuck { return OpenRequest.sentence(for: apqns, reason: reason) }
    let verb = apqns.count == 1 ? "is" : "are"
    let before = from.map { "\(verb) no longer \($0.rawValue)" } ?? "\(verb) requested"
    guard let reason else { return "\(apqns.shortList()) \(before), and reserved" }
    return "\(apqns.shortList()) \(before)" + (reason.clause.map { ": \($0)" } ?? "")
  }
}

extension Agent.RequestChange {
  static let layout = JSONLayout<Agent.RequestChange>(
    "RequestChange", "A request that is in another state."
  ) {
    $0.add("queue", .queue, "The queue.", \.apqn)
    $0.add("from", .word, "The state before; missing for a new request.", \.from)
    $0.add("to", .word, "The state now.", \.to)
    $0.add("message", .text, "Why it is open, a sentence.") { change in
      change.reason.map { OpenRequest.sentence(for: [change.apqn], reason: $0) }
    }
    $0.include(RuleReference.layout) { $0.rule.map { RuleReference($0) } }
  }
}

extension OpenRequest.Group {
  /// The type `OpenRequests` (`org.apreserve.varlink`), with at most `limit` queues.
  package static func layout(limit: Int = .max) -> JSONLayout<OpenRequest.Group> {
    JSONLayout("OpenRequests", "Requests that are not fulfilled for the same reason.") {
      $0.add("state", .word, "Their state.", \.reason.state)
      $0.add("message", .text, "Why, a sentence.", \.sentence)
      $0.add("remedy", .text, "What to do, if that does not depend on the rules.", \.remedy)
      $0.add("count", .count, "How many there are.", \.apqns.count)
      $0.add("queues", .queues, "The queues; in the daemon's status at most 100.") {
        Array($0.apqns.prefix(limit))
      }
    }
  }
}

extension Requests {
  /// How many requests there are, and how many in each state: the type `RequestCounts`
  /// (`org.apreserve.varlink`).
  package static let layout = JSONLayout<Requests>(
    "RequestCounts",
    "How many queues are requested for guests, and in which states the requests are."
  ) {
    $0.add("requested", .count, "All requests.", \.count)
    for state in State.allCases {
      $0.add(state.rawValue, .count, "The requests in this state (apreserve-daemon(8)).") {
        $0.counts[state] ?? 0
      }
    }
  }
}
