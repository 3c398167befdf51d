import Glibc

/// Signals that ask a program to end, held back so that it ends between two operations and not in one.
package final class Interruption {
  private var signals = sigset_t()
  /// The signal that has come; nil for none.
  package private(set) var signal: Int32?

  /// Holds SIGINT, SIGTERM and SIGHUP back from now on. To be called while there is one thread.
  package init() {
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  /// Whether one of the signals has come.
  package var hasCome: Bool { wait(until: .zero) != nil }

  /// Waits until `HostTime.now` is `moment`, or until one of the signals has come: its number then.
  package func wait(until moment: Duration) -> Int32? {
    if let signal { return signal }
    let time = HostTime()
    while true {
      let (seconds, attoseconds) = max(.zero, moment - time.now).components
      var timeout = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
      let number = sigtimedwait(&signals, nil, &timeout)
      if number > 0 {
        signal = number
        return number
      }
      if errno != EINTR { return nil }
    }
  }
}
