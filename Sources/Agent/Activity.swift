package import APBus
package import Reservation

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
  /// A request cannot be fulfilled; said once until it changes.
  case refused(Refusal)
  /// Requests wait for a driver; said once.
  case waiting([APQN], driver: String)
  /// Queues that were reserved by us have been moved away by somebody else.
  case movedByOthers([OwnerChange])
  /// Queues came and are kept from the host although no rule wants them reserved: the masks are so, or
  /// `vfio_ap` was there first.
  case takenOnArrival([OwnerChange])
  /// A plan's warnings, or the machine's; said once until they change.
  case warned(PlanWarning)
  /// A queue still has this many requests and is waited for; said once.
  case draining(APQN, requests: Int)
}
