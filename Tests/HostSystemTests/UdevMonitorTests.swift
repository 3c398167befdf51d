import CUeventInjection
import Glibc
import HostSystem
import HostTestSupport
import APBus
import Testing
import Uevents

@Suite(
  .enabled(
    if: apreserve_can_unshare_network() != 0, "a network namespace of its own is refused here"))
struct `The uevent monitor` {
  @Test func `delivers what the kernel sends`() async {
    await #expect(processExitsWith: .success) {
      let injection = Injection()
      let monitor = try UdevMonitor()
      #expect(try monitor.receive().events.isEmpty)
      injection.injectQueue(7)
      injection.inject(
        "change@/devices/ap", "ACTION=change", "DEVPATH=/devices/ap", "SUBSYSTEM=ap",
        "INITSCAN=done")
      let (events, outcome) = try monitor.receive()
      try #require(events.count == 2)
      #expect(outcome == .complete)
      #expect(events[0].action == .add)
      #expect(events[0].devicePath == "/devices/ap/card05/05.0004")
      #expect(events[0].subsystem == "ap")
      #expect(
        Set(events[0].properties) == [
          Uevent.Property("DEVTYPE", "ap_queue"), Uevent.Property("MODE", "cca"),
          Uevent.Property("NUMBER", "7"),
        ])
      #expect(events[1].action == .change)
      #expect(events[1]["INITSCAN"] == "done")
      let first = try #require(events[0].sequenceNumber)
      #expect(try #require(events[1].sequenceNumber) > first)
    }
  }

  @Test func `skips messages that are not from the kernel, and continues`() async {
    await #expect(processExitsWith: .success) {
      let injection = Injection()
      let monitor = try UdevMonitor()
      for number in 0..<3 {
        injection.forge(
          "add@/devices/ap/card05", "ACTION=add", "DEVPATH=/devices/ap/card05", "SUBSYSTEM=ap",
          "SEQNUM=1")
        injection.inject("add@/devices/ap/card05", "ACTION=bad", "DEVPATH=/x", "SUBSYSTEM=ap")
        injection.injectQueue(number)
      }
      let (events, outcome) = try monitor.receive()
      #expect(events.map { $0["NUMBER"] } == ["0", "1", "2"])
      #expect(outcome == .complete)
    }
  }

  @Test func `reports an overrun after everything was delivered, and receives again`() async {
    await #expect(processExitsWith: .success) {
      let injection = Injection()
      let monitor = try UdevMonitor()
      var size: Int32 = 4096
      #expect(
        setsockopt(
          monitor.descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
          == 0)
      for number in 0..<1000 { injection.injectQueue(number) }
      let (events, outcome) = try monitor.receive()
      #expect(outcome == .overrun)
      #expect(!events.isEmpty && events.count < 1000)
      #expect(events.map { $0["NUMBER"] } == (0..<events.count).map { String($0) })
      injection.injectQueue(1000)
      let (later, next) = try monitor.receive()
      #expect(later.map { $0["NUMBER"] } == ["1000"])
      #expect(next == .complete)
    }
  }

  /// Messages about the AP bus that a kernel or a driver can send and libudev refuses.
  static let oddMessages: [[String]] = [
    ["ACTION=change", "DEVPATH=", "SUBSYSTEM=ap"],
    ["ACTION=change", "DEVPATH=/", "SUBSYSTEM=ap"],
    ["ACTION=change", "DEVPATH=//", "SUBSYSTEM=ap"],
    ["ACTION=change", "DEVPATH=/devices/ap", "SUBSYSTEM=ap", "SEQNUM=99999999999999999999999"],
    ["ACTION=change", "DEVPATH=/devices/ap", "SUBSYSTEM=ap", "SEQNUM=-1"],
    ["ACTION=change", "DEVPATH=/devices/ap", "SUBSYSTEM=ap", "SEQNUM=x"],
    ["ACTION=change", "DEVPATH=/devices/ap", "SUBSYSTEM=ap", "MAJOR=99999999999", "MINOR=0"],
    ["ACTION=change", "DEVPATH=/devices/ap", "SUBSYSTEM=ap", "IFINDEX=99999999999"],
    ["ACTION=change", "DEVPATH=/devices/ap", "SUBSYSTEM=ap", "DEVMODE=99999999999"],
    [
      "ACTION=change", "DEVPATH=/devices/ap", "SUBSYSTEM=ap",
      "DEVNAME=" + String(repeating: "n", count: 1500),
    ],
    ["ACTION=explode", "DEVPATH=/devices/ap", "SUBSYSTEM=ap"],
    ["ACTION=change", "DEVPATH=/devices/ap/../../../etc", "SUBSYSTEM=ap"],
    ["ACTION=change", "DEVPATH=" + String(repeating: "/d", count: 800), "SUBSYSTEM=ap"],
    ["ACTION=change", "DEVPATH=/devices/ap"],
    ["DEVPATH=/devices/ap", "SUBSYSTEM=ap"],
    ["ACTION=change", "SUBSYSTEM=ap"],
    ["ACTION", "DEVPATH", "SUBSYSTEM"],
    ["=", "=", "="],
    [],
  ]

  @Test func `skips an invalid event, and delivers the next one`() async {
    await #expect(processExitsWith: .success) {
      let injection = Injection()
      let monitor = try UdevMonitor()
      for (number, strings) in Self.oddMessages.enumerated() {
        injection.inject(["change@/devices/ap"] + strings)
        injection.injectQueue(number)
        let events = try monitor.receive().events
        #expect(events.last?["NUMBER"] == "\(number)", "\(strings)")
        #expect(events.count <= 2)
      }
      let counts = monitor.counts
      #expect(counts.malformed >= 8, "\(counts)")
      #expect(counts.malformed + counts.events == UInt64(2 * Self.oddMessages.count), "\(counts)")
    }
  }
}
