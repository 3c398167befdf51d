package import APBus
package import Reservation

// What the agent remembers between its plans: when to try again what failed, which queues it waits for, and
// which ones another process moves back.

/// Growing pauses between tries at what failed, so that a broken queue costs little and never holds up
/// another one.
package struct RetrySchedule: Equatable, Sendable {
  private struct Entry: Equatable {
    var failures = 0
    /// Nil when it is never tried again.
    var next: Instant?
    /// Whether it is being tried, and waits for something else than its time.
    var isUnderWay = false
  }

  private var entries: [Operation.Subject: Entry] = [:]

  /// The pause after the first failure; each further one doubles it.
  package static let firstPause = Duration.seconds(1)
  package static let longestPause = Duration.seconds(300)

  /// Notes a failure and returns the pause before the next try, nil for none ever.
  package mutating func fail(_ failure: Failure, now: Instant) -> Duration? {
    var entry = entries[failure.subject] ?? Entry()
    entry.failures += 1
    let pause: Duration? =
      failure.isFinal
      ? nil : min(Self.longestPause, Self.firstPause * (1 << min(entry.failures - 1, 20)))
    entry.next = pause.map { now + $0 }
    entry.isUnderWay = false
    entries[failure.subject] = entry
    return pause
  }

  /// How often an operation has failed in a row.
  package func attempts(of subject: Operation.Subject) -> Int { entries[subject]?.failures ?? 0 }

  /// Puts off what was due and could not be tried, because something before it has to be done first.
  package mutating func postponeOverdue(now: Instant) {
    for (subject, entry) in entries {
      guard let next = entry.next, next <= now else { continue }
      entries[subject]?.next = now + Self.firstPause
    }
  }

  /// Notes that a try has begun and has to wait in its middle.
  package mutating func wait(for subject: Operation.Subject) {
    entries[subject]?.isUnderWay = true
  }

  /// Notes that something worked, so that its next failure starts with the first pause again.
  package mutating func succeed(_ subject: Operation.Subject) {
    entries[subject] = nil
  }

  /// Forgets the failures of what is not to be done any more, because the queue was removed or the request
  /// withdrawn.
  package mutating func forget(except subjects: Set<Operation.Subject>) {
    entries = entries.filter { subjects.contains($0.key) }
  }

  /// Forgets all failures: everything may be tried at once.
  package mutating func reset() {
    entries = [:]
  }

  /// What is not to be tried yet.
  package func heldBack(now: Instant) -> Set<Operation.Subject> {
    Set(entries.filter { !$0.value.isUnderWay && $0.value.next.map { $0 > now } ?? true }.keys)
  }

  /// When the next try is due; nil when nothing waits for one.
  package var nextDue: Instant? {
    entries.values.filter { !$0.isUnderWay }.compactMap(\.next).min()
  }
}

/// Queues that are waited for until they have no pending requests, and those that took too long.
struct Drains {
  /// The queues that are being drained, and since when.
  private(set) var since: [APQN: Instant] = [:]
  private var lastRead = Instant.boot
  private var givenUp: [APQN: Instant] = [:]
  private var pauses: [APQN: Duration] = [:]

  /// The pause before a queue that is being drained is read again.
  private static let pause = Duration.milliseconds(100)
  /// How long a queue that took too long is left alone the first time; each further time doubles it.
  private static let firstPause = Duration.seconds(60)
  /// The longest time that it is left alone.
  private static let longestPause = Duration.seconds(3600)

  var draining: [APQN] { since.keys.sorted() }

  /// The queues that took too long and are not to be tried again yet.
  var undrained: Set<APQN> { Set(givenUp.keys) }

  /// When the next queue is due.
  var nextDue: Instant? {
    let reading = since.isEmpty ? nil : lastRead + Self.pause
    return [reading, givenUp.values.min()].compactMap { $0 }.min()
  }

  /// Notes that a queue still has requests, one of `all` that are waited for together and have one time
  /// limit. False when they took longer than `limit`: then that queue is given up.
  mutating func wait(for apqn: APQN, of all: [APQN], now: Instant, limit: Duration) -> Bool {
    lastRead = now
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

  /// Takes the queues that are to be read now; those that took too long are tried again.
  mutating func takeDue(now: Instant) -> [APQN] {
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

/// Watches the queues that the agent has reserved, for another process that moves them back.
struct ContentionTracker {
  private var watched: Set<APQN> = []
  private var times: [APQN: [Instant]] = [:]
  /// Queues that were moved back too often, with how often that was. They stay here until
  /// `forgetAll`.
  private(set) var given: [APQN: Int] = [:]

  /// Notes that the agent has moved a queue to `vfio_ap`.
  mutating func watch(_ apqn: APQN) {
    watched.insert(apqn)
  }

  /// Whether the agent has moved the queue, and nobody has moved it back yet.
  func isWatched(_ apqn: APQN) -> Bool { watched.contains(apqn) }

  var watchedQueues: [APQN] { watched.sorted() }

  /// The queues among `apqns` that are watched.
  func watched(among apqns: some Sequence<APQN>) -> [APQN] { apqns.filter(watched.contains) }

  /// Notes that another process has moved a watched queue back.
  mutating func note(_ apqn: APQN, now: Instant, limit: Int, interval: Duration) {
    watched.remove(apqn)
    let recent = (times[apqn] ?? []).filter { now - $0 < interval } + [now]
    times[apqn] = recent
    if recent.count >= limit { given[apqn] = recent.count }
  }

  /// Forgets a queue that was removed, or given back.
  mutating func forget(_ apqn: APQN) {
    watched.remove(apqn)
    times[apqn] = nil
  }

  /// Forgets everything, so that all queues are moved again.
  mutating func forgetAll() {
    self = ContentionTracker()
  }
}
