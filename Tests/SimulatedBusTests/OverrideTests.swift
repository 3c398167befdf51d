import APBus
import SimulatedBus
import Testing

/// `driver_override` (SimulatedBus documentation, "Overrides").
@Suite struct `An override` {
  private let machine = Machine(.override72)
  private let file = "bus/ap/devices/05.0004/driver_override"

  @Test func `moves nothing and sends nothing by itself`() {
    #expect(machine.read(file) == "")
    #expect(machine.write("vfio_ap\n", file) == "ok")
    #expect(machine.read(file) == "vfio_ap")
    #expect(machine.driver("05.0004") == "cex4queue")
    #expect(machine.events.isEmpty)
  }

  @Test func `followed by unbind and drivers_probe gives the queue to vfio_ap`() {
    _ = machine.write("vfio_ap", file)
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    _ = machine.write("05.0004", "bus/ap/drivers_probe")
    #expect(machine.stored == ["05.0004"])
    #expect(machine.events == ["unbind 05.0004", "bind 05.0004 DRIVER=vfio_ap"])
    machine.forget()
    #expect(machine.write("1", "bus/ap/scans") == "ok")
    #expect(machine.events == ["change ap BINDINGS=complete"])
  }

  @Test func `keeps its text up to the first newline, and an empty line clears it`() {
    #expect(machine.write("one\ntwo\n", file) == "ok")
    #expect(machine.read(file) == "one")
    #expect(machine.write("\nvfio_ap", file) == "ok")
    #expect(machine.read(file) == "")
    #expect(machine.write("-9", "bus/ap/apmask") == "ok")
  }

  @Test func `is at most 4094 bytes long`() {
    #expect(machine.write(String(repeating: "x", count: 4094), file) == "ok")
    #expect(machine.write(String(repeating: "x", count: 4095), file) == "EINVAL")
  }

  @Test func `makes both masks unwritable, even with their present values`() {
    _ = machine.write("vfio_ap", file)
    for mask in ["bus/ap/apmask", "bus/ap/aqmask"] {
      #expect(machine.write(APMask.all.description, mask) == "EINVAL")
      #expect(machine.write("-9", mask) == "EINVAL")
    }
    _ = machine.write("cex4queue", file)
    #expect(machine.write("-9", "bus/ap/apmask") == "EINVAL")
    _ = machine.write("\n", file)
    #expect(machine.write("-9", "bus/ap/apmask") == "ok")
  }

  @Test func `is refused while a mask is not all ones, clearing too`() {
    _ = machine.write("-9", "bus/ap/aqmask")
    #expect(machine.write("vfio_ap", file) == "EINVAL")
    #expect(machine.write("\n", file) == "EINVAL")
    _ = machine.write("+9", "bus/ap/aqmask")
    #expect(machine.write("vfio_ap", file) == "ok")
  }

  @Test func `cleared leaves the queue where it is until a mask write moves it back`() {
    _ = machine.write("vfio_ap", file)
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    _ = machine.write("05.0004", "bus/ap/drivers_probe")
    _ = machine.write("\n", file)
    #expect(machine.driver("05.0004") == "vfio_ap")
    _ = machine.write("-9", "bus/ap/apmask")
    #expect(machine.driver("05.0004") == "cex4queue")
  }

  @Test func `survives unbind, bind, a reloaded module and configuring off and on`() throws {
    _ = machine.write("vfio_ap", file)
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    _ = machine.write("05.0004", "bus/ap/drivers_probe")
    try machine.bus.unloadModule(.vfioAP)
    #expect(machine.driver("05.0004") == "-")
    machine.bus.loadModule(.vfioAP)
    #expect(machine.driver("05.0004") == "vfio_ap")
    machine.bus.setConfigured(card: 5, to: false)
    machine.bus.setConfigured(card: 5, to: true)
    #expect(machine.read(file) == "vfio_ap")
    #expect(machine.driver("05.0004") == "vfio_ap")
  }

  @Test func `lost with its queue leaves the masks unwritable for ever`() {
    _ = machine.write("vfio_ap", file)
    machine.bus.unplug(card: 5)
    machine.bus.plug(card: SimulatedCard(adapter: 5))
    #expect(machine.read(file) == "")
    #expect(machine.driver("05.0004") == "cex4queue")
    #expect(machine.write("-9", "bus/ap/apmask") == "EINVAL")
    _ = machine.write("vfio_ap", file)
    _ = machine.write("\n", file)
    #expect(machine.write("-9", "bus/ap/apmask") == "EINVAL")
  }

  @Test func `lets a mediated device have the queue, but only while it is bound`() {
    _ = machine.write("vfio_ap", file)
    #expect(machine.createMediatedDevice(["5"], ["4"]) == "EADDRNOTAVAIL")
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    #expect(machine.write("4", Machine.path("assign_domain")) == "EADDRNOTAVAIL")
    _ = machine.write("05.0004", "bus/ap/drivers_probe")
    #expect(machine.write("4", Machine.path("assign_domain")) == "ok")
    #expect(machine.read("bus/ap/devices/05.0004/status") == "assigned")
  }

  @Test func `does not exist before Linux 6.19`() {
    #expect(Machine(.mask61).write("vfio_ap", file) == "open: ENOENT")
    #expect(Machine(.bind2018).read(file) == nil)
  }
}
