import APBus
import Testing

@Suite struct `Reading an inventory` {
  private let card = "/sys/devices/ap/card05"
  private let host = APQN(adapter: 5, domain: 0x47)
  private let guest = APQN(adapter: 5, domain: 4)
  private let unbound = APQN(adapter: 5, domain: 0xab)

  @Test func `takes every value that a decision needs`() throws {
    let expected = try Inventory(
      bus: BusState(
        masks: MaskPair(adapters: .all, domains: .all.subtracting([4])), scans: .max,
        bindingsCompleteCount: 3, configuredAdapters: [5], configuredDomains: nil,
        controlDomains: nil, defaultDomain: 4, supportsOverride: true,
        drivers: ["cex4card", "cex4queue", "vfio_ap"]),
      cards: [
        Card(
          adapter: 5, hardwareType: HardwareType(rawValue: 13), functions: 0x9200_0000,
          driver: "cex4card", isConfigured: true, isCheckStopped: false,
          attributes: ["raw_hwtype": "16", "serialnr": "93AABBCC"])
      ],
      queues: [
        Queue(
          apqn: guest, driver: "vfio_ap", driverOverride: "vfio_ap", isConfigured: true,
          isCheckStopped: true, guestStatus: .inUse),
        Queue(
          apqn: host, driver: "cex4queue", isConfigured: true, isCheckStopped: true,
          isOnline: true),
        Queue(apqn: unbound, isConfigured: true, isCheckStopped: true),
      ],
      mediatedDevices: [
        MediatedDevice(
          uuid: "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e", adapters: [5], domains: [4, 0x47],
          controlDomains: [0xab])
      ])
    #expect(try InventoryReader(sysfs: TreeSysfs.small()).read() == expected)
  }

  @Test func `reads no more than four files a queue`() throws {
    let tree = TreeSysfs.small()
    _ = try InventoryReader(sysfs: tree).readQueue(host)
    #expect(
      tree.reads == [
        "\(card)/05.0047/online", "\(card)/05.0047/driver_override", "\(card)/05.0047/chkstop",
        "\(card)/05.0047/config",
      ])
  }

  @Test func `says in one sentence that there is no AP bus`() throws {
    let reader = InventoryReader(sysfs: TreeSysfs())
    #expect(throws: InventoryReaderError.noAPBus) { try reader.read() }
    #expect(throws: InventoryReaderError.noAPBus) { try reader.readBus() }
    #expect(
      InventoryReaderError.noAPBus.description
        == "this system has no AP bus: /sys/bus/ap is absent")
  }

  @Test func `finds neither masks nor overrides on a kernel of 2018`() throws {
    let tree = TreeSysfs(
      files: [
        "\(card)/hwtype": "10\n", "\(card)/ap_functions": "0x6A000000\n",
        "/sys/bus/ap/drivers/cex4queue/bind": "",
      ],
      links: [
        "/sys/bus/ap/devices/card05": "card05", "/sys/bus/ap/devices/05.0004": "05.0004",
        "\(card)/05.0004/subsystem": "ap",
      ])
    let inventory = try InventoryReader(sysfs: tree).read()
    #expect(inventory.bus == BusState(supportsOverride: false, drivers: ["cex4queue"]))
    #expect(inventory.queues == [Queue(apqn: guest)])
    #expect(inventory.mediatedDevices.isEmpty)
  }

  @Test func `does not know of overrides without a queue, unless the bus shows it`() throws {
    let tree = TreeSysfs(
      files: ["/sys/bus/ap/drivers/cex4queue/bind": ""],
      links: ["/sys/bus/ap/devices/card05": "card05"])
    #expect(try InventoryReader(sysfs: tree).readBus().supportsOverride == nil)
    tree.files["/sys/bus/ap/bindings_complete_count"] = "0\n"
    #expect(try InventoryReader(sysfs: tree).readBus().supportsOverride == true)
  }

  @Test(arguments: ["hwtype", "ap_functions", "driver", "config", "raw_hwtype", "serialnr"])
  func `leaves out a card that is removed while it is read, with its queues`(attribute: String)
    throws
  {
    let tree = TreeSysfs.small()
    tree.beforeAccess = { tree, path in
      if path == "/sys/devices/ap/card05/" + attribute { tree.remove("/sys/devices/ap/card05") }
    }
    let inventory = try InventoryReader(sysfs: tree).read()
    #expect(inventory.cards.isEmpty && inventory.queues.isEmpty)
    #expect(inventory.bus.masks?.adapters == .all)
  }

  @Test(arguments: ["driver", "online", "driver_override", "chkstop", "config"])
  func `leaves out a queue that is removed while it is read`(attribute: String) throws {
    let tree = TreeSysfs.small()
    tree.beforeAccess = { tree, path in
      if path == "/sys/devices/ap/card05/05.0047/" + attribute {
        tree.remove("/sys/devices/ap/card05/05.0047")
      }
    }
    let inventory = try InventoryReader(sysfs: tree).read()
    #expect(inventory.queues.map(\.apqn) == [guest, unbound])
  }

  @Test(arguments: [Errno.noSuchFile, .noSuchDevice, .inputOutput])
  func `takes an attribute without an answer for absent`(errno: Errno) throws {
    let tree = TreeSysfs.small()
    tree.failures["\(card)/05.0047/config"] = errno
    tree.failures["\(card)/serialnr"] = errno
    let inventory = try InventoryReader(sysfs: tree).read()
    #expect(inventory.queue(host)?.isConfigured == nil)
    #expect(inventory.queue(host)?.isOnline == true)
    #expect(inventory.card(5)?.attributes == ["raw_hwtype": "16"])
  }

  @Test func `reports a file that the kernel refuses to show`() throws {
    let tree = TreeSysfs.small()
    tree.failures["/sys/bus/ap/apmask"] = .permissionDenied
    let error = try #require(throws: InventoryReaderError.self) {
      try InventoryReader(sysfs: tree).read()
    }
    #expect(
      error.description == "reading /sys/bus/ap/apmask: EACCES (permission denied)")
  }

  @Test(arguments: [
    ("/sys/bus/ap/apmask", "", "0x and 64 lower-case hex digits"),
    ("/sys/bus/ap/aqmask", "not supported\\n", "0x and 64 lower-case hex digits"),
    ("/sys/bus/ap/ap_adapter_mask", "0x0", "0x and 64 lower-case hex digits"),
    ("/sys/bus/ap/scans", "+1\\n", "a decimal number of 0 to 18446744073709551615"),
    ("/sys/bus/ap/scans", "\\n", "a decimal number of 0 to 18446744073709551615"),
    ("/sys/bus/ap/ap_domain", "256\\n", "a decimal number of 0 to 255"),
    ("/sys/devices/ap/card05/hwtype", "256\\n", "a decimal number of 0 to 255"),
    ("/sys/devices/ap/card05/hwtype", "-\\n", "a decimal number of 0 to 255"),
    ("/sys/devices/ap/card05/ap_functions", "0x-1\\n", "0x and up to 8 hex digits"),
    ("/sys/devices/ap/card05/ap_functions", "0x123456789\\n", "0x and up to 8 hex digits"),
  ])
  func `names the file that is invalid`(path: String, text: String, expected: String) throws {
    let tree = TreeSysfs.small()
    tree.files[path] = text.hasSuffix("\\n") ? text.dropLast(2) + "\n" : text
    let error = try #require(throws: InventoryReaderError.self) {
      try InventoryReader(sysfs: tree).read()
    }
    #expect(error.description == "\(path) reads \"\(text)\", which is not \(expected)")
  }

  @Test(arguments: ["-\n", "\n", "", "2\n", "in use\n"])
  func `takes an odd flag or status for unknown`(text: String) throws {
    let tree = TreeSysfs.small()
    tree.files["\(card)/05.0004/status"] = text == "in use\n" ? "lent\n" : text
    tree.files["\(card)/05.0047/online"] = text
    let inventory = try InventoryReader(sysfs: tree).read()
    #expect(inventory.queue(guest)?.guestStatus == nil)
    #expect(inventory.queue(host)?.isOnline == nil)
  }

  /// Taken for unbound, the queue would be moved by masks that no plan would write for one with a driver.
  @Test(arguments: [1, 2])
  func `believes that a queue has no driver when it is said twice`(times: Int) throws {
    let tree = TreeSysfs.small()
    var left = times
    tree.beforeAccess = { [card] tree, path in
      guard path == "\(card)/05.0047/driver" else { return }
      tree.failures[path] = left > 0 ? .noSuchFile : nil
      left -= 1
    }
    let inventory = try InventoryReader(sysfs: tree).read()
    #expect(inventory.queue(host)?.driver == (times == 1 ? "cex4queue" : nil))
  }

  @Test func `never takes drivers that cannot be listed for none`() throws {
    let tree = TreeSysfs.small()
    let bus = try InventoryReader(sysfs: tree).readBus()
    tree.failures["/sys/bus/ap/drivers"] = .noSuchFile
    let reader = InventoryReader(sysfs: tree)
    let expected = "listing /sys/bus/ap/drivers: ENOENT (no such file or directory)"
    #expect(
      try #require(throws: InventoryReaderError.self) { try reader.read() }.description == expected)
    #expect(
      try #require(throws: InventoryReaderError.self) { try reader.reread(bus) }.description
        == expected)
    // With the devices gone as well it is the bus that went.
    tree.failures["/sys/bus/ap/devices"] = .noSuchFile
    #expect(throws: InventoryReaderError.noAPBus) { try reader.reread(bus) }
  }

  @Test func `reads the configuration again with the masks`() throws {
    let tree = TreeSysfs.small()
    let bus = try InventoryReader(sysfs: tree).readBus()
    #expect(bus.configuredAdapters == [5])
    tree.files["/sys/bus/ap/ap_adapter_mask"] = "\(APMask([5, 6]))\n"
    #expect(try InventoryReader(sysfs: tree).reread(bus).configuredAdapters == [5, 6])
  }

  @Test func `knows no default domain where there is none`() throws {
    let tree = TreeSysfs.small()
    tree.files["/sys/bus/ap/ap_domain"] = "-1\n"
    #expect(try InventoryReader(sysfs: tree).readBus().defaultDomain == nil)
  }

  @Test(arguments: ["serialnr", "API_ordinalnr"])
  func `knows an adapter that does not answer by the file that it does not answer`(name: String)
    throws
  {
    let tree = TreeSysfs.small()
    tree.unanswered = ["\(card)/\(name)"]
    let expected = try InventoryReader(sysfs: TreeSysfs.small()).read()
    let inventory = try InventoryReader(sysfs: tree).read()
    let read = try #require(inventory.card(5)?.unanswered)
    #expect(read.description == "reading \(card)/\(name): no answer within 5 s")
    #expect(inventory.card(5)?.silence == "card05 does not answer: \(read)")
    #expect(inventory.card(5)?.attributes[name] == nil)
    #expect(inventory.card(5)?.attributes["raw_hwtype"] == "16")
    // All else is as ever.
    #expect(inventory.queues == expected.queues)
    #expect(inventory.bus == expected.bus)
  }

  @Test func `has all master keys of an adapter, or none if it does not answer for one`() throws {
    let tree = TreeSysfs.small()
    let bus = "/sys/bus/ap/devices"
    for queue in ["05.0047", "05.00ab"] {
      tree.links["\(card)/\(queue)/driver"] = "cex4queue"
      tree.files["\(card)/\(queue)/mkvps"] = "AES CUR: valid 0x11\n"
      tree.files["\(card)/\(queue)/requestq_count"] = "1\n"
      tree.files["\(card)/\(queue)/pendingq_count"] = "2\n"
      tree.links["\(bus)/\(queue)"] = queue
    }
    let reader = InventoryReader(sysfs: tree)
    var inventory = try reader.read()
    try reader.readUse(into: &inventory, masterKeys: true)
    let keys = MasterKeyPattern(registers: ["AES 0x11"])
    #expect(inventory.queues.map(\.masterKeys) == [nil, keys, keys])
    #expect(inventory.card(5)?.unanswered == nil)

    tree.unanswered = ["\(card)/05.00ab/mkvps"]
    try reader.readUse(into: &inventory, masterKeys: true)
    #expect(inventory.queues.map(\.masterKeys) == [nil, nil, nil])
    #expect(inventory.queues.map(\.pendingRequests) == [nil, 3, 3])
    #expect(
      inventory.card(5)?.unanswered?.path == .queue(APQN(adapter: 5, domain: 0xab), "mkvps"))
    // It is not asked until it is scanned again.
    tree.beforeAccess = { _, path in #expect(!path.hasSuffix("mkvps")) }
    try reader.readUse(into: &inventory, masterKeys: true)
    #expect(inventory.queues.map(\.masterKeys) == [nil, nil, nil])
  }

  @Test(
    arguments: [
      ("card05/serialnr", 5), ("card05/FW_version", 5), ("card05/API_ordinalnr", 5),
      ("card05/05.0047/mkvps", 5), ("card05/05.0047/op_modes", 5), ("card05/hwtype", nil),
      ("card05/max_msg_size", nil), ("card05/05.0047/online", nil), ("card05/mkvps", nil),
      ("card05/05.0047/serialnr", nil),
    ] as [(String, UInt8?)])
  func `knows which files only the adapter answers`(name: String, adapter: UInt8?) throws {
    #expect(try #require(SysfsPath(text: "/sys/devices/ap/\(name)")).askedAdapter == adapter)
  }
}
