package import Reports
package import ReservationRules
import APBus
import Agent
import SimulatedBus
import Uevents

/// A replay as it runs, as lines: what happened to the machine, what its kernel said, what the agent
/// decided and wrote.
package struct ReplayReport {
  /// Whether every event is a line of its own; else those between two other lines are summed up.
  package var showsEvents = false
  /// Whether calls from the bus into its drivers are shown.
  package var showsCallbacks = false

  private var activities: ActivityReport
  private var tally = EventTally()
  /// A comment of the capture's author, held until something follows it.
  private var mark: String?

  /// A report in that style.
  package init(style: TextStyle) {
    activities = ActivityReport(style: style)
  }

  /// The lines for one occurrence; events may come with a later one.
  ///
  /// `decisions` is what the agent decides from.
  package mutating func lines(
    _ occurrence: ReplayOccurrence, decisions: DecisionTable?
  ) -> [String] {
    if let text = Self.comment(occurrence) {
      let events = pendingEvents()
      mark = text
      return events
    }
    let lines = plainLines(occurrence, decisions: decisions)
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

  private mutating func plainLines(
    _ occurrence: ReplayOccurrence, decisions: DecisionTable?
  ) -> [String] {
    switch occurrence {
    case .event(let event) where showsEvents:
      return [activities.line("event", event.text)]
    case .event(let event):
      tally.count(event)
      return []
    case .callback(let callback):
      guard showsCallbacks else { return [] }
      return pendingEvents() + [activities.line("call", Self.text(callback))]
    case .step(let step):
      let prefix = pendingEvents()
      switch step {
      case .mark: return prefix
      case .hand: return prefix + [activities.line("hand", "\(step)")]
      case .hardware, .load, .unload: return prefix + [activities.line("machine", "\(step)")]
      case .scenario(let line):
        if case .claim = line.content { return prefix }
        return prefix + [activities.line("step", line.text)]
      }
    case .handRefused(let error):
      return pendingEvents() + [activities.line("hand", "refused: \(error)", .problem)]
    case .fault(let call, let effect):
      return pendingEvents() + [activities.line("fault", "\(call): \(effect)", .problem)]
    case .overrun: return pendingEvents() + [activities.line("fault", "events are lost", .problem)]
    case .failed(let failure):
      return pendingEvents() + [activities.line("not so", "\(failure)", .problem)]
    case .activity(let activity):
      activities.decisions = decisions
      // The agent's writes are done before anything else happens: what has not been told yet by then
      // is what the kernel did because of the write.
      if case .wrote(_, _) = activity { return activities.lines(activity) + pendingEvents() }
      return pendingEvents() + activities.lines(activity)
    }
  }

  /// The events that no line has told yet.
  package mutating func pendingEvents() -> [String] {
    defer { tally = EventTally() }
    guard !tally.isEmpty else { return [] }
    return takeMark() + [activities.line("events", tally.parts.joined(separator: ", "))]
  }

  private static func text(_ callback: DriverCallback) -> String {
    let name = callback.device.path.split(separator: "/").last.map(String.init) ?? ""
    let result = callback.refusal.map { ": \($0)" } ?? ""
    return "\(callback.driver) \(callback.function.rawValue)(\(name))\(result)"
  }
}
