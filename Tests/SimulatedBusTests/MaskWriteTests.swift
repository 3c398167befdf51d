import APBus
import SimulatedBus
import Testing

/// A write to a mask, step by step (SimulatedBus documentation, "Masks").
@Suite struct `A mask write` {
  @Test(arguments: ["+256", "5,6", "+ 5", "0X1", "0x0g", "+5-4"])
  func `is refused whole for a text that is none`(text: String) {
    let machine = Machine(.mask61)
    #expect(machine.write(text, "bus/ap/apmask") == "EINVAL")
    #expect(machine.read("bus/ap/apmask") == APMask.all.description)
    #expect(machine.events.isEmpty)
  }

  @Test func `of the present value does nothing and sends nothing`() {
    let machine = Machine(.mask61)
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    machine.forget()
    #expect(machine.write("+5", "bus/ap/apmask") == "ok")
    #expect(machine.write(APMask.all.description, "bus/ap/aqmask") == "ok")
    #expect(machine.events.isEmpty)
    #expect(machine.driver("05.0004") == "-")
  }

  @Test func `moves queues one by one, then sends the mask with its newline`() {
    let machine = Machine(.mask61, adapters: [5], domains: [4])
    #expect(machine.write("-5", "bus/ap/apmask") == "ok")
    var mask = APMask.all
    mask.remove(5)
    #expect(
      machine.events == [
        "unbind 05.0004", "change ap BINDINGS=complete", "bind 05.0004 DRIVER=vfio_ap",
        "change ap APMASK=\(mask)\n",
      ])
    #expect(
      machine.callbacks == [
        "remove cex4queue /devices/ap/card05/05.0004", "probe vfio_ap /devices/ap/card05/05.0004",
      ])
  }

  @Test(arguments: [KernelBehavior.mask612, .override72])
  func `sends no completion on newer kernels before the next scan`(kernel: KernelBehavior) {
    let machine = Machine(kernel, adapters: [5], domains: [4])
    #expect(machine.write("-4", "bus/ap/aqmask") == "ok")
    var mask = APMask.all
    mask.remove(4)
    #expect(
      machine.events == [
        "unbind 05.0004", "bind 05.0004 DRIVER=vfio_ap", "change ap AQMASK=\(mask)\n",
      ])
    machine.forget()
    machine.bus.scan()
    #expect(machine.events == ["change ap BINDINGS=complete"])
  }

  @Test func `leaves queues unbound while vfio_ap is not loaded`() {
    let machine = Machine(.mask61, adapters: [5], domains: [4], modules: [.zcryptCex4])
    _ = machine.write("-5", "bus/ap/apmask")
    #expect(machine.driver("05.0004") == "-")
    #expect(machine.read("bus/ap/bindings") == "0/1")
    _ = machine.write("+5", "bus/ap/apmask")
    #expect(machine.driver("05.0004") == "cex4queue")
    #expect(machine.read("bus/ap/bindings") == "1/1 (complete)")
  }

  @Test(arguments: [KernelBehavior.mask61, .override72])
  func `probes an unbound queue of the host's pool, and leaves one outside alone`(
    kernel: KernelBehavior
  ) {
    let machine = Machine(kernel)
    _ = machine.write("-6", "bus/ap/apmask")
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    _ = machine.write("06.0004", "bus/ap/drivers/vfio_ap/unbind")
    _ = machine.write("-9", "bus/ap/apmask")
    #expect(machine.driver("05.0004") == "cex4queue")
    #expect(machine.driver("06.0004") == "-")
  }

  @Test func `ignores drivers_autoprobe`() {
    let machine = Machine(.mask61)
    _ = machine.write("0", "bus/ap/drivers_autoprobe")
    _ = machine.write("-5", "bus/ap/apmask")
    #expect(machine.driver("05.0004") == "vfio_ap")
  }

  @Test func `leaves queues below type 10 unbound`() {
    let machine = Machine(.mask61)
    machine.bus.plug(card: SimulatedCard(adapter: 2, hardwareType: HardwareType(rawValue: 8)))
    _ = machine.write("-2", "bus/ap/apmask")
    #expect(machine.driver("02.0004") == "-")
    _ = machine.write("+2", "bus/ap/apmask")
    #expect(machine.driver("02.0004") == "-")
  }

  @Test(arguments: [KernelBehavior.mask61, .override72])
  func `that takes a queue from a mediated device is EBUSY, guest or not`(kernel: KernelBehavior) {
    let machine = Machine(kernel)
    _ = machine.write("-5", "bus/ap/apmask")
    #expect(machine.createMediatedDevice(["5"], ["4"]) == "ok")
    machine.forget()
    let mask = machine.read("bus/ap/apmask")
    #expect(machine.write("+5", "bus/ap/apmask") == "EBUSY")
    #expect(machine.read("bus/ap/apmask") == mask)
    #expect(machine.events.isEmpty)
    #expect(machine.write("4", Machine.path("unassign_domain")) == "ok")
    #expect(machine.write("+5", "bus/ap/apmask") == "ok")
    #expect(machine.driver("05.0004") == "cex4queue")
  }

  @Test(arguments: [(KernelBehavior.mask61, "ok"), (.override72, "EBUSY")])
  func `is vetoed by newer kernels though the other mask keeps the queue out`(
    kernel: KernelBehavior, answer: String
  ) {
    let machine = Machine(kernel)
    _ = machine.write("-4", "bus/ap/aqmask")
    _ = machine.write("-5", "bus/ap/apmask")
    #expect(machine.createMediatedDevice(["5"], ["4"]) == "ok")
    #expect(machine.write("+5", "bus/ap/apmask") == answer)
    #expect(machine.driver("05.0004") == "vfio_ap")
  }

  @Test func `asks no driver once vfio_ap is unloaded`() throws {
    let machine = Machine(.mask61)
    _ = machine.write("-5", "bus/ap/apmask")
    #expect(machine.createMediatedDevice(["5"], ["4"]) == "ok")
    try machine.bus.unloadModule(.vfioAP)
    #expect(machine.write("+5", "bus/ap/apmask") == "ok")
    #expect(machine.driver("05.0004") == "cex4queue")
  }

  @Test func `that empties a mask takes every queue from the host`() {
    let machine = Machine(.mask61)
    #expect(machine.write("\n", "bus/ap/apmask") == "ok")
    #expect(machine.stored.count == 4)
  }
}
