import APBus
import SimulatedBus
import Testing
import Uevents

/// The first kernels with masks: Linux 5.2, as its source reads (SimulatedBus documentation, "Kernels").
@Suite struct `Linux 5.2` {
  private let machine = Machine(.mask52, adapters: [5, 6])

  init() {
    // Hardware that it knows.
    for adapter: UInt8 in [5, 6] {
      machine.bus.plug(
        card: SimulatedCard(adapter: adapter, hardwareType: HardwareType(rawValue: 12)))
    }
    machine.forget()
  }

  @Test func `has masks, and nothing of later kernels`() throws {
    #expect(machine.read("bus/ap/apmask") == APMask.all.description)
    for file in [
      "bus/ap/scans", "bus/ap/bindings", "bus/ap/ap_max_adapter_id", "bus/ap/features",
      "bus/ap/devices/card05/config", "bus/ap/devices/card05/chkstop",
      "bus/ap/devices/05.0004/config", "bus/ap/devices/05.0004/chkstop",
      "bus/ap/devices/05.0004/driver_override",
    ] {
      #expect(machine.read(file) == nil, "\(file)")
    }
    #expect(machine.write("0", "bus/ap/devices/card05/config") == "open: ENOENT")
    let names = try machine.bus.list(SysfsPath(.card(5)))
    #expect(!names.contains("config") && names.contains("hwtype"))
  }

  @Test func `moves queues by masks and sends only unbind and bind`() {
    #expect(machine.write("-5", "bus/ap/apmask") == "ok")
    #expect(
      machine.events == [
        "unbind 05.0004", "bind 05.0004 DRIVER=vfio_ap", "unbind 05.0047",
        "bind 05.0047 DRIVER=vfio_ap",
      ])
    #expect(machine.read("bus/ap/devices/05.0004/status") == nil)
  }

  @Test func `sends a queue's type in its events, and no mode`() {
    var keys: [[String]] = []
    machine.bus.onUevent = { keys.append($0.properties.map(\.key)) }
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/bind")
    #expect(keys == [["DEVTYPE", "DEV_TYPE"], ["DEVTYPE", "DRIVER", "DEV_TYPE", "MODALIAS"]])
  }

  @Test func `lets a mask take a queue from a mediated device, guest or not`() throws {
    _ = machine.write("-5", "bus/ap/apmask")
    #expect(machine.createMediatedDevice(["5"], ["4"]) == "ok")
    try machine.bus.startGuest(Machine.uuid)
    #expect(machine.write("+5", "bus/ap/apmask") == "ok")
    #expect(machine.driver("05.0004") == "cex4queue")
    #expect(machine.read(Machine.path("matrix")) == "05.0004")
  }

  @Test func `gives a mediated device only what vfio_ap has, and nothing while a guest runs`()
    throws
  {
    #expect(machine.createMediatedDevice(["5"], []) == "EADDRNOTAVAIL")
    _ = machine.write("-5", "bus/ap/apmask")
    // Not what might come: over-provisioning came later.
    #expect(machine.write("9", Machine.path("assign_adapter")) == "EADDRNOTAVAIL")
    #expect(machine.write("5", Machine.path("assign_adapter")) == "ok")
    try machine.bus.startGuest(Machine.uuid)
    #expect(machine.write("4", Machine.path("assign_domain")) == "EBUSY")
    #expect(machine.write("1", Machine.path("remove")) == "EBUSY")
    #expect(!machine.bus.isWaitingForGuest(Machine.uuid))
  }

  @Test func `answers ENODEV to bind of what is bound`() {
    #expect(machine.write("05.0004", "bus/ap/drivers/cex4queue/bind") == "ENODEV")
  }

  @Test func `deletes an unbound queue at a scan, and makes and binds it at the next`() {
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    machine.forget()
    machine.bus.scan()
    #expect(machine.events == ["remove 05.0004"])
    machine.forget()
    machine.bus.scan()
    #expect(machine.events == ["add 05.0004", "bind 05.0004 DRIVER=cex4queue"])
    machine.forget()
    machine.bus.scan()
    #expect(machine.events.isEmpty)
  }

  @Test(arguments: [true, false])
  func `removes the devices of an adapter on standby or check-stopped (T8)`(isCheckStop: Bool) {
    let bus = machine.bus
    if isCheckStop {
      bus.setCheckStopped(card: 5, to: true)
    } else {
      bus.setConfigured(card: 5, to: false)
    }
    #expect(
      machine.events == [
        "unbind 05.0004", "remove 05.0004", "unbind 05.0047", "remove 05.0047", "unbind card05",
        "remove card05",
      ])
    _ = machine.write("-5", "bus/ap/apmask")
    machine.forget()
    if isCheckStop {
      bus.setCheckStopped(card: 5, to: false)
    } else {
      bus.setConfigured(card: 5, to: true)
    }
    #expect(
      machine.events == [
        "add card05", "bind card05 DRIVER=cex4card", "add 05.0004", "bind 05.0004 DRIVER=vfio_ap",
        "add 05.0047", "bind 05.0047 DRIVER=vfio_ap",
      ])
  }

  @Test func `takes a newer adapter for the newest type that it knows`() {
    machine.bus.plug(card: SimulatedCard(adapter: 7, hardwareType: HardwareType(rawValue: 14)))
    #expect(machine.read("bus/ap/devices/card07/hwtype") == "12")
    #expect(machine.read("bus/ap/devices/card07/raw_hwtype") == "14")
    #expect(machine.read("bus/ap/devices/card07/type") == "CEX6C")
    machine.forget()
    machine.bus.scan()
    #expect(machine.events.isEmpty)
  }
}
