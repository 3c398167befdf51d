package import APBus

/// Steps that belong together: when one fails, the ones after it are not done.
package struct Operation: Equatable, Sendable {
  /// What is moved: one queue, or the masks with all queues that they move.
  package enum Subject: Hashable, Sendable {
    /// One queue by its own files.
    case queue(APQN)
    /// The masks of the bus.
    case masks
    /// Whether one queue of the host is switched on.
    case online(APQN)
  }

  /// What is moved.
  package var subject: Subject
  /// The steps in order.
  package var steps: [Step]
  /// The queues that have another owner when all steps are done.
  package var changes: [OwnerChange]
  /// The queues that have another owner when the steps have to be taken back in the middle.
  package var changesByUndoing: [OwnerChange]

  /// Steps on one subject.
  package init(
    _ subject: Subject, steps: [Step], changes: [OwnerChange], changesByUndoing: [OwnerChange] = []
  ) {
    self.subject = subject
    self.steps = steps
    self.changes = changes
    self.changesByUndoing = changesByUndoing
  }
}

/// A queue that a plan moves.
package struct OwnerChange: Equatable, Sendable {
  /// Why a queue moves.
  package enum Cause: CaseIterable, Sendable {
    /// A rule wants it there.
    case wanted
    /// A rule, or no rule any more, lets us give back what we took.
    case givenBack
    /// No rule asked: a mask takes the queue along, which the rules accept.
    case collateral
    /// No rule asked: an effective mask write makes the kernel check this queue as well
    /// (SimulatedBus documentation, "Masks").
    case sideEffect
  }

  /// The queue.
  package var apqn: APQN
  /// Who has it now.
  package var from: Owner
  /// Who has it then.
  package var to: Owner
  /// Why.
  package var cause: Cause

  /// A queue's way from one owner to another.
  package init(_ apqn: APQN, from: Owner, to: Owner, cause: Cause) {
    self.apqn = apqn
    self.from = from
    self.to = to
    self.cause = cause
  }
}
