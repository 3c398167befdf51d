import APBus
package import Uevents

/// Many events in a few words: how often what happened to which kind of device.
package struct EventTally: Equatable, Sendable {
  private var rows: [(what: String, count: Int)] = []

  /// Nothing yet.
  package init() {}

  /// Whether nothing was counted.
  package var isEmpty: Bool { rows.isEmpty }

  /// Counts an event.
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
