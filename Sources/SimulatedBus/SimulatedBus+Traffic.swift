public import APBus

/// The host's work on its queues.
extension SimulatedBus {
  /// Keeps a queue busy whenever the host's driver has it and it is online.
  ///
  /// - Parameters:
  ///   - load: The requests that the host keeps in the queue.
  ///   - apqn: The queue; one that does not exist is ignored.
  public func setLoad(_ load: QueueLoad, on apqn: APQN) {
    guard let queue = queue(apqn) else { return }
    queue.traffic.load = load
    if queue.isHostBound, queue.isSwitchedOn { queue.traffic.resume() }
  }

  /// Lets a step of time pass, in which adapters answer requests. Queues that were switched off drain by
  /// their rate; the others stay as busy as they are.
  public func passTime() {
    for case let queue as QueueDevice in devices() { queue.traffic.step() }
  }
}

/// The host's requests on a queue, as its counters show them (SimulatedBus documentation, "Queue
/// attributes").
struct QueueTraffic {
  /// `requestq_count`: requests that wait for a place in the adapter.
  private(set) var waiting: UInt64 = 0
  /// `pendingq_count`: requests that the adapter has.
  private(set) var pending: UInt64 = 0
  /// `request_count`: all that were ever sent.
  var total: UInt64 = 0
  /// What the host keeps the queue busy with while it is online.
  var load = QueueLoad()
  /// Whether the host sends to the queue.
  private var isFlowing = false

  /// The queue is online: the host sends.
  mutating func resume() {
    isFlowing = true
    total += load.waiting + load.pending
    (waiting, pending) = (load.waiting, load.pending)
  }

  /// The queue was switched off. What it has is flushed at once, as the kernel does
  /// (`ap_flush_queue` in drivers/s390/crypto/ap_queue.c), or goes step by step.
  mutating func stop() {
    isFlowing = false
    if load.drainRate == nil { flush() }
  }

  /// All requests go back to those who sent them.
  mutating func flush() {
    isFlowing = false
    (waiting, pending) = (0, 0)
  }

  /// A step of time: the adapter answers some requests. While the host sends, others take their places.
  mutating func step() {
    let answered = min(pending, load.drainRate ?? pending)
    if isFlowing {
      total += answered
    } else {
      pending -= answered
      let moved = min(waiting, answered)
      waiting -= moved
      pending += moved
    }
  }
}

/// How busy the host keeps a queue.
public struct QueueLoad: Equatable, Sendable {
  /// Requests that wait for a place in the adapter, `requestq_count`.
  public var waiting: UInt64
  /// Requests that the adapter has, `pendingq_count`.
  public var pending: UInt64
  /// How many requests the adapter answers in a step of time after the queue was switched off; nil
  /// where switching off flushes them all at once.
  public var drainRate: UInt64?

  /// A load; by default none.
  ///
  /// - Parameters:
  ///   - waiting: Requests that wait for a place in the adapter.
  ///   - pending: Requests that the adapter has.
  ///   - drainRate: How many requests are answered in a step of time after the queue was switched off.
  public init(waiting: UInt64 = 0, pending: UInt64 = 0, drainRate: UInt64? = nil) {
    self.waiting = waiting
    self.pending = pending
    self.drainRate = drainRate
  }
}
