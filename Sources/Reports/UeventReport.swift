package import APBus
package import JSONText
package import ReservationRules
package import Uevents

/// Events in the order received, a line or a JSON object each.
package struct UeventReport {
  private let style: TextStyle

  package init(style: TextStyle) {
    self.style = style
  }

  /// What the rules decide about the queue that an event is about.
  package static func decision(about object: BusObject, by decisions: DecisionTable) -> Decision? {
    guard case .queue(let apqn) = object else { return nil }
    return decisions.decision(for: apqn)
  }

  /// What the lines have.
  package static let heading =
    "events of AP devices: time of day, seconds since boot, event, and for queues what the rules decide"

  /// When an event was received.
  package struct Moment: Equatable, Sendable {
    package var monotonic: Instant
    package var wall: WallTime

    package init(monotonic: Instant, wall: WallTime) {
      self.monotonic = monotonic
      self.wall = wall
    }
  }

  /// One line: when, action, device path, properties, and the decision for a queue.
  package func line(_ event: Uevent, at moment: Moment, decision: Decision? = nil) -> String {
    let time =
      moment.wall.localTimeOfDay + " [" + moment.monotonic.sinceBoot.microsecondText.aligned(to: 12)
      + "] "
    let verdict = decision.map { "  " + style.paint(Self.text($0), in: .faint) } ?? ""
    return style.paint(time, in: .faint) + event.text + verdict
  }

  private static func text(_ decision: Decision) -> String {
    "(rules: \(decision.request)" + (decision.origin.map { ", \($0)" } ?? "") + ")"
  }

  package func json(_ event: Uevent, at moment: Moment, decision: Decision? = nil) -> JSONValue {
    JSONObject.make { object in
      object.set("time", text: moment.wall.microsecondText)
      object.set("monotonic", .number(moment.monotonic.sinceBoot.microsecondText))
      object.set("action", text: event.action.rawValue)
      object.set("devicePath", text: event.devicePath)
      object.set("subsystem", text: event.subsystem)
      object.set(
        "properties",
        JSONObject.make { properties in
          for property in event.properties { properties.set(property.key, text: property.value) }
        })
      object.set("sequenceNumber", number: event.sequenceNumber)
      decision?.write(to: &object)
    }
  }
}

extension Uevent {
  /// Action, path and properties on one line; a newline inside a value is left out.
  package var text: String {
    let keys = properties.map { "\($0.key)=\($0.value.filter { $0 != "\n" })" }
    return ([action.rawValue, devicePath] + keys).joined(separator: " ").printable
  }
}
