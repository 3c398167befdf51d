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
    Self.layout.json((event, moment, decision))
  }

  package static let layout = JSONLayout<
    (event: Uevent, moment: Moment, decision: Decision?)
  >("Uevent", "An event of the kernel about an AP device.") {
    $0.add("time", .text, "When it was received (RFC 3339).") { $0.moment.wall.microsecondText }
    $0.add("monotonic", .microseconds, "The same in seconds of CLOCK_MONOTONIC.") {
      $0.moment.monotonic.sinceBoot
    }
    $0.add("action", .word, "What has happened to the device.") { $0.event.action }
    $0.add("devicePath", .text, "The device's path below /sys.") { $0.event.devicePath }
    $0.add("subsystem", .text, "Its subsystem.") { $0.event.subsystem }
    $0.add("properties", .dictionary(of: .text), "The other properties of the event.") {
      $0.event.properties.map { (key: $0.key, value: $0.value) }
    }
    $0.add("sequenceNumber", .count, "The kernel's number of the event.") {
      $0.event.sequenceNumber
    }
    $0.include(Decision.layout) { $0.decision }
  }
}

extension JSONForm where Value == Duration {
  /// Seconds, to the microsecond.
  fileprivate static var microseconds: JSONForm {
    JSONForm(schema: JSONSchema(type: "number")) { .number($0.microsecondText) }
  }
}

extension Uevent {
  /// Action, path and properties on one line; a newline inside a value is left out.
  package var text: String {
    let keys = properties.map { "\($0.key)=\($0.value.filter { $0 != "\n" })" }
    return ([action.rawValue, devicePath] + keys).joined(separator: " ").printable
  }
}
