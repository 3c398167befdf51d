import CLinux
import Glibc

/// Lets one thread wake another that waits for a descriptor (eventfd(2)). Many signals before the other
/// looks are one.
package final class Wakeup: Sendable {
  /// The descriptor to wait on: readable once there was a signal.
  package let descriptor: Int32

  /// A wakeup that has not been signalled.
  package init() throws(EventLoopError) {
    let number = apreserve_open_counter()
    guard number >= 0 else { throw EventLoopError("making a wake-up between threads", number) }
    descriptor = number
  }

  deinit {
    close(descriptor)
  }

  /// Wakes the other thread.
  package func signal() {
    var one: UInt64 = 1
    // The write can only fail when the counter is full, and then the other is awake.
    _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
  }

  /// Takes note of all signals so far.
  package func acknowledge() {
    var count: UInt64 = 0
    _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
  }

  /// Waits for a signal, at most that long, and takes note of it. Nil waits for ever.
  package func wait(_ timeout: Duration?) {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let milliseconds = timeout.map { Int32(clamping: ($0.microseconds + 999) / 1000) }
    // A signal handler's interruption looks like a timeout, and the caller looks again.
    _ = poll(&request, 1, milliseconds ?? -1)
    acknowledge()
  }
}
