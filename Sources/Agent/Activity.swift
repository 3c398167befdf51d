package import AdjunctProcessor
package import Reservation
package import Sysfs

/// Something the agent did or found out, in the order in which it happened.
package enum Activity: Equatable, Sendable {
  /// The mechanism was chosen.
  case chose(MechanismChoice)
  /// A plan with something to write was made.
  case planned(Plan)
  /// A write was done, or refused by the kernel.
  case wrote(Step, error: SysfsError?)
  /// Queues have another owner, as planned and read back; those of one operation together.
  case moved([OwnerChange])
  /// An operation failed; the pause until it is tried again, nil when it never is.
  case failed(Failure, pause: Duration?)
  /// A wish cannot be fulfilled; said once until it changes.
  case refused(Refusal)
  /// Wishes wait for a driver; said once.
  case waiting([APQN], driver: String)
}

/// The port through which the agent tells what it does.
package protocol ActivityLog: AnyObject {
  /// Takes note of one activity. Called in order, from the agent's own thread.
  func record(_ activity: Activity)
}

/// The port through which the agent knows the time.
package protocol MonotonicTime: AnyObject {
  /// The time since some fixed moment; it never goes back.
  var now: Duration { get }
}
