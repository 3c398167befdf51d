import APBus
import Agent
import CUeventInjection
import Glibc
import HostSystem
import HostTestSupport
import Testing

@testable import Daemon

@Suite(
  .enabled(
    if: apreserve_can_unshare_network() != 0, "a network namespace of its own is refused here"))
struct `The intake of events` {
  /// An intake with what belongs to it.
  private struct Fixture {
    let injection = Injection()
    let mailbox: Mailbox
    let log = Messages()
    let reason = Box<String?>(nil)
    let intake: EventIntake
    let loop: EventLoop

    init() throws {
      mailbox = try Mailbox()
      loop = try EventLoop()
      let reason = reason
      intake = try EventIntake(loop, mailbox: mailbox, log: log) { reason.set($0) }
    }

    /// Puts something that is no socket under the monitor's descriptor, and lets events come.
    func breakMonitor() throws {
      let descriptor = try #require(intake.descriptor)
      let null = open("/dev/null", O_RDWR)
      try #require(dup2(null, descriptor) == descriptor)
      close(null)
      intake.takeIn()
    }
  }

  @Test func `scans everything after an invalid event, and continues`() async {
    await #expect(processExitsWith: .success) {
      let fixture = try Fixture()
      fixture.injection.inject(
        "change@/devices/ap", "ACTION=change", "DEVPATH=", "SUBSYSTEM=ap")
      fixture.intake.takeIn()
      #expect(fixture.mailbox.wait(.zero).scopes == [.everything])
      fixture.injection.injectQueue(1)
      fixture.intake.takeIn()
      let reactions = fixture.mailbox.wait(.zero).scopes
      #expect(!reactions.isEmpty && !reactions.contains(.everything))
      #expect(fixture.intake.counts.malformed == 1)
      #expect(fixture.intake.counts.events == 1)
    }
  }

  @Test func `opens another monitor when receiving fails, and scans everything`() async {
    await #expect(processExitsWith: .success) {
      let fixture = try Fixture()
      fixture.injection.injectQueue(1)
      fixture.intake.takeIn()
      _ = fixture.mailbox.wait(.zero)
      try fixture.breakMonitor()
      #expect(fixture.mailbox.wait(.zero).scopes == [.everything])
      fixture.injection.injectQueue(2)
      fixture.intake.takeIn()
      #expect(!fixture.mailbox.wait(.zero).scopes.isEmpty)
      #expect(fixture.intake.counts.events == 2)
      #expect(fixture.intake.counts.reopenings == 1)
      #expect(fixture.reason.get() == nil)
      #expect(fixture.log.texts(of: .overrun).count == 1)
    }
  }

  @Test func `gives up when receiving fails again and again`() async {
    await #expect(processExitsWith: .success) {
      let fixture = try Fixture()
      for _ in 0..<4 {
        try fixture.breakMonitor()
        #expect(fixture.reason.get() == nil)
      }
      try fixture.breakMonitor()
      let reason = try #require(fixture.reason.get())
      #expect(reason.contains("receiving uevents: errno 88"), "\(reason)")
      #expect(reason.contains("5 times within 60 s"), "\(reason)")
      // What comes later is no second reason.
      fixture.intake.takeIn()
      #expect(fixture.intake.descriptor == nil)
    }
  }

  @Test func `counts failures of the last minute only`() {
    var rate = FailureRate(limit: 3, interval: .seconds(60))
    let verdicts = [0, 10, 61, 69, 130].map { rate.note(at: .boot + .seconds($0)) }
    #expect(verdicts == [false, false, false, true, false])
  }
}
