import TestSupport
import Testing
import Uevents

@Suite struct `A capture of a real kernel` {
  @Test(arguments: CaptureFile.names)
  func `is read whole`(name: String) throws {
    let bytes = try CaptureFile.bytes(name + ".events")
    let capture = Capture.read(bytes: bytes, name: name)
    let lines = CaptureFile.lines(bytes)
    #expect(capture.format == .monitor)
    #expect(capture.damage == nil)
    #expect(capture.notes == [])
    #expect(capture.devices == [])
    #expect(capture.events.count == lines.count { $0.hasPrefix("KERNEL[") })
    #expect(capture.events.count > 100)
    let marks = capture.entries.compactMap {
      if case .mark(let text, at: _) = $0 { text } else { nil }
    }
    #expect(marks == lines.filter { $0.hasPrefix("# ") }.map { String($0.dropFirst(2)) })
    #expect(capture.events.allSatisfy { $0["USEC_INITIALIZED"] == nil })
    #expect(capture.events.allSatisfy { $0.sequenceNumber != nil })
  }

  @Test(arguments: CaptureFile.names)
  func `has its entries in the order of their first lines`(name: String) throws {
    let capture = Capture.read(bytes: try CaptureFile.bytes(name + ".events"), name: name)
    let positions = capture.entries.map { entry -> Int in
      switch entry {
      case .event(_, at: .line(let line), time: _), .mark(_, at: .line(let line)): line
      default: 0
      }
    }
    #expect(positions == positions.sorted())
    #expect(Set(positions).count == positions.count)
  }

  @Test(arguments: CaptureFile.names)
  func `survives the monitor's text unchanged`(name: String) throws {
    let capture = Capture.read(bytes: try CaptureFile.bytes(name + ".events"), name: name)
    let again = Capture.read(bytes: Array(MonitorText.text(capture.entries).utf8), name: name)
    #expect(again.damage == nil)
    #expect(again.notes == [])
    #expect(again.entries.map(withoutPosition) == capture.entries.map(withoutPosition))
  }

  /// No mark stands inside an event of this capture, so not even lines change their places.
  @Test func `is written byte by byte as udevadm printed it`() throws {
    let bytes = try CaptureFile.bytes("sim-2018.events")
    let capture = Capture.read(bytes: bytes, name: "sim-2018")
    #expect(Array(MonitorText.text(capture.entries).utf8) == bytes)
  }

  @Test(arguments: CaptureFile.names)
  func `survives the kernel's own form unchanged`(name: String) throws {
    let events = Capture.read(bytes: try CaptureFile.bytes(name + ".events"), name: name).events
    let messages = Capture.read(bytes: events.flatMap(KernelMessage.encode), name: name)
    #expect(messages.format == .messages)
    #expect(messages.damage == nil)
    #expect(messages.events == events)
    for event in events {
      #expect(try KernelMessage.decode(KernelMessage.encode(event)) == event)
    }
  }

  /// udevd sends the same events on, so leaving the kernel's out changes properties only.
  @Test(arguments: ["udevd-debian", "udevd-src-7.2"])
  func `gives udevd's events where it has none of the kernel`(name: String) throws {
    let bytes = try CaptureFile.bytes(name + ".events")
    var isUdev = true
    let lines = CaptureFile.lines(bytes).filter { line in
      if line.hasPrefix("KERNEL[") { isUdev = false }
      if line.hasPrefix("UDEV  [") { isUdev = true }
      return isUdev
    }
    let capture = Capture.read(bytes: Array(lines.joined(separator: "\n").utf8), name: name)
    #expect(capture.damage == nil)
    #expect(capture.events.count == lines.count { $0.hasPrefix("UDEV  [") })
    #expect(capture.events.contains { $0["USEC_INITIALIZED"] != nil })
    let kernel = Capture.read(bytes: bytes, name: name).events.map(\.sequenceNumber)
    #expect(Set(capture.events.map(\.sequenceNumber)).isSubset(of: Set(kernel)))
  }
}

private func withoutPosition(_ entry: Capture.Entry) -> Capture.Entry {
  switch entry {
  case .event(let event, at: _, let time): .event(event, at: .offset(0), time: time)
  case .mark(let text, at: _): .mark(text, at: .offset(0))
  }
}
