import APBus
import Reservation
import ReservationRules
import SimulatedBus
import TestSupport
import Testing

private let uuid = "11111111-2222-3333-4444-555555555555"
private let other = "22222222-2222-3333-4444-555555555555"

/// A machine with adapters 5 and 6 and domains 4 and 0x47, some of whose queues are reserved by overrides.
private struct Machine {
  let bus = SimulatedBus(behavior: .override72)

  init(reserved: [APQN] = []) throws {
    for domain in [UInt8(4), 0x47] { bus.addDomain(domain, quietly: true) }
    for adapter in UInt8(5)...6 {
      bus.plug(card: SimulatedCard(adapter: adapter), quietly: true)
    }
    bus.scan()
    for module in [SimulatedBus.Module.zcryptCex4, .vfioAP] { bus.loadModule(module) }
    for apqn in reserved { try move(apqn, to: "vfio_ap") }
  }

  func move(_ apqn: APQN, to driver: String) throws {
    try bus.write(driver, to: .queue(apqn, "driver_override"))
    if let present = bus.driver(of: apqn) {
      try bus.write(apqn.description, to: .driver(present, "unbind"))
    }
    try bus.write(apqn.description, to: .bus("drivers_probe"))
  }

  func create(_ uuid: String, _ attributes: [MdevctlDefinition.Attribute] = []) throws {
    try bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
    for attribute in attributes { try write(attribute, to: uuid) }
  }

  func write(_ attribute: MdevctlDefinition.Attribute, to uuid: String) throws {
    // As fs::write of mdevctl does it, which writes no empty text.
    guard !attribute.value.isEmpty else { return }
    try bus.write(attribute.value, to: SysfsPath(.mediatedDevice(uuid), attribute.name))
  }

  func objections(
    to attributes: [MdevctlDefinition.Attribute], rules: String? = "",
    configuration: HostConfiguration = HostConfiguration()
  ) throws -> [String] {
    let inventory = try InventoryReader(sysfs: bus).read()
    var forecast = AssignmentForecast(of: uuid, on: inventory)
    forecast.write(attributes)
    let table = try rules.map { text in
      DecisionTable(
        rules: try Stage.rules(text), inventory: inventory, host: HostIdentity(),
        guests: configuration.guests)
    }
    let objections = forecast.objections(on: inventory, by: table, configuration: configuration)
    #expect(objections.isEmpty == forecast.isPossible)
    return objections
  }
}

private func attributes(_ texts: KeyValuePairs<String, String>) -> [MdevctlDefinition.Attribute] {
  texts.map { .init($0.key, $0.value) }
}

@Suite struct `The forecast of what the kernel assigns` {
  @Test func `is what the kernel answers`() throws {
    let values = [
      "5", "0x5", "05", "6", "7", "4", "0x47", "71", "010", "5,6", "x", "256", "", "+4",
    ]
    let names = [
      "assign_adapter", "assign_domain", "assign_adapter", "assign_domain", "unassign_adapter",
      "unassign_domain", "assign_control_domain", "ap_config",
    ]
    var outcomes: [Bool: Int] = [:]
    for seed in UInt64(1)...600 {
      var random = SeededGenerator(seed: seed)
      let machine = try Machine()
      let apqns = [UInt8(5), 6].flatMap { adapter in
        [UInt8(4), 0x47].map { APQN(adapter: adapter, domain: $0) }
      }
      for apqn in apqns {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: break
        case 1: try machine.move(apqn, to: "none")
        case 2: try machine.move(apqn, to: "cex4queue")
        default: try machine.move(apqn, to: "vfio_ap")
        }
      }
      try machine.create(other)
      if random.chance(30) {
        _ = try? machine.write(.init("assign_adapter", "6"), to: other)
        _ = try? machine.write(.init("assign_domain", "4"), to: other)
      }
      try machine.create(uuid)
      let written = (0..<Int.random(in: 1...5, using: &random)).map { _ in
        let name = names.randomElement(using: &random) ?? ""
        let mask = "0x" + String(repeating: "0", count: Int.random(in: 0...2, using: &random))
        let masks = "\(mask)06,\(mask)08,0x0" + (random.chance(50) ? "\n" : "")
        return MdevctlDefinition.Attribute(
          name,
          name == "ap_config" ? masks : values.randomElement(using: &random) ?? "")
      }
      let inventory = try InventoryReader(sysfs: machine.bus).read()
      var forecast = AssignmentForecast(of: uuid, on: inventory)
      forecast.write(written)
      var isTaken = true
      do {
        for attribute in written { try machine.write(attribute, to: uuid) }
        let device = try InventoryReader(sysfs: machine.bus).readMediatedDevices()
          .first { $0.uuid == uuid }
        #expect(device == forecast.device)
      } catch is SysfsError {
        isTaken = false
      }
      outcomes[isTaken, default: 0] += 1
      #expect(forecast.isPossible == isTaken, "seed \(seed): \(written)")
    }
    #expect((outcomes[true] ?? 0) > 50 && (outcomes[false] ?? 0) > 50)
  }

  @Test func `names queues, their driver and the rule`() throws {
    let machine = try Machine(reserved: [APQN(adapter: 5, domain: 4)])
    let matrix = attributes([
      "assign_adapter": "5", "assign_adapter": "6", "assign_domain": "4",
    ])
    #expect(
      try machine.objections(to: matrix) == [
        "06.0004 has the driver cex4queue: no rule reserves it; GUEST==\"\(uuid)\", RESERVE=\"vfio_ap\" does"
      ])
    #expect(
      try machine.objections(to: matrix, rules: #"ADAPTER=="6", RESERVE="host""#) == [
        "06.0004 has the driver cex4queue: test.rules:1 keeps it for the host"
      ])
    #expect(
      try machine.objections(to: matrix, rules: #"ADAPTER=="6", RESERVE="vfio_ap""#) == [
        "06.0004 has the driver cex4queue, although test.rules:1 reserves it; \"apreserve explain "
          + "06.0004\" says why"
      ])
    #expect(
      try machine.objections(to: matrix, rules: nil) == [
        "06.0004 has the driver cex4queue; \"apreserve explain 06.0004\" has more"
      ])
    try machine.move(APQN(adapter: 6, domain: 4), to: "none")
    let machines = HostConfiguration(virtualMachines: [
      VirtualMachine(name: "web1", mediatedDevices: [uuid])
    ])
    #expect(
      try machine.objections(to: matrix, configuration: machines) == [
        "06.0004 has no driver: no rule reserves it; GUEST==\"web1\", RESERVE=\"vfio_ap\" does"
      ])
  }

  @Test func `puts queues with the same reason into one sentence`() throws {
    let machine = try Machine()
    let sentences = try machine.objections(
      to: attributes([
        "assign_adapter": "5", "assign_adapter": "9", "assign_domain": "4", "assign_domain": "0x47",
      ]))
    #expect(sentences.count == 2)
    #expect(sentences[0].hasPrefix("05.0004, 05.0047 have the driver cex4queue: no rule reserves "))
    #expect(sentences[1].hasPrefix("09.0004, 09.0047 are absent, and "))
  }

  @Test func `names who has a queue already, and what is no number`() throws {
    let machine = try Machine(reserved: [APQN(adapter: 5, domain: 4)])
    try machine.create(
      other, attributes(["assign_adapter": "5", "assign_domain": "4"]))
    let configuration = HostConfiguration(virtualMachines: [
      VirtualMachine(name: "db1", mediatedDevices: [other])
    ])
    #expect(
      try machine.objections(
        to: attributes(["assign_adapter": "5", "assign_domain": "4", "assign_domain": "999"]),
        configuration: configuration) == [
          "the attribute assign_domain is \"999\", and the kernel takes only a number from 0 to 255, decimal, or "
            + "hexadecimal after 0x, or octal after 0",
          "05.0004 is assigned to mediated device \(other) (virtual machine db1), and only one device can have a queue",
        ])
  }

  @Test func `at once is that of the last state alone`() throws {
    let machine = try Machine(reserved: [APQN(adapter: 5, domain: 4)])
    var forecast = AssignmentForecast(
      of: uuid, on: try InventoryReader(sysfs: machine.bus).read())
    forecast.writeAtOnce(
      attributes([
        "assign_domain": "4", "assign_adapter": "6", "assign_adapter": "5", "unassign_adapter": "6",
      ]))
    #expect(forecast.isPossible)
    #expect(forecast.device.adapters == [5])
  }
}

@Suite struct `A definition that mdevctl is to store` {
  private func definition(
    _ attributes: KeyValuePairs<String, String>, auto: Bool = true
  ) -> MdevctlDefinition {
    MdevctlDefinition(
      startsAutomatically: auto, attributes: attributes.map { .init($0.key, $0.value) })
  }

  private let configuration = HostConfiguration(definitions: [
    MediatedDeviceDefinition(
      device: MediatedDevice(uuid: other, adapters: [5, 6], domains: [4]), startsAutomatically: true
    )
  ])

  private func objections(
    to definition: MdevctlDefinition, before: MdevctlDefinition? = nil
  ) -> [String] {
    DefinitionChange(of: uuid, to: definition, before: before).objections(in: configuration)
  }

  @Test func `is refused queues of another that starts at boot, too`() {
    let shared = definition(["assign_adapter": "5", "assign_domain": "4"])
    #expect(
      objections(to: shared) == [
        "05.0004 is defined for mediated device \(other), which starts at boot, too, so that the second of the two fails"
      ])
    #expect(
      objections(to: definition(["assign_adapter": "5", "assign_domain": "4"], auto: false)) == [])
    #expect(objections(to: definition(["assign_adapter": "5", "assign_domain": "5"])) == [])
  }

  @Test func `is refused what the kernel takes on no machine`() {
    let sentences = objections(
      to: definition(["assign_adapter": "0x100", "assign_domain": "four", "x": "y"], auto: false))
    #expect(sentences.count == 2)
    #expect(sentences.first?.contains("assign_adapter is \"0x100\"") == true)
  }

  @Test func `that was wrong before can be mended step by step`() {
    let before = definition([
      "assign_adapter": "5", "assign_adapter": "999", "assign_domain": "x", "assign_domain": "4",
    ])
    #expect(
      objections(
        to: definition(["assign_adapter": "5", "assign_domain": "x", "assign_domain": "4"]),
        before: before) == [])
    let worse = definition([
      "assign_adapter": "5", "assign_adapter": "6", "assign_domain": "4", "assign_domain": "y",
    ])
    #expect(
      objections(to: worse, before: before).map { $0.prefix(27) } == [
        "the attribute assign_domain", "06.0004 is defined for medi",
      ])
  }

  @Test(arguments: [
    ("", "line 1"), ("[]", "an array where an object"), (#"{"attrs": {}}"#, "an object where"),
    (#"{"attrs": [{"a": "b", "c": "d"}]}"#, "attribute 0"),
    (#"{"attrs": [{"a": 5}]}"#, "attribute 0"),
    (#"{"attrs": [{"a": "5"}, "b"]}"#, "attribute 1"), ("{\n\"attrs\": [", "line 2"),
    ("\u{0}", "line 1"), (String(repeating: "[", count: 100_000), "line 1"),
  ])
  func `is read with its place where it is wrong`(text: String, part: String) throws {
    let error = try #require(throws: DefinitionError.self) {
      try MdevctlDefinition(Array(text.utf8))
    }
    #expect(error.description.contains(part), "\(error)")
  }

  @Test func `keeps what is written in its order`() throws {
    let text = """
      {"attrs": [{"assign_domain": "4"}, {"assign_adapter": "05"}, {"unassign_domain": "\\u0034"}],
      "mdev_type": "vfio_ap-passthrough", "start": "auto", "more": null}
      """
    let definition = try MdevctlDefinition(Array(text.utf8))
    #expect(definition.startsAutomatically)
    #expect(
      definition.attributes.map(\.name) == ["assign_domain", "assign_adapter", "unassign_domain"])
    #expect(definition.attributes.map(\.value) == ["4", "05", "4"])
  }
}
