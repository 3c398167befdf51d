import APBus
import SimulatedBus
import Testing

/// Types and modes of hardware on the kernel that has devices for all of them (SimulatedBus
/// documentation, "Hardware types").
@Suite struct `Hardware` {
  @Test(
    arguments: [
      (6, "ap:t06", "-"), (7, "ap:t07", "-"), (8, "ap:t08", "-"), (9, "ap:t09", "-"),
      (10, "ap:t0A", "CEX4"), (11, "ap:t0B", "CEX5"), (12, "ap:t0C", "CEX6"),
      (13, "ap:t0D", "CEX7"), (14, "ap:t0E", "CEX8"),
    ] as [(UInt8, String, String)], QueueMode.allCases)
  func `of a type and mode has its texts, and from type 10 on its drivers`(
    row: (type: UInt8, modalias: String, name: String), mode: QueueMode
  ) {
    let machine = Machine(.mask61, adapters: [5], domains: [4])
    machine.bus.plug(
      card: SimulatedCard(
        adapter: 7, hardwareType: HardwareType(rawValue: row.type), mode: mode))
    let letter = [QueueMode.accelerator: "A", .cca: "C", .ep11: "P"][mode] ?? ""
    let isReservable = row.type >= 10
    #expect(machine.read("bus/ap/devices/card07/hwtype") == "\(row.type)")
    #expect(machine.read("bus/ap/devices/card07/modalias") == row.modalias)
    #expect(
      machine.read("bus/ap/devices/card07/type") == (isReservable ? row.name + letter : nil))
    #expect(machine.driver("card07") == (isReservable ? "cex4card" : "-"))
    #expect(machine.driver("07.0004") == (isReservable ? "cex4queue" : "-"))
    let keys = machine.read("bus/ap/devices/07.0004/mkvps")
    #expect((keys != nil) == (isReservable && mode != .accelerator))
    #expect(keys == nil || keys?.hasPrefix(mode == .cca ? "AES NEW: - -" : "WK CUR: -") == true)
    // vfio_ap takes any mode of type 10 and newer, and nothing older.
    _ = machine.write("-7", "bus/ap/apmask")
    #expect(machine.driver("07.0004") == (isReservable ? "vfio_ap" : "-"))
    if !isReservable {
      #expect(machine.write("07.0004", "bus/ap/drivers/vfio_ap/bind") == "ENODEV")
    }
  }

  @Test(arguments: [KernelBehavior.mask61, .override72])
  func `newer than the kernel counts as the newest that it knows`(kernel: KernelBehavior) {
    let machine = Machine(kernel, adapters: [5], domains: [4])
    machine.bus.plug(card: SimulatedCard(adapter: 7, hardwareType: HardwareType(rawValue: 15)))
    #expect(machine.read("bus/ap/devices/card07/hwtype") == "14")
    #expect(machine.read("bus/ap/devices/card07/raw_hwtype") == "15")
  }

  @Test func `has control domains that are in a mask and in no queue`() {
    let machine = Machine(.mask61, adapters: [5], domains: [4])
    machine.bus.addControlDomain(9)
    #expect(machine.events.isEmpty)
    let masks = ["ap_usage_domain_mask", "ap_control_domain_mask"].map {
      machine.read("bus/ap/\($0)").flatMap { APMask($0) }
    }
    #expect(masks == [[4], [4, 9]])
    #expect(machine.driver("05.0009") == "-")
    // Masks do not limit them, and no domain of the host's is refused.
    #expect(machine.createMediatedDevice([], []) == "ok")
    #expect(machine.write("9", Machine.path("assign_control_domain")) == "ok")
    #expect(machine.write("4", Machine.path("assign_control_domain")) == "ok")
    #expect(machine.read(Machine.path("control_domains")) == "0004\n0009")
    #expect(machine.read(Machine.path("matrix")) == "")
    machine.bus.removeControlDomain(9)
    #expect(machine.read("bus/ap/ap_control_domain_mask") == APMask([4]).description)
  }
}
