import APBus
import SimulatedBus
import Testing

/// The design of 2018, arrow by arrow: `vfio_ap` creates its root device and the matrix device in it,
/// registers with the bus for queues of type 10 and newer, an administrator unbinds a queue from
/// `cex4queue` and binds it to `vfio_ap`, and its APQN is stored in the matrix device.
@Suite struct `The design of 2018` {
  private let machine = Machine(.bind2018, modules: [.zcryptCex4])
  private let apqn = APQN(adapter: 5, domain: 4)

  @Test func `vfio_ap creates /sys/devices/vfio_ap and the matrix device in it`() throws {
    #expect(machine.bus.storedQueues.isEmpty)
    #expect(throws: SysfsError.self) { try machine.bus.list(SysfsPath(.matrixRoot)) }
    machine.bus.loadModule(.vfioAP)
    #expect(try machine.bus.list(SysfsPath(.matrixRoot)).contains("matrix"))
    #expect(try machine.bus.list(SysfsPath(.matrix)).contains("mdev_supported_types"))
    // The matrix device is on no bus, and so has no events.
    #expect(machine.events == ["add vfio_ap", "add vfio_ap"])
  }

  @Test func `vfio_ap registers with the bus, and is offered only what is unbound`() throws {
    machine.bus.loadModule(.vfioAP)
    #expect(
      try machine.bus.list(SysfsPath(.bus, "drivers")) == ["cex4card", "cex4queue", "vfio_ap"])
    #expect(machine.callbacks.isEmpty)
    #expect(machine.stored.isEmpty)
  }

  @Test(arguments: [UInt8(10), 11, 12, 13, 14])
  func `queues of type 10 and newer match vfio_ap`(type: UInt8) {
    let machine = machine(type: type)
    #expect(machine.write("05.0004\n", "bus/ap/drivers/vfio_ap/bind") == "ok")
    #expect(machine.stored == ["05.0004"])
  }

  @Test(arguments: [UInt8(6), 7, 8, 9])
  func `older queues are refused by the bus before vfio_ap is asked`(type: UInt8) {
    let machine = machine(type: type)
    #expect(machine.write("05.0004\n", "bus/ap/drivers/vfio_ap/bind") == "ENODEV")
    #expect(machine.callbacks.isEmpty)
    #expect(machine.driver("05.0004") == "-")
    #expect(machine.stored.isEmpty)
  }

  /// A machine with one adapter of that type, its queue unbound.
  private func machine(type: UInt8) -> Machine {
    let machine = Machine(.bind2018, adapters: [], modules: [.zcryptCex4, .vfioAP])
    machine.bus.plug(
      card: SimulatedCard(adapter: 5, hardwareType: HardwareType(rawValue: type)), domains: [4])
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    machine.forget()
    return machine
  }

  @Test func `the admin unbinds a queue, and the bus calls cex4queue's remove`() {
    machine.bus.loadModule(.vfioAP)
    machine.forget()
    #expect(machine.driver("05.0004") == "cex4queue")
    #expect(machine.write("05.0004\n", "bus/ap/drivers/cex4queue/unbind") == "ok")
    #expect(machine.callbacks == ["remove cex4queue /devices/ap/card05/05.0004"])
    #expect(machine.events == ["unbind 05.0004"])
    #expect(machine.driver("05.0004") == "-")
    #expect(machine.stored.isEmpty)
  }

  @Test func `the admin binds it, the bus calls vfio_ap's probe, and the APQN is stored`() {
    machine.bus.loadModule(.vfioAP)
    _ = machine.write("05.0004\n", "bus/ap/drivers/cex4queue/unbind")
    machine.forget()
    #expect(machine.write("05.0004\n", "bus/ap/drivers/vfio_ap/bind") == "ok")
    #expect(machine.callbacks == ["probe vfio_ap /devices/ap/card05/05.0004"])
    #expect(machine.events == ["bind 05.0004 DRIVER=vfio_ap"])
    #expect(machine.driver("05.0004") == "vfio_ap")
    #expect(machine.bus.storedQueues == [apqn])
    #expect(machine.driver("05.0047") == "cex4queue")
    #expect(machine.driver("06.0004") == "cex4queue")
  }

  @Test func `the way back is the same with the drivers exchanged`() {
    machine.bus.loadModule(.vfioAP)
    _ = machine.write("05.0004\n", "bus/ap/drivers/cex4queue/unbind")
    _ = machine.write("05.0004\n", "bus/ap/drivers/vfio_ap/bind")
    machine.forget()
    #expect(machine.write("05.0004\n", "bus/ap/drivers/vfio_ap/unbind") == "ok")
    #expect(machine.write("05.0004\n", "bus/ap/drivers/cex4queue/bind") == "ok")
    #expect(
      machine.callbacks == [
        "remove vfio_ap /devices/ap/card05/05.0004",
        "probe cex4queue /devices/ap/card05/05.0004",
      ])
    #expect(machine.events == ["unbind 05.0004", "bind 05.0004 DRIVER=cex4queue"])
    #expect(machine.stored.isEmpty)
  }

  @Test func `whichever driver registers first takes every queue`() {
    let machine = Machine(.bind2018, modules: [.vfioAP, .zcryptCex4])
    #expect(machine.stored == ["05.0004", "05.0047", "06.0004", "06.0047"])
    #expect(machine.read("devices/ap/card05/type") == "CEX8C")
  }

  @Test func `nothing persists: a queue that is added again is the first driver's`() {
    machine.bus.loadModule(.vfioAP)
    _ = machine.write("05.0004\n", "bus/ap/drivers/cex4queue/unbind")
    _ = machine.write("05.0004\n", "bus/ap/drivers/vfio_ap/bind")
    machine.bus.unplugQueue(apqn)
    #expect(machine.stored.isEmpty)
    machine.forget()
    machine.bus.plugQueue(apqn)
    #expect(machine.events == ["add 05.0004", "bind 05.0004 DRIVER=cex4queue"])
  }
}
