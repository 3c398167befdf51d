package import APBus
package import Reservation
package import ReservationRules

extension Agent {
  /// Something the agent did or found out. All that it reports leaves it as these, in the order in which
  /// it happened, and each carries what a listener needs.
  ///
  /// Listeners switch over all cases, so that a kind without a journal message, a line, a JSON form or a
  /// place in the history does not compile.
  package enum Event: Equatable, Sendable {
    /// The agent has changed its phase.
    case entered(Status.Phase, from: Status.Phase)
    case chose(MechanismChoice)
    /// A plan with something to write was made; the moves are those that it announces.
    case planned(Plan, [Move])
    /// A write was done, or refused by the kernel.
    case wrote(Step, error: SysfsError?)
    /// Queues have another owner, as read back; those of one operation together.
    case moved([Move])
    /// An operation failed. `missed` are the moves that it announced and did not make; they carry the
    /// failure where it is another one than at the last try. `pause` is the time until the next try; nil
    /// when there is none.
    case failed(Failure, missed: [Move], pause: Duration?)
    /// A request is refused; reported once until it changes.
    case refused(Refusal, rule: Rule?)
    /// What was refused is not any more, and nothing is requested there. Where something is, its change is reported.
    case refusalsEnded([APQN])
    /// Requests wait for a driver; reported once.
    case waiting([RequestedQueue], driver: String)
    /// Queues that are requested are missing, unusable or the like, or are no longer; or their requests are
    /// not refused any more.
    case requestsChanged([RequestChange])
    /// Another process moved queues.
    case movedByOthers([Move])
    /// The kernel has bound requested queues when `vfio_ap` was loaded, as they had been prepared for.
    case boundAtLoading([Move])
    /// The kernel has unbound queues when `vfio_ap` was unloaded.
    case unboundAtUnloading([Move])
    /// Queues were added, or `vfio_ap` was loaded, and they are kept from the host although no rule reserves
    /// them: by the masks, or because that driver was there first.
    case takenOnArrival([Move])
    /// A plan's warning, or the machine's; reported once until it changes.
    case warned(PlanWarning)
    /// A queue finishes this many requests before it is taken; reported once.
    case draining(APQN, requests: Int)
    /// Adapters that did not answer, of which a warning was, answer again.
    case answered([UInt8])
    /// Registers for master keys hold something else than when they were read before.
    case keysChanged([FoundKeyChange])
  }

  /// A queue and the rule that requests something for it.
  package struct RequestedQueue: Hashable, Sendable {
    package var apqn: APQN
    /// The rule that decides; nil where none does.
    package var rule: Rule?
  }

  /// A request that is in another state than before.
  package struct RequestChange: Hashable, Sendable {
    package var apqn: APQN
    /// The state before; nil for a request that is new, or whose queue was not requested any more.
    package var from: Requests.State?
    /// Why the request is open; nil if it is fulfilled now.
    package var reason: OpenRequest.Reason?
    /// The rule that decides about the queue; nil where none does.
    package var rule: Rule?

    /// The state now.
    package var to: Requests.State { reason?.state ?? .reserved }
  }

  /// A queue that has another owner, or was to have it.
  package struct Move: Equatable, Sendable {
    package var time: WallTime
    package var apqn: APQN
    package var from: Owner
    /// The owner now; of a failed move, the one that it was to have.
    package var to: Owner
    /// Why; nil where not the agent moved the queue.
    package var cause: OwnerChange.Cause?
    /// The rule that decides about the queue; nil where none does.
    package var rule: RuleReference?
    /// How the queue was moved; nil where another process moved it.
    package var mechanism: Mechanism?
    /// Why the move was not made; nil for one that was.
    package var failure: String?
    /// What moved the queue; nil for a move of the agent.
    package var foreign: ForeignChange?

    /// What can move a queue without the agent.
    package enum ForeignChange: Hashable, Sendable {
      /// The masks put the queue into the other pool.
      case masks
      /// `driver_override` is another one; nil if none is set any more.
      case override(String?)
      /// Neither: the queue was bound or unbound itself.
      case binding
      /// The kernel bound what had no driver when the driver was loaded.
      case loading
      /// The kernel unbound all queues of a driver when it was unloaded.
      case unloading
    }

    package init(
      time: WallTime, apqn: APQN, from: Owner, to: Owner, cause: OwnerChange.Cause?,
      rule: RuleReference? = nil, mechanism: Mechanism? = nil, failure: String? = nil,
      foreign: ForeignChange? = nil
    ) {
      self.time = time
      self.apqn = apqn
      self.from = from
      self.to = to
      self.cause = cause
      self.rule = rule
      self.mechanism = mechanism
      self.failure = failure
      self.foreign = foreign
    }
  }
}

extension Agent.Event {
  /// The moves that were made, or were tried and have failed for another reason than the last time.
  package var moves: [Agent.Move] {
    switch self {
    case .moved(let moves), .movedByOthers(let moves), .boundAtLoading(let moves),
      .unboundAtUnloading(let moves), .takenOnArrival(let moves):
      moves
    case .failed(_, let missed, _): missed.filter { $0.failure != nil }
    case .entered, .chose, .planned, .wrote, .refused, .refusalsEnded, .waiting, .requestsChanged,
      .warned, .draining, .answered, .keysChanged:
      []
    }
  }
}
