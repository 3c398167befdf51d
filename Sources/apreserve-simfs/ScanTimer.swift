import APBus
import SimulatedBus

/// The kernel's own scans, `config_time` seconds after the last (SimulatedBus documentation, "Scans").
/// The adapters work in steps of a second.
struct ScanTimer {
  private var nextScan: Instant
  /// `config_time` when `nextScan` was set: writing another one starts the timer anew.
  private var interval = 30
  private var nextStep: Instant

  init(now: Instant) {
    nextScan = now + .seconds(Int64(interval))
    nextStep = now + .seconds(1)
  }

  /// Does what is due, and returns when the next is. `onScan` is called after a scan.
  mutating func tick(_ bus: SimulatedBus, now: Instant, onScan: () -> Void) -> Instant {
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
      onScan()
      nextScan = now + .seconds(Int64(interval))
    }
    return min(nextScan, nextStep)
  }
}
