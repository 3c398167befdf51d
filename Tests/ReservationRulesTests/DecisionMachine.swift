import APBus
import ReservationRules

/// A machine on which decisions hang on something: card 3 (CEX5) and card 5 (CEX7) with serial numbers,
/// card 0x0a (CEX8, accelerator) whose attributes cannot be read, card 0x0b whose mode is unknown.
enum DecisionMachine {
  private static let cards = [
    card(3, 11, .cca, ["serialnr": "93AAAAAA"]),
    card(5, 13, .cca, ["serialnr": "93AABEKX", "FW_version": "7.2"]),
    card(0x0a, 14, .accelerator, [:]),
    Card(adapter: 0x0b, hardwareType: HardwareType(rawValue: 14), functions: 0),
  ]

  private static func card(
    _ adapter: UInt8, _ type: UInt8, _ mode: QueueMode, _ attributes: [String: String]
  ) -> Card {
    Card(
      adapter: adapter, hardwareType: HardwareType(rawValue: type), functions: mode.functions,
      driver: "cex4card", attributes: attributes)
  }

  /// What rules without error decide on it.
  static func table(_ text: String) throws -> DecisionTable {
    let (rules, diagnostics) = RuleSet.parse(files: [RuleFile(path: "a.rules", text: text)])
    if let diagnostic = diagnostics.first { throw Unexpected(text: diagnostic.description) }
    return DecisionTable(
      rules: rules, inventory: try Inventory(cards: cards),
      host: HostIdentity(name: "lnxprod7", lpar: "PROD7"))
  }

  /// The queue of that name.
  static func queue(_ name: String) -> APQN {
    guard let apqn = APQN(name) else { preconditionFailure("\(name) is no queue") }
    return apqn
  }

  /// A diagnostic where none should be.
  struct Unexpected: Error {
    let text: String
  }
}
