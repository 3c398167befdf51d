import APBus
import Uevents

/// What events and device descriptions tell of a card.
enum CardDescription {
  /// The card of an event's properties: DEV_TYPE in hex, MODE on kernels that have it (SimulatedBus
  /// documentation, "Keys").
  static func card(_ adapter: UInt8, properties: (String) -> String?)
    throws(CaptureFault.Problem) -> Card
  {
    guard let text = properties("DEV_TYPE") else {
      throw .cardWithoutType(adapter, found: nil)
    }
    guard let type = UInt8(text, radix: 16) else {
      throw .cardWithoutType(adapter, found: text)
    }
    let mode = properties("MODE").flatMap(QueueMode.init(rawValue:))
    return Card(
      adapter: adapter, hardwareType: HardwareType(rawValue: type),
      functions: mode?.functions ?? 0, isConfigured: true)
  }

  /// Adds what attributes tell, which umockdev's descriptions have.
  static func complete(_ card: inout Card, from device: DeviceDescription) {
    func text(_ name: String) -> String? {
      device.attribute(name).map { String($0.prefix { $0 != "\n" }) }
    }
    if let type = text("hwtype").flatMap({ UInt8($0) }) {
      card.hardwareType = HardwareType(rawValue: type)
    }
    if let digits = text("ap_functions"), digits.hasPrefix("0x"),
      let functions = UInt32(digits.dropFirst(2), radix: 16)
    {
      card.functions = functions
    }
    if let configured = text("config") { card.isConfigured = configured == "1" }
    if let stopped = text("chkstop") { card.isCheckStopped = stopped == "1" }
    for name in Card.ruleAttributes {
      if let value = text(name), !value.isEmpty { card.attributes[name] = value }
    }
  }
}
