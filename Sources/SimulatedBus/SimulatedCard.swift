public import APBus

/// A crypto adapter as the machine has it: what the kernel finds when it scans.
public struct SimulatedCard: Equatable, Sendable {
  /// The adapter's number.
  public var adapter: UInt8
  /// The compatible type, which `hwtype` prints and drivers match on.
  public var hardwareType: HardwareType
  /// The type that the hardware reports, `raw_hwtype`.
  public var rawHardwareType: UInt8
  /// The bits of `ap_functions`; they tell the mode.
  public var functions: UInt32
  /// Whether the adapter is configured, not on standby.
  public var isConfigured: Bool
  /// Whether the adapter is check-stopped.
  public var isCheckStopped: Bool
  /// Texts of attributes that the firmware tells, by name, without the trailing newline: `serialnr`,
  /// `FW_version`, `API_ordinalnr`, `max_msg_size`, `op_modes`. One that is missing reads as an empty
  /// line, as with hardware that does not answer.
  public var attributes: [String: String]
  /// What `mkvps` of each of its queues reads; nil for master keys that are unknown.
  public var masterKeys: String?

  /// An adapter of a mode, configured and working.
  public init(
    adapter: UInt8, hardwareType: HardwareType = HardwareType(rawValue: 14),
    rawHardwareType: UInt8? = nil, mode: QueueMode = .cca, functions: UInt32? = nil,
    isConfigured: Bool = true, isCheckStopped: Bool = false, attributes: [String: String] = [:],
    masterKeys: String? = nil
  ) {
    self.adapter = adapter
    self.hardwareType = hardwareType
    self.rawHardwareType = rawHardwareType ?? hardwareType.rawValue
    self.functions = functions ?? (0xe200_0000 | mode.functions)
    self.isConfigured = isConfigured
    self.isCheckStopped = isCheckStopped
    self.attributes = attributes
    self.masterKeys = masterKeys
  }

  /// The adapter behind a card as read from a bus.
  public init(_ card: Card) {
    let raw = card.attributes["raw_hwtype"].flatMap { UInt8($0) }
    self.init(
      adapter: card.adapter, hardwareType: card.hardwareType, rawHardwareType: raw,
      functions: card.functions, isConfigured: card.isConfigured ?? true,
      isCheckStopped: card.isCheckStopped ?? false, attributes: card.attributes)
  }

  /// The mode, from the function bits.
  public var mode: QueueMode? { QueueMode(functions: functions) }
}
