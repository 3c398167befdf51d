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
  ///
  /// - Parameters:
  ///   - adapter: The adapter's number.
  ///   - domain: The usage domain's number.
  public init(adapter: UInt8, domain: UInt8) {
    self.adapter = adapter
    self.domain = domain
  }

  /// Reads a queue's device name, written exactly as sysfs writes it.
  ///
  /// Anything else is nil: another length, upper case, a domain over `00ff`.
  ///
  /// - Parameter name: Such as `05.0004`.
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

/// A set of APQNs: a row of 256 domains for each of the 256 adapters.
///
/// Whole rows are combined at once, so that working on all 65,536 APQNs stays cheap.
public struct APQNSet: Sendable {
  /// The domains of each adapter, up to the last one that has had members: most machines have few adapters.
  private var rows: [APMask] = []

  /// The empty set.
  public init() {}

  /// The set of `apqns`.
  ///
  /// - Parameter apqns: The members in any order.
  public init(_ apqns: some Sequence<APQN>) {
    self.init()
    for apqn in apqns { insert(apqn) }
  }

  /// The domains of one adapter's members.
  ///
  /// - Parameter adapter: Any adapter.
  /// - Returns: The domains of its members.
  public subscript(adapter: UInt8) -> APMask {
    get { Int(adapter) < rows.count ? rows[Int(adapter)] : APMask() }
    set {
      if Int(adapter) < rows.count {
        rows[Int(adapter)] = newValue
      } else if !newValue.isEmpty {
        makeRow(for: adapter)
        rows[Int(adapter)] = newValue
      }
    }
  }

  /// Whether `apqn` is a member.
  ///
  /// - Parameter apqn: Any queue.
  /// - Returns: Whether it is a member.
  public func contains(_ apqn: APQN) -> Bool { self[apqn.adapter].contains(apqn.domain) }

  /// Adds `apqn`.
  ///
  /// - Parameter apqn: The new member.
  public mutating func insert(_ apqn: APQN) {
    makeRow(for: apqn.adapter)
    rows[Int(apqn.adapter)].insert(apqn.domain)
  }

  /// Takes `apqn` out.
  ///
  /// - Parameter apqn: A queue that is not to be a member.
  public mutating func remove(_ apqn: APQN) {
    guard Int(apqn.adapter) < rows.count else { return }
    rows[Int(apqn.adapter)].remove(apqn.domain)
  }

  private mutating func makeRow(for adapter: UInt8) {
    while rows.count <= Int(adapter) { rows.append(APMask()) }
  }

  /// Adds the members of `other`.
  ///
  /// - Parameter other: More members.
  public mutating func formUnion(_ other: APQNSet) {
    for (adapter, domains) in other.rows.enumerated() where !domains.isEmpty {
      self[UInt8(adapter)].formUnion(domains)
    }
  }

  /// The adapters of all members.
  public var adapters: APMask {
    var adapters = APMask()
    for (adapter, domains) in rows.enumerated() where !domains.isEmpty {
      adapters.insert(UInt8(adapter))
    }
    return adapters
  }

  /// The domains of all members.
  public var domains: APMask { rows.reduce(into: APMask()) { $0.formUnion($1) } }

  /// The adapters of the members in one domain.
  ///
  /// - Parameter domain: Any domain.
  /// - Returns: The adapters of the members in it.
  public func adapters(inDomain domain: UInt8) -> APMask {
    APMask((UInt8.min...UInt8.max).lazy.filter { self[$0].contains(domain) })
  }

  /// Whether there are no members.
  public var isEmpty: Bool { rows.allSatisfy(\.isEmpty) }

  /// How many members there are.
  public var count: Int { rows.reduce(0) { $0 + $1.count } }
}

extension APQNSet: Equatable {
  public static func == (left: APQNSet, right: APQNSet) -> Bool {
    let count = Swift.min(left.rows.count, right.rows.count)
    return left.rows.prefix(count) == right.rows.prefix(count)
      && left.rows.dropFirst(count).allSatisfy(\.isEmpty)
      && right.rows.dropFirst(count).allSatisfy(\.isEmpty)
  }
}

extension APQNSet: Sequence {
  /// The members in ascending order.
  public func makeIterator() -> AnyIterator<APQN> {
    var adapter = 0
    var domains = self[0].makeIterator()
    return AnyIterator { [rows] in
      while true {
        if let domain = domains.next() { return APQN(adapter: UInt8(adapter), domain: domain) }
        guard adapter + 1 < rows.count else { return nil }
        adapter += 1
        domains = rows[adapter].makeIterator()
      }
    }
  }
}
