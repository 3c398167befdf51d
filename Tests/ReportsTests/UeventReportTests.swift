import JSONText
import Reports
import Testing
import Uevents

@Suite struct `An event's line` {
  private let event = Uevent(
    .bind, "/devices/ap/card05/05.0004", subsystem: "ap",
    properties: [.init("DRIVER", "vfio_ap"), .init("DEV_TYPE", "000d")], sequenceNumber: 7)

  @Test func `has action, device and what the event says`() {
    #expect(
      UeventReport(style: .plain).line(event)
        == "bind /devices/ap/card05/05.0004 DRIVER=vfio_ap DEV_TYPE=000d")
  }

  @Test func `shows control characters as text`() {
    let event = Uevent(
      .change, "/devices/ap", subsystem: "ap", properties: [.init("DRIVER", "a\u{1b}[2J")])
    #expect(
      UeventReport(style: .plain).line(event) == "change /devices/ap DRIVER=a\\u{1B}[2J")
  }

  @Test func `is an object for programs`() {
    #expect(
      UeventReport(style: .plain).json(event).text()
        == """
        {"action": "bind", "devicePath": "/devices/ap/card05/05.0004", "subsystem": "ap", \
        "properties": {"DRIVER": "vfio_ap", "DEV_TYPE": "000d"}, "sequenceNumber": 7}
        """)
  }
}
