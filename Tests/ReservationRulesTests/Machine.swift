import APBus
import ReservationRules
import Testing

/// A small machine and rules against it.
enum Machine {
  /// Card 0 is a CEX7C with all attributes, card 1 a CEX8P that has lost its driver and with it its
  /// attributes, card 2 a CEX3A, card 3 of a type that has no name and of no mode.
  static let cards = [
    card(
      0, 13, .cca,
      [
        "serialnr": "93AABE1Q", "raw_hwtype": "13", "FW_version": "", "API_ordinalnr": "4",
        "max_msg_size": "12288",
      ]),
    card(1, 14, .ep11, ["max_msg_size": "65536"]),
    card(2, 8, .accelerator, [:]),
    card(3, 99, nil, [:]),
  ]

  /// The guest web1 has queues of adapter 5 and starts automatically; db1 and db2 share a device on adapter 6, one
  /// device has a label, and of one on adapter 8 nothing but its name is known.
  static let guests = GuestAssignments(definitions: [
    guest("5d8c0f2a-31f6-4c1b-9a57-0c4d0a8d2b11", ["web1"], [5], [4, 0x47], isAutomatic: true),
    guest("00000000-0000-8000-8000-000000000002", ["db1", "db2"], [6], [4]),
    guest(GuestAssignments.uuid(forLabel: "mail"), [], [7], [4]),
    GuestAssignments.Definition(
      uuid: "00000000-0000-8000-8000-000000000004", virtualMachines: ["lost"], contents: nil),
  ])

  private static func guest(
    _ uuid: String, _ machines: [String], _ adapters: APMask, _ domains: APMask,
    isAutomatic: Bool = false
  ) -> GuestAssignments.Definition {
    GuestAssignments.Definition(
      uuid: uuid, virtualMachines: machines,
      contents: GuestAssignments.Contents(
        adapters: adapters, domains: domains, startsAutomatically: isAutomatic))
  }

  static var empty: Inventory { Inventory.make([]) }

  private static func card(
    _ adapter: UInt8, _ type: UInt8, _ mode: QueueMode?, _ attributes: [String: String]
  ) -> Card {
    Card(
      adapter: adapter, hardwareType: HardwareType(rawValue: type), functions: mode?.functions ?? 0,
      attributes: attributes)
  }

  /// The table that the rules make of the machine.
  static func table(
    _ text: String, host: HostIdentity = HostIdentity(name: "lnx1", lpar: "PROD01")
  ) -> DecisionTable {
    let (rules, diagnostics) = RuleSet.parse(files: [RuleFile(path: "f", text: text)])
    #expect(diagnostics.map(\.description) == [])
    return DecisionTable(
      rules: rules, inventory: Inventory.make(cards), host: host, guests: guests)
  }

  /// The queue of that name.
  static func queue(_ name: String) throws -> APQN { try #require(APQN(name)) }
}

extension Inventory {
  fileprivate static func make(_ cards: [Card]) -> Inventory {
    do throws(Problem) {
      return try Inventory(cards: cards)
    } catch {
      preconditionFailure("\(error)")
    }
  }
}
