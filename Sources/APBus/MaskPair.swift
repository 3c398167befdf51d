/// `apmask` and `aqmask` together: the host's pool is the rectangle that they span.
public struct MaskPair: Hashable, Sendable {
  /// `apmask`: the adapters of the host's pool.
  public var adapters: APMask
  /// `aqmask`: the domains of the host's pool.
  public var domains: APMask

  /// A pair of masks.
  ///
  /// - Parameters:
  ///   - adapters: The adapters of the host's pool.
  ///   - domains: The domains of the host's pool.
  public init(adapters: APMask, domains: APMask) {
    self.adapters = adapters
    self.domains = domains
  }

  /// Both masks all ones, the kernel's default: every queue is in the host's pool.
  public static let all = MaskPair(adapters: .all, domains: .all)

  /// Whether the queue is in the host's pool, the queues that only drivers of the host may have.
  ///
  /// - Parameter apqn: Any queue, whether or not it exists.
  /// - Returns: False for a queue that is left to drivers such as `vfio_ap`.
  public func isInHostPool(_ apqn: APQN) -> Bool {
    adapters.contains(apqn.adapter) && domains.contains(apqn.domain)
  }

  /// The domains of one adapter that are in the host's pool.
  ///
  /// - Parameter adapter: Any adapter, whether or not it exists.
  /// - Returns: The host's domains, or none where the adapter is not the host's.
  public func hostDomains(of adapter: UInt8) -> APMask {
    adapters.contains(adapter) ? domains : []
  }
}
