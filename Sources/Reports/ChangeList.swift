package import Agent
import APBus
import Reservation
import ReservationRules
import JSONText

/// Queues that change owner, a line each or, where there are many, a line for each rectangle of queues
/// that go the same way for the same reason.
struct ChangeList {
  struct Line {
    var queues: String
    var from: Owner
    var to: Owner
    var reason: String
  }

  private struct Way: Hashable {
    var from: Owner
    var to: Owner
    var reason: String
  }

  let lines: [Line]

  /// The changes of a plan. `longest` is the longest list that names every queue.
  ///
  /// What a plan leaves unbound since `vfio_ap` is not loaded goes there as soon as it is.
  init(_ plan: Plan, decisions: DecisionTable?, longest: Int = 16) {
    let awaiting = plan.awaitingVfioAP
    self.init(
      plan.changes.map { change in
        let origin = decisions?.decision(for: change.apqn).origin
        var reason = OwnerChange.reason(for: change.cause, origin: origin)
        var to = change.to
        if to == .none, awaiting.contains(change.apqn) {
          to = .vfioAP
          reason += (reason.isEmpty ? "" : ", ") + "when \(DriverName.vfioAP) is loaded"
        }
        return (change.apqn, Way(from: change.from, to: to, reason: reason))
      }, longest: longest)
  }

  init(_ moves: [Agent.Move], longest: Int = 16) {
    self.init(
      moves.map { ($0.apqn, Way(from: $0.from, to: $0.to, reason: $0.reason)) }, longest: longest)
  }

  private init(_ changes: [(apqn: APQN, way: Way)], longest: Int) {
    var order: [Way] = []
    var ways: [Way: [APQN]] = [:]
    var single: [Line] = []
    for (apqn, way) in changes {
      if ways[way] == nil { order.append(way) }
      ways[way, default: []].append(apqn)
      single.append(Line(queues: apqn.description, from: way.from, to: way.to, reason: way.reason))
    }
    guard changes.count > longest else {
      lines = single
      return
    }
    lines = order.flatMap { way in
      APQNRectangle.covering(ways[way] ?? []).map {
        Line(queues: $0.description, from: way.from, to: way.to, reason: way.reason)
      }
    }
  }

  /// The lines as rows of a table.
  func table() -> TextTable {
    var table = TextTable()
    for line in lines {
      table.append([
        .init(line.queues), .init(line.from.rawValue, Ink(line.from)), .init("->"),
        .init(line.to.rawValue, Ink(line.to)), .init(line.reason),
      ])
    }
    return table
  }
}

extension Agent.Move {
  /// Why the queue was moved, in a few words.
  package var reason: String {
    guard foreign == .loading else {
      return OwnerChange.reason(for: cause, origin: rule?.origin)
    }
    return [rule?.origin, "by the kernel, when \(DriverName.vfioAP) was loaded"].compactMap(\.self)
      .joined(separator: ", ")
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

  /// As JSON, with the decision.
  func json(_ decision: Decision?) -> JSONValue {
    JSONObject.make {
      $0.set("queue", text: apqn.description)
      $0.set("from", text: from.rawValue)
      $0.set("to", text: to.rawValue)
      $0.set("cause", text: cause.word)
      decision?.write(to: &$0)
    }
  }
}

extension OwnerChange.Cause {
  /// The cause in one word.
  var word: String {
    switch self {
    case .wanted: "wanted"
    case .givenBack: "given-back"
    case .collateral: "collateral"
    case .sideEffect: "side-effect"
    }
  }
}
