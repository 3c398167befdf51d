import APBus
import ReservationRules
import TestSupport
import Testing

/// The rule files that people copy from. What each of them claims is written down here, queue by queue.
@Suite struct `The library of rule files` {
  /// A file, and what it decides on the sample machine for the host that it names; what is in neither
  /// list is left alone.
  struct File: Sendable, CustomTestStringConvertible {
    var name: String
    var guests: [String] = []
    var host: [String] = []

    var testDescription: String { name }
  }

  static let files = [
    File(
      name: "50-whole-adapters",
      guests: ["05.0004", "05.001b", "05.0047", "06.0004", "06.001b", "06.0047", "10.0004"]),
    File(
      name: "50-whole-domains",
      guests: [
        "00.0004", "00.001b", "05.0004", "05.001b", "05.0047", "06.0004", "06.001b", "06.0047",
        "10.0004",
      ]),
    File(name: "50-single-queues", guests: ["05.0004", "05.0047", "06.0004", "06.0047"]),
    File(
      name: "50-by-type",
      guests: ["05.0004", "05.001b", "05.0047", "06.0004", "06.001b", "06.0047"]),
    File(name: "50-by-mode", guests: ["06.0004", "06.001b", "06.0047"], host: ["10.0004"]),
    File(
      name: "50-by-serial-number",
      guests: ["05.0004", "05.001b", "05.0047", "06.0004", "06.001b", "06.0047"]),
    File(
      name: "50-by-lpar", guests: ["05.0004", "05.001b", "05.0047"],
      host: ["06.0004", "06.001b", "06.0047"]),
    File(
      name: "10-type-10-and-newer",
      guests: [
        "00.0004", "00.001b", "05.0004", "05.001b", "05.0047", "06.0004", "06.001b", "06.0047",
        "10.0004",
      ]),
    File(name: "90-keep-dm-crypt", host: ["00.0004"]),
    File(name: "90-leave-to-others"),
  ]

  /// Cards of four generations and three modes; card02 is too old for vfio_ap.
  private func machine() throws -> Inventory {
    let cards: [(UInt8, UInt8, QueueMode, [UInt8])] = [
      (0x00, 13, .cca, [0x04, 0x1b]), (0x02, 9, .cca, [0x04]),
      (0x05, 14, .cca, [0x04, 0x1b, 0x47]),
      (0x06, 14, .ep11, [0x04, 0x1b, 0x47]), (0x10, 13, .accelerator, [0x04]),
    ]
    return try Inventory(
      cards: cards.map { adapter, type, mode, _ in
        Card(
          adapter: adapter, hardwareType: HardwareType(rawValue: type), functions: mode.functions,
          driver: "cex4card", attributes: ["serialnr": "93AABC" + Hex.text(adapter, digits: 2)]
        )
      },
      queues: cards.flatMap { adapter, _, _, domains in
        domains.map { Queue(apqn: APQN(adapter: adapter, domain: $0), driver: "cex4queue") }
      })
  }

  private func rules(_ name: String) throws -> RuleSet {
    let bytes = try SourceFile.bytes("rules/library/\(name).rules")
    let (rules, diagnostics) = RuleSet.parse(files: [RuleFile(path: name, bytes: bytes)])
    #expect((diagnostics + rules.shadowWarnings()).map(\.description) == [])
    return rules
  }

  @Test(arguments: files)
  func `reserves what its comment describes, on the host that it names`(file: File) throws {
    let inventory = try machine()
    let table = DecisionTable(
      rules: try rules(file.name), inventory: inventory,
      host: HostIdentity(name: "example", lpar: "EXAMPLE7"))
    func queues(_ request: Reserve) -> [String] {
      inventory.queues.map(\.apqn).filter { table.decision(for: $0).reserve == request }
        .map(\.description)
    }
    #expect(queues(.vfioAP) == file.guests)
    #expect(queues(.host) == file.host)
  }

  @Test(arguments: files)
  func `does nothing on any other host when it is copied as it is`(file: File) throws {
    let table = DecisionTable(
      rules: try rules(file.name), inventory: try machine(),
      host: HostIdentity(name: "lnx01", lpar: "PROD1"))
    for adapter in UInt8.min...UInt8.max {
      #expect(table.row(adapter).unmanaged == .all)
    }
  }

  @Test func `keeps the host's queues with all files together`() throws {
    let files = try Self.files.map { file in
      RuleFile(path: file.name, bytes: try SourceFile.bytes("rules/library/\(file.name).rules"))
    }.sorted { $0.path < $1.path }
    let table = DecisionTable(
      rules: RuleSet.parse(files: files).0, inventory: try machine(),
      host: HostIdentity(name: "example", lpar: "EXAMPLE1"))
    #expect(table.decision(for: APQN(adapter: 0, domain: 4)).reserve == .host)
  }
}
