/// A mediated device of `vfio_ap`: the queues that one guest is given.
public struct MediatedDevice: Equatable, Sendable {
  /// Its UUID, which is its name in sysfs.
  public var uuid: String
  /// The adapters assigned to it.
  public var adapters: APMask
  /// The usage domains assigned to it.
  public var domains: APMask
  /// The control domains assigned to it.
  public var controlDomains: APMask

  /// A mediated device as read; a new one has nothing assigned.
  public init(
    uuid: String, adapters: APMask = [], domains: APMask = [], controlDomains: APMask = []
  ) {
    self.uuid = uuid
    self.adapters = adapters
    self.domains = domains
    self.controlDomains = controlDomains
  }

  /// Whether the queue is in its matrix, adapters x domains.
  public func holds(_ apqn: APQN) -> Bool {
    adapters.contains(apqn.adapter) && domains.contains(apqn.domain)
  }
}
