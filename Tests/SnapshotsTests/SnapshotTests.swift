import APBus
import JSONText
import Reservation
import Snapshots
import Testing

@Suite struct `A machine description` {
  static let example = """
    {
      "apreserve": "snapshot",
      "version": 1,
      "host": {"name": "lnx01", "lpar": "PROD \\"1\\""},
      "bus": {
        "apmask": "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "aqmask": "0xf7ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "scans": 18446744073709551615,
        "bindingsCompleteCount": 3,
        "configuredAdapters": "0x0400000000000000000000000000000000000000000000000000000000000000",
        "defaultDomain": 4,
        "driverOverride": true,
        "drivers": ["cex4card", "cex4queue", "vfio_ap"]
      },
      "cards": [
        {
          "name": "card05",
          "hwtype": 13,
          "ap_functions": "0x92000000",
          "driver": "cex4card",
          "config": true,
          "chkstop": false,
          "attributes": {"raw_hwtype": "16", "serialnr": "93AABBCC"},
          "queues": [
            {"name": "05.0004", "driver": "vfio_ap", "driver_override": "vfio_ap", "config": true, "chkstop": false, "status": "in use"},
            {"name": "05.0047", "driver": "cex4queue", "online": true, "config": true, "chkstop": false},
            {"name": "05.00ab"}
          ]
        },
        {"name": "card0a", "hwtype": 8, "ap_functions": "0x0A00000B", "attributes": {}, "queues": []}
      ],
      "mediatedDevices": [{"uuid": "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e", "adapters": ["0x05"], "domains": ["0x0004"], "controlDomains": ["0x00ab"]}]
    }

    """

  static func machine() throws -> Snapshot {
    Snapshot(
      host: HostIdentity(name: "lnx01", lpar: "PROD \"1\""),
      inventory: try Inventory(
        bus: BusState(
          masks: MaskPair(adapters: .all, domains: .all.subtracting([4])), scans: .max,
          bindingsCompleteCount: 3, configuredAdapters: [5], defaultDomain: 4,
          supportsOverride: true, drivers: ["cex4card", "cex4queue", "vfio_ap"]),
        cards: [
          Card(
            adapter: 5, hardwareType: HardwareType(rawValue: 13), functions: 0x9200_0000,
            driver: "cex4card", isConfigured: true, isCheckStopped: false,
            attributes: ["raw_hwtype": "16", "serialnr": "93AABBCC"]),
          Card(adapter: 10, hardwareType: HardwareType(rawValue: 8), functions: 0x0a00_000b),
        ],
        queues: [
          Queue(
            apqn: APQN(adapter: 5, domain: 4), driver: "vfio_ap", driverOverride: "vfio_ap",
            isConfigured: true, isCheckStopped: false, guestStatus: .inUse),
          Queue(
            apqn: APQN(adapter: 5, domain: 0x47), driver: "cex4queue", isConfigured: true,
            isCheckStopped: false, isOnline: true),
          Queue(apqn: APQN(adapter: 5, domain: 0xab)),
        ],
        mediatedDevices: [
          MediatedDevice(
            uuid: "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e", adapters: [5], domains: [4],
            controlDomains: [0xab])
        ]))
  }

  @Test func `has the same bytes everywhere`() throws {
    #expect(try Self.machine().encoded() == Self.example)
  }

  @Test func `is read back as it was written`() throws {
    let machine = try Self.machine()
    #expect(try Snapshot.decode(Array(Self.example.utf8), file: "x") == machine)
    let marked = [0xef, 0xbb, 0xbf] + Array(Self.example.utf8)
    #expect(try Snapshot.decode(marked, file: "x") == machine)
    let dense = machine.json.text()
    #expect(!dense.contains("\n"))
    #expect(try Snapshot.decode(Array(dense.utf8), file: "x") == machine)
  }

  @Test func `may be short if it is written by hand`() throws {
    let text = """
      {"apreserve": "snapshot", "version": 1,
       "bus": {"apmask": "0xff", "aqmask": "0xFFFF", "scans": null, "drivers": ["b", "a", "b"]},
       "cards": [{"name": "card05", "hwtype": 14, "mode": "ep11", "queues": [{"name": "05.0004"}]}],
       "mediatedDevices": [{"uuid": "34A349BA-2c0d-4ab5-9f6b-0d1e5b1f0f0e", "domains": [4, "0xAB"]}]
      }
      """
    let snapshot = try Snapshot.decode(Array(text.utf8), file: "x")
    #expect(snapshot.host == HostIdentity())
    #expect(
      snapshot.inventory.bus
        == BusState(
          masks: MaskPair(adapters: APMask(0...7), domains: APMask(0...15)), drivers: ["a", "b"]))
    #expect(snapshot.inventory.card(5)?.typeName == "CEX8P")
    #expect(snapshot.inventory.queues == [Queue(apqn: APQN(adapter: 5, domain: 4))])
    #expect(snapshot.inventory.mediatedDevices.map(\.domains) == [[4, 0xab]])
  }

  @Test func `says of an adapter that it does not answer`() throws {
    var machine = try Self.machine()
    var card = try #require(machine.inventory.card(5))
    let read = UnansweredRead(
      .queue(APQN(adapter: 5, domain: 4), "mkvps"), limit: .milliseconds(1500))
    card.unanswered = read
    machine.inventory.setCard(card, adapter: 5)
    let text = machine.encoded()
    #expect(
      text.contains(
        "\n      \"unanswered\": {\"path\": \"/sys/devices/ap/card05/05.0004/mkvps\", \"milliseconds\": 1500},\n"
      ), "\(text)")
    #expect(try Snapshot.decode(Array(text.utf8), file: "x") == machine)
    let brief = text.replacing(", \"milliseconds\": 1500", with: "")
    #expect(
      try Snapshot.decode(Array(brief.utf8), file: "x").inventory.card(5)?.unanswered?.limit
        == .seconds(5))
  }

  @Test func `hides serial numbers, and still distinguishes the cards`() throws {
    var machine = Snapshot(inventory: .empty)
    for (adapter, serial) in [(1, "AAA"), (2, "BBB"), (3, "AAA"), (4, nil)] as [(UInt8, String?)] {
      var card = Card(adapter: adapter, hardwareType: HardwareType(rawValue: 13), functions: 0)
      card.attributes["serialnr"] = serial
      card.attributes["raw_hwtype"] = "16"
      machine.inventory.setCard(card, adapter: adapter)
    }
    let redacted = machine.redacted()
    #expect(
      redacted.inventory.cards.map { $0.attributes["serialnr"] }
        == ["REDACTED-1", "REDACTED-2", "REDACTED-1", nil])
    #expect(redacted.inventory.cards.allSatisfy { $0.attributes["raw_hwtype"] == "16" })
    #expect(redacted.redacted().encoded() == redacted.encoded())
  }

  @Test func `hides names and UUIDs, and still says which guest has which device`() throws {
    let uuids = ["b0caa8ac-0d9a-4c59-94c0-2d5c3d9e5c67", "c1caa8ac-0d9a-4c59-94c0-2d5c3d9e5c67"]
    var machine = Snapshot(
      host: HostIdentity(name: "kvm3.example", lpar: "BANK3"), inventory: .empty)
    machine.inventory.mediatedDevices = uuids.enumerated().map { index, uuid in
      MediatedDevice(uuid: uuid, adapters: [UInt8(index)], domains: [4])
    }
    machine.configuration.definitions = [
      MediatedDeviceDefinition(
        device: machine.inventory.mediatedDevices[1], startsAutomatically: true)
    ]
    machine.configuration.virtualMachines = [
      VirtualMachine(name: "payroll", mediatedDevices: [uuids[1]])
    ]
    let redacted = machine.redacted()
    let text = redacted.encoded()
    for secret in uuids + ["kvm3", "example", "BANK3", "payroll"] {
      #expect(!text.contains(secret), "\(secret)")
    }
    let numbers = redacted.inventory.mediatedDevices.map(\.uuid)
    #expect(Set(numbers).count == 2 && numbers.allSatisfy { BusObject.isUUID($0) })
    #expect(redacted.configuration.virtualMachines.map(\.mediatedDevices) == [[numbers[1]]])
    #expect(redacted.configuration.definitions.map(\.device.uuid) == [numbers[1]])
    #expect(redacted.host.name != nil && redacted.host.lpar != nil)
    #expect(try Snapshot.decode(Array(text.utf8), file: "redacted") == redacted)
  }

  @Test func `of the whole architecture is read back`() throws {
    var inventory = Inventory.empty
    for adapter in UInt8.min...UInt8.max {
      inventory.setCard(
        Card(adapter: adapter, hardwareType: HardwareType(rawValue: 14), functions: 0x0800_0000),
        adapter: adapter)
      for domain in stride(from: UInt8.min, to: 255, by: 5) {
        let apqn = APQN(adapter: adapter, domain: domain)
        inventory.setQueue(Queue(apqn: apqn, driver: "cex4queue", isOnline: true), apqn: apqn)
      }
    }
    let snapshot = Snapshot(inventory: inventory)
    #expect(try Snapshot.decode(Array(snapshot.encoded().utf8), file: "x") == snapshot)
  }
}
