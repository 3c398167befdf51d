import APBus
import HostSystem
import HostTestSupport
import JSONText
import SimulatedBus
import Synchronization
import TestSupport
import Testing

@testable import Daemon

@Suite(
  .enabled(if: LiveMachine.isPossible, "a network namespace of its own is refused here"),
  .serialized)
struct `A daemon that is asked to stop` {
  private static let rule = "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"

  @Test func `finishes the queue that it is at, leaves the others, and says so`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.override, rules: "# none\n", domains: 0...40)
      try machine.settle()
      machine.bus.writeDelay.store(20, ordering: .relaxed)
      try machine.tree.file("rules/60.rules", Self.rule)
      try machine.wait { !machine.reserved.isEmpty }
      try machine.stop()
      let reserved = machine.reserved.count
      #expect(reserved > 0 && reserved < 41, "\(reserved)")
      // No queue is half way: without a driver, or marked for one that it is not on.
      let adrift = machine.bus.use { bus in
        (UInt8(0)...40).filter { bus.driver(of: .init(adapter: 1, domain: $0)) == nil }
      }
      #expect(adrift.isEmpty)
      let left = try #require(machine.messages.texts(of: .left).first)
      #expect(left.hasPrefix("stopped before 01.00"))
      #expect(left.contains(" and \(41 - reserved - 8) more could be moved"), "\(left)")
      #expect(machine.messages.texts(of: .longWrite).isEmpty)
    }
  }

  @Test func `does not wait for a kernel that never answers, and serves everybody until then`()
    async
  {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.override, rules: Self.rule) {
        $0.stopLimit = .milliseconds(100)
      }
      try machine.settle()
      machine.bus.isStuck.store(true, ordering: .relaxed)
      try machine.tree.file("rules/60.rules", "ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n")
      try machine.wait { try machine.status()["wait"]?["kind"]?.text == "write" }
      // Requests, rules and events are taken in as ever.
      try machine.reload()
      let before = try machine.status()["counters"]?["events"]?.integer ?? 0
      machine.injection.injectQueue(1)
      try machine.wait { try machine.status()["counters"]?["events"]?.integer ?? 0 > before }
      #expect(try machine.status()["busy"]?.isTrue == true)
      try machine.stop()
      let message = try #require(machine.messages.texts(of: .longWrite).last)
      #expect(message.contains(" to /sys/devices/ap/card02/02.0000/driver_override has taken "))
      #expect(message.contains("; stopping without it; "))
      #expect(machine.reserved.count == 4)
    }
  }
}
