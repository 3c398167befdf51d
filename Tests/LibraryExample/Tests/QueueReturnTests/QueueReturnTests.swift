import APBus
import QueueReturn
import SimulatedBus
import Testing
import Uevents

@Suite struct `Giving a queue back` {
  private let queue = APQN(adapter: 5, domain: 4)

  /// Linux 7.2 with a queue that an override has given to vfio_ap; then what the lines say.
  private func machine(_ lines: String = "") throws -> SimulatedBus {
    let bus = SimulatedBus(behavior: .override72)
    let scenario = try Scenario(
      text: """
        domain add 4,47
        card add 5 14 cca
        load zcrypt_cex4
        load vfio_ap
        write vfio_ap > /sys/bus/ap/devices/05.0004/driver_override
        write 05.0004 > /sys/bus/ap/drivers/cex4queue/unbind
        write 05.0004 > /sys/bus/ap/drivers_probe
          05.0004 driver: vfio_ap

        """ + lines)
    #expect(scenario.run(on: bus) == [])
    return bus
  }

  @Test func `moves it, and its neighbour not`() throws {
    let bus = try machine()
    var events: [String] = []
    bus.onUevent = { events.append("\($0.action.rawValue)@\($0.devicePath)") }
    try QueueReturn(bus).giveBack(queue)
    #expect(bus.driver(of: queue) == "cex4queue")
    #expect(
      events == ["unbind@/devices/ap/card05/05.0004", "bind@/devices/ap/card05/05.0004"])
  }

  @Test func `refuses a queue that a guest uses`() throws {
    let uuid = "11111111-2222-3333-4444-555555555555"
    let device = "/sys/devices/vfio_ap/matrix/\(uuid)"
    let type = "/sys/devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough"
    let bus = try machine(
      """
      write \(uuid) > \(type)/create
      write 5 > \(device)/assign_adapter
      write 4 > \(device)/assign_domain
      guest start \(uuid)
        /sys/bus/ap/devices/05.0004/status = in use
      """)
    #expect(throws: QueueReturn.Refused.assigned) { try QueueReturn(bus).giveBack(queue) }
    #expect(bus.driver(of: queue) == "vfio_ap")
  }

  @Test func `notices a write that the kernel takes and does not do`() throws {
    let bus = try machine()
    let faults = FaultInjector(
      bus, plan: try FaultPlan(text: "write /sys/bus/ap/drivers_probe 1 ignore"))
    #expect(throws: QueueReturn.Refused.notMoved(driver: nil)) {
      try QueueReturn(faults).giveBack(queue)
    }
    #expect(faults.pendingFaults.isEmpty)
  }

  /// Every call fails in its turn; the queue is never lost silently.
  @Test func `reports every call that fails`() throws {
    let undisturbed = FaultInjector(try machine())
    try QueueReturn(undisturbed).giveBack(queue)
    for index in 1...undisturbed.callCount {
      let bus = try machine()
      let faults = FaultInjector(bus, plan: FaultPlan([.call(index, fails: .inputOutput)]))
      #expect(throws: (any Error).self, "call \(index)") {
        try QueueReturn(faults).giveBack(queue)
      }
    }
  }
}
