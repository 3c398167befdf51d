import APBus
package import Agent
import Glibc
package import JSONText
import Reservation
import ReservationRules

/// The last moves for programs: when, which queue, from whom to whom, by which rule and mechanism, and
/// what came of it.
package struct HistoryReport {
  private let entries: [HistoryEntry]

  /// A report on these moves, the oldest first.
  package init(_ entries: [HistoryEntry]) {
    self.entries = entries
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
