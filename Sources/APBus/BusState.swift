/// The state of the AP bus itself as read at one moment: `/sys/bus/ap` and the drivers on it.
///
/// An attribute that this kernel does not have is nil.
public struct BusState: Equatable, Sendable {
  /// `apmask` and `aqmask`; a kernel has both or none.
  public var masks: MaskPair?
  /// `scans`: scans completed since boot.
  public var scans: UInt64?
  /// `bindings_complete_count`.
  public var bindingsCompleteCount: UInt64?
  /// `ap_adapter_mask`: the adapters of this system, whether or not they answer.
  public var configuredAdapters: APMask?
  /// `ap_usage_domain_mask`: the usage domains of this system.
  public var configuredDomains: APMask?
  /// `ap_control_domain_mask`: the domains that can be administered from here.
  public var controlDomains: APMask?
  /// `ap_domain`: the host's default domain; nil where there is none.
  public var defaultDomain: UInt8?
  /// Whether queues have a `driver_override` attribute; nil while there is neither a queue nor the
  /// bus's `bindings_complete_count` to show it (SimulatedBus documentation, "Kernels").
  public var supportsOverride: Bool?
  /// The AP drivers that are registered, in the order of their names.
  public var drivers: [String]
  /// `features` of the bus. It is read where it is to be known which kernel this is, with `matrixFeatures`
  /// (`InventoryReader.readFeatures`).
  public var features: String?
  /// `features` of the matrix device; nil also while `vfio_ap` is not loaded.
  public var matrixFeatures: String?

  /// The bus as read.
  ///
  /// - Parameters:
  ///   - masks: `apmask` and `aqmask`.
  ///   - scans: `scans`.
  ///   - bindingsCompleteCount: `bindings_complete_count`.
  ///   - configuredAdapters: `ap_adapter_mask`.
  ///   - configuredDomains: `ap_usage_domain_mask`.
  ///   - controlDomains: `ap_control_domain_mask`.
  ///   - defaultDomain: `ap_domain`; nil for none.
  ///   - supportsOverride: Whether queues have `driver_override`; nil if unknown.
  ///   - drivers: The registered drivers.
  public init(
    masks: MaskPair? = nil, scans: UInt64? = nil, bindingsCompleteCount: UInt64? = nil,
    configuredAdapters: APMask? = nil, configuredDomains: APMask? = nil,
    controlDomains: APMask? = nil, defaultDomain: UInt8? = nil, supportsOverride: Bool? = nil,
    drivers: [String] = []
  ) {
    self.masks = masks
    self.scans = scans
    self.bindingsCompleteCount = bindingsCompleteCount
    self.configuredAdapters = configuredAdapters
    self.configuredDomains = configuredDomains
    self.controlDomains = controlDomains
    self.defaultDomain = defaultDomain
    self.supportsOverride = supportsOverride
    self.drivers = drivers
  }

  /// Whether a driver of that name is registered.
  ///
  /// - Parameter name: Such as `vfio_ap`.
  /// - Returns: Whether it can have devices.
  public func hasDriver(_ name: String) -> Bool { drivers.contains(name) }
}

extension BusState {
  /// Whether the masks keep a queue from the drivers of the host; without masks, none is kept from them.
  package func isKeptFromHost(_ apqn: APQN) -> Bool { masks?.isInHostPool(apqn) == false }
}

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

/// How queues are moved between drivers on a kernel.
public enum Mechanism: String, Hashable, Sendable, CaseIterable {
  /// Plain `unbind` and `bind`: the design of 2018, no masks on the bus.
  case bind
  /// `apmask` and `aqmask`, since Linux 4.20.
  case mask
  /// `driver_override` on each queue, since Linux 6.19.
  case override
}
