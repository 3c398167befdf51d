import APBus
import SimulatedBus
import Testing

/// Mediated devices (SimulatedBus documentation, "Mediated devices" and "Guests").
@Suite struct `A mediated device` {
  private let type = "devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough"

  @Test(arguments: [
    ("11111111-2222-3333-4444-555555555555", "ok"),
    ("AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE\n", "ok"),
    ("11111111-2222-3333-4444-55555555555", "EINVAL"),
    ("11111111-2222-3333-4444-5555555555555", "EINVAL"),
    ("11111111+2222-3333-4444-555555555555", "EINVAL"), ("\n", "EINVAL"),
  ])
  func `is created by a UUID`(uuid: String, answer: String) {
    let machine = Machine(.mask61)
    #expect(machine.write(uuid, "\(type)/create") == answer)
    #expect(machine.read("\(type)/available_instances") == (answer == "ok" ? "65535" : "65536"))
  }

  @Test func `is created once, in lower case, and announced`() {
    let machine = Machine(.mask61)
    let uuid = "AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE"
    #expect(machine.write(uuid, "\(type)/create") == "ok")
    let name = uuid.lowercased()
    #expect(machine.events == ["add \(name)", "bind \(name) DRIVER=vfio_ap_mdev"])
    #expect(machine.write(name, "\(type)/create") == "EEXIST")
    #expect(machine.read("devices/vfio_ap/matrix/\(name)/matrix") == "")
  }

  @Test func `is removed by any number but 0`() {
    let machine = Machine(.mask61)
    _ = machine.createMediatedDevice([], [])
    machine.forget()
    #expect(machine.write("x", Machine.path("remove")) == "EINVAL")
    #expect(machine.write("0", Machine.path("remove")) == "ok")
    #expect(machine.events.isEmpty)
    #expect(machine.write("1", Machine.path("remove")) == "ok")
    #expect(machine.events == ["unbind \(Machine.uuid)", "remove \(Machine.uuid)"])
    #expect(machine.write("1", Machine.path("remove")) == "open: ENOENT")
  }

  @Test(arguments: [
    ("5", "ok"), ("0x05\n", "ok"), ("05", "ok"), ("+5", "ok"), ("08", "EINVAL"), ("", "ok"),
    ("5 ", "EINVAL"), ("-1", "EINVAL"), ("0x", "EINVAL"), ("five", "EINVAL"), ("256", "ENODEV"),
    ("6", "EADDRNOTAVAIL"), ("010", "ok"), ("18446744073709551616", "ERANGE"),
  ])
  func `takes a number in C notation`(text: String, answer: String) {
    let machine = Machine(.mask61)
    _ = machine.write("-5,-8", "bus/ap/apmask")
    _ = machine.createMediatedDevice(["5"], ["4"])
    #expect(machine.write(text, Machine.path("assign_adapter")) == answer)
  }

  @Test func `is given what does not exist yet, outside the host's pool`() {
    let machine = Machine(.mask61)
    _ = machine.write("-9", "bus/ap/apmask")
    #expect(machine.createMediatedDevice(["9"], ["4"]) == "ok")
    #expect(machine.read(Machine.path("matrix")) == "09.0004")
    // The domains of a guest stay when the last adapter is left out.
    #expect(machine.read(Machine.path("guest_matrix")) == ".0004")
    machine.bus.plug(card: SimulatedCard(adapter: 9))
    #expect(machine.read("bus/ap/devices/09.0004/status") == "assigned")
    #expect(machine.read(Machine.path("guest_matrix")) == "09.0004")
  }

  @Test func `of 2018 is given only queues that vfio_ap has`() {
    let machine = Machine(.bind2018)
    #expect(machine.createMediatedDevice(["5"], []) == "EADDRNOTAVAIL")
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    _ = machine.write("05.0004", "bus/ap/drivers/vfio_ap/bind")
    #expect(machine.write("5", Machine.path("assign_adapter")) == "ok")
    #expect(machine.write("0x47", Machine.path("assign_domain")) == "EADDRNOTAVAIL")
    #expect(machine.write("4", Machine.path("assign_domain")) == "ok")
    #expect(machine.read(Machine.path("matrix")) == "05.0004")
    #expect(machine.read(Machine.path("guest_matrix")) == nil)
  }

  @Test func `of 2018 cannot be changed while a guest runs`() throws {
    let machine = Machine(.bind2018)
    _ = machine.createMediatedDevice([], [])
    try machine.bus.startGuest(Machine.uuid)
    #expect(machine.write("1", Machine.path("unassign_adapter")) == "EBUSY")
  }

  @Test func `shares no queue with another`() {
    let machine = Machine(.mask61)
    _ = machine.write("-5", "bus/ap/apmask")
    _ = machine.createMediatedDevice(["5"], ["4"])
    let other = "22222222-2222-3333-4444-555555555555"
    _ = machine.write(other, "\(type)/create")
    let path = "devices/vfio_ap/matrix/\(other)"
    #expect(machine.write("5", "\(path)/assign_adapter") == "ok")
    #expect(machine.write("0x47", "\(path)/assign_domain") == "ok")
    #expect(machine.write("4", "\(path)/assign_domain") == "EADDRINUSE")
    #expect(machine.read("\(path)/matrix") == "05.0047")
  }

  @Test func `prints one axis alone, and its control domains`() {
    let machine = Machine(.mask61)
    _ = machine.write("\n", "bus/ap/apmask")
    _ = machine.createMediatedDevice(["5", "0xff"], [])
    #expect(machine.read(Machine.path("matrix")) == "05.\nff.")
    _ = machine.write("5", Machine.path("unassign_adapter"))
    _ = machine.write("255", Machine.path("unassign_adapter"))
    _ = machine.write("0x47", Machine.path("assign_domain"))
    #expect(machine.read(Machine.path("matrix")) == ".0047")
    #expect(machine.write("0xff", Machine.path("assign_control_domain")) == "ok")
    #expect(machine.read(Machine.path("control_domains")) == "00ff")
    #expect(machine.write("9", Machine.path("unassign_control_domain")) == "ok")
  }

  @Test(arguments: [KernelBehavior.mask61, .mask612])
  func `prints a matrix as far as a page has room for it`(kernel: KernelBehavior) {
    let machine = Machine(kernel)
    _ = machine.write("0x0", "bus/ap/apmask")
    let numbers = (0..<23).map(String.init)
    #expect(machine.createMediatedDevice(numbers, numbers) == "ok")
    let text = machine.read(Machine.path("matrix")) ?? ""
    #expect(text.utf8.count == 4095)
    #expect(text.hasSuffix("\n16.0004\n16.0005"), "without the newline")
  }

  @Test func `takes three masks at once, or none of them`() {
    let machine = Machine(.override72)
    _ = machine.write("-5", "bus/ap/apmask")
    _ = machine.createMediatedDevice([], [])
    let config = Machine.path("ap_config")
    #expect(machine.write("0x04,0x08,0x08\n", config) == "ok")
    #expect(machine.read(Machine.path("matrix")) == "05.0004")
    #expect(machine.read(config)?.split(separator: ",").count == 3)
    for text in ["0x04,0x08", "0x04,0x08,+1", "0X04,08,08", "0x04,0x08,0x08 ", "\n"] {
      #expect(machine.write(text, config) == "EINVAL", "\(text)")
    }
    for text in ["0x04,0x08,0x08,0x08", "04,08,08\n", "0x04\n0x08\nx08", "0x04,0x08\n"] {
      #expect(machine.write(text, config) == "ok", "\(text)")
      #expect(machine.read(Machine.path("matrix")) == "05.0004", "\(text)")
    }
    #expect(machine.read(Machine.path("control_domains")) == "")
    #expect(machine.write("0x06,0x08,0x08", config) == "EADDRNOTAVAIL")
    #expect(machine.read(Machine.path("matrix")) == "05.0004")
    #expect(machine.write(",,", config) == "ok")
    #expect(machine.read(Machine.path("matrix")) == "")
  }

  @Test func `with a guest has its queues in use, until the guest stops`() throws {
    let machine = Machine(.mask61)
    _ = machine.write("-5", "bus/ap/apmask")
    _ = machine.createMediatedDevice(["5"], ["4"])
    #expect(machine.read("bus/ap/devices/05.0004/status") == "assigned")
    try machine.bus.startGuest(Machine.uuid)
    #expect(machine.read("bus/ap/devices/05.0004/status") == "in use")
    #expect(machine.read("bus/ap/devices/05.0047/status") == "unassigned")
    #expect(throws: Errno.busy) { try machine.bus.startGuest(Machine.uuid) }
    machine.bus.stopGuest(Machine.uuid)
    #expect(machine.read("bus/ap/devices/05.0004/status") == "assigned")
    #expect(throws: Errno.noSuchDevice) { try machine.bus.startGuest("nobody") }
  }
}
