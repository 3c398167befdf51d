import Glibc

/// A thread of its own for work that may wait for hardware.
package enum WorkerThread {
  private final class Body {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
      self.run = run
    }
  }

  /// Starts a thread that runs `body`. It is never waited for: a thread that the kernel holds in a
  /// write must not hold up the end of the process.
  package static func start(_ body: @escaping @Sendable () -> Void) throws(EventLoopError) {
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(Body(body))
    let result = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, argument.toOpaque())
    guard result == 0 else {
      argument.release()
      throw EventLoopError("starting a thread", -result)
    }
    pthread_detach(thread)
  }
}
