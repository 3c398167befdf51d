import Agent
import Glibc

/// The time of this host since it was started, sleep not counted.
package final class HostTime: MonotonicTime {
  /// The clock.
  package init() {}

  /// CLOCK_MONOTONIC.
  package var now: Duration {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }

  /// CLOCK_REALTIME.
  package var sinceEpoch: Duration {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }

  /// Waits until `now` is `moment`.
  package static func sleep(until moment: Duration) {
    let (seconds, attoseconds) = moment.components
    var time = timespec(
      tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
    while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
  }
}
