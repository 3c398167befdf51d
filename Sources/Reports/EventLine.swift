import AdjunctProcessor
package import ReservationRules
package import Uevents

/// An event of the AP bus in one line: when, what, where, and what the rules decide for its queue.
package struct EventLine {
  private let event: Uevent
  private let decision: Decision?

  /// A line on an event.
  package init(_ event: Uevent, decision: Decision? = nil) {
    self.event = event
    self.decision = decision
  }

  /// The line, ended.
  package func text(at time: Duration, style: TextStyle) -> String {
    let milliseconds = time.components.attoseconds / 1_000_000_000_000_000
    let fraction = String(milliseconds)
    let stamp =
      "\(time.components.seconds)." + String(repeating: "0", count: max(0, 3 - fraction.count))
      + fraction
    var line = style.paint(stamp, .faint) + "  " + event.action.rawValue.padded(to: 6)
    line += "  " + event.devicePath.printable
    let details = event.properties
      .filter { Self.told.contains($0.key) }
      .map { "\($0.key)=\($0.value)".printable }
    if !details.isEmpty { line += "  " + details.joined(separator: " ") }
    if let decision {
      line += "  " + style.paint(decision.wish, .heading)
      if let origin = decision.origin { line += " by \(origin)" }
    }
    return line + "\n"
  }

  private static let told: Set<String> = [
    "DRIVER", "CONFIG", "ONLINE", "INITSCAN", "BINDINGS", "APMASK", "AQMASK", "COMPLETECOUNT",
  ]
}
