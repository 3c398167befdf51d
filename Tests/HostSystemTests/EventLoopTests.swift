import Glibc
import HostSystem
import HostTestSupport
import Synchronization
import TestSupport
import Testing

@Suite struct `The event loop` {
  @Test func `serves timers in the order in which they are due`() throws {
    let loop = try EventLoop()
    var order: [String] = []
    let last = try EventTimer(loop) {
      order.append("last")
      loop.stop()
    }
    let first = try EventTimer(loop) { order.append("first") }
    last.set(after: .milliseconds(20))
    first.set(after: .milliseconds(1))
    try loop.run()
    #expect(order == ["first", "last"])
    #expect(!first.isSet && !last.isSet)
  }

  @Test func `forgets a timer that was cleared, and one that was dropped`() throws {
    let loop = try EventLoop()
    var hasGoneOff = false
    let cleared = try EventTimer(loop) { hasGoneOff = true }
    cleared.set(after: .milliseconds(1))
    cleared.clear()
    var dropped: EventTimer? = try EventTimer(loop) { hasGoneOff = true }
    dropped?.set(after: .milliseconds(1))
    dropped = nil
    let end = try EventTimer(loop) { loop.stop() }
    end.set(after: .milliseconds(10))
    try loop.run()
    #expect(!hasGoneOff)
  }

  @Test func `lets a handler drop its own source`() throws {
    let loop = try EventLoop()
    let wakeup = try Wakeup()
    var source: EventSource?
    var calls = 0
    source = try loop.watch(wakeup.descriptor) { _ in
      calls += 1
      source = nil
      loop.stop()
    }
    wakeup.signal()
    try loop.run()
    #expect(source == nil)
    #expect(calls == 1)
  }

  @Test func `counts several signals before a wake-up as one`() throws {
    let loop = try EventLoop()
    let wakeup = try Wakeup()
    var calls = 0
    let source = try loop.watch(wakeup.descriptor) { _ in
      wakeup.acknowledge()
      calls += 1
      if calls == 2 { loop.stop() } else { wakeup.signal() }
    }
    for _ in 0..<100 { wakeup.signal() }
    try loop.run()
    #expect(calls == 2)
    withExtendedLifetime(source) {}
  }

  @Test func `serves the kernel's events before requests`() throws {
    let loop = try EventLoop()
    let wakeups = [try Wakeup(), try Wakeup()]
    var order: [String] = []
    let low = try loop.watch(wakeups[0].descriptor, priority: .low) { _ in
      order.append("low")
      loop.stop()
    }
    let high = try loop.watch(wakeups[1].descriptor, priority: .high) { _ in
      wakeups[1].acknowledge()
      order.append("high")
    }
    for wakeup in wakeups { wakeup.signal() }
    try loop.run()
    #expect(order == ["high", "low"])
    withExtendedLifetime((low, high)) {}
  }

  @Test func `is woken by another thread`() throws {
    let loop = try EventLoop()
    let wakeup = try Wakeup()
    let value = Shared(0)
    try WorkerThread.start {
      value.set(7)
      wakeup.signal()
    }
    let source = try loop.watch(wakeup.descriptor) { _ in loop.stop() }
    try loop.run()
    #expect(value.get() == 7)
    withExtendedLifetime(source) {}
  }

  @Test func `notifies the watchdog as long as it runs, and not while it is stuck`() async {
    await #expect(processExitsWith: .success) {
      let tree = try TemporaryTree()
      let manager = try DatagramSocket(at: tree.path + "/notify")
      setenv("NOTIFY_SOCKET", tree.path + "/notify", 1)
      setenv("WATCHDOG_USEC", "50000", 1)
      let loop = try EventLoop()
      #expect(try loop.feedWatchdog())
      var wasStuck = false
      let timer = try EventTimer(loop) {
        while manager.receive() != nil {}
        usleep(500_000)
        #expect(manager.receive() == nil)
        wasStuck = true
      }
      timer.set(after: .milliseconds(10))
      let source = try loop.watch(manager.descriptor, priority: .low) { _ in
        #expect(manager.receive() == "WATCHDOG=1")
        if wasStuck { loop.stop() }
      }
      try loop.run()
      withExtendedLifetime((source, timer)) {}
    }
  }

  @Test func `turns signals into calls`() async {
    await #expect(processExitsWith: .success) {
      let loop = try EventLoop()
      var calls = 0
      let source = try loop.onSignal(SIGHUP) {
        calls += 1
        loop.stop()
      }
      // To this thread: the test runner's others do not block it.
      pthread_kill(pthread_self(), SIGHUP)
      try loop.run()
      #expect(calls == 1)
      withExtendedLifetime(source) {}
    }
  }
}

private final class Shared: Sendable {
  private let value: Mutex<Int>

  init(_ value: Int) {
    self.value = Mutex(value)
  }

  func set(_ new: Int) { value.withLock { $0 = new } }
  func get() -> Int { value.withLock { $0 } }
}
