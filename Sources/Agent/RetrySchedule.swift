package import Reservation

/// Pauses between tries at what failed: they grow, so that a broken queue costs little, and one failed
/// queue never holds up another.
package struct RetrySchedule: Equatable, Sendable {
  private struct Entry: Equatable {
    var failures = 0
    /// Nil when it is never tried again.
    var next: Duration?
    /// Whether it is being tried, and waits for something else than its time.
    var isUnderWay = false
  }

  private var entries: [Operation.Subject: Entry] = [:]

  /// The pause after the first failure; each further one doubles it.
  package static let firstPause = Duration.seconds(1)
  /// The longest pause.
  package static let longestPause = Duration.seconds(300)

  /// A schedule with nothing on it.
  package init() {}

  /// Notes a failure and returns the pause before the next try, nil for none ever.
  package mutating func fail(_ failure: Failure, now: Duration) -> Duration? {
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

  /// Puts off what was due and could not be tried, because something before it has to be done first.
  package mutating func postponeOverdue(now: Duration) {
    for (subject, entry) in entries where !entry.isUnderWay {
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

  /// Forgets the failures of what is not to be done any more, because the queue is gone or the request is.
  package mutating func forget(except subjects: Set<Operation.Subject>) {
    entries = entries.filter { subjects.contains($0.key) }
  }

  /// Forgets all failures: everything may be tried at once.
  package mutating func reset() {
    entries = [:]
  }

  /// What is not to be tried yet.
  package func heldBack(now: Duration) -> Set<Operation.Subject> {
    Set(entries.filter { !$0.value.isUnderWay && $0.value.next.map { $0 > now } ?? true }.keys)
  }

  /// When the next try is due; nil when nothing waits for one.
  package var nextDue: Duration? {
    entries.values.filter { !$0.isUnderWay }.compactMap(\.next).min()
  }
}
