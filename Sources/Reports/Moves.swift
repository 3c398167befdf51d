package import Agent
package import APBus
import Reservation
import ReservationRules
import JSONText

// The text of every change of owner: of those that a plan announces, and of those that the agent, the journal,
// the history and a replay report.

/// From which owner to which, and why.
package struct OwnerTransition: Hashable {
  package var from: Owner
  package var to: Owner
  /// In a few words; empty where nothing is to be said.
  package var reason: String

  /// Such as `moved from host to vfio_ap (50-db.rules:2 "db")`.
  package var clause: String {
    "moved from \(from.rawValue) to \(to.rawValue)" + (reason.isEmpty ? "" : " (\(reason))")
  }
}

extension Owner {
  /// Such as `host -> vfio_ap`.
  func arrow(to other: Owner) -> String { "\(rawValue) -> \(other.rawValue)" }
}

/// Queues that change owner, a line each or, where there are many, a line for each rectangle of queues
/// that go the same way for the same reason.
struct ChangeList {
  struct Line {
    var queues: String
    var transition: OwnerTransition
  }

  let lines: [Line]

  /// The longest list that names every queue.
  static let longest = 16

  /// The changes of a plan. `longest` is the longest list that names every queue.
  ///
  /// What a plan leaves unbound since `vfio_ap` is not loaded goes there as soon as it is.
  init(_ plan: Plan, decisions: DecisionTable?, longest: Int = Self.longest) {
    let awaiting = plan.awaitingVfioAP
    self.init(
      plan.changes.map { change in
        let origin = decisions?.decision(for: change.apqn).origin
        var transition = OwnerTransition(
          from: change.from, to: change.to,
          reason: OwnerChange.reason(for: change.cause, origin: origin))
        if change.to == .none, awaiting.contains(change.apqn) {
          transition.to = .vfioAP
          transition.reason +=
            (transition.reason.isEmpty ? "" : ", ") + "when \(DriverName.vfioAP) is loaded"
        }
        return (change.apqn, transition)
      }, longest: longest)
  }

  init(_ moves: [Agent.Move], longest: Int = Self.longest) {
    self.init(moves.map { ($0.apqn, $0.transition) }, longest: longest)
  }

  private init(_ changes: [(apqn: APQN, transition: OwnerTransition)], longest: Int) {
    guard changes.count > longest else {
      lines = changes.map { Line(queues: $0.apqn.description, transition: $0.transition) }
      return
    }
    lines = changes.grouped(by: \.transition).flatMap { group in
      APQNRectangle.covering(group.elements.map(\.apqn)).map {
        Line(queues: $0.description, transition: group.value)
      }
    }
  }

  /// The lines as rows of a table.
  func table() -> TextTable {
    var table = TextTable()
    for line in lines {
      table.append([
        .init(line.queues), .init(line.transition.from.rawValue, Ink(line.transition.from)),
        .init("->"), .init(line.transition.to.rawValue, Ink(line.transition.to)),
        .init(line.transition.reason),
      ])
    }
    return table
  }
}

extension Agent.Move {
  /// What is said of the move, with all that is known of what another process changed.
  package var transition: OwnerTransition {
    OwnerTransition(from: from, to: to, reason: reason + (foreign?.clause ?? ""))
  }

  /// Why the queue was moved, in a few words.
  package var reason: String {
    let verb: String
    switch foreign {
    case .loading: verb = "loaded"
    case .unloading: verb = "unloaded"
    case .masks, .override, .binding, nil:
      return OwnerChange.reason(for: cause, origin: rule?.origin)
    }
    return [rule?.origin, "by the kernel, when \(DriverName.vfioAP) was \(verb)"]
      .compactMap(\.self).joined(separator: ", ")
  }
}

extension Agent.Move.ForeignChange {
  /// What the process changed, as the end of a sentence; empty for nothing but the queue's own driver.
  fileprivate var clause: String {
    switch self {
    case .masks: ", which changed the masks"
    case .override(let driver?): ", which set driver_override to \(driver.printable)"
    case .override(nil): ", which cleared driver_override"
    case .binding, .loading, .unloading: ""
    }
  }
}

extension [Agent.Move] {
  /// The queues of each transition, in the order of their first queues.
  package var transitions: [(transition: OwnerTransition, apqns: [APQN])] {
    grouped(by: \.transition).map { ($0.value, $0.elements.map(\.apqn).sorted()) }
      .sorted { $0.apqns.lexicographicallyPrecedes($1.apqns) }
  }

  /// The sentence of queues that were added, and that are kept from the host unasked.
  package var arrivalSentence: String {
    "\(map(\.apqn).shortList()) added and taken from the host although no rule reserves "
      + (count == 1 ? "it" : "them")
  }
}

extension OwnerChange {
  /// Why a queue is moved, in a few words; `cause` is nil where another process moves it, and `origin` names
  /// the rule.
  static func reason(for cause: Cause?, origin: String?) -> String {
    switch cause {
    case .wanted: origin ?? ""
    case .givenBack: "given back" + (origin.map { ", \($0)" } ?? ", no rule requests it")
    case .collateral: "collateral, accepted by the rules"
    case .sideEffect: "side effect of the mask write"
    case nil: "by another process"
    }
  }

  static let layout = JSONLayout<(change: OwnerChange, decision: Decision)>(
    "Change", "A queue that a plan moves."
  ) {
    $0.add("queue", .queue, "The queue.") { $0.change.apqn }
    $0.add("from", .word, "Who has it now.") { $0.change.from }
    $0.add("to", .word, "Who has it then.") { $0.change.to }
    $0.add("cause", .word, "Why it is moved.") { $0.change.cause }
    $0.include(Decision.layout) { $0.decision }
  }
}
