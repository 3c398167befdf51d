import CSystemd
package import APBus

/// The loop on which everything but writing to sysfs happens: descriptors, timers, signals and changed
/// directories, one after the other on the thread that runs it (sd-event(3)).
///
/// A source lives as long as its `EventSource` is kept; handlers may drop their own.
package final class EventLoop {
  /// Which of the sources that are due is served first.
  package enum Priority: Int64, Sendable {
    /// What must not wait behind others' requests: the kernel's events, the end.
    case high = -10
    /// What has no reason to be the first or the last.
    case normal = 0
    /// What others ask for, however many they are.
    case low = 10
  }

  let event: OpaquePointer

  /// A loop of its own.
  package init() throws(EventLoopError) {
    var event: OpaquePointer?
    let result = sd_event_new(&event)
    guard result >= 0, let event else { throw EventLoopError("starting the event loop", result) }
    self.event = event
  }

  deinit {
    sd_event_unref(event)
  }

  /// Runs until `stop`. Whatever is due is served; nothing is polled.
  package func run() throws(EventLoopError) {
    let result = sd_event_loop(event)
    guard result >= 0 else { throw EventLoopError("running the event loop", result) }
  }

  /// Ends `run` after the handler that is running.
  package func stop() {
    sd_event_exit(event, 0)
  }

  /// Tells the service manager that the loop goes round, as often as it asks for it: a stuck loop is
  /// restarted. False where the manager does not ask (sd_event_set_watchdog(3)).
  @discardableResult package func feedWatchdog() throws(EventLoopError) -> Bool {
    let result = sd_event_set_watchdog(event, 1)
    guard result >= 0 else { throw EventLoopError("feeding the watchdog", result) }
    return result > 0
  }
}

/// A failed call on the event loop.
package struct EventLoopError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What was tried.
  package var attempt: String
  /// The answer.
  package var errno: Errno

  /// A failure with a negative error number, as libsystemd returns it.
  init(_ attempt: String, _ result: Int32) {
    self.attempt = attempt
    errno = Errno(rawValue: -result)
  }

  /// One sentence.
  package var description: String { "\(attempt): \(errno)" }
}
