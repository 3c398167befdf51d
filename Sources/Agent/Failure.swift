package import APBus
package import Reservation

/// An operation that did not do what its plan announced.
package struct Failure: Error, Equatable, Sendable {
  /// What was to be moved.
  package var subject: Operation.Subject
  package var cause: Cause
  /// Why a step that was done before could not be taken back; nil where all were, or none had to be.
  package var undoError: UndoError?
  /// The queues that have another owner all the same, by what was planned or by taking steps back.
  package var moves: [OwnerChange] = []
  /// The queues that were to be moved and are not where they were to be.
  package var missed: [APQN] = []
  /// Queues whose owner cannot be read now.
  package var unread: Set<APQN> = []
  /// Whether nothing at all was done: the kernel refused the first write.
  package var isWithoutTrace = false
  /// How often it has failed in a row.
  package var attempts = 1

  /// A step that could not be taken back.
  package struct UndoError: Equatable, Sendable {
    /// The write that would have taken it back.
    package var step: Step
    /// The outcome.
    package var reason: String
  }

  package enum Cause: Error, Equatable, Sendable {
    /// The kernel refused a write.
    case refused(SysfsError)
    /// The kernel refused masks because a mediated device has a queue that they would take back.
    case vetoed(SysfsError, mediatedDevices: [String])
    /// The kernel refuses masks although no queue has an override: one left with its override set,
    /// and the kernel's count of overrides with it. Only a reboot mends that (SimulatedBus
    /// documentation, "Overrides").
    case leakedOverrideCount(SysfsError)
    /// The write was taken and changed nothing.
    case noEffect(APQN, expected: Owner, found: Owner)
    /// A guest was given the queue between the plan and the write.
    case assignedMeanwhile(APQN)
    /// A file took the write and does not hold what was written.
    case notTaken(Step)
    /// The masks were changed between the plan and the write.
    case changedMeanwhile
    /// The machine is not as it was when the plan was made; another plan is due.
    case outdated
    /// What had to be checked before the write could not be read.
    case unreadable(String)
    /// A queue still has this many requests; it is waited for.
    case busy(APQN, requests: Int)
    /// Another tool has the lock on the configuration of crypto queues.
    case locked(ConfigurationLockError)
    /// The write could not be put on record, so it was not done.
    case unrecorded(OwnershipRecordError)
    /// The mask would take everything from the host, and the plan does not say so of this queue.
    case wouldTakeEverything(APQN)
    /// The kernel took the writes, and who has the queue now cannot be read.
    case unproven(APQN, reason: String)
    /// The device was removed; that is not an error, and the next scan shows what is there.
    case vanished(APQN)
  }

  package init(_ subject: Operation.Subject, _ cause: Cause) {
    self.subject = subject
    self.cause = cause
  }

  /// Whether trying again can help.
  package var isFinal: Bool {
    if case .leakedOverrideCount = cause { true } else { false }
  }

  /// Whether sysfs takes no write at all from this process, as where it was mounted read-only.
  package var isReadOnly: Bool {
    switch cause {
    case .refused(let error), .vetoed(let error, _): error.errno == .readOnlyFileSystem
    default: false
    }
  }
}

extension Failure: CustomStringConvertible {
  package var description: String {
    guard let undoError else { return "\(cause)" }
    return "\(cause); what was done before could not be taken back: \(undoError.step): "
      + undoError.reason
  }
}

extension Failure.Cause {
  /// Whether the write cannot have had any effect: the kernel checked it and refused it, or it was not
  /// even tried. EIO and EINTR prove nothing.
  var provesNothingDone: Bool {
    switch self {
    case .refused(let error), .vetoed(let error, _), .leakedOverrideCount(let error):
      [
        .noSuchDevice, .noSuchFile, .busy, .invalidArgument, .tryAgain, .permissionDenied,
        .notPermitted, .readOnlyFileSystem,
      ].contains(error.errno)
    case .assignedMeanwhile, .changedMeanwhile, .outdated, .unreadable, .locked, .unrecorded,
      .wouldTakeEverything, .vanished:
      true
    case .noEffect, .notTaken, .unproven, .busy: false
    }
  }
}

extension Failure.Cause: CustomStringConvertible {
  /// One clause.
  package var description: String {
    switch self {
    case .refused(let error): "\(error)"
    case .vetoed(let error, let devices):
      devices.isEmpty
        ? "\(error): a mediated device has a queue assigned that this mask takes back"
        : "\(error): this mask takes back what is assigned to mediated device "
          + devices.joined(separator: ", ") + "; unassign it there first"
    case .leakedOverrideCount(let error):
      "\(error): no queue has driver_override set, so the kernel's count of overrides has leaked; "
        + "masks cannot be written until the next reboot"
    case .noEffect(let apqn, let expected, let found):
      "\(apqn) was to go to \(expected.rawValue), the kernel took the write, and the queue is with "
        + "\(found.rawValue)"
    case .assignedMeanwhile(let apqn):
      "\(apqn) was assigned to a mediated device while it was about to be given back"
    case .notTaken(let step): "the kernel took \(step) and does not show it"
    case .changedMeanwhile: "the masks were changed by another process in the meantime"
    case .outdated: "nothing was written, since the machine has changed after the plan was made"
    case .unreadable(let reason): "nothing was written, since \(reason)"
    case .busy(let apqn, let requests):
      "\(apqn) still has \(counted(requests, "pending request"))"
    case .locked(let error): "nothing was written, since \(error)"
    case .unrecorded(let error): "nothing was written, since \(error)"
    case .wouldTakeEverything(let apqn):
      "nothing was written: a mask of zeros would take \(apqn), which the plan leaves with the host"
    case .unproven(let apqn, let reason):
      "the kernel took what was written, and who has \(apqn) now cannot be read: \(reason)"
    case .vanished(let apqn): "\(apqn) was removed"
    }
  }
}
