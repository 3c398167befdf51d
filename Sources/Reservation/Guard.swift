/// Something that keeps apreserve from doing what the rules ask although the kernel would let it: each
/// guard protects someone, and each can be switched off by its name and by nothing else.
///
/// What is not here cannot be switched off: cards are never unbound, hardware that `vfio_ap` does not
/// take is never written, and the kernel's own vetoes stay the kernel's.
package enum Guard: String, CaseIterable, Hashable, Sendable {
  /// A queue that a mediated device has assigned is not taken from `vfio_ap`: its guest would lose
  /// every queue of the adapter (SimulatedBus documentation, "Guests").
  case assignedQueue = "assigned-queue"
  /// The host's last queue with a master key is not taken while the host has secure keys
  /// (SimulatedBus documentation, "Host use").
  case protectHost = "protect-host"
  /// A queue with pending requests is drained first, and left where it is when that takes too long.
  case pendingRequests = "pending-requests"
  /// A queue that another process keeps moving back is left alone.
  case fighting
  /// Overrides are not chosen while s390-tools' ap-check callout is installed: it refuses to start
  /// mediated devices whose queues are reserved by override (SimulatedBus documentation, "s390-tools").
  case callout = "ap-check"
  /// A rule set without any rule gives nothing back: most likely the files are gone, not the request.
  case emptyRules = "empty-rules"

  /// One line for a list of the guards.
  package var summary: String {
    switch self {
    case .assignedQueue: "take queues back that a mediated device has assigned"
    case .protectHost: "take the host's last queue with a master key"
    case .pendingRequests: "take queues with pending requests without draining them"
    case .fighting: "keep moving queues that another process moves back"
    case .callout: "choose overrides although ap-check is installed"
    case .emptyRules: "give everything back when there are no rules at all"
    }
  }
}
