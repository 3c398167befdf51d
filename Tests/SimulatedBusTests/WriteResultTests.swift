import APBus
import SimulatedBus
import Testing

/// The table of results, row by row (SimulatedBus documentation, "Results of writes").
@Suite struct `A write to a driver's file` {
  static let kernels = [KernelBehavior.bind2018, .mask61, .override72]

  @Test(arguments: kernels)
  func `unbind: ENODEV for what does not exist or is not that driver's`(kernel: KernelBehavior) {
    let machine = Machine(kernel)
    for name in ["ff.00ff", "05.0005", "nonsense", "\n", "05.0004\n\n", " 05.0004", "05.0004 "] {
      #expect(machine.write(name, "bus/ap/drivers/cex4queue/unbind") == "ENODEV", "\(name)")
    }
    #expect(machine.write("05.0004", "bus/ap/drivers/vfio_ap/unbind") == "ENODEV")
    #expect(machine.write("card05", "bus/ap/drivers/cex4queue/unbind") == "ENODEV")
    #expect(machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind") == "ok")
    #expect(machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind") == "ENODEV")
    #expect(machine.events == ["unbind 05.0004"])
  }

  @Test func `unbind: no protection, not even for a queue that a guest uses`() throws {
    let machine = Machine(.mask61)
    _ = machine.write("-5", "bus/ap/apmask")
    #expect(machine.createMediatedDevice(["5"], ["4"]) == "ok")
    try machine.bus.startGuest(Machine.uuid)
    #expect(machine.read("bus/ap/devices/05.0004/status") == "in use")
    #expect(machine.write("05.0004", "bus/ap/drivers/vfio_ap/unbind") == "ok")
    #expect(machine.driver("05.0004") == "-")
  }

  @Test(arguments: kernels)
  func `bind: ENODEV for what does not exist, of another type or class`(kernel: KernelBehavior) {
    let machine = Machine(kernel)
    for name in ["ff.00ff", "nonsense", "card05", "card99"] {
      #expect(machine.write(name, "bus/ap/drivers/cex4queue/bind") == "ENODEV", "\(name)")
    }
    #expect(machine.write("05.0004", "bus/ap/drivers/cex4card/bind") == "ENODEV")
    #expect(machine.events.isEmpty)
  }

  @Test(arguments: kernels)
  func `bind: EBUSY for what is bound, whatever pool it is in`(kernel: KernelBehavior) {
    let machine = Machine(kernel)
    #expect(machine.write("05.0004", "bus/ap/drivers/vfio_ap/bind") == "EBUSY")
    #expect(machine.write("05.0004", "bus/ap/drivers/cex4queue/bind") == "EBUSY")
    #expect(machine.write("card05", "bus/ap/drivers/cex4card/bind") == "EBUSY")
  }

  @Test(arguments: [KernelBehavior.mask61, .override72])
  func `bind: ENODEV for a queue of the other pool`(kernel: KernelBehavior) {
    let machine = Machine(kernel)
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    #expect(machine.write("05.0004", "bus/ap/drivers/vfio_ap/bind") == "ENODEV")
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/bind")
    _ = machine.write("-5", "bus/ap/apmask")
    _ = machine.write("05.0004", "bus/ap/drivers/vfio_ap/unbind")
    machine.forget()
    #expect(machine.write("05.0004", "bus/ap/drivers/cex4queue/bind") == "ENODEV")
    #expect(machine.events.isEmpty)
    #expect(machine.callbacks.isEmpty)
    #expect(machine.write("05.0004", "bus/ap/drivers/vfio_ap/bind") == "ok")
  }

  @Test func `bind: ENODEV where an override names another driver`() {
    let machine = Machine(.override72)
    _ = machine.write("vfio_ap\n", "bus/ap/devices/05.0004/driver_override")
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    #expect(machine.write("05.0004", "bus/ap/drivers/cex4queue/bind") == "ENODEV")
    #expect(machine.write("05.0004", "bus/ap/drivers/vfio_ap/bind") == "ok")
  }

  @Test func `bind: the probe's own error, and the queue stays unbound`() {
    let machine = Machine(.mask61)
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    _ = machine.write("card05", "bus/ap/drivers/cex4card/unbind")
    machine.forget()
    #expect(machine.write("05.0004", "bus/ap/drivers/cex4queue/bind") == "ENODEV")
    #expect(machine.callbacks == ["probe cex4queue /devices/ap/card05/05.0004 ENODEV"])
    #expect(machine.events.isEmpty)
    #expect(machine.read("bus/ap/bindings") == "3/4")
  }

  @Test(arguments: kernels)
  func `drivers_probe: ENODEV for an unknown name, else always a success`(kernel: KernelBehavior) {
    let machine = Machine(kernel)
    #expect(machine.write("ff.00ff", "bus/ap/drivers_probe") == "ENODEV")
    #expect(machine.write("05.0004", "bus/ap/drivers_probe") == "ok")
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    machine.forget()
    #expect(machine.write("05.0004\n", "bus/ap/drivers_probe") == "ok")
    #expect(machine.driver("05.0004") == "cex4queue")
  }

  @Test func `drivers_probe: a success though no driver is willing`() {
    let machine = Machine(.override72)
    _ = machine.write("no_such_driver", "bus/ap/devices/05.0004/driver_override")
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    #expect(machine.write("05.0004", "bus/ap/drivers_probe") == "ok")
    #expect(machine.driver("05.0004") == "-")
  }

  @Test func `files of a driver that is not loaded: ENOENT at open`() {
    let machine = Machine(.mask61, modules: [.zcryptCex4])
    #expect(machine.write("05.0004", "bus/ap/drivers/vfio_ap/bind") == "open: ENOENT")
    #expect(machine.write("05.0004", "bus/ap/drivers/vfio_ap/unbind") == "open: ENOENT")
    #expect(machine.read("bus/ap/drivers/vfio_ap/bind") == nil)
  }

  @Test(arguments: [
    ("bus/ap/bindings", "open: EACCES"), ("bus/ap/devices/05.0004/config", "open: EACCES"),
    ("bus/ap/devices/card05/hwtype", "open: EACCES"), ("bus/ap/devices", "open: EISDIR"),
    ("bus/ap/devices/05.0004/driver", "open: EISDIR"), ("bus/ap/nonsense", "open: ENOENT"),
    ("bus/ap/devices/05.0005/online", "open: ENOENT"),
    ("bus/ap/devices/05.0004/driver_override", "open: ENOENT"),
    ("bus/ap/devices/05.0004/status", "open: ENOENT"),
  ])
  func `what cannot be written is refused at open`(path: String, errno: String) {
    #expect(Machine(.mask61).write("1", path) == errno)
  }

  @Test func `an empty write has no effect anywhere`() {
    let machine = Machine(.override72)
    for path in [
      "bus/ap/apmask", "bus/ap/drivers_probe", "bus/ap/drivers/cex4queue/unbind", "bus/ap/scans",
      "bus/ap/config_time", "bus/ap/devices/05.0004/online", "bus/ap/devices/card05/config",
      "bus/ap/devices/05.0004/driver_override", "bus/ap/devices/05.0004/uevent",
    ] {
      #expect(machine.write("", path) == "ok", "\(path)")
    }
    #expect(machine.events.isEmpty)
  }
}
