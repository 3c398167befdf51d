import CLinux
import CSystemd
import Glibc
package import APBus

/// The loop that runs everything except writes to sysfs: the handlers of descriptors, timers, signals and
/// changed directories, one after the other on the thread that runs the loop (sd-event(3)).
///
/// A source lives as long as its `EventSource`; a handler may release its own.
package final class EventLoop {
  /// Which of several due sources is served first.
  package enum Priority: Int64, Sendable {
    /// What must not wait for requests of others: events of the kernel, signals.
    case high = -10
    case normal = 0
    /// Requests of other processes, however many there are.
    case low = 10
  }

  let event: OpaquePointer

  package init() throws(EventLoopError) {
    var event: OpaquePointer?
    let result = sd_event_new(&event)
    guard result >= 0, let event else {
      throw EventLoopError("starting the event loop", result: result)
    }
    self.event = event
  }

  deinit {
    sd_event_unref(event)
  }

  /// Runs until `stop()`.
  package func run() throws(EventLoopError) {
    let result = sd_event_loop(event)
    guard result >= 0 else { throw EventLoopError("running the event loop", result: result) }
  }

  /// Ends `run()` after the current handler.
  package func stop() {
    sd_event_exit(event, 0)
  }

  /// Notifies the service manager regularly that the loop is alive, as often as it requests, so that it
  /// restarts a stuck daemon. False if it does not request it (sd_event_set_watchdog(3)).
  @discardableResult package func feedWatchdog() throws(EventLoopError) -> Bool {
    let result = sd_event_set_watchdog(event, 1)
    guard result >= 0 else { throw EventLoopError("feeding the watchdog", result: result) }
    return result > 0
  }
}

extension EventLoop {
  /// What to wait for on a descriptor.
  package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
      self.rawValue = rawValue
    }

    /// Something can be read, the end or an error included.
    package static let reading = Readiness(rawValue: EPOLLIN.rawValue)
    package static let writing = Readiness(rawValue: EPOLLOUT.rawValue)
    /// The other end was closed. This is always waited for.
    package static let hangup = Readiness(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)
  }

  /// Calls `handler` whenever the descriptor is ready. It must stay open as long as the source.
  package func watch(
    _ descriptor: Int32, for readiness: Readiness = .reading, priority: Priority = .normal,
    _ handler: @escaping (Readiness) -> Void
  ) throws(EventLoopError) -> EventSource {
    let handler = EventSource.Handler { handler(Readiness(rawValue: $0)) }
    return try EventSource.add(
      to: self, "waiting for a descriptor", priority: priority, handler: handler
    ) { event, source, userdata in
      sd_event_add_io(
        event, &source, descriptor, readiness.rawValue,
        { _, _, readiness, userdata in EventSource.dispatch(userdata, detail: readiness) }, userdata
      )
    }
  }

  /// Calls `handler` when the process receives a signal, whose default action is blocked. To be called
  /// before other threads are started, since they inherit the signal mask.
  package func onSignal(
    _ number: Int32, priority: Priority = .high, _ handler: @escaping () -> Void
  ) throws(EventLoopError) -> EventSource {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, number)
    let blocked = pthread_sigmask(SIG_BLOCK, &signals, nil)
    guard blocked == 0 else { throw EventLoopError("blocking a signal", result: -blocked) }
    return try EventSource.add(
      to: self, "waiting for a signal", priority: priority,
      handler: EventSource.Handler { _ in handler() }
    ) { event, source, userdata in
      sd_event_add_signal(
        event, &source, number, { _, _, userdata in EventSource.dispatch(userdata, detail: 0) },
        userdata)
    }
  }
}

/// Something that an event loop waits for, as long as this exists.
package final class EventSource {
  final class Handler {
    let call: (UInt32) -> Void

    init(_ call: @escaping (UInt32) -> Void) {
      self.call = call
    }
  }

  /// Adds a source. `body` calls the function of libsystemd with the loop, the place for the new source,
  /// and the handler as user data. `attempt` describes that for an error.
  static func add(
    to loop: EventLoop, _ attempt: String, priority: EventLoop.Priority, handler: Handler,
    _ body: (OpaquePointer, inout OpaquePointer?, UnsafeMutableRawPointer) -> Int32
  ) throws(EventLoopError) -> EventSource {
    var source: OpaquePointer?
    let result = body(loop.event, &source, Unmanaged.passUnretained(handler).toOpaque())
    guard result >= 0, let source else { throw EventLoopError(attempt, result: result) }
    sd_event_source_set_priority(source, priority.rawValue)
    return EventSource(source, handler: handler)
  }

  /// Calls the handler in the user data of a C callback. It is retained during the call, since it may
  /// release its own source.
  static func dispatch(_ userdata: UnsafeMutableRawPointer?, detail: UInt32) -> Int32 {
    guard let userdata else { return 0 }
    Unmanaged<Handler>.fromOpaque(userdata).takeUnretainedValue().call(detail)
    return 0
  }

  let source: OpaquePointer
  private let handler: Handler

  private init(_ source: OpaquePointer, handler: Handler) {
    self.source = source
    self.handler = handler
  }

  deinit {
    sd_event_source_disable_unref(source)
  }

  /// Waits for something else on the descriptor from now on.
  package func await(_ readiness: EventLoop.Readiness) {
    sd_event_source_set_io_events(source, readiness.rawValue)
  }
}

/// A timer of an event loop. It is inactive until it is set.
package final class EventTimer {
  private let source: EventSource
  /// Whether it will expire.
  package private(set) var isSet = false

  /// A timer that calls `handler` once for each call of `set`. It may expire up to `tolerance` late, so
  /// that one wake-up serves several timers.
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
        { _, _, userdata in EventSource.dispatch(userdata, detail: 0) }, userdata)
    }
    owner.timer = self
  }

  /// Lets it expire once after that time, instead of the time that was set before.
  package func set(after delay: Duration) {
    sd_event_source_set_time_relative(source.source, delay.microseconds)
    sd_event_source_set_enabled(source.source, Int32(SD_EVENT_ONESHOT))
    isSet = true
  }

  package func clear() {
    sd_event_source_set_enabled(source.source, Int32(SD_EVENT_OFF))
    isSet = false
  }
}

/// A failed call on the event loop.
package struct EventLoopError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Such as "waiting for a descriptor".
  package var attempt: String
  package var errno: Errno

  /// `result` is the negative error number that libsystemd returns.
  init(_ attempt: String, result: Int32) {
    self.attempt = attempt
    errno = Errno(rawValue: -result)
  }

  package var description: String { "\(attempt): \(errno)" }
}
