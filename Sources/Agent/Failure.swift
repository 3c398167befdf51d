package import AdjunctProcessor
package import Reservation
package import Sysfs

/// An operation that did not do what its plan said.
package struct Failure: Error, Equatable, Sendable {
  /// What was to be moved.
  package var subject: Operation.Subject
  /// What went wrong.
  package var cause: Cause

  /// What went wrong.
  package enum Cause: Error, Equatable, Sendable {
    /// The kernel refused a write.
    case refused(SysfsError)
    /// The kernel refused masks because a mediated device has a queue that they would take back.
    case vetoed(SysfsError, mediatedDevice: String?)
    /// The kernel refuses masks although no queue has an override: one left with its override set,
    /// and the kernel's count of overrides with it. Only a reboot mends that (ap-bus.md 4.4).
    case leakedOverrideCount(SysfsError)
    /// The write was taken and changed nothing.
    case noEffect(APQN, expected: Owner, found: Owner)
    /// A guest was given the queue between the plan and the write.
    case assignedMeanwhile(APQN)
    /// A file took the write and does not hold what was written.
    case notTaken(Step)
    /// The masks were changed between the plan and the write.
    case changedMeanwhile
    /// What had to be looked at before the write could not be read.
    case unreadable(String)
    /// The device went away; that is no fault, the next look shows what is there.
    case vanished(APQN)
  }

  /// A failed operation.
  package init(_ subject: Operation.Subject, _ cause: Cause) {
    self.subject = subject
    self.cause = cause
  }

  /// Whether trying again can help.
  package var isFinal: Bool {
    if case .leakedOverrideCount = cause { true } else { false }
  }
}

extension Failure: CustomStringConvertible {
  /// One sentence.
  package var description: String {
    switch cause {
    case .refused(let error): "\(error)"
    case .vetoed(let error, let uuid?):
      "\(error): mediated device \(uuid) has a queue assigned that this mask takes back"
    case .vetoed(let error, nil):
      "\(error): a mediated device has a queue assigned that this mask takes back"
    case .leakedOverrideCount(let error):
      "\(error): no queue has driver_override set, so the kernel's count of overrides has leaked; "
        + "masks cannot be written until the next reboot"
    case .noEffect(let apqn, let expected, let found):
      "\(apqn) was to go to \(expected.rawValue), the kernel took the write, and the queue is with "
        + "\(found.rawValue)"
    case .assignedMeanwhile(let apqn):
      "\(apqn) was assigned to a mediated device while it was about to be given back"
    case .notTaken(let step): "the kernel took \(step) and does not show it"
    case .changedMeanwhile: "the masks were changed by another hand meanwhile"
    case .unreadable(let reason): "nothing was written, since \(reason)"
    case .vanished(let apqn): "\(apqn) went away"
    }
  }
}
