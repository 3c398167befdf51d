import APBus

extension Planner {
  /// The operation with the queues that the host is busy with drained first: switched off, so that no
  /// request is added, and waited for until none is left. An unbind would throw the requests back
  /// (SimulatedBus documentation, "Host use").
  func draining(_ operation: Operation) -> Operation {
    guard context.isOn(.pendingRequests) else { return operation }
    let busy = operation.changes.filter { $0.from == .host && $0.to != .host }
      .compactMap { inventory.queue($0.apqn) }
      .filter { queue in
        queue.pendingRequests ?? 0 > 0 || context.busy.contains(queue.apqn)
          || ownership.offline.contains(queue.apqn)
      }
    guard !busy.isEmpty else { return operation }
    var operation = operation
    let switches = busy.filter { $0.isOnline != false }.map { Step.setOnline($0.apqn, false) }
    operation.steps = switches + busy.map { .awaitIdle($0.apqn) } + operation.steps
    return operation
  }

  /// Switches on again what we switched off and what no operation is going to take any more.
  func restoreOnline(into plan: inout Plan) {
    let drained = Set(
      plan.operations.flatMap(\.steps).compactMap { step in
        if case .awaitIdle(let apqn) = step { apqn } else { nil }
      })
    let abandoned = ownership.offline.subtracting(drained).sorted().filter { apqn in
      let queue = inventory.queue(apqn)
      return queue?.owner == .host && queue?.isOnline == false
    }
    // First of all, since the host waits for them.
    plan.operations.insert(
      contentsOf: abandoned.map { apqn in
        Operation(.online(apqn), steps: [.setOnline(apqn, true)], changes: [])
      }, at: 0)
  }
}
