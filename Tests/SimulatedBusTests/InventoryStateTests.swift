import APBus
import SimulatedBus
import Testing

/// A bus that begins in the state of an inventory.
@Suite struct `A bus made of an inventory` {
  private func inventory(
    _ bus: BusState, _ queues: [Queue], type: UInt8 = 13, mediatedDevices: [MediatedDevice] = []
  ) throws -> Inventory {
    let adapters = Set(queues.map(\.apqn.adapter))
    return try Inventory(
      bus: bus,
      cards: adapters.map {
        Card(
          adapter: $0, hardwareType: HardwareType(rawValue: type), functions: 0x9200_0000,
          driver: type < 10 ? nil : "cex4card", isConfigured: true, isCheckStopped: false,
          attributes: ["serialnr": "93AADHZU", "raw_hwtype": "15", "max_msg_size": "12288"])
      },
      queues: queues, mediatedDevices: mediatedDevices)
  }

  private func queue(_ name: String, _ driver: String?, driverOverride: String? = nil) throws
    -> Queue
  {
    Queue(
      apqn: try #require(APQN(name)), driver: driver, driverOverride: driverOverride,
      isConfigured: true, isCheckStopped: false, isOnline: driver == "cex4queue" ? true : nil)
  }

  private var masks: BusState {
    BusState(
      masks: .all, scans: 7, configuredAdapters: [5, 6, 9],
      configuredDomains: [4, 0x47, 8], controlDomains: [0xff], defaultDomain: 4,
      supportsOverride: false, drivers: ["cex4card", "cex4queue", "vfio_ap"])
  }

  @Test func `has its drivers, its texts and its counts, and sends nothing for them`() throws {
    var bus = masks
    bus.masks?.adapters.remove(6)
    let machine = Machine(
      SimulatedBus(
        inventory: try inventory(
          bus, [queue("05.0004", "cex4queue"), queue("06.0004", "vfio_ap"), queue("05.0047", nil)]))
    )
    #expect(machine.bus.behavior == .mask61)
    #expect(machine.bus.sequenceNumber == 0)
    #expect(machine.driver("05.0004") == "cex4queue")
    #expect(machine.driver("05.0047") == "-")
    #expect(machine.stored == ["06.0004"])
    #expect(machine.bus.loadedModules == [.zcryptCex4, .vfioAP])
    let texts = [
      "bus/ap/apmask": bus.masks?.adapters.description, "bus/ap/scans": "7",
      "bus/ap/ap_domain": "4",
      "bus/ap/bindings": "2/3", "bus/ap/ap_adapter_mask": APMask([5, 6, 9]).description,
      "bus/ap/ap_usage_domain_mask": APMask([4, 8, 0x47]).description,
      "bus/ap/ap_control_domain_mask": APMask([0xff]).description,
      "bus/ap/devices/card05/raw_hwtype": "15", "bus/ap/devices/card05/serialnr": "93AADHZU",
      "bus/ap/devices/05.0004/online": "1",
    ]
    for (path, text) in texts { #expect(machine.read(path) == text, "\(path)") }
    machine.bus.scan()
    #expect(machine.events.isEmpty, "a scan finds nothing new")
    #expect(machine.driver("05.0047") == "-")
  }

  @Test func `has mute adapters, until they answer again or are replaced`() throws {
    var inventory = try inventory(
      masks, [queue("05.0004", "cex4queue"), queue("06.0004", "cex4queue")])
    var card = try #require(inventory.card(5))
    card.unanswered = UnansweredRead(.card(5, "serialnr"))
    inventory.setCard(card, adapter: 5)
    let bus = SimulatedBus(inventory: inventory)
    let keys = SysfsPath.queue(APQN(adapter: 5, domain: 4), "mkvps")
    for path in [SysfsPath.card(5, "serialnr"), keys] {
      #expect(throws: SysfsError(UnansweredRead(path))) { try bus.read(path) }
    }
    #expect(try bus.read(.card(6, "serialnr")) == "93AADHZU\n")
    #expect(try bus.read(.card(5, "hwtype")) == "13\n")
    #expect(try InventoryReader(sysfs: bus).read().card(5)?.unanswered == card.unanswered)
    // What does not exist is not waited for.
    #expect(!bus.isUnanswered(.card(5, "FW_version")))
    bus.setMute(card: 5, to: false)
    #expect(try bus.read(.card(5, "serialnr")) == "93AADHZU\n")
    bus.setMute(card: 5, to: true)
    bus.plug(card: SimulatedCard(adapter: 5))
    #expect(try bus.read(.card(5, "serialnr")) == "\n")
    bus.setMute(card: 9, to: true)
    bus.plug(card: SimulatedCard(adapter: 9))
    #expect(try bus.read(.card(9, "serialnr")) == "\n")
  }

  @Test func `is of the kernel that its attributes show`() throws {
    var overrides = masks
    overrides.supportsOverride = true
    var read = BusState(masks: .all, configuredAdapters: [5])
    let queues = try [queue("05.0004", "cex4queue")]
    var configurable = queues
    configurable[0].isConfigured = true
    func kernel(_ bus: BusState, _ queues: [Queue]) throws -> KernelBehavior {
      .kernel(of: try inventory(bus, queues))
    }
    var old = queues
    old[0].isConfigured = nil
    #expect(try kernel(read, old) == .mask52)
    #expect(try kernel(read, configurable) == .mask510)
    read.scans = 1
    #expect(try kernel(read, configurable) == .mask61)
    read.features = "APSC APXA"
    #expect(try kernel(read, configurable) == .mask612, "vfio_ap is not loaded")
    read.drivers = ["vfio_ap"]
    #expect(try kernel(read, configurable) == .mask68)
    read.matrixFeatures = "guest_matrix hotplug ap_config"
    #expect(try kernel(read, configurable) == .mask612)
    read.supportsOverride = true
    #expect(try kernel(read, configurable) == .override72)
    #expect(SimulatedBus(inventory: try inventory(masks, queues)).behavior == .mask61)
    #expect(SimulatedBus(inventory: try inventory(overrides, queues)).behavior == .override72)
    #expect(SimulatedBus(inventory: try inventory(BusState(), queues)).behavior == .bind2018)
    let named = SimulatedBus(inventory: try inventory(masks, queues), behavior: .override72)
    #expect(named.behavior == .override72)
  }

  @Test func `counts the overrides that it begins with`() throws {
    var bus = masks
    bus.supportsOverride = true
    bus.bindingsCompleteCount = 3
    let machine = Machine(
      SimulatedBus(
        inventory: try inventory(
          bus,
          [queue("05.0004", "vfio_ap", driverOverride: "vfio_ap"), queue("05.0008", "cex4queue")])))
    #expect(machine.read("bus/ap/bindings_complete_count") == "3")
    #expect(machine.write("-9", "bus/ap/apmask") == "EINVAL")
    #expect(machine.write("\n", "bus/ap/devices/05.0004/driver_override") == "ok")
    #expect(machine.write("-9", "bus/ap/apmask") == "ok")
    #expect(machine.driver("05.0004") == "cex4queue")
  }

  @Test func `knows masks in use`() throws {
    var bus = masks
    bus.supportsOverride = true
    bus.masks?.domains.remove(9)
    let machine = Machine(
      SimulatedBus(inventory: try inventory(bus, [queue("05.0004", "cex4queue")])))
    #expect(machine.write("vfio_ap", "bus/ap/devices/05.0004/driver_override") == "EINVAL")
  }

  @Test func `runs the guests that it shows`() throws {
    var bus = masks
    bus.masks?.adapters.remove(5)
    var inUse = try queue("05.0004", "vfio_ap")
    inUse.guestStatus = .inUse
    let device = MediatedDevice(uuid: Machine.uuid, adapters: [5], domains: [4])
    let machine = Machine(
      SimulatedBus(inventory: try inventory(bus, [inUse], mediatedDevices: [device])))
    #expect(machine.read("bus/ap/devices/05.0004/status") == "in use")
    #expect(machine.read(Machine.path("matrix")) == "05.0004")
    #expect(machine.write("+5", "bus/ap/apmask") == "EBUSY")
  }

  @Test(
    arguments: [
      (QueueMode.cca, ["AES 0x1122334455667788", "APKA 0x00000000000099aa"]),
      (.cca, ["APKA 0x00000000000099aa", "ASYM 0x0123"]), (.cca, []),
      (.ep11, ["WK 0x" + String(repeating: "1f", count: 32)]), (.ep11, []),
    ] as [(QueueMode, [String])])
  func `shows the master keys and the requests that were read`(
    mode: QueueMode, registers: [String]
  ) throws {
    var keyed = try queue("05.0004", "cex4queue")
    keyed.masterKeys = MasterKeyPattern(registers: registers)
    keyed.pendingRequests = 3
    var unknown = try queue("05.0047", "cex4queue")
    unknown.pendingRequests = 0
    var machine = try inventory(masks, [keyed, unknown])
    var card = try #require(machine.card(5))
    card.functions = mode.functions
    machine.setCard(card, adapter: 5)
    let reader = InventoryReader(sysfs: SimulatedBus(inventory: machine))
    var read = try reader.read()
    try reader.readUse(into: &read, masterKeys: true)
    for (one, other) in zip(read.queues, machine.queues) {
      #expect(one.apqn == other.apqn && one.masterKeys == other.masterKeys)
      #expect(one.pendingRequests == other.pendingRequests)
    }
  }

  @Test func `leaves old queues with the drivers that they have, and refuses them to vfio_ap`()
    throws
  {
    let queues = try [queue("03.0004", "cex2aqueue"), queue("03.0008", nil)]
    let machine = Machine(SimulatedBus(inventory: try inventory(masks, queues, type: 8)))
    #expect(machine.driver("03.0004") == "cex2aqueue")
    #expect(machine.write("03.0008", "bus/ap/drivers/vfio_ap/bind") == "ENODEV")
    #expect(machine.write("-3", "bus/ap/apmask") == "ok")
    #expect(machine.driver("03.0004") == "-")
    #expect(machine.callbacks == ["remove cex2aqueue /devices/ap/card03/03.0004"])
  }
}
