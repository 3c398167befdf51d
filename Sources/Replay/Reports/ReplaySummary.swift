package import Reports
package import APBus
package import JSONText
import Agent
import Reservation

/// How a replay ended.
package struct ReplaySummary {
  /// The name of what was replayed.
  package var name: String
  /// The machine before the agent's first write.
  package var before: Inventory
  /// The machine at the end.
  package var after: Inventory
  /// What was counted.
  package var events: Int
  /// Lines of the expectation that do not hold; nil where none was given.
  package var mismatches: [String]?

  private let session: ReplaySession

  /// The end of a session that has run.
  package init(
    _ session: ReplaySession, name: String, after: Inventory, mismatches: [String]? = nil
  ) {
    self.session = session
    self.name = name
    before = session.before ?? after
    self.after = after
    events = session.eventCount
    self.mismatches = mismatches
  }

  /// The grids before and after, and the sums.
  package func text(style: TextStyle) -> String {
    let counts = [
      counted(events, "event"), counted(session.writeCount, "write"), "\(session.status)",
    ]
    return """

      Before the first write
      \(grid(before, style))
      At the end
      \(grid(after, style))
      \(counts.joined(separator: "; "))

      """
  }

  private func grid(_ inventory: Inventory, _ style: TextStyle) -> String {
    guard !inventory.queues.isEmpty else { return "  no queues\n" }
    return OwnerMatrix(inventory: inventory).text(style: style)
  }

  /// For programs: how it ended, and what the agent did on the way.
  package func json(activities: [JSONValue]) -> JSONValue {
    JSONObject.document("replay") { object in
      object.set("name", text: name)
      object.set("mechanism", text: session.status.mechanism?.mechanism.rawValue)
      object.set("events", number: events)
      for counter in Expectation.Counter.allCases {
        object.set(counter.rawValue, number: session.counts[counter])
      }
      object.set("wanted", number: session.status.wanted)
      object.set("failed", number: session.status.failures.count)
      object.set("activities", .array(activities))
      object.set("before", OwnerMatrix(inventory: before).json)
      object.set("after", OwnerMatrix(inventory: after).json)
      object.set("mismatches", mismatches.map { .array($0.map { .string($0) }) })
    }
  }
}
