package import APBus
package import Agent
package import JSONText
package import Reports
import Reservation
import SimulatedBus
package import Uevents

/// A replay as it runs, as lines: what happened to the machine, what its kernel said, what the agent
/// decided and wrote.
package struct ReplayReport {
  /// Whether every event is a line of its own; else those between two other lines are summed up.
  package var showsEvents = false
  /// Whether calls from the bus into its drivers are shown.
  package var showsCallbacks = false

  private var events: AgentEventReport
  private var tally = EventTally()
  /// A comment of the capture's author, held until something follows it.
  private var mark: String?

  package init(style: TextStyle) {
    events = AgentEventReport(style: style)
  }

  /// The lines of one occurrence; those of uevents may follow with a later one.
  package mutating func lines(_ occurrence: ReplayOccurrence) -> [String] {
    if let text = Self.comment(occurrence) {
      let lines = pendingEvents()
      mark = text
      return lines
    }
    let lines = plainLines(occurrence)
    return lines.isEmpty ? [] : takeMark() + lines
  }

  private static func comment(_ occurrence: ReplayOccurrence) -> String? {
    switch occurrence {
    case .step(.mark(let text)): return text
    case .step(.scenario(let line)) where line.content == .comment:
      return String(line.text.drop { $0 == "#" || $0 == " " })
    default: return nil
    }
  }

  private mutating func takeMark() -> [String] {
    defer { mark = nil }
    return mark.map { ["", "# \($0)"] } ?? []
  }

  private mutating func plainLines(_ occurrence: ReplayOccurrence) -> [String] {
    switch occurrence {
    case .uevent(let event) where showsEvents:
      return [events.line("event", event.text)]
    case .uevent(let event):
      tally.count(event)
      return []
    case .callback(let callback):
      guard showsCallbacks else { return [] }
      return pendingEvents() + [events.line("call", Self.text(callback))]
    case .step(let step):
      let prefix = pendingEvents()
      switch step {
      case .mark: return prefix
      case .foreign: return prefix + [events.line("other", "\(step)")]
      case .hardware, .load, .unload: return prefix + [events.line("machine", "\(step)")]
      case .scenario(let line):
        if case .claim = line.content { return prefix }
        return prefix + [events.line("step", line.text)]
      }
    case .foreignWriteRefused(let error):
      return pendingEvents() + [events.line("other", "refused: \(error)", .problem)]
    case .fault(let call, let effect):
      return pendingEvents() + [events.line("fault", "\(call): \(effect)", .problem)]
    case .overrun: return pendingEvents() + [events.line("fault", "events are lost", .problem)]
    case .failed(let failure):
      return pendingEvents() + [events.line("claim", "\(failure)", .problem)]
    case .agent(let event):
      // The agent's writes are done before anything else happens: uevents that are still pending then were
      // sent because of the write.
      if case .wrote(_, _) = event { return events.lines(event) + pendingEvents() }
      return pendingEvents() + events.lines(event)
    }
  }

  /// The uevents that no line has shown yet.
  package mutating func pendingEvents() -> [String] {
    defer { tally = EventTally() }
    guard !tally.isEmpty else { return [] }
    return takeMark() + [events.line("events", tally.parts.joined(separator: ", "))]
  }

  private static func text(_ callback: DriverCallback) -> String {
    let name = callback.device.path.split(separator: "/").last.map(String.init) ?? ""
    let result = callback.refusal.map { ": \($0)" } ?? ""
    return "\(callback.driver) \(callback.function.rawValue)(\(name))\(result)"
  }
}

/// Many events in a few words: how often what happened to which kind of device.
package struct EventTally: Equatable, Sendable {
  private var rows: [(what: String, count: Int)] = []

  package var isEmpty: Bool { rows.isEmpty }

  package mutating func count(_ event: Uevent) {
    let noun: String
    switch BusObject(path: event.devicePath) {
    case .card: noun = "card"
    case .queue: noun = "queue"
    case .driver(let name): noun = "driver \(name)"
    case .module(let name): noun = "module \(name)"
    case .mediatedDevice: noun = "mediated device"
    case .matrix, .matrixRoot, .mediatedDeviceType: noun = "matrix device"
    case .bus: noun = "bus"
    case .root:
      noun = event.properties.first { $0.key != "DEVTYPE" }.map { "bus (\($0.key))" } ?? "bus"
    case nil: noun = event.subsystem
    }
    let driver = event.action == .bind ? event["DRIVER"].map { " to \($0)" } ?? "" : ""
    let what = "\(event.action.rawValue) \(noun)\(driver)"
    if let index = rows.firstIndex(where: { $0.what == what }) {
      rows[index].count += 1
    } else {
      rows.append((what, 1))
    }
  }

  /// What was counted, in the order in which it first happened: `add queue (8), bind queue to
  /// cex4queue (8)`.
  package var parts: [String] {
    rows.map { $0.count == 1 ? $0.what : "\($0.what) (\($0.count))" }
  }

  /// Equal counts in equal order.
  package static func == (left: EventTally, right: EventTally) -> Bool {
    left.parts == right.parts
  }
}

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
  /// What makes the result wrong or incomplete, sentences.
  package var problems: [String]

  private let session: ReplaySession

  /// The end of a session that has run.
  package init(
    _ session: ReplaySession, name: String, after: Inventory, mismatches: [String]? = nil,
    problems: [String] = []
  ) {
    self.session = session
    self.name = name
    before = session.before ?? after
    self.after = after
    events = session.eventCount
    self.mismatches = mismatches
    self.problems = problems
  }

  /// The grids before and after, and the sums.
  package func text(style: TextStyle) -> String {
    let counts = [
      counted(events, "event"), counted(session.writeCount, "write"), "\(session.status)",
    ]
    return """

      Before the first write
      \(grid(before, style: style))
      At the end
      \(grid(after, style: style))
      \(style.lines(counts.joined(separator: "; "), after: "").joined(separator: "\n"))

      """
  }

  private func grid(_ inventory: Inventory, style: TextStyle) -> String {
    guard !inventory.queues.isEmpty else { return "  no queues\n" }
    return OwnerMatrix(inventory: inventory).text(style: style)
  }

  /// For programs: how it ended, and what the agent did on the way.
  package func json(activities: [Agent.Event]) -> JSONValue {
    Self.layout.json((self, activities))
  }

  package static let layout = JSONLayout<(summary: ReplaySummary, activities: [Agent.Event])>
    .document("replay", "How a replay or a simulation ended, and what the agent did on the way.") {
      $0.add("name", .text, "What was replayed.") { $0.summary.name }
      $0.include(MechanismChoice.layout) { $0.summary.session.status.mechanism }
      $0.add("events", .count, "How many uevents there were.") { $0.summary.events }
      for counter in Expectation.Counter.allCases {
        $0.add(counter.rawValue, .count, counter.meaning) {
          $0.summary.session.counts[counter] ?? 0
        }
      }
      $0.add("requests", .object(Requests.layout), "The requests by state.") {
        $0.summary.session.status.requests
      }
      $0.add("failed", .count, "How many operations failed at the last try.") {
        $0.summary.session.status.failures.count
      }
      $0.add("activities", .list(of: .union(Agent.Event.union)), "What the agent did, in order.") {
        $0.activities
      }
      $0.add("before", .object(OwnerMatrix.layout), "The machine before the agent's first write.") {
        Headed(OwnerMatrix(inventory: $0.summary.before))
      }
      $0.add("after", .object(OwnerMatrix.layout), "The machine at the end.") {
        Headed(OwnerMatrix(inventory: $0.summary.after))
      }
      $0.add(
        "mismatches", .list(of: .text),
        "Lines of the expectation that do not hold; missing if there was none."
      ) { $0.summary.mismatches }
      $0.add(
        "problems", .list(of: .text),
        "Claims that do not hold, faults that never occurred, and where a damaged capture ends, as sentences."
      ) { $0.summary.problems }
    }
}

extension Expectation.Counter {
  fileprivate var meaning: String {
    switch self {
    case .writes: "How many writes the agent did."
    case .reserved: "How many queues that rules reserve are on vfio_ap."
    case .refused: "How many requests cannot be fulfilled."
    case .undecidable: "Of how many queues the rules could not be decided."
    }
  }
}
