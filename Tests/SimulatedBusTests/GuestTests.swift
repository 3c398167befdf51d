import APBus
import SimulatedBus
import Testing

/// Guests: what they get and lose, and who waits for them (SimulatedBus documentation, "Guests").
@Suite struct `A guest` {
  static let kernels = [KernelBehavior.mask61, .mask612, .override72]

  /// A machine whose adapter 5 is vfio_ap's, and a guest with these of its queues.
  private func machine(
    _ kernel: KernelBehavior, adapters: [String] = ["5"], domains: [String] = ["4", "0x47"]
  ) throws -> Machine {
    let machine = Machine(kernel)
    _ = machine.write("-5,-9", "bus/ap/apmask")
    #expect(machine.createMediatedDevice(adapters, domains) == "ok")
    try machine.bus.startGuest(Machine.uuid)
    machine.forget()
    return machine
  }

  @Test(arguments: kernels)
  func `gets an adapter that was assigned before it was added, once all its queues are present`(
    kernel: KernelBehavior
  ) throws {
    let machine = try machine(kernel, adapters: ["5", "9"])
    #expect(machine.read(Machine.path("guest_matrix")) == "05.0004\n05.0047")
    var seen: Set<String> = []
    machine.bus.onUevent = { [unowned machine] _ in
      seen.insert(machine.read(Machine.path("guest_matrix")) ?? "")
    }
    machine.bus.plug(card: SimulatedCard(adapter: 9))
    // Not before the scan is complete (4.7 step 4).
    let last = "05.0004\n05.0047\n09.0004\n09.0047"
    // Newer kernels report completion at the end of the scan.
    #expect(seen.count == (kernel.completionEvents == .everyProbe ? 1 : 2))
    #expect(seen.contains("05.0004\n05.0047"))
    #expect(machine.read(Machine.path("guest_matrix")) == last)
    #expect(machine.read("bus/ap/devices/09.0047/status") == "in use")
  }

  @Test(arguments: kernels)
  func `loses an adapter before its devices are removed, and gets it again (T9)`(
    kernel: KernelBehavior
  ) throws {
    let machine = try machine(kernel)
    machine.bus.unplug(card: 5, quietly: true)
    #expect(machine.read(Machine.path("guest_matrix")) == "05.0004\n05.0047", "not yet scanned")
    var seen: Set<String> = []
    machine.bus.onUevent = { [unowned machine] _ in
      seen.insert(machine.read(Machine.path("guest_matrix")) ?? "")
    }
    machine.bus.scan()
    #expect(seen == [".0004\n.0047"])
    #expect(machine.read(Machine.path("matrix")) == "05.0004\n05.0047")
    machine.bus.onUevent = nil
    machine.bus.plug(card: SimulatedCard(adapter: 5))
    #expect(machine.read(Machine.path("guest_matrix")) == "05.0004\n05.0047")
  }

  @Test(arguments: kernels)
  func `loses a domain with the system, and keeps the others`(kernel: KernelBehavior) throws {
    let machine = try machine(kernel)
    machine.bus.removeDomain(0x47)
    #expect(machine.read(Machine.path("guest_matrix")) == "05.0004")
    #expect(machine.read("bus/ap/devices/05.0004/status") == "in use")
    machine.bus.addDomain(0x47)
    #expect(machine.read(Machine.path("guest_matrix")) == "05.0004\n05.0047")
  }

  @Test(arguments: kernels)
  func `stays without an adapter that was left out for a domain, when the domain leaves`(
    kernel: KernelBehavior
  ) throws {
    let machine = try machine(kernel)
    #expect(machine.write("05.0047", "bus/ap/drivers/vfio_ap/unbind") == "ok")
    #expect(machine.read(Machine.path("guest_matrix")) == ".0004\n.0047")
    #expect(machine.write("0x47", Machine.path("unassign_domain")) == "ok")
    #expect(machine.read(Machine.path("guest_matrix")) == ".0004")
    #expect(machine.read("bus/ap/devices/05.0004/status") == "assigned")
    // The next that is assigned, or taken by vfio_ap, brings it back.
    #expect(machine.write("0x47", Machine.path("assign_domain")) == "ok")
    #expect(machine.write("0x47", Machine.path("unassign_domain")) == "ok")
    #expect(machine.read(Machine.path("guest_matrix")) == ".0004")
    #expect(machine.write("05.0047", "bus/ap/drivers/vfio_ap/bind") == "ok")
    #expect(machine.write("0x20", Machine.path("assign_domain")) == "ok")
    #expect(machine.read(Machine.path("guest_matrix")) == "05.0004")
  }

  @Test(arguments: kernels)
  func `keeps an adapter on standby: reserved is not usable`(kernel: KernelBehavior) throws {
    let machine = try machine(kernel)
    machine.bus.setConfigured(card: 5, to: false)
    #expect(machine.driver("05.0004") == "vfio_ap")
    #expect(machine.read("bus/ap/devices/05.0004/config") == "0")
    #expect(machine.read("bus/ap/devices/05.0004/status") == "in use")
  }

  @Test(arguments: kernels)
  func `is hot-plugged by assigning, and unplugged by unassigning`(kernel: KernelBehavior) throws {
    let machine = try machine(kernel, domains: ["4"])
    #expect(machine.read("bus/ap/devices/05.0047/status") == "unassigned")
    #expect(machine.write("0x47", Machine.path("assign_domain")) == "ok")
    #expect(machine.read("bus/ap/devices/05.0047/status") == "in use")
    #expect(machine.write("4", Machine.path("unassign_domain")) == "ok")
    #expect(machine.read("bus/ap/devices/05.0004/status") == "unassigned")
    #expect(machine.read(Machine.path("guest_matrix")) == "05.0047")
  }

  @Test func `does not protect an override from clearing, or a queue from unbinding`()
    throws
  {
    let machine = Machine(.override72)
    let file = "bus/ap/devices/05.0004/driver_override"
    _ = machine.write("vfio_ap", file)
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    _ = machine.write("05.0004", "bus/ap/drivers_probe")
    #expect(machine.createMediatedDevice(["5"], ["4"]) == "ok")
    try machine.bus.startGuest(Machine.uuid)
    #expect(machine.write("\n", file) == "ok")
    #expect(machine.read("bus/ap/devices/05.0004/status") == "in use")
    #expect(machine.write("05.0004", "bus/ap/drivers/vfio_ap/unbind") == "ok")
    #expect(machine.write("05.0004", "bus/ap/drivers_probe") == "ok")
    #expect(machine.driver("05.0004") == "cex4queue")
  }

  @Test(arguments: kernels)
  func `delays the removal of its device: the files are removed, the assignment stays`(
    kernel: KernelBehavior
  ) throws {
    let machine = try machine(kernel)
    #expect(machine.write("1", Machine.path("remove")) == "EINTR")
    #expect(machine.bus.isWaitingForGuest(Machine.uuid))
    #expect(machine.events.isEmpty)
    let type = "devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough"
    #expect(machine.read(Machine.path("matrix")) == nil)
    #expect(machine.write("1", Machine.path("remove")) == "open: ENOENT")
    #expect(machine.write("6", Machine.path("unassign_adapter")) == "open: ENOENT")
    let directory = SysfsPath(.mediatedDevice(Machine.uuid))
    #expect(try Set(machine.bus.list(directory)) == ["iommu_group", "vfio-dev"])
    #expect(try machine.bus.list(SysfsPath(.mediatedDeviceType, "devices")).isEmpty)
    #expect(machine.write(Machine.uuid, "\(type)/create") == "EEXIST")
    #expect(machine.read("bus/ap/devices/05.0004/status") == "in use")
    #expect(machine.write("+5", "bus/ap/apmask") == "EBUSY")
    #expect(throws: Errno.noSuchDevice) { try machine.bus.startGuest(Machine.uuid) }
    #expect(throws: Errno.tryAgain) { try machine.bus.unloadModule(.vfioAP) }

    machine.bus.stopGuest(Machine.uuid)
    #expect(machine.events == ["unbind \(Machine.uuid)", "remove \(Machine.uuid)"])
    #expect(!machine.bus.isWaitingForGuest(Machine.uuid))
    #expect(machine.read("bus/ap/devices/05.0004/status") == "unassigned")
    #expect(machine.write("+5", "bus/ap/apmask") == "ok")
  }

  @Test(arguments: kernels)
  func `that gives its device back when it is asked to is not waited for`(kernel: KernelBehavior)
    throws
  {
    let machine = try machine(kernel)
    machine.bus.onGuestRequest = { [unowned machine] in machine.bus.stopGuest($0) }
    #expect(machine.write("1", Machine.path("remove")) == "ok")
    #expect(machine.read(Machine.path("matrix")) == nil)
    #expect(machine.events == ["unbind \(Machine.uuid)", "remove \(Machine.uuid)"])
  }
}
