import Reports
import Uevents
import Testing

@Suite struct `An event's line` {
  @Test func `has time, action, device and what the event tells`() {
    let event = Uevent(
      .bind, "/devices/ap/card05/05.0004", subsystem: "ap",
      properties: [.init("DRIVER", "vfio_ap"), .init("DEV_TYPE", "000d")], sequenceNumber: 7)
    #expect(
      EventLine(event).text(at: .milliseconds(12_034), style: .plain)
        == "12.034  bind    /devices/ap/card05/05.0004  DRIVER=vfio_ap\n")
  }

  @Test func `shows control characters as text`() {
    let event = Uevent(
      .change, "/devices/ap", subsystem: "ap", properties: [.init("DRIVER", "a\u{1b}[2J")])
    #expect(
      EventLine(event).text(at: .zero, style: .plain)
        == "0.000  change  /devices/ap  DRIVER=a\\u{1B}[2J\n")
  }
}
