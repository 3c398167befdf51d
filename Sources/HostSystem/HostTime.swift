package import APBus
import Agent
import CSystemd
import Glibc

/// The clocks of this host for the agent.
package final class HostTime: TimeSource {
  package init() {}

  /// CLOCK_MONOTONIC.
  package var now: Instant { Instant(sinceBoot: Self.read(CLOCK_MONOTONIC)) }

  /// CLOCK_REALTIME.
  package var wallTime: WallTime { WallTime(sinceEpoch: Self.read(CLOCK_REALTIME)) }

  private static func read(_ clock: clockid_t) -> Duration {
    var time = timespec()
    clock_gettime(clock, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
}

extension stat {
  /// When the file was changed, in whole seconds.
  var modificationTime: WallTime { WallTime(sinceEpoch: .seconds(st_mtim.tv_sec)) }
}

/// Signals that ask the program to end, held back so that it ends between two operations.
package final class Interruption {
  private var signals = sigset_t()
  /// The signal that was received; nil for none.
  package private(set) var signal: Int32?

  /// Blocks SIGINT, SIGTERM and SIGHUP. To be called while there is only one thread.
  package init() {
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  /// Whether one of the signals was received.
  package var hasOccurred: Bool { wait(atMost: .zero) != nil }

  /// Waits until one of the signals is received, whose number is the result; nil if the time is over.
  package func wait(atMost time: Duration) -> Int32? {
    let clock = HostTime()
    let end = clock.now + time
    while signal == nil {
      var timeout = max(.zero, end - clock.now).timespec
      let number = sigtimedwait(&signals, nil, &timeout)
      if number > 0 {
        signal = number
      } else if errno != EINTR {
        break
      }
    }
    return signal
  }
}

extension Duration {
  /// Blocks the thread for this long.
  func sleep() {
    var time = timespec
    var rest = time
    while nanosleep(&time, &rest) != 0, errno == EINTR { time = rest }
  }

  fileprivate var timespec: timespec {
    let (seconds, attoseconds) = components
    return Glibc.timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
  }

  /// Whole microseconds, rounded up; 0 for a negative time.
  package var microseconds: UInt64 {
    guard self > .zero else { return 0 }
    let (seconds, attoseconds) = components
    let (whole, overflows) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000)
    return overflows ? .max : whole + UInt64((attoseconds + 999_999_999_999) / 1_000_000_000_000)
  }

  /// The timeout of poll(2): whole milliseconds, rounded up.
  package var pollTimeout: Int32 { Int32(clamping: (microseconds + 999) / 1000) }
}
