import APBus
import Reservation
import ReservationRules
import JSONText

/// Queues that change owner, a line each or, where there are many, a line for each rectangle of queues
/// that go the same way for the same reason.
struct ChangeList {
  /// A line.
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

  /// `longest` is the longest list that names every queue.
  init(_ changes: [OwnerChange], decisions: DecisionTable?, longest: Int = 16) {
    var order: [Way] = []
    var ways: [Way: [APQN]] = [:]
    var single: [Line] = []
    for change in changes {
      let decision = decisions?.decision(for: change.apqn)
      let way = Way(from: change.from, to: change.to, reason: Self.reason(change, decision))
      if ways[way] == nil { order.append(way) }
      ways[way, default: []].append(change.apqn)
      single.append(
        Line(queues: change.apqn.description, from: way.from, to: way.to, reason: way.reason))
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

  private static func reason(_ change: OwnerChange, _ decision: Decision?) -> String {
    let origin = decision?.origin
    return switch change.cause {
    case .wanted: origin ?? ""
    case .givenBack: "given back" + (origin.map { ", \($0)" } ?? ", no rule wants it reserved")
    case .collateral: "collateral, accepted by the rules"
    case .sideEffect: "side effect of the mask write"
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

extension OwnerChange {
  /// As JSON, with the decision behind it.
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
