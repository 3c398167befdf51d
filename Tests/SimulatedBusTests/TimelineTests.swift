import APBus
import SimulatedBus
import Testing

/// What happens in which order (SimulatedBus documentation, "Sequences").
@Suite struct `On a timeline` {
  private static let vfioLoad = [
    "add matrix", "add matrix", "bind matrix DRIVER=vfio_ap", "add vfio_ap", "add vfio_ap",
    "add vfio_ap_mdev", "change matrix MDEV_STATE=registered DRIVER=vfio_ap", "add vfio_ap",
  ]

  @Test(arguments: [
    ([SimulatedBus.Module.zcryptCex4, .vfioAP], "cex4queue"), ([.vfioAP, .zcryptCex4], "vfio_ap"),
  ])
  func `without masks the driver that is loaded first takes all queues (T0)`(
    modules: [SimulatedBus.Module], first: String
  ) {
    let machine = Machine(.bind2018, adapters: [2, 5], domains: [4, 0x47], modules: modules)
    for queue in ["02.0004", "02.0047", "05.0004", "05.0047"] {
      #expect(machine.driver(queue) == first)
    }
  }

  @Test func `without masks an administrator moves a queue, until it is added again (T3)`() {
    let machine = Machine(.bind2018, adapters: [5])
    #expect(machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind") == "ok")
    #expect(machine.write("05.0004", "bus/ap/drivers/vfio_ap/bind") == "ok")
    #expect(machine.events == ["unbind 05.0004", "bind 05.0004 DRIVER=vfio_ap"])
    #expect(machine.stored == ["05.0004"])
    machine.bus.unplug(card: 5)
    machine.bus.plug(card: SimulatedCard(adapter: 5))
    #expect(machine.driver("05.0004") == "cex4queue")
  }

  @Test(arguments: [KernelBehavior.mask61, .override72])
  func `a mask is refused till the guest's device has lost the adapter (T7)`(
    kernel: KernelBehavior
  ) throws {
    let machine = Machine(kernel)
    _ = machine.write("-5", "bus/ap/apmask")
    #expect(machine.createMediatedDevice(["5"], ["4"]) == "ok")
    try machine.bus.startGuest(Machine.uuid)
    #expect(machine.write("+5", "bus/ap/apmask") == "EBUSY")
    #expect(machine.write("5", Machine.path("unassign_adapter")) == "ok")
    #expect(machine.read("bus/ap/devices/05.0004/status") == "unassigned")
    machine.forget()
    #expect(machine.write("+5", "bus/ap/apmask") == "ok")
    #expect(machine.driver("05.0004") == "cex4queue")
    #expect(machine.events.first == "unbind 05.0004")
    #expect(machine.events.last?.hasPrefix("change ap APMASK=0xff") == true)
  }

  @Test func `a first scan adds cards and queues, then reports that it is done (T1)`() {
    let machine = Machine(.mask61, adapters: [], domains: [], modules: [])
    #expect(machine.bus.loadedModules.isEmpty)
    let fresh = Machine(SimulatedBus(behavior: .mask61))
    fresh.bus.addDomain(4, quietly: true)
    fresh.bus.addDomain(0x47, quietly: true)
    fresh.bus.plug(card: SimulatedCard(adapter: 6), quietly: true)
    fresh.bus.plug(card: SimulatedCard(adapter: 5), quietly: true)
    #expect(fresh.write("1", "bus/ap/scans") == "ok")
    #expect(fresh.events.isEmpty, "a rescan before the first scan does nothing")
    fresh.bus.scan()
    #expect(
      fresh.events == [
        "add card05", "add 05.0004", "add 05.0047", "add card06", "add 06.0004", "add 06.0047",
        "change ap INITSCAN=done",
      ])
    #expect(fresh.read("bus/ap/bindings") == "0/4")
    fresh.forget()
    fresh.bus.scan()
    #expect(fresh.events.isEmpty)
  }

  @Test func `a card's queues are removed in the order in which they were added`() {
    let machine = Machine(.mask61, adapters: [5], domains: [4, 0x47])
    machine.bus.addDomain(8)
    machine.forget()
    machine.bus.unplug(card: 5)
    #expect(
      machine.events.filter { $0.hasPrefix("remove") } == [
        "remove 05.0004", "remove 05.0047", "remove 05.0008", "remove card05",
      ])
  }

  @Test func `a first scan that finds nothing is complete`() {
    let machine = Machine(SimulatedBus(behavior: .override72))
    #expect(machine.read("bus/ap/bindings") == "0/0")
    machine.bus.scan()
    #expect(machine.events == ["change ap INITSCAN=done", "change ap BINDINGS=complete"])
    #expect(machine.read("bus/ap/bindings") == "0/0 (complete)")
    #expect(machine.read("bus/ap/bindings_complete_count") == "1")
  }

  @Test func `vfio_ap loaded before zcrypt_cex4 is refused every queue (T1)`() {
    let machine = Machine(.mask61, modules: [])
    machine.bus.loadModule(.vfioAP)
    #expect(machine.events == Self.vfioLoad)
    #expect(machine.callbacks.isEmpty)
  }

  @Test(arguments: [KernelBehavior.mask61, .override72])
  func `zcrypt_cex4 binds cards, then queues, and completion is reported (T1)`(
    kernel: KernelBehavior
  ) {
    let machine = Machine(kernel, adapters: [5], modules: [.vfioAP])
    machine.bus.loadModule(.zcryptCex4)
    let complete = "change ap BINDINGS=complete"
    let first = ["bind card05 DRIVER=cex4card", "add cex4card", "bind 05.0004 DRIVER=cex4queue"]
    let last = "bind 05.0047 DRIVER=cex4queue"
    let rest =
      kernel == .mask61
      ? [complete, last, "add cex4queue"] : [last, "add cex4queue", complete]
    #expect(machine.events == first + rest + ["add zcrypt_cex4"])
  }

  @Test func `with masks from the command line vfio_ap takes its queues on loading (T2)`() {
    let machine = Machine(
      SimulatedBus(behavior: .override72, adapterMask: "0xffff", domainMask: "0x08"))
    #expect(machine.read("bus/ap/apmask")?.prefix(8) == "0xffff00")
    machine.bus.addDomain(4, quietly: true)
    machine.bus.addDomain(0x47, quietly: true)
    machine.bus.plug(card: SimulatedCard(adapter: 5))
    machine.bus.loadModule(.zcryptCex4)
    #expect(machine.read("bus/ap/bindings") == "1/2")
    #expect(!machine.events.contains("change ap BINDINGS=complete"))
    machine.forget()
    machine.bus.loadModule(.vfioAP)
    #expect(
      machine.events.suffix(6) == [
        "bind 05.0047 DRIVER=vfio_ap", "add vfio_ap", "change ap BINDINGS=complete",
        "add vfio_ap_mdev", "change matrix MDEV_STATE=registered DRIVER=vfio_ap", "add vfio_ap",
      ])
    // Masks of the command line do not count as in use (4.4).
    #expect(machine.write("vfio_ap", "bus/ap/devices/05.0004/driver_override") == "ok")
  }

  @Test(arguments: ["-5", "nonsense", "0x", "+256"])
  func `a mask of the command line starts from zeros, and a bad one is zeros`(text: String) {
    let bus = SimulatedBus(behavior: .mask61, adapterMask: text)
    #expect(Machine(bus).read("bus/ap/apmask") == APMask().description)
    #expect(Machine(bus).read("bus/ap/aqmask") == APMask.all.description)
  }

  @Test func `a mask takes the row, with its collateral, and completion is reported later (T4)`() {
    let machine = Machine(.override72)
    #expect(machine.write("-5", "bus/ap/apmask") == "ok")
    #expect(machine.stored == ["05.0004", "05.0047"])
    #expect(machine.read("bus/ap/devices/05.0004/status") == "unassigned")
    #expect(machine.driver("06.0004") == "cex4queue")
    machine.forget()
    #expect(machine.write("1", "bus/ap/scans") == "ok")
    #expect(machine.events == ["change ap BINDINGS=complete"])
  }

  @Test func `overrides before vfio_ap is loaded are bound ahead of MDEV_STATE (T5, boot)`() {
    let machine = Machine(.override72, adapters: [5], modules: [.zcryptCex4])
    #expect(machine.write("vfio_ap", "bus/ap/devices/05.0004/driver_override") == "ok")
    #expect(machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind") == "ok")
    #expect(machine.write("05.0004", "bus/ap/drivers_probe") == "ok")
    #expect(machine.driver("05.0004") == "-")
    machine.forget()
    machine.bus.loadModule(.vfioAP)
    #expect(
      machine.events.suffix(6) == [
        "bind 05.0004 DRIVER=vfio_ap", "add vfio_ap", "change ap BINDINGS=complete",
        "add vfio_ap_mdev", "change matrix MDEV_STATE=registered DRIVER=vfio_ap", "add vfio_ap",
      ])
  }

  @Test func `a hot-plugged adapter follows the masks, not overrides (T6)`() {
    let machine = Machine(.mask61, adapters: [5])
    _ = machine.write("-7", "bus/ap/apmask")
    machine.forget()
    machine.bus.plug(card: SimulatedCard(adapter: 7))
    #expect(
      machine.events.filter { !$0.contains("BINDINGS") } == [
        "add card07", "bind card07 DRIVER=cex4card", "add 07.0004", "bind 07.0004 DRIVER=vfio_ap",
        "add 07.0047", "bind 07.0047 DRIVER=vfio_ap",
      ])
  }

  @Test func `without drivers_autoprobe a new device waits to be probed, card first (T6)`() {
    let machine = Machine(.override72, adapters: [5], domains: [4])
    #expect(machine.write("0", "bus/ap/drivers_autoprobe") == "ok")
    #expect(machine.read("bus/ap/drivers_autoprobe") == "0")
    machine.bus.plug(card: SimulatedCard(adapter: 7))
    #expect(machine.events == ["add card07", "add 07.0004"])
    #expect(machine.write("07.0004", "bus/ap/drivers_probe") == "ok")
    #expect(machine.driver("07.0004") == "-")
    #expect(machine.write("card07", "bus/ap/drivers_probe") == "ok")
    #expect(machine.write("07.0004", "bus/ap/drivers_probe") == "ok")
    #expect(machine.driver("07.0004") == "cex4queue")
  }

  @Test func `releasing a queue of a guest takes the whole adapter from it (T7)`() throws {
    let machine = Machine(.mask61)
    _ = machine.write("-5", "bus/ap/apmask")
    #expect(machine.createMediatedDevice(["5"], ["4", "0x47"]) == "ok")
    try machine.bus.startGuest(Machine.uuid)
    #expect(machine.read(Machine.path("guest_matrix")) == "05.0004\n05.0047")
    #expect(machine.write("05.0004", "bus/ap/drivers/vfio_ap/unbind") == "ok")
    #expect(machine.read(Machine.path("guest_matrix")) == ".0004\n.0047")
    #expect(machine.read(Machine.path("matrix")) == "05.0004\n05.0047")
    #expect(machine.read("bus/ap/devices/05.0047/status") == "assigned")
    #expect(machine.write("05.0004", "bus/ap/drivers/vfio_ap/bind") == "ok")
    #expect(machine.read("bus/ap/devices/05.0047/status") == "in use")
  }

  @Test func `standby is reported by the card at once, by its queues at the scan (T8)`() {
    let machine = Machine(.mask61, adapters: [5], domains: [4])
    #expect(machine.write("0", "bus/ap/devices/card05/config") == "ok")
    #expect(machine.events == ["change card05 CONFIG=0 DRIVER=cex4card"])
    #expect(machine.read("bus/ap/devices/05.0004/config") == "1")
    machine.forget()
    machine.bus.scan()
    #expect(machine.events == ["change 05.0004 CONFIG=0 DRIVER=cex4queue"])
    #expect(machine.read("bus/ap/devices/05.0004/online") == "0")
    #expect(machine.write("1", "bus/ap/devices/card05/online") == "ENODEV")
    machine.forget()
    machine.bus.setConfigured(card: 5, to: true)
    #expect(
      machine.events == [
        "change card05 CONFIG=1 DRIVER=cex4card", "change 05.0004 CONFIG=1 DRIVER=cex4queue",
      ])
    #expect(machine.read("bus/ap/devices/05.0004/online") == "1")
    #expect(machine.write("1", "bus/ap/devices/card05/config") == "ok")
    #expect(machine.events.count == 3, "sent even when nothing changes")
    #expect(machine.write("2", "bus/ap/devices/card05/config") == "EINVAL")
  }

  @Test(arguments: [KernelBehavior.mask61, .mask612, .override72])
  func `a queue's standby is found one scan after its check-stop`(kernel: KernelBehavior) {
    let machine = Machine(kernel, adapters: [5], domains: [4])
    machine.bus.setCheckStopped(card: 5, to: true)
    machine.forget()
    machine.bus.setConfigured(card: 5, to: false)
    #expect(machine.events == ["change card05 CONFIG=0 DRIVER=cex4card"])
    #expect(machine.read("bus/ap/devices/card05/chkstop") == "0", "on standby that comes first")
    #expect(machine.read("bus/ap/devices/05.0004/chkstop") == "0")
    #expect(machine.read("bus/ap/devices/05.0004/config") == "1")
    machine.forget()
    machine.bus.scan()
    #expect(machine.events == ["change 05.0004 CONFIG=0 DRIVER=cex4queue"])
    machine.forget()
    machine.bus.scan()
    #expect(machine.events.isEmpty)
  }

  @Test
  func `the default domain is the first in which a usable queue of the host's pool answers`() {
    let machine = Machine(.mask61, adapters: [], domains: [4, 8])
    #expect(machine.read("bus/ap/ap_domain") == "-1")
    machine.bus.plug(card: SimulatedCard(adapter: 5, isConfigured: false))
    machine.bus.plug(card: SimulatedCard(adapter: 6, isCheckStopped: true))
    _ = machine.write("-7", "bus/ap/apmask")
    machine.bus.plug(card: SimulatedCard(adapter: 7))
    #expect(machine.read("bus/ap/ap_domain") == "-1")
    _ = machine.write("-4", "bus/ap/aqmask")
    machine.bus.setConfigured(card: 5, to: true)
    #expect(machine.read("bus/ap/ap_domain") == "8")
  }

  @Test func `a check-stop is seen only by reading`() {
    let machine = Machine(.mask612, adapters: [5], domains: [4])
    machine.bus.setCheckStopped(card: 5, to: true, quietly: true)
    #expect(machine.read("bus/ap/devices/card05/chkstop") == "0")
    machine.bus.scan()
    #expect(machine.read("bus/ap/devices/card05/chkstop") == "1")
    #expect(machine.read("bus/ap/devices/05.0004/chkstop") == "1")
    #expect(machine.read("bus/ap/devices/05.0004/online") == "0")
    #expect(machine.events.isEmpty)
  }

  @Test func `an adapter is removed after its queues, and is new when it is added again (T9)`() {
    let machine = Machine(.override72, adapters: [5], domains: [4])
    _ = machine.write("vfio_ap", "bus/ap/devices/05.0004/driver_override")
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    _ = machine.write("05.0004", "bus/ap/drivers_probe")
    machine.bus.scan()
    machine.forget()
    machine.bus.unplug(card: 5)
    #expect(
      machine.events == ["unbind 05.0004", "remove 05.0004", "unbind card05", "remove card05"])
    #expect(machine.stored.isEmpty)
    #expect(machine.read("bus/ap/devices/card05/hwtype") == nil)
    machine.bus.plug(card: SimulatedCard(adapter: 5))
    #expect(machine.driver("05.0004") == "cex4queue")
  }

  @Test func `an adapter of another type or mode is another device`() {
    let machine = Machine(.mask61, adapters: [5], domains: [4])
    machine.bus.plug(card: SimulatedCard(adapter: 5, mode: .ep11))
    #expect(
      machine.events.filter { !$0.contains("BINDINGS") } == [
        "unbind 05.0004", "remove 05.0004", "unbind card05", "remove card05", "add card05",
        "bind card05 DRIVER=cex4card", "add 05.0004", "bind 05.0004 DRIVER=cex4queue",
      ])
  }

  @Test func `vfio_ap unloaded leaves its queues unbound, the last bound first (T10)`() throws {
    let machine = Machine(.mask61, adapters: [5])
    _ = machine.write("-5", "bus/ap/apmask")
    #expect(machine.createMediatedDevice(["5"], ["4"]) == "ok")
    machine.forget()
    try machine.bus.unloadModule(.vfioAP)
    #expect(
      machine.events == [
        "unbind \(Machine.uuid)", "remove \(Machine.uuid)",
        "change matrix MDEV_STATE=unregistered DRIVER=vfio_ap", "remove vfio_ap_mdev",
        "unbind 05.0047", "unbind 05.0004", "remove vfio_ap",
        "unbind matrix", "remove vfio_ap", "remove matrix", "remove matrix", "remove vfio_ap",
      ])
    #expect(machine.driver("05.0004") == "-")
    #expect(throws: Errno.noSuchFile) { try machine.bus.unloadModule(.vfioAP) }
    machine.forget()
    machine.bus.loadModule(.vfioAP)
    #expect(machine.stored == ["05.0004", "05.0047"])
  }

  @Test func `vfio_ap stays while a guest runs`() throws {
    let machine = Machine(.mask61)
    _ = machine.write("-5", "bus/ap/apmask")
    #expect(machine.createMediatedDevice(["5"], ["4"]) == "ok")
    try machine.bus.startGuest(Machine.uuid)
    #expect(throws: Errno.tryAgain) { try machine.bus.unloadModule(.vfioAP) }
    #expect(machine.stored.count == 2)
    machine.bus.stopGuest(Machine.uuid)
    try machine.bus.unloadModule(.vfioAP)
    #expect(machine.stored.isEmpty)
  }

  @Test func `zcrypt_cex4 reloaded takes its queues again, switched on`() throws {
    let machine = Machine(.mask61, adapters: [5], domains: [4])
    _ = machine.write("0", "bus/ap/devices/05.0004/online")
    try machine.bus.unloadModule(.zcryptCex4)
    #expect(machine.read("bus/ap/bindings") == "0/1")
    #expect(machine.read("bus/ap/devices/card05/type") == nil)
    machine.bus.loadModule(.zcryptCex4)
    #expect(machine.read("bus/ap/devices/05.0004/online") == "1")
  }
}
