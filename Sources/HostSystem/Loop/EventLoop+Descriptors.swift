import CLinux
import CSystemd
import Glibc

extension EventLoop {
  /// What a descriptor is waited for.
  package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
      self.rawValue = rawValue
    }

    /// Something can be read, an end or an error included.
    package static let reading = Readiness(rawValue: EPOLLIN.rawValue)
    /// Something can be written.
    package static let writing = Readiness(rawValue: EPOLLOUT.rawValue)
    /// The other side has gone. It is always waited for.
    package static let hangup = Readiness(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)
  }

  /// Calls `handler` whenever the descriptor is ready, which must stay open as long as the source.
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
        { _, _, readiness, userdata in EventSource.dispatch(userdata, readiness) }, userdata)
    }
  }

  /// Calls `handler` when the process gets a signal, instead of what the signal would do. To be called
  /// before other threads are started, since they inherit that the signal is blocked.
  package func onSignal(
    _ number: Int32, priority: Priority = .high, _ handler: @escaping () -> Void
  ) throws(EventLoopError) -> EventSource {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, number)
    let blocked = pthread_sigmask(SIG_BLOCK, &signals, nil)
    guard blocked == 0 else { throw EventLoopError("blocking a signal", -blocked) }
    return try EventSource.add(
      to: self, "waiting for a signal", priority: priority,
      handler: EventSource.Handler { _ in handler() }
    ) { event, source, userdata in
      sd_event_add_signal(
        event, &source, number, { _, _, userdata in EventSource.dispatch(userdata, 0) }, userdata)
    }
  }
}

extension EventSource {
  /// Waits for something else on its descriptor from now on.
  package func await(_ readiness: EventLoop.Readiness) {
    sd_event_source_set_io_events(source, readiness.rawValue)
  }
}
