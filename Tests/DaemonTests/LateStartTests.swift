import APBus
import HostSystem
import SimulatedBus
import Testing

@testable import Daemon

/// vfio_ap was loaded by something else before anything was reserved, as on every machine of these tests.
@Suite(
  .enabled(if: LiveMachine.isPossible, "a network namespace of its own is refused here"),
  .serialized)
struct `A daemon that starts after vfio_ap` {
  private static let rule = "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"
  private static let announcement = "add > /sys/devices/vfio_ap/matrix/uevent"

  private static func machine(
    start: String = "auto", reannounces: Bool, rules: String = rule
  ) throws -> LiveMachine {
    try LiveMachine(
      .override, rules: rules,
      configuration: [.reannounceMatrix: reannounces ? "yes" : "no"],
      host: [
        "etc/mdevctl.d/matrix/11111111-2222-3333-4444-555555555555":
          #"{"start": "\#(start)", "attrs": []}"#
      ])
  }

  @Test func `says that devices which start by themselves may have failed`() async {
    await #expect(processExitsWith: .success) {
      let machine = try Self.machine(reannounces: false)
      try machine.settle()
      let texts = machine.messages.texts(of: .lateStart)
      #expect(texts.count == 1)
      #expect(texts.first?.hasPrefix("vfio_ap was loaded before 4 queues were reserved") == true)
      #expect(texts.first?.hasSuffix("or set ReannounceMatrix=yes") == true)
      #expect(!machine.bus.takeWrites().contains(Self.announcement))
    }
  }

  @Test func `announces the matrix device again, once, where that is requested for`() async {
    await #expect(processExitsWith: .success) {
      let machine = try Self.machine(reannounces: true)
      try machine.settle()
      machine.bus.use { $0.plug(card: .init(adapter: 5)) }
      try machine.settle()
      let writes = machine.bus.takeWrites()
      #expect(writes.count { $0 == Self.announcement } == 1)
      // Behind all that was reserved.
      #expect(writes.last == Self.announcement, "\(writes)")
      #expect(machine.messages.texts(of: .lateStart).count == 1)
    }
  }

  @Test(arguments: [("manual", rule), ("auto", "ADAPTER==\"7\", RESERVE=\"vfio_ap\"\n")])
  func `says nothing where no device starts by itself, or nothing was reserved`(
    start: String, rules: String
  ) async {
    await #expect(processExitsWith: .success) { [start, rules] in
      let machine = try Self.machine(start: start, reannounces: true, rules: rules)
      try machine.settle()
      #expect(machine.messages.texts(of: .lateStart).isEmpty)
      #expect(!machine.bus.takeWrites().contains(Self.announcement))
    }
  }
}
