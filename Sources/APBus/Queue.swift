/// An AP queue as read at one moment: the device `05.0004`.
public struct Queue: Equatable, Sendable {
  /// Adapter and domain.
  public var apqn: APQN
  /// The driver it is bound to; nil while it is unbound.
  public var driver: String?
  /// `driver_override`, nil while none is set.
  public var driverOverride: String?
  /// `config`, nil where the kernel has no such attribute for queues.
  public var isConfigured: Bool?
  /// `chkstop`, nil where the kernel has no such attribute for queues.
  public var isCheckStopped: Bool?
  /// `online`, nil unless the queue is bound to a host driver.
  public var isOnline: Bool?
  /// `status`, nil unless the queue is bound to a `vfio_ap` that has it.
  public var guestStatus: GuestStatus?
  /// How many requests wait for the queue or are under way in it; nil unless that was asked for.
  public var pendingRequests: Int?
  /// The master keys that its domain has, of `mkvps`; nil unless they were asked for and can be read,
  /// which is so only while the host has the queue.
  public var masterKeys: MasterKeyPattern?

  /// What `vfio_ap` says of a queue it holds (SimulatedBus documentation, "Queue attributes").
  public enum GuestStatus: String, Hashable, Sendable, CaseIterable {
    /// In no mediated device's matrix.
    case unassigned
    /// In a mediated device's matrix, not in use by a running guest.
    case assigned
    /// In use by a running guest.
    case inUse = "in use"
  }

  /// A queue as read.
  public init(
    apqn: APQN, driver: String? = nil, driverOverride: String? = nil, isConfigured: Bool? = nil,
    isCheckStopped: Bool? = nil, isOnline: Bool? = nil, guestStatus: GuestStatus? = nil,
    pendingRequests: Int? = nil,
    masterKeys: MasterKeyPattern? = nil
  ) {
    self.apqn = apqn
    self.driver = driver
    self.driverOverride = driverOverride
    self.isConfigured = isConfigured
    self.isCheckStopped = isCheckStopped
    self.isOnline = isOnline
    self.guestStatus = guestStatus
    self.pendingRequests = pendingRequests
    self.masterKeys = masterKeys
  }

  /// Who has the queue.
  public var owner: Owner { Owner(driver: driver) }

  /// Whether `status` says that a mediated device has the queue, with or without a running guest.
  public var isAssigned: Bool { guestStatus == .assigned || guestStatus == .inUse }

  /// Whether the queue can do its work for the host: configured, not check-stopped, switched on. What cannot
  /// be read counts as good.
  public func isUsable(on card: Card?) -> Bool { isWorking(on: card) && isOnline != false }

  /// Whether the hardware answers: card and queue configured, and not check-stopped. What cannot be read
  /// counts as good.
  public func isWorking(on card: Card?) -> Bool {
    card?.isConfigured != false && card?.isCheckStopped != true
      && isConfigured != false && isCheckStopped != true
  }
}
