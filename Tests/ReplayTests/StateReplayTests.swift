import APBus
import Agent
import Replay
import SimulatedBus
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
    // Somebody has reserved the queue, and masks can have done it.
    #expect(machine.bus.masks?.isInHostPool(APQN(adapter: 5, domain: 4)) == false)
  }
}

@Suite struct `The boot of a described machine` {
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
