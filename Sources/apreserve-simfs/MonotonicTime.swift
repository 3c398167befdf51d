import CFuse
import Glibc

/// Time as it passes, whatever the clock on the wall is set to.
enum MonotonicTime {
  static var now: Duration {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }

  /// How many milliseconds `poll` is to wait until then: at least one.
  static func milliseconds(from now: Duration, until then: Duration) -> Int32 {
    let rest = (then - now).components
    return Int32(clamping: max(1, rest.seconds * 1000 + rest.attoseconds / 1_000_000_000_000_000))
  }
}
