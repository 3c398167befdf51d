import AdjunctProcessor
package import Agent
import Glibc
package import JSONText
import Reservation
import ReservationRules

/// The last moves, a line each: when, which queue, from whom to whom, by which rule and mechanism, and
/// what came of it.
package struct HistoryReport {
  private let entries: [HistoryEntry]

  /// A report on these moves, the oldest first.
  package init(_ entries: [HistoryEntry]) {
    self.entries = entries
  }

  /// The report for people.
  package func text(style: TextStyle) -> String {
    var table = TextTable()
    for entry in entries {
      table.append([
        .init(Self.time(entry.time)), .init(entry.apqn.description),
        .init(entry.from.rawValue, Ink(entry.from)), .init("->"),
        .init(entry.to.rawValue, Ink(entry.to)),
        .init(entry.mechanism?.rawValue ?? "not by apreserve"), .init(entry.origin),
        .init(entry.failure.map { "failed: \($0.printable)" } ?? "", .problem),
      ])
    }
    return table.lines(style: style).map { $0 + "\n" }.joined()
  }

  /// The report for programs.
  package var json: JSONValue {
    .array(
      entries.map { entry in
        JSONObject.make {
          $0.set("time", text: Self.time(entry.time))
          $0.set("queue", text: entry.apqn.description)
          $0.set("from", text: entry.from.rawValue)
          $0.set("to", text: entry.to.rawValue)
          $0.set("cause", text: entry.cause?.word ?? "others")
          $0.set("rule", entry.rule?.location.json)
          $0.set("label", text: entry.rule?.name)
          $0.set("mechanism", text: entry.mechanism?.rawValue)
          $0.set("failure", text: entry.failure)
        }
      })
  }

  /// A moment since the beginning of 1970 as RFC 3339 writes it, in UTC and to the second.
  static func time(_ sinceEpoch: Duration) -> String {
    var seconds = time_t(sinceEpoch.components.seconds)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
      + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
  }
}

extension HistoryEntry {
  /// Why it was moved.
  fileprivate var origin: String {
    guard let cause else { return "" }
    let label = rule?.name.map { " \"\($0.printable)\"" } ?? ""
    let origin = rule.map { $0.location.shortFileAndLine + label }
    return switch cause {
    case .wanted: origin ?? ""
    case .givenBack: "given back" + (origin.map { ", \($0)" } ?? ", no rule wants it reserved")
    case .collateral: "collateral, accepted by the rules"
    case .sideEffect: "side effect of the mask write"
    }
  }
}
