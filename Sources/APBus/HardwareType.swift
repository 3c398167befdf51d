/// A card's compatible type as the kernel's `hwtype` prints it, in decimal: 10 is CEX4, 14 is CEX8.
public struct HardwareType: RawRepresentable, Hashable, Sendable {
  /// The decimal number.
  public let rawValue: UInt8

  /// The type with that number.
  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// The oldest type that `vfio_ap` takes: CEX4. Older devices are not supported, for want of
  /// systems to test on (the kernel's `Documentation/arch/s390/vfio-ap.rst`).
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
