public import APBus

/// The host's work on its queues.
extension SimulatedBus {
  /// Keeps a queue busy from now on, whenever the host's driver has it and it is online. A queue that
  /// does not exist stays so.
  public func setLoad(_ load: QueueLoad, on apqn: APQN) {
    guard let queue = queue(apqn) else { return }
    queue.traffic.load = load
    if queue.isHostBound, queue.isSwitchedOn { queue.traffic.resume() }
  }

  /// A step of time passes: the adapters answer requests. Queues that were switched off drain by their
  /// rate; the others stay as busy as they are.
  public func passTime() {
    for case let queue as QueueDevice in devices() { queue.traffic.step() }
  }
}
