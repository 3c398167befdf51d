package import APBus
package import Reservation
package import ReservationRules

/// A queue that was moved, or was to be moved: what is told of it afterwards.
package struct HistoryEntry: Equatable, Sendable {
  /// When, since the beginning of 1970.
  package var time: Duration
  /// The queue.
  package var apqn: APQN
  /// Who had it.
  package var from: Owner
  /// Who has it, or was to have it.
  package var to: Owner
  /// Why it was moved; nil where somebody else moved it.
  package var cause: OwnerChange.Cause?
  /// The rule that decided; nil where none did.
  package var rule: Rule?
  /// How it was moved; nil where somebody else moved it.
  package var mechanism: Mechanism?
  /// What went wrong; nil for a move that is done.
  package var failure: String?

  /// A move.
  package init(
    time: Duration, apqn: APQN, from: Owner, to: Owner, cause: OwnerChange.Cause?, rule: Rule?,
    mechanism: Mechanism?, failure: String?
  ) {
    self.time = time
    self.apqn = apqn
    self.from = from
    self.to = to
    self.cause = cause
    self.rule = rule
    self.mechanism = mechanism
    self.failure = failure
  }
}

/// The last moves, the oldest first.
package struct History: Equatable, Sendable {
  /// How many are kept.
  package static let capacity = 1000

  private var ring: [HistoryEntry] = []
  private var start = 0

  /// No moves.
  package init() {}

  /// The moves, the oldest first.
  package var entries: [HistoryEntry] { Array(ring[start...] + ring[..<start]) }

  /// Adds a move, and drops the oldest where there are too many.
  package mutating func append(_ entry: HistoryEntry) {
    guard ring.count == Self.capacity else {
      ring.append(entry)
      return
    }
    ring[start] = entry
    start = (start + 1) % Self.capacity
  }
}
