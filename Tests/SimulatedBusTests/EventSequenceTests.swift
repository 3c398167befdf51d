import APBus
import TestSupport
import Testing
import Walks
import Uevents

/// The simulated bus sends the events that kernels sent on the same walk.
@Suite struct `The events of kernels` {
  /// An event of the AP bus without what is left out of a comparison, SEQNUM and times. All values are whole.
  struct SentEvent: Hashable, CustomStringConvertible {
    var description: String

    init(_ event: Uevent) {
      let properties = event.properties.map { property in
        " \(property.key)=\(property.value.replacing("\n", with: "\\n"))"
      }
      description =
        "\(event.action.rawValue) \(event.devicePath) (\(event.subsystem))\(properties.joined())"
    }

    /// The event as `udevadm` prints it: values end at their first newline.
    static func printed(_ event: Uevent) -> SentEvent {
      var event = event
      for index in event.properties.indices {
        event.properties[index].value = String(event.properties[index].value.prefix { $0 != "\n" })
      }
      return SentEvent(event)
    }

    /// Whether it reports that one queue of a card was switched on or off.
    var isQueueOnline: Bool {
      description.contains("DEVTYPE=ap_queue") && description.contains("ONLINE=")
    }

    /// The device.
    var path: Substring { description.split(separator: " ")[1] }
  }

  /// Whether the event is one of the AP bus: not those of the misc device, the class zcrypt, the
  /// vfio groups and the modules below, which the simulated bus does not have. The module that
  /// imitated the bus in the `sim-` walks was one module, and had no matrix device on a bus.
  static func isOfBus(_ event: Uevent, walk: String) -> Bool {
    if walk.hasPrefix("sim-") {
      return !["module", "matrix"].contains(event.subsystem)
        && (event.devicePath.hasPrefix("/bus/ap") || event.devicePath.hasPrefix("/devices/ap"))
    }
    switch event.devicePath {
    case "/bus/matrix", "/bus/matrix/drivers/vfio_ap", "/bus/mdev/drivers/vfio_ap_mdev": return true
    case "/module/zcrypt_cex4", "/module/vfio_ap": return true
    case let path where path.hasPrefix("/module/"): return false
    case let path: return BusObject(path: path) != nil
    }
  }

  /// The kernel's events in the order of SEQNUM, each with the number of marks printed before it.
  private func captured(_ name: String) throws -> [(event: Uevent, mark: Int)] {
    let capture = Capture.read(bytes: try CaptureFile.bytes(name + ".events"), name: name)
    try #require(capture.damage == nil, "\(capture.damage?.description ?? "")")
    var marks = 0
    var events: [(event: Uevent, mark: Int)] = []
    for entry in capture.entries {
      switch entry {
      case .mark: marks += 1
      case .event(let event, at: _, time: _):
        if Self.isOfBus(event, walk: name) { events.append((event, marks)) }
      }
    }
    return events.sorted { ($0.event.sequenceNumber ?? 0) < ($1.event.sequenceNumber ?? 0) }
  }

  @Test(arguments: CaptureFile.names)
  func `are sent in the load phase, each device's in order`(name: String) throws {
    let walk = try Walk(name, loadOnly: true)
    let sent = walk.sent.map(\.event).filter { Self.isOfBus($0, walk: name) }.map(SentEvent.printed)
    let expected = try captured(name).map { SentEvent.printed($0.event) }.prefix(sent.count)
    let sentByDevice = Dictionary(grouping: sent, by: \.path)
    let expectedByDevice = Dictionary(grouping: expected, by: \.path)
    for path in Set(sentByDevice.keys).union(expectedByDevice.keys).sorted() {
      #expect(sentByDevice[path] == expectedByDevice[path], "\(path)")
    }
    #expect(sent.count > 70)
  }

  @Test(arguments: CaptureFile.names)
  func `are sent after loading one for one, in the kernel's order, keys and values equal`(
    name: String
  ) throws {
    let walk = try Walk(name)
    let loaded = walk.sent.prefix(walk.loadEvents).count { Self.isOfBus($0.event, walk: name) }
    let sent = walk.sent.filter { Self.isOfBus($0.event, walk: name) }.dropFirst(loaded)
    let expected = try captured(name).dropFirst(loaded)
    let isImitation = name.hasPrefix("sim-")
    let found = ordered(sent.map { SentEvent.printed($0.event) }, byName: isImitation)
    let wanted = ordered(expected.map { SentEvent.printed($0.event) }, byName: isImitation)
    for (index, (found, wanted)) in zip(found, wanted).enumerated() where found != wanted {
      Issue.record("event \(index) after loading\n  found:  \(found)\n  wanted: \(wanted)")
      return
    }
    #expect(found.count == wanted.count)
    // Marks were written by a shell beside the kernel: an event can come after its step's mark only.
    for (sent, expected) in zip(sent, expected) where expected.mark < sent.mark {
      Issue.record("\(SentEvent(sent.event)) was sent a step too late")
    }
    #expect(found.count >= 100)
  }

  /// The imitating module switches a card's queues in the order of their domains, the kernel's code
  /// in the order in which they were bound.
  private func ordered(_ events: [SentEvent], byName: Bool) -> [SentEvent] {
    guard byName else { return events }
    var events = events
    var start = 0
    while start < events.count {
      guard events[start].isQueueOnline else {
        start += 1
        continue
      }
      let end = events[start...].firstIndex { !$0.isQueueOnline } ?? events.count
      events[start..<end].sort { $0.description < $1.description }
      start = end
    }
    return events
  }

  @Test(arguments: CaptureFile.names)
  func `are numbered without a gap`(name: String) throws {
    let walk = try Walk(name)
    #expect(
      walk.sent.map(\.event.sequenceNumber) == (1...UInt64(walk.sent.count)).map(Optional.some))
  }
}
