/// A crypto adapter as read at one moment: the device `card05`.
public struct Card: Equatable, Sendable {
  /// The adapter's number.
  public var adapter: UInt8
  /// The compatible type, `hwtype`.
  public var hardwareType: HardwareType
  /// The bits of `ap_functions`.
  public var functions: UInt32
  /// The driver it is bound to, `cex4card`; nil while it is unbound.
  public var driver: String?
  /// `config`: whether the adapter is configured; nil where the kernel has no such attribute.
  public var isConfigured: Bool?
  /// `chkstop`: whether the adapter is check-stopped; nil where the kernel has no such attribute.
  public var isCheckStopped: Bool?
  /// The attributes that rules may match, by name, without the trailing newline. An attribute that
  /// cannot be read now (many exist only while the card is bound) is absent.
  public var attributes: [String: String]

  /// The attributes a rule may name as `CARD{name}`: those that stay whatever the drivers are.
  public static let ruleAttributes = [
    "API_ordinalnr", "FW_version", "max_msg_size", "raw_hwtype", "serialnr",
  ]

  /// A card as read.
  public init(
    adapter: UInt8, hardwareType: HardwareType, functions: UInt32, driver: String? = nil,
    isConfigured: Bool? = nil, isCheckStopped: Bool? = nil, attributes: [String: String] = [:]
  ) {
    self.adapter = adapter
    self.hardwareType = hardwareType
    self.functions = functions
    self.driver = driver
    self.isConfigured = isConfigured
    self.isCheckStopped = isCheckStopped
    self.attributes = attributes
  }

  /// The device name, `card05`.
  public var name: String { BusObject.cardName(adapter) }

  /// The mode, from `ap_functions`; nil where the bits name none.
  public var mode: QueueMode? { QueueMode(functions: functions) }

  /// Product and mode, `CEX8C`, from `hwtype` and `ap_functions`, so that it is known for an unbound
  /// card too; nil where either is unknown.
  public var typeName: String? { hardwareType.name(mode: mode) }
}
