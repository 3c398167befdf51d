import AdjunctProcessor
import HostConfiguration

/// Finds what a person should know of a plan.
struct Warnings {
  private(set) var warnings: [PlanWarning] = []

  private let inventory: Inventory
  private let circumstances: Circumstances
  /// Owners that the plan changes.
  private let owners: [APQN: Owner]

  init(of plan: Plan, inventory: Inventory, circumstances: Circumstances) {
    self.inventory = inventory
    self.circumstances = circumstances
    owners = Dictionary(plan.changes.map { ($0.apqn, $0.to) }) { _, last in last }
    for device in inventory.mediatedDevices { warnIfIncomplete(device) }
    for definition in circumstances.configuration.definitions
    where definition.startsAutomatically
      && !inventory.mediatedDevices.contains(where: { $0.uuid == definition.device.uuid })
    {
      warnIfIncomplete(definition.device)
    }
    warnOfHostLoss()
    let unusable = inventory.queues.filter { owner($0) == .vfioAP && !isUsable($0) }.map(\.apqn)
    if !unusable.isEmpty { warnings.append(.unusable(unusable)) }
    if plan.leavesMasks { warnings.append(.leavesMasks) }
    if let veto = plan.undoVeto {
      warnings.append(
        .cannotBeUndone(
          mediatedDevice: circumstances.configuration.name(ofMediatedDevice: veto.holder)))
    }
    for owner in [Owner.host, .vfioAP] {
      let bound = plan.changesByUndoing.filter { $0.to == owner }.map(\.apqn)
      if !bound.isEmpty { warnings.append(.undoingBinds(bound, to: owner)) }
    }
  }

  /// Who will have the queue.
  private func owner(_ queue: Queue) -> Owner { owners[queue.apqn] ?? queue.owner }

  private func isUsable(_ queue: Queue) -> Bool {
    let card = inventory.card(queue.apqn.adapter)
    return card?.isConfigured != false && card?.isCheckStopped != true
      && queue.isConfigured != false && queue.isCheckStopped != true
  }

  /// The kernel drops an adapter from a guest for any of its APQNs that the machine is configured for and
  /// that is not on `vfio_ap`, also for one that does not exist here (ap-bus.md 6.1). Of an adapter
  /// without any queue the guest can lose nothing.
  private mutating func warnIfIncomplete(_ device: MediatedDevice) {
    let name = circumstances.configuration.name(ofMediatedDevice: device.uuid)
    for adapter in device.adapters {
      let queues = inventory.queues(ofCard: adapter).filter {
        device.domains.contains($0.apqn.domain)
      }
      guard !queues.isEmpty else { continue }
      let reserved = APMask(queues.filter { owner($0) == .vfioAP }.map(\.apqn.domain))
      let needed =
        inventory.bus.configuredDomains.map(device.domains.intersection)
        ?? APMask(queues.map(\.apqn.domain))
      guard let missing = needed.subtracting(reserved).first else { continue }
      warnings.append(
        .guestLosesAdapter(
          adapter, missing: APQN(adapter: adapter, domain: missing), mediatedDevice: name))
    }
  }

  private mutating func warnOfHostLoss() {
    guard owners.values.contains(where: { $0 != .host }) else { return }
    func loses(_ isMeant: (Queue) -> Bool) -> Bool {
      inventory.queues.contains { $0.owner == .host && isMeant($0) }
        && !inventory.queues.contains { owner($0) == .host && isMeant($0) }
    }
    if let domain = inventory.bus.defaultDomain, loses({ $0.apqn.domain == domain }) {
      warnings.append(.defaultDomainTaken(domain))
    }
    if loses({ inventory.card($0.apqn.adapter)?.mode == .cca }) {
      warnings.append(.lastCCAQueueTaken)
    }
  }
}
