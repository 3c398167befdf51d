/// Who has a queue now.
public enum Owner: String, Hashable, Sendable, CaseIterable {
  /// A driver of the host's own crypto stack, `cex4queue`.
  case host
  /// The driver that hands queues to guests.
  case vfioAP = "vfio_ap"
  /// No driver: the queue is unbound.
  case none

  /// The owner that a queue's driver link tells.
  public init(driver: String?) {
    self =
      switch driver {
      case nil: .none
      case DriverName.vfioAP: .vfioAP
      default: .host
      }
  }
}

/// Names of AP drivers.
public enum DriverName {
  /// The host's driver of cards of type 10 and newer.
  public static let cex4card = "cex4card"
  /// The host's driver of queues of type 10 and newer.
  public static let cex4queue = "cex4queue"
  /// The driver that hands queues to guests.
  public static let vfioAP = "vfio_ap"
}
