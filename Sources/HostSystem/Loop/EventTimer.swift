import CSystemd
import Glibc

/// A timer of an event loop. It does nothing until it is set.
package final class EventTimer {
  private let source: EventSource
  /// Whether it will go off.
  package private(set) var isSet = false

  /// A timer that calls `handler` once for each `set`. Going off up to `tolerance` late lets one
  /// wake-up serve several timers.
  package init(
    _ loop: EventLoop, tolerance: Duration = .milliseconds(1),
    priority: EventLoop.Priority = .normal, _ handler: @escaping () -> Void
  ) throws(EventLoopError) {
    final class Owner { weak var timer: EventTimer? }
    let owner = Owner()
    source = try EventSource.add(
      to: loop, "making a timer", priority: priority,
      handler: EventSource.Handler { _ in
        owner.timer?.isSet = false
        handler()
      }
    ) { event, source, userdata in
      sd_event_add_time(
        event, &source, CLOCK_MONOTONIC, .max, max(1, tolerance.microseconds),
        { _, _, userdata in EventSource.dispatch(userdata, 0) }, userdata)
    }
    owner.timer = self
  }

  /// Goes off once, after that time and not before; an earlier setting is forgotten.
  package func set(after delay: Duration) {
    sd_event_source_set_time_relative(source.source, delay.microseconds)
    sd_event_source_set_enabled(source.source, Int32(SD_EVENT_ONESHOT))
    isSet = true
  }

  /// Does not go off any more.
  package func clear() {
    sd_event_source_set_enabled(source.source, Int32(SD_EVENT_OFF))
    isSet = false
  }
}

extension Duration {
  /// Whole microseconds, rounded up; nothing is less than none.
  package var microseconds: UInt64 {
    guard self > .zero else { return 0 }
    let (seconds, attoseconds) = components
    let (whole, overflows) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000)
    return overflows ? .max : whole + UInt64((attoseconds + 999_999_999_999) / 1_000_000_000_000)
  }
}
