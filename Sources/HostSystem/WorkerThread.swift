import CLinux
import Glibc

/// A thread for work that may block in a call to the kernel.
package enum WorkerThread {
  private final class Body {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
      self.run = run
    }
  }

  /// Starts a thread that runs `body`. It is never joined: a thread that is blocked in a write must not
  /// keep the process from ending.
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
      throw EventLoopError("starting a thread", result: -result)
    }
    pthread_detach(thread)
  }
}

/// Lets a thread wake another one that waits for a descriptor (eventfd(2)). Several signals before it
/// wakes up count as one.
package final class Wakeup: Sendable {
  /// Readable after a signal.
  package let descriptor: Int32

  package init() throws(EventLoopError) {
    let number = apreserve_open_counter()
    guard number >= 0 else { throw EventLoopError("creating an event descriptor", result: number) }
    descriptor = number
  }

  deinit {
    close(descriptor)
  }

  /// Wakes the other thread.
  package func signal() {
    var one: UInt64 = 1
    // The write can only fail if the counter is full, and then the other thread is awake.
    _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
  }

  /// Resets it after all signals so far.
  package func acknowledge() {
    var count: UInt64 = 0
    _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
  }

  /// Waits for a signal and acknowledges it; nil waits without limit.
  package func wait(_ timeout: Duration?) {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    // An interruption by a signal handler looks like a timeout, and the caller checks again.
    _ = poll(&request, 1, timeout?.pollTimeout ?? -1)
    acknowledge()
  }
}

/// The memory of this process.
package enum Memory {
  /// Returns freed memory to the kernel, which the allocator keeps after much work (malloc_trim(3)).
  package static func returnFreed() { apreserve_return_memory() }
}
