package import AdjunctProcessor

/// What is reserved by us, and so may be given back by us.
///
/// What apreserve did not reserve it does not release: a queue that was on `vfio_ap` when first seen
/// is somebody else's work.
package struct Ownership: Equatable, Sendable {
  /// Queues that we bound to `vfio_ap`, or whose override we set.
  package var queues: Set<APQN>
  /// Bits of `apmask` that we cleared.
  package var adapters: APMask
  /// Bits of `aqmask` that we cleared.
  package var domains: APMask

  /// A record; a new one owns nothing.
  package init(queues: Set<APQN> = [], adapters: APMask = [], domains: APMask = []) {
    self.queues = queues
    self.adapters = adapters
    self.domains = domains
  }

  /// Whether the queue is reserved by us alone: we moved it itself, or every cleared bit of the masks
  /// that keeps it from the host is ours. Where another hand has cleared one too, it is that hand's.
  package func covers(_ apqn: APQN, under bus: BusState) -> Bool {
    if queues.contains(apqn) { return true }
    guard bus.isInHostPool(apqn) == false, let adapterMask = bus.adapterMask,
      let domainMask = bus.domainMask
    else { return false }
    return (adapterMask.contains(apqn.adapter) || adapters.contains(apqn.adapter))
      && (domainMask.contains(apqn.domain) || domains.contains(apqn.domain))
  }

  /// The record after a step; to be kept before the step's write is done, since a write that is
  /// recorded and did not happen does no harm, and the reverse would be forgotten.
  ///
  /// - Parameters:
  ///   - step: the step that is about to be done.
  ///   - inventory: the machine as it was before the first step of the same plan.
  package mutating func record(_ step: Step, on inventory: Inventory) {
    switch step {
    case .setAdapterMask(let mask):
      if let before = inventory.bus.adapterMask { adapters.formUnion(before.subtracting(mask)) }
    case .setDomainMask(let mask):
      if let before = inventory.bus.domainMask { domains.formUnion(before.subtracting(mask)) }
    case .setOverride(let apqn, DriverName.vfioAP), .bind(let apqn, DriverName.vfioAP):
      // What is on vfio_ap already is only held there from now on: it stays somebody else's.
      if inventory.queue(apqn)?.owner != .vfioAP { queues.insert(apqn) }
    case .unbind(let apqn, let driver) where driver != DriverName.vfioAP: queues.insert(apqn)
    case .setOverride, .bind, .unbind, .probe, .requireUnassigned: break
    }
  }

  /// Forgets what is no longer reserved: bits that are set again, queues that have left `vfio_ap` for
  /// the host or are gone, with no override left on them.
  package mutating func forget(against inventory: Inventory) {
    if let mask = inventory.bus.adapterMask { adapters.subtract(mask) }
    if let mask = inventory.bus.domainMask { domains.subtract(mask) }
    queues = queues.filter { apqn in
      guard let queue = inventory.queue(apqn) else { return false }
      return queue.owner != .host || queue.driverOverride == DriverName.vfioAP
    }
  }
}
