import APBus
import Glibc
import ReservationRules
import Testing

@Suite struct `The rules of the demo` {
  static let names = ["50-guests.rules", "90-keep-for-host.rules"]

  private func file(_ name: String, source: String = #filePath) throws -> RuleFile {
    let root = source.split(separator: "/").dropLast(3).joined(separator: "/")
    let path = "/\(root)/rules/demo/\(name)"
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 65536)
    let count = fread(&bytes, 1, bytes.count, file)
    return RuleFile(path: name, bytes: Array(bytes[..<count]))
  }

  @Test(arguments: names)
  func `parse without diagnostics`(name: String) throws {
    let (rules, diagnostics) = RuleSet.parse(files: [try file(name)])
    #expect(diagnostics.map(\.description) == [])
    #expect(!rules.rules.isEmpty)
  }

  @Test func `give two whole adapters to guests and keep two for the host`() throws {
    let (rules, _) = RuleSet.parse(files: try Self.names.map { try file($0) })
    var cards = (UInt8(0)...3).map {
      Card(
        adapter: $0, hardwareType: HardwareType(rawValue: 13), functions: QueueMode.cca.functions)
    }
    cards.append(
      Card(
        adapter: 5, hardwareType: HardwareType(rawValue: 14),
        functions: QueueMode.accelerator.functions))
    let table = DecisionTable(
      rules: rules, inventory: try Inventory(cards: cards), host: HostIdentity())
    #expect(table.row(1).vfioAP == .all)
    #expect(table.row(0).host == .all)
    #expect(table.row(5).host == .all)
    #expect(table.row(2).unmanaged == .all)
    #expect(table.row(4).vfioAP.isEmpty && table.row(4).undecidable == .all)
    #expect(table.decision(for: APQN(adapter: 1, domain: 8)).name == "database guests")
  }
}
