import APBus

/// Queues that are waited for until they have no pending requests, and those that took too long.
struct Drains {
  private var since: [APQN: Duration] = [:]
  private var lastLook = Duration.zero
  private var givenUp: [APQN: Duration] = [:]
  private var pauses: [APQN: Duration] = [:]

  /// The pause between two looks at a queue that is being drained.
  private static let pause = Duration.milliseconds(100)
  /// How long a queue that took too long is left alone the first time; each further time doubles it.
  private static let firstPause = Duration.seconds(60)
  /// The longest time that it is left alone.
  private static let longestPause = Duration.seconds(3600)

  /// The queues that are being drained.
  var draining: [APQN] { since.keys.sorted() }

  /// The queues that took too long and are not to be tried again yet.
  var undrained: Set<APQN> { Set(givenUp.keys) }

  /// When somebody should look again.
  var nextDue: Duration? {
    let look = since.isEmpty ? nil : lastLook + Self.pause
    return [look, givenUp.values.min()].compactMap { $0 }.min()
  }

  /// Notes that a queue still has requests, one of `all` that are waited for together and have one time
  /// limit. False when they took longer than `limit`: then that queue is given up.
  mutating func wait(for apqn: APQN, of all: [APQN], now: Duration, limit: Duration) -> Bool {
    lastLook = now
    let start = all.compactMap { since[$0] }.min() ?? now
    guard now - start < limit else {
      let pause = min(pauses[apqn].map { $0 * 2 } ?? Self.firstPause, Self.longestPause)
      pauses[apqn] = pause
      givenUp[apqn] = now + pause
      for apqn in all { since[apqn] = nil }
      return false
    }
    for apqn in all { since[apqn] = start }
    return true
  }

  /// Tries those again whose time has come, and returns all that are to be looked at.
  mutating func takeDue(now: Duration) -> [APQN] {
    guard let nextDue, nextDue <= now else { return [] }
    let again = givenUp.filter { $0.value <= now }.map(\.key)
    for apqn in again { givenUp[apqn] = nil }
    return again + draining
  }

  /// Keeps only what is still to be taken.
  mutating func forget(except apqns: Set<APQN>) {
    since = since.filter { apqns.contains($0.key) }
    pauses = pauses.filter { apqns.contains($0.key) || givenUp[$0.key] != nil }
  }

  /// Tries all again.
  mutating func forgetAll() {
    self = Drains()
  }
}
