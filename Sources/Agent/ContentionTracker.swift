import APBus

/// Watches the queues that we have moved, for somebody who moves them back.
struct ContentionTracker {
  private var watched: Set<APQN> = []
  private var times: [APQN: [Duration]] = [:]
  /// Queues that were moved back too often, with how often that was. They stay here until
  /// `forgetAll`.
  private(set) var given: [APQN: Int] = [:]

  /// Notes that a queue was moved to `vfio_ap` by us.
  mutating func watch(_ apqn: APQN) {
    watched.insert(apqn)
  }

  /// Whether anybody is watched at all.
  var isWatching: Bool { !watched.isEmpty }

  /// The queues among `apqns` that are watched.
  func watched(among apqns: some Sequence<APQN>) -> [APQN] { apqns.filter(watched.contains) }

  /// Notes that a watched queue was moved back by somebody else.
  mutating func note(_ apqn: APQN, now: Duration, limit: Int, interval: Duration) {
    watched.remove(apqn)
    let recent = (times[apqn] ?? []).filter { now - $0 < interval } + [now]
    times[apqn] = recent
    if recent.count >= limit { given[apqn] = recent.count }
  }

  /// Forgets a queue: it went away, or was given back by us.
  mutating func forget(_ apqn: APQN) {
    watched.remove(apqn)
    times[apqn] = nil
  }

  /// Forgets everything, so that all queues are moved again.
  mutating func forgetAll() {
    self = ContentionTracker()
  }
}
