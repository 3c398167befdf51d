/// The number of one AP queue: an adapter and a usage domain, each 0...255.
///
/// Printed as sysfs names the queue's device, in lower-case hex: `05.0004` (SimulatedBus documentation,
/// "Devices and links").
public struct APQN: Hashable, Sendable {
  /// The adapter's number (APID), the `05` of `05.0004`.
  public let adapter: UInt8
  /// The usage domain's number (APQI), the `0004` of `05.0004`.
  public let domain: UInt8

  /// The queue of `adapter` in `domain`.
  public init(adapter: UInt8, domain: UInt8) {
    self.adapter = adapter
    self.domain = domain
  }

  /// Reads a queue's device name, written exactly as sysfs writes it.
  ///
  /// Anything else is nil: another length, upper case, a domain over `00ff`.
  public init?(_ name: some StringProtocol) {
    var digits: UInt32 = 0
    var count = 0
    for byte in name.utf8 {
      if count == 2 {
        guard byte == UInt8(ascii: ".") else { return nil }
      } else {
        guard let digit = Hex.value(of: byte) else { return nil }
        digits = digits << 4 | UInt32(digit)
      }
      count += 1
      guard count <= 7 else { return nil }
    }
    guard count == 7, digits & 0xff00 == 0 else { return nil }
    self.init(adapter: UInt8(digits >> 16), domain: UInt8(digits & 0xff))
  }

  /// The adapter's device name, `card05`.
  public var cardName: String { "card" + Hex.text(adapter, digits: 2) }
}

extension APQN: Comparable {
  /// Adapters ascending, then domains: the order in which the kernel scans.
  public static func < (left: APQN, right: APQN) -> Bool {
    (left.adapter, left.domain) < (right.adapter, right.domain)
  }
}

extension APQN: CustomStringConvertible {
  /// The device name, `05.0004`.
  public var description: String {
    Hex.text(adapter, digits: 2) + "." + Hex.text(domain, digits: 4)
  }
}
