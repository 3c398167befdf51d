import APBus
import CFuse
import Glibc
import SimulatedBus

/// The kernel's own scans, `config_time` seconds after the last (SimulatedBus documentation, "Scans").
/// The adapters' work goes on in steps of a second.
struct ScanTimer {
  private var nextScan: Duration
  /// `config_time` when `nextScan` was set: writing another one starts the timer anew.
  private var interval = 30
  private var nextStep: Duration

  init(now: Duration) {
    nextScan = now + .seconds(Int64(interval))
    nextStep = now + .seconds(1)
  }

  /// Does what is due, and says how many milliseconds there are until the next.
  mutating func tick(_ bus: SimulatedBus, now: Duration) -> Int32 {
    if now >= nextStep {
      bus.passTime()
      nextStep = now + .seconds(1)
    }
    if bus.scanInterval != interval {
      interval = bus.scanInterval
      nextScan = now + .seconds(Int64(interval))
    }
    if now >= nextScan {
      bus.scan()
      nextScan = now + .seconds(Int64(interval))
    }
    return MonotonicTime.milliseconds(from: now, until: min(nextScan, nextStep))
  }
}

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
