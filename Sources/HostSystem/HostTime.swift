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
}
