package import APBus

/// One change of what apreserve owns.
package enum OwnershipChange: Equatable, Sendable {
  /// The mechanism was chosen.
  case mechanism(Mechanism)
  /// The bits of `apmask` that we cleared are these now.
  case adapters(APMask)
  /// The bits of `aqmask` that we cleared are these now.
  case domains(APMask)
  /// A queue is owned from now on, or is not any more.
  case queue(APQN, isOwned: Bool)
  /// A queue was switched off by us, or is not any more.
  case offline(APQN, isOwned: Bool)
  /// The queues of this adapter that have been here since boot are those of these domains; `isReservable`
  /// says whether its hardware is of type 10 or newer.
  case seen(adapter: UInt8, domains: APMask, isReservable: Bool)
}
