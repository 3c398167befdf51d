import APBus
import Agent
import Replay
import SimulatedBus
import Snapshots
import TestSupport
import Testing
import Uevents

@Suite struct `A captured state` {
  @Test func `of udev's database is where the replay begins`() throws {
    let text = """
      P: /devices/ap/card05
      U: ap
      T: ap_card
      V: cex4card
      E: DEVPATH=/devices/ap/card05
      E: SUBSYSTEM=ap
      E: DEVTYPE=ap_card
      E: DRIVER=cex4card
      E: DEV_TYPE=000D
      E: MODE=cca

      P: /devices/ap/card05/05.0004
      U: ap
      T: ap_queue
      V: cex4queue
      E: DEVPATH=/devices/ap/card05/05.0004
      E: SUBSYSTEM=ap
      E: DEVTYPE=ap_queue
      E: DRIVER=cex4queue
      E: MODE=cca


      """
    let capture = Play.capture(text)
    #expect(capture.format == .database)
    let script = try ReplayScript(capture)
    #expect(script.start?.queues.map(\.owner) == [.host])
    let session = try Play.run(script, rules: #"HWTYPE=="10-", RESERVE="vfio_ap""#)
    #expect(try Play.mismatches(session, "05.0004 vfio_ap\nwrites 1") == [])
  }

  @Test func `of umockdev's descriptions has the attributes that rules match`() throws {
    let text = """
      P: /devices/ap/card05
      E: SUBSYSTEM=ap
      E: DEVTYPE=ap_card
      E: DRIVER=cex4card
      A: hwtype=13\\n
      A: ap_functions=0x92000000\\n
      A: serialnr=93AA0005\\n
      A: config=1\\n

      P: /devices/ap/card05/05.0004
      E: SUBSYSTEM=ap
      E: DEVTYPE=ap_queue
      E: DRIVER=vfio_ap
      A: status=unassigned\\n


      """
    let capture = Play.capture(text)
    #expect(capture.format == .descriptions)
    let machine = try CapturedMachine(capture).inventory
    #expect(machine.card(5)?.attributes["serialnr"] == "93AA0005")
    #expect(machine.card(5)?.typeName == "CEX7C")
    #expect(machine.queues.map(\.owner) == [.vfioAP])
    // The queue is reserved, and masks can have done it.
    #expect(machine.bus.masks?.isInHostPool(APQN(adapter: 5, domain: 4)) == false)
  }
}

/// What real recorders wrote of one machine.
@Suite struct `A machine that was recorded` {
  private func snapshot() throws -> Inventory {
    try Snapshot.decode(CaptureFile.bytes("recorded.json"), file: "recorded.json").inventory
  }

  private func machine(_ file: String) throws -> Inventory {
    let capture = Capture.read(bytes: try CaptureFile.bytes(file), name: file)
    #expect(capture.damage == nil)
    #expect(capture.notes == [])
    return try CapturedMachine(capture).inventory
  }

  @Test func `by umockdev-record has all that a snapshot has of its devices`() throws {
    let recorded = try machine("recorded.umockdev")
    #expect(try recorded.cards == snapshot().cards)
    // An older description has only the patterns of the registers.
    let queues = recorded.queues.map { queue in
      var queue = queue
      queue.keyRegisters = nil
      return queue
    }
    #expect(try queues == snapshot().queues)
    #expect(try recorded.mediatedDevices == snapshot().mediatedDevices)
    #expect(try recorded.bus.drivers == snapshot().bus.drivers)
    #expect(recorded.bus.supportsOverride == true)
  }

  @Test func `by udevadm info has the queues and their owners`() throws {
    let recorded = try machine("recorded.info")
    #expect(try recorded.queues.map(\.apqn) == snapshot().queues.map(\.apqn))
    #expect(try recorded.queues.map(\.driver) == snapshot().queues.map(\.driver))
    #expect(try recorded.cards.map(\.mode) == snapshot().cards.map(\.mode))
    #expect(try recorded.cards.map(\.hardwareType) == snapshot().cards.map(\.hardwareType))
  }

  @Test func `without its matrix device keeps the guests of the inventory that it adds to`() throws
  {
    let capture = Capture.read(bytes: try CaptureFile.bytes("recorded.info"), name: "info")
    let machine = try CapturedMachine(capture, start: snapshot())
    #expect(try machine.inventory.mediatedDevices == snapshot().mediatedDevices)
  }

  @Test func `begins a simulated bus that reads the same`() throws {
    let machine = try machine("recorded.umockdev")
    let reader = InventoryReader(sysfs: SimulatedBus(inventory: machine))
    var read = try reader.read()
    try reader.readUse(into: &read, masterKeys: true)
    #expect(read.queues == machine.queues)
    #expect(read.mediatedDevices == machine.mediatedDevices)
    #expect(read.cards == machine.cards)
  }

  @Test func `with an attribute that is not a number says which`() throws {
    let text = """
      P: /devices/ap/card05
      E: DRIVER=cex4card
      E: DEV_TYPE=000D
      E: SUBSYSTEM=ap
      A: config=1\\n

      P: /devices/ap/card05/05.0004
      E: DRIVER=cex4queue
      E: SUBSYSTEM=ap
      A: pendingq_count=many\\n
      A: requestq_count=0\\n


      """
    let fault = #expect(throws: CaptureFault.self) { try CapturedMachine(Play.capture(text)) }
    #expect(
      fault?.description.contains(
        #"/sys/devices/ap/card05/05.0004/pendingq_count reads "many\n", which is not a decimal number"#
      ) == true, "\(fault.debugDescription)")
  }
}

@Suite struct `The boot of a described machine` {
  @Test func `finds the master keys of its domains`() throws {
    let bytes = try CaptureFile.bytes("recorded.json")
    var machine = try Snapshot.decode(bytes, file: "recorded.json").inventory
    machine.mediatedDevices = []
    let session = try Play.run(
      ReplayScript(booting: machine), rules: #"ADAPTER=="9", RESERVE="vfio_ap""#)
    var booted = try session.inventory()
    try InventoryReader(sysfs: session.bus).readUse(into: &booted, masterKeys: true)
    for name in ["05.0004", "06.0005"] {
      let apqn = try #require(APQN(name))
      #expect(booted.queue(apqn)?.masterKeys != nil)
      #expect(booted.queue(apqn)?.masterKeys == machine.queue(apqn)?.masterKeys)
    }
  }

  @Test(arguments: Mechanism.allCases)
  func `runs through scan and modules until the rules hold`(mechanism: Mechanism) throws {
    var machine = Inventory.empty
    if mechanism != .bind {
      machine.bus.masks = .all
      machine.bus.scans = 9
    }
    for adapter in UInt8(3)...4 {
      machine.setCard(
        Card(
          adapter: adapter, hardwareType: HardwareType(rawValue: 14),
          functions: QueueMode.ep11.functions), adapter: adapter)
      for domain in UInt8(0)...1 {
        let apqn = APQN(adapter: adapter, domain: domain)
        machine.setQueue(Queue(apqn: apqn), apqn: apqn)
      }
    }
    var callbacks: [DriverCallback] = []
    let session = try Play.run(
      ReplayScript(booting: machine), rules: #"ADAPTER=="4", RESERVE="vfio_ap""#,
      mechanism: mechanism
    ) { occurrence in
      if case .callback(let callback) = occurrence { callbacks.append(callback) }
    }
    #expect(try Play.mismatches(session, "04.* vfio_ap\n03.* host") == [])
    #expect(session.bus.storedQueues.count == 2)
    #expect(
      callbacks.contains(
        DriverCallback(
          .probe, driver: "vfio_ap", device: .queue(APQN(adapter: 4, domain: 0)))))
  }
}
