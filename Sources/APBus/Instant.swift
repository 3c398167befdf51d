/// A moment on a clock that never goes back: CLOCK_MONOTONIC on a host, which stops while the machine is
/// suspended, and one that a replay or a test sets.
///
/// It is a type of its own, because `SuspendingClock.Instant` can only be made by reading that clock.
package struct Instant: Hashable, Comparable, Sendable {
  /// The time since the host's boot, or since the beginning of the replay or test.
  package var sinceBoot: Duration

  package init(sinceBoot: Duration) {
    self.sinceBoot = sinceBoot
  }

  /// The moment at which the clock began.
  package static let boot = Instant(sinceBoot: .zero)

  package static func < (first: Instant, second: Instant) -> Bool {
    first.sinceBoot < second.sinceBoot
  }

  package static func + (instant: Instant, time: Duration) -> Instant {
    Instant(sinceBoot: instant.sinceBoot + time)
  }

  package static func += (instant: inout Instant, time: Duration) {
    instant.sinceBoot += time
  }

  package static func - (instant: Instant, time: Duration) -> Instant {
    Instant(sinceBoot: instant.sinceBoot - time)
  }

  /// The time from the second moment to the first.
  package static func - (end: Instant, start: Instant) -> Duration {
    end.sinceBoot - start.sinceBoot
  }
}

/// A moment as a calendar has it, by a clock that may be set at any time.
package struct WallTime: Hashable, Comparable, Sendable {
  /// The time since the beginning of 1970, in UTC.
  package var sinceEpoch: Duration

  package init(sinceEpoch: Duration) {
    self.sinceEpoch = sinceEpoch
  }

  package static func < (first: WallTime, second: WallTime) -> Bool {
    first.sinceEpoch < second.sinceEpoch
  }

  /// The time from the second moment to the first, wrong by as much as the clock was set between them.
  package static func - (end: WallTime, start: WallTime) -> Duration {
    end.sinceEpoch - start.sinceEpoch
  }
}
