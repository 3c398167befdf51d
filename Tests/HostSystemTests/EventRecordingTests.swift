import APBus
import HostSystem
import HostTestSupport
import TestSupport
import Testing
import Uevents

@Suite struct `A recording of events` {
  @Test func `is a capture that reads back as what was recorded`() throws {
    let tree = try TemporaryTree()
    let path = tree.path + "/boot.events"
    let events = [
      Uevent(
        .add, "/devices/ap/card05", subsystem: "ap",
        properties: [.init("DEVTYPE", "ap_card"), .init("DEV_TYPE", "000D")], sequenceNumber: 4),
      Uevent(.remove, "/devices/ap/card05", subsystem: "ap", sequenceNumber: 5),
    ]
    let recording = try EventRecording(path: path)
    for event in events { try recording.append(event, at: Instant(sinceBoot: .milliseconds(1500))) }
    let capture = Capture.read(
      bytes: try HostFile.read(path, sizeLimit: 4096), name: path)
    #expect(capture.format == .monitor)
    #expect(capture.damage == nil)
    #expect(capture.events == events)
  }

  @Test func `that cannot be made names its path`() {
    #expect {
      try EventRecording(path: "/nonexistent/boot.events")
    } throws: { error in
      "\(error)" == "opening /nonexistent/boot.events: ENOENT (no such file or directory)"
    }
  }
}
