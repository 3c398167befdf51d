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
  var json: JSONValue {
    JSONObject.make {
      $0.set("queue", text: apqn.description)
      $0.set("from", text: from?.rawValue)
      $0.set("to", text: to.rawValue)
      $0.set("message", text: reason.map { OpenRequest.sentence(for: [apqn], reason: $0) })
      rule.map { RuleReference($0) }?.write(to: &$0)
    }
  }
}

extension OpenRequest.Group {
  /// A value of the type `OpenRequests` (`org.apreserve.varlink`), with at most `limit` queues.
  package func json(limit: Int = .max) -> JSONValue {
    JSONObject.make {
      $0.set("state", text: reason.state.rawValue)
      $0.set("message", text: sentence)
      $0.set("count", number: apqns.count)
      $0.set("queues", texts: apqns.prefix(limit).map(\.description))
    }
  }
}

extension Requests {
  /// How many requests there are, and how many in each state: the type `RequestCounts`
  /// (`org.apreserve.varlink`).
  package var json: JSONValue {
    JSONObject.make { object in
      object.set("requested", number: count)
      for state in State.allCases { object.set(state.rawValue, number: counts[state] ?? 0) }
    }
  }
}
