import APBus
import JSONText
import Reports
import Testing
import Uevents

@Suite struct `An event's line` {
  private let event = Uevent(
    .bind, "/devices/ap/card05/05.0004", subsystem: "ap",
    properties: [.init("DRIVER", "vfio_ap"), .init("DEV_TYPE", "000d")], sequenceNumber: 7)

  private let moment = UeventReport.Moment(
    monotonic: Instant(sinceBoot: .microseconds(1_234_056_789)),
    wall: WallTime(sinceEpoch: .seconds(1_800_000_000) + .microseconds(42)))

  @Test func `has the time, action, device and what the event says`() {
    // The hour depends on the time zone.
    #expect(
      UeventReport(style: .plain).line(event, at: moment).hasSuffix(
        ":00:00.000042 [ 1234.056789] bind /devices/ap/card05/05.0004 DRIVER=vfio_ap DEV_TYPE=000d")
    )
  }

  @Test func `shows control characters as text`() {
    let event = Uevent(
      .change, "/devices/ap", subsystem: "ap", properties: [.init("DRIVER", "a\u{1b}[2J")])
    #expect(
      UeventReport(style: .plain).line(event, at: moment)
        .hasSuffix("] change /devices/ap DRIVER=a\\u{1B}[2J"))
  }

  @Test func `is an object for programs`() {
    #expect(
      UeventReport(style: .plain).json(event, at: moment).text()
        == """
        {"time": "2027-01-15T08:00:00.000042Z", "monotonic": 1234.056789, "action": "bind", "devicePath": "/devices/ap/card05/05.0004", "subsystem": "ap", \
        "properties": {"DRIVER": "vfio_ap", "DEV_TYPE": "000d"}, "sequenceNumber": 7}
        """)
  }
}
