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
  /// The read that the adapter did not answer when it was asked last; nil for one that answers. What it would
  /// have said is unknown: attributes, and all master keys.
  public var unanswered: UnansweredRead?

  /// The attributes a rule may name as `CARD{name}`: those that stay whatever the drivers are.
  public static let ruleAttributes = [
    "API_ordinalnr", "FW_version", "max_msg_size", "raw_hwtype", "serialnr",
  ]

  /// A card as read.
  ///
  /// - Parameters:
  ///   - adapter: The adapter's number.
  ///   - hardwareType: `hwtype`.
  ///   - functions: `ap_functions`.
  ///   - driver: The driver; nil while unbound.
  ///   - isConfigured: `config`; nil where there is none.
  ///   - isCheckStopped: `chkstop`; nil where there is none.
  ///   - attributes: Other attributes that could be read, by name.
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

  /// Why the adapter cannot be asked, one clause; nil for one that answers.
  package var silence: String? {
    unanswered.map { "\(name) \($0.isAwaited ? "has not answered" : "does not answer"): \($0)" }
  }

  /// Product and mode, `CEX8C`, from `hwtype` and `ap_functions`, so that it is known for an unbound
  /// card too; nil where either is unknown.
  public var typeName: String? { hardwareType.name(mode: mode) }
}

/// A card's compatible type as the kernel's `hwtype` prints it, in decimal: 10 is CEX4, 14 is CEX8.
public struct HardwareType: RawRepresentable, Hashable, Sendable {
  /// The decimal number.
  public let rawValue: UInt8

  /// The type with that number.
  ///
  /// - Parameter rawValue: As `hwtype` prints it.
  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// The oldest type that `vfio_ap` takes: CEX4. Older devices are not supported, since there
  /// were no systems to test on (the kernel's `Documentation/arch/s390/vfio-ap.rst`).
  public static let oldestReservable = HardwareType(rawValue: 10)

  /// Whether `vfio_ap` can take queues of this type.
  public var isReservable: Bool { self >= .oldestReservable }

  /// The product, `CEX5`, or nil for a number that names none (SimulatedBus documentation, "Hardware types").
  public var product: String? {
    switch rawValue {
    case 6, 7: "CEX2"
    case 8, 9: "CEX3"
    case 10...14: "CEX\(rawValue - 6)"
    default: nil
    }
  }

  /// The product with its mode's letter, `CEX8C`, as the card's `type` prints it; nil where either is
  /// unknown.
  ///
  /// - Parameter mode: The mode; nil if unknown.
  /// - Returns: Such as `CEX8C`.
  public func name(mode: QueueMode?) -> String? {
    guard let product, let mode else { return nil }
    return product + mode.letter
  }
}

extension HardwareType: Comparable {
  /// Older before newer.
  public static func < (left: HardwareType, right: HardwareType) -> Bool {
    left.rawValue < right.rawValue
  }
}

/// What firmware a card runs, and by that what its queues can do.
public enum QueueMode: String, Hashable, Sendable, CaseIterable {
  /// Accelerator: clear keys only, holds no secrets.
  case accelerator = "accel"
  /// CCA coprocessor.
  case cca
  /// EP11 coprocessor.
  case ep11

  /// The mode that `ap_functions` of a card shows, tested in the kernel's order (`ap_uevent` in ap_bus.c).
  ///
  /// - Parameter functions: The bits of `ap_functions`.
  public init?(functions: UInt32) {
    if functions & 0x0800_0000 != 0 {
      self = .accelerator
    } else if functions & 0x1000_0000 != 0 {
      self = .cca
    } else if functions & 0x0400_0000 != 0 {
      self = .ep11
    } else {
      return nil
    }
  }

  /// The smallest `ap_functions` value that means this mode.
  public var functions: UInt32 {
    switch self {
    case .accelerator: 0x0800_0000
    case .cca: 0x1000_0000
    case .ep11: 0x0400_0000
    }
  }

  /// The last letter of a card's type, as in `CEX8C`: A, C or P.
  public var letter: String {
    switch self {
    case .accelerator: "A"
    case .cca: "C"
    case .ep11: "P"
    }
  }
}
