import APBus
import SimulatedBus
import Testing
import Uevents

/// The files that exist, and their texts (SimulatedBus documentation, "The kernel's files").
@Suite struct `An attribute` {
  static let kernels = KernelBehavior.kernels.map(\.behavior)

  /// The files that no one can read, and what is no file.
  private static let notRead: Set<String> = [
    "assign_adapter", "assign_control_domain", "assign_domain", "bind", "create", "drivers_probe",
    "remove", "unassign_adapter", "unassign_control_domain", "unassign_domain", "unbind",
    "devices", "drivers", "driver", "iommu_group", "matrix", "mdev_supported_types", "mdev_type",
    "module", "power", "subsystem", "vfio-dev",
  ]

  @Test(arguments: kernels)
  func `that a directory lists can be read, and ends with a newline`(
    kernel: KernelBehavior
  ) throws {
    let machine = Machine(kernel)
    machine.bus.plug(card: SimulatedCard(adapter: 7, mode: .ep11))
    machine.bus.plug(card: SimulatedCard(adapter: 8, mode: .accelerator))
    _ = machine.write("-5", "bus/ap/apmask")
    _ = machine.createMediatedDevice(["5"], ["4"])
    let objects: [BusObject] = [
      .bus, .root, .matrixRoot, .matrix, .mediatedDeviceType, .mediatedDevice(Machine.uuid),
      .card(5), .card(7), .card(8), .queue(APQN(adapter: 5, domain: 4)),
      .queue(APQN(adapter: 7, domain: 4)), .queue(APQN(adapter: 8, domain: 4)),
      .module("vfio_ap"), .driver("cex4queue"),
    ]
    var count = 0
    for object in objects {
      let names = try machine.bus.list(SysfsPath(object))
      #expect(Set(names).count == names.count, "\(object)")
      for name in names
      where !Self.notRead.contains(name) && APQN(name) == nil && !name.hasPrefix("card")
        && !BusObject.isUUID(name)
      {
        let isWriteOnlyEvent =
          name == "uevent"
          && (object == .bus || object.path.contains("drivers") || object.path.hasPrefix("/module"))
        guard !isWriteOnlyEvent else { continue }
        let text = try machine.bus.read(SysfsPath(object, name))
        #expect(text.isEmpty || text.hasSuffix("\n"), "\(object.path)/\(name)")
        count += 1
      }
    }
    #expect(count > 80)
  }

  @Test(arguments: kernels)
  func `that is not listed cannot be read`(kernel: KernelBehavior) throws {
    let machine = Machine(kernel)
    let places: [(BusObject, [String])] = [
      (
        .queue(APQN(adapter: 5, domain: 4)),
        ["config", "driver_override", "status", "op_modes", "mkvps"]
      ),
      (.card(5), ["serialnr", "API_ordinalnr", "type", "driver_override"]),
      (.bus, ["apmask", "scans", "bindings", "bindings_complete_count", "features"]),
    ]
    for (object, names) in places {
      let listed = try machine.bus.list(SysfsPath(object))
      for name in names {
        let text = try? machine.bus.read(SysfsPath(object, name))
        #expect((text != nil) == listed.contains(name), "\(object.path)/\(name)")
      }
    }
  }

  @Test(arguments: [
    ("bus/ap/ap_domain", "4"), ("bus/ap/ap_max_domain_id", "255"), ("bus/ap/config_time", "30"),
    ("bus/ap/ap_adapter_mask", "0x06" + String(repeating: "0", count: 62)),
    ("bus/ap/ap_usage_domain_mask", "0x0800000000000000010" + String(repeating: "0", count: 45)),
    ("bus/ap/devices/card05/hwtype", "14"), ("bus/ap/devices/card05/ap_functions", "0xF2000000"),
    ("bus/ap/devices/card05/modalias", "ap:t0E"), ("bus/ap/devices/card05/type", "CEX8C"),
    ("bus/ap/devices/05.0004/request_count", "0"),
    ("bus/ap/devices/05.0004/uevent", "DEVTYPE=ap_queue\nDRIVER=cex4queue\nMODE=cca"),
    ("devices/vfio_ap/matrix/uevent", "DRIVER=vfio_ap"), ("module/vfio_ap/initstate", "live"),
    ("bus/ap/bindings", "4/4 (complete)"),
  ])
  func `reads as the kernel prints it`(path: String, text: String) {
    #expect(Machine(.mask61).read(path) == text)
  }

  @Test(arguments: [
    ("bus/ap/features", "APSC APXA"), ("bus/ap/ap_max_adapter_id", "255"),
    ("bus/ap/scans", "1"), ("bus/ap/bindings_complete_count", "1"), ("bus/ap/poll_thread", "0"),
    ("bus/ap/ap_interrupts", "0"), ("bus/ap/poll_timeout", "250000"),
    ("bus/ap/drivers_autoprobe", "1"), ("bus/ap/devices/card05/config", "1"),
    ("bus/ap/devices/card05/chkstop", "0"), ("bus/ap/devices/card05/max_msg_size", "12288"),
    ("bus/ap/devices/card05/online", "1"), ("bus/ap/devices/card05/load", "0"),
    ("bus/ap/devices/05.0004/config", "1"), ("bus/ap/devices/05.0004/chkstop", "0"),
    ("bus/ap/devices/05.0004/ap_functions", "0xF2000000"),
    ("bus/ap/devices/card05/depth", "8"), ("bus/ap/devices/05.0004/driver_override", ""),
    ("bus/ap/devices/05.0004/reset", "No Reset Timer set."),
    ("bus/ap/devices/05.0004/interrupt", "Interrupts disabled."),
    (
      "bus/ap/devices/05.0004/mkvps",
      "AES NEW: - -\nAES CUR: - -\nAES OLD: - -\nAPKA NEW: - -\nAPKA CUR: - -\nAPKA OLD: - -"
    ),
    ("devices/vfio_ap/matrix/features", "guest_matrix hotplug ap_config"),
    (
      "devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough/device_api", "vfio-ap"
    ),
    (
      "devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough/name",
      "VFIO AP Passthrough Device"
    ),
    (
      "devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough/available_instances",
      "65536"
    ),
  ])
  func `reads as Linux 7.2 prints it`(path: String, text: String) {
    #expect(Machine(.override72).read(path) == text)
  }

  @Test(arguments: [KernelBehavior.mask61, .override72])
  func `online of a queue is refused while something above it is off`(kernel: KernelBehavior) {
    let machine = Machine(kernel)
    let online = "bus/ap/devices/05.0004/online"
    #expect(machine.write("0", online) == "ok")
    _ = machine.write("0", "bus/ap/devices/card05/online")
    #expect(machine.write("1", online) == "EINVAL")
    _ = machine.write("1", "bus/ap/devices/card05/online")
    machine.bus.setCheckStopped(card: 5, to: true)
    let heedsCheckStop = kernel.checkStopPreventsOnline
    #expect(machine.write("1", online) == (heedsCheckStop ? "ENODEV" : "ok"))
    #expect(machine.read(online) == (heedsCheckStop ? "0" : "1"))
    let card = "bus/ap/devices/card05/online"
    #expect(machine.read(card) == (heedsCheckStop ? "0" : "1"))
    #expect(machine.write("1", card) == (heedsCheckStop ? "ENODEV" : "ok"))
    machine.bus.setCheckStopped(card: 5, to: false)
    machine.bus.setConfigured(card: 5, to: false)
    #expect(machine.write("1", online) == "ENODEV")
    #expect(machine.write("0", online) == "ok")
    machine.bus.setConfigured(card: 5, to: true)
    #expect(machine.write("1", online) == "ok")
    #expect(machine.read(online) == "1")
  }

  @Test(arguments: [(KernelBehavior.mask61, "7"), (.mask68, "8"), (.mask612, "8")])
  func `depth counts the first request since 6.8`(kernel: KernelBehavior, text: String) {
    #expect(Machine(kernel).read("bus/ap/devices/card05/depth") == text)
  }

  @Test(arguments: [(KernelBehavior.mask61, "-"), (.mask612, "0"), (.override72, "0")])
  func `request_count of a queue that no driver had is 0 where the bus initialises it`(
    kernel: KernelBehavior, text: String
  ) {
    let machine = Machine(kernel)
    _ = machine.write("-9", "bus/ap/apmask")
    machine.bus.plug(card: SimulatedCard(adapter: 9))
    #expect(machine.driver("09.0004") == "vfio_ap")
    #expect(machine.read("bus/ap/devices/09.0004/request_count") == text)
    _ = machine.write("09.0004", "bus/ap/drivers/vfio_ap/unbind")
    #expect(machine.read("bus/ap/devices/09.0004/request_count") == "-")
  }

  @Test func `of a queue without the host's driver has no count of requests`() {
    let machine = Machine(.mask61)
    _ = machine.write("-5", "bus/ap/apmask")
    #expect(machine.read("bus/ap/devices/05.0004/request_count") == "-")
    #expect(machine.read("bus/ap/devices/05.0004/online") == nil)
    #expect(machine.read("bus/ap/devices/05.0004/mkvps") == nil)
  }

  @Test(arguments: [
    (
      QueueMode.cca,
      MasterKeyPattern(registers: ["AES 0x1", "APKA 0x2"], old: ["AES 0x3"], new: ["APKA 0x4"])
    ), (.cca, MasterKeyPattern(registers: [])), (.cca, MasterKeyPattern(registers: ["APKA 0x2"])),
    (.ep11, MasterKeyPattern(registers: ["WK 0x1"], new: ["WK 0x2"])),
    (.ep11, MasterKeyPattern(registers: [])),
  ])
  func `has the master keys of a domain, with those before and those to come`(
    mode: QueueMode, keys: MasterKeyPattern
  ) throws {
    let machine = Machine(.mask61)
    var card = SimulatedCard(adapter: 7, mode: mode)
    card.domainMasterKeys[4] = keys
    machine.bus.plug(card: card)
    let text = try machine.bus.read(.queue(APQN(adapter: 7, domain: 4), "mkvps"))
    #expect(MasterKeyPattern(attribute: text) == keys)
  }

  @Test(arguments: [
    ("config_time", "4", "EINVAL"), ("config_time", "121", "EINVAL"),
    ("config_time", "x", "EINVAL"),
    ("config_time", "120\n", "ok"), ("ap_domain", "5", "ok"), ("ap_domain", "9", "EINVAL"),
    ("ap_domain", "256", "EINVAL"), ("ap_domain", "-1", "EINVAL"),
    ("poll_thread", "x", "EINVAL"),
    ("poll_timeout", "120000000001", "EINVAL"), ("drivers_autoprobe", "no", "ok"),
  ])
  func `of the bus takes what the kernel takes`(name: String, text: String, answer: String) {
    let machine = Machine(.mask61)
    _ = machine.write("-9", "bus/ap/aqmask")
    #expect(machine.write(text, "bus/ap/\(name)") == answer)
  }

  /// `kstrtobool` in lib/kstrtox.c; older kernels took the number of `sscanf`.
  @Test(arguments: [
    (KernelBehavior.override72, "y\n", "1"), (.override72, "on", "1"), (.override72, "1", "1"),
    (.override72, "TRUE", "1"), (.override72, "n", "0"), (.override72, "Off\n", "0"),
    (.override72, "0", "0"), (.override72, "false", "0"), (.override72, "o", "EINVAL"),
    (.override72, "2", "EINVAL"), (.override72, "\n", "EINVAL"), (.override72, " 1", "EINVAL"),
    (.override72, "enable", "1"), (.override72, "D", "0"), (.mask612, "enable", "EINVAL"),
    (.mask612, "d", "EINVAL"),
    (.mask61, "1", "1"), (.mask61, " 2", "1"), (.mask61, "0", "0"), (.mask61, "y", "EINVAL"),
  ])
  func `poll_thread takes what this kernel takes for yes or no`(
    kernel: KernelBehavior, text: String, answer: String
  ) {
    let machine = Machine(kernel)
    if answer == "0" { _ = machine.write("1", "bus/ap/poll_thread") }
    let found = machine.write(text, "bus/ap/poll_thread")
    #expect((found == "ok" ? machine.read("bus/ap/poll_thread") : found) == answer)
  }

  /// `sscanf` where the kernel uses it, and `kstrtoul` where newer kernels do.
  @Test(arguments: [
    (KernelBehavior.mask61, "config_time", " 70", "70"), (.override72, "config_time", "70x", "70"),
    (.override72, "config_time", "+70", "EINVAL"), (.override72, "config_time", "0x46", "EINVAL"),
    (.mask61, "ap_domain", "5,0", "5"), (.override72, "ap_domain", "010", "8"),
    (.mask61, "ap_domain", "08", "0"), (.override72, "ap_domain", "0x4", "4"),
    (.mask61, "ap_domain", "4294967300", "4"), (.override72, "ap_domain", "+5", "EINVAL"),
    (.mask612, "ap_domain", "18446744073709551619", "3"),
    (.override72, "ap_domain", "18446744073709551619", "EINVAL"),
    (.override72, "ap_domain", "-18446744073709551619", "1"),
    (.mask61, "poll_timeout", "0x100", "EINVAL"), (.mask61, "poll_timeout", "010", "10"),
    (.mask61, "poll_timeout", "18446744073709551619", "3"),
    (.override72, "poll_timeout", "0x100", "256"), (.override72, "poll_timeout", "+0", "0"),
    (.override72, "poll_timeout", "4x", "EINVAL"), (.override72, "poll_timeout", " 4", "EINVAL"),
    (.override72, "poll_timeout", "18446744073709551619", "ERANGE"),
  ])
  func `takes a number as this kernel reads it`(
    kernel: KernelBehavior, name: String, text: String, answer: String
  ) {
    let machine = Machine(kernel)
    let found = machine.write(text, "bus/ap/\(name)")
    #expect((found == "ok" ? machine.read("bus/ap/\(name)") : found) == answer)
  }

  @Test(arguments: [("1", "ok"), ("0\n", "ok"), (" 1", "ok"), ("2", "EINVAL"), ("x", "EINVAL")])
  func `online takes 0 and 1`(text: String, answer: String) {
    #expect(Machine(.mask61).write(text, "bus/ap/devices/05.0004/online") == answer)
  }

  @Test func `online of a card switches its queues in the order in which they were bound`() {
    let machine = Machine(.mask61, adapters: [5])
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    _ = machine.write("05.0004", "bus/ap/drivers_probe")
    machine.forget()
    #expect(machine.write("0", "bus/ap/devices/card05/online") == "ok")
    #expect(
      machine.events == [
        "change card05 ONLINE=0 DRIVER=cex4card", "change 05.0047 ONLINE=0 DRIVER=cex4queue",
        "change 05.0004 ONLINE=0 DRIVER=cex4queue",
      ])
    #expect(machine.write("1", "bus/ap/devices/05.0004/online") == "EINVAL")
    machine.forget()
    #expect(machine.write("0", "bus/ap/devices/card05/online") == "ok")
    #expect(machine.events == ["change card05 ONLINE=0 DRIVER=cex4card"])
  }

  @Test func `uevent sends a synthetic event, with the driver that the queue has`() throws {
    let machine = Machine(.mask61)
    var texts: [String] = []
    machine.bus.onUevent = { texts.append("\($0.action) \($0.devicePath) \($0.properties)") }
    #expect(machine.write("add\n", "bus/ap/devices/05.0004/uevent") == "ok")
    #expect(machine.write("explode", "bus/ap/devices/05.0004/uevent") == "EINVAL")
    #expect(machine.write("add", "bus/ap/uevent") == "ok")
    #expect(texts.count == 2)
    #expect(texts.first?.contains("SYNTH_UUID") == true)
    #expect(texts.first?.contains("cex4queue") == true)
    #expect(machine.read("bus/ap/uevent") == nil)
  }

  /// `kobject_action_args` in lib/kobject_uevent.c.
  @Test func `uevent takes a UUID and arguments, keys and values of letters and digits`() {
    let machine = Machine(.mask61)
    var properties: [Uevent.Property] = []
    machine.bus.onUevent = { properties = $0.properties }
    let uuid = "fe4d7c9d-b8c6-4a70-9ef1-3d8a58d18eed"
    let place = "bus/ap/devices/05.0004/uevent"
    #expect(machine.write("add \(uuid) A=1 Key2=bC3\n", place) == "ok")
    #expect(
      properties.prefix(3) == [
        .init("SYNTH_UUID", uuid), .init("SYNTH_ARG_A", "1"), .init("SYNTH_ARG_Key2", "bC3"),
      ])
    #expect(properties.dropFirst(3).first == .init("DEVTYPE", "ap_queue"))
    #expect(machine.write("add \(uuid)\n", place) == "ok")
    #expect(properties.first == .init("SYNTH_UUID", uuid))
    #expect(properties.dropFirst().first == .init("DEVTYPE", "ap_queue"))
    for arguments in [
      "A", "A=", "=1", "A=1=2", "A_B=1", "A=x-y", " A=1", "A=1 ", "A=1  B=2", "A=1\n\n", "A=\u{e9}",
    ] {
      #expect(machine.write("add \(uuid) \(arguments)", place) == "EINVAL", "\(arguments)")
    }
    for text in ["add ", "add A=1", " add", "add \(uuid)A=1", "add \(uuid) "] {
      #expect(machine.write(text, place) == "EINVAL", "\(text)")
    }
  }

  @Test func `of a name that leads elsewhere is a link`() throws {
    let bus = Machine(.mask61).bus
    let apqn = APQN(adapter: 5, domain: 4)
    #expect(try bus.readLink(.queue(apqn, "subsystem")) == "ap")
    #expect(try bus.readLink(.driver("cex4queue", "module")) == "zcrypt_cex4")
    #expect(try bus.readLink(.driver("cex4queue", "05.0004")) == "05.0004")
    #expect(throws: SysfsError(.readLink, .driver("vfio_ap", "05.0004"), errno: .noSuchFile)) {
      try bus.readLink(.driver("vfio_ap", "05.0004"))
    }
    #expect(throws: SysfsError(.readLink, .queue(apqn, "online"), errno: .invalidArgument)) {
      try bus.readLink(.queue(apqn, "online"))
    }
    #expect(throws: SysfsError(.list, .bus("apmask"), errno: .notDirectory)) {
      try bus.list(.bus("apmask"))
    }
    #expect(throws: SysfsError(.read, .bus("devices"), errno: .isDirectory)) {
      try bus.read(.bus("devices"))
    }
    #expect(throws: SysfsError(.open, .driver("vfio_ap", "bind"), errno: .permissionDenied)) {
      try bus.read(.driver("vfio_ap", "bind"))
    }
  }
}
