import AdjunctProcessor
import Reservation
import Sysfs

/// Reads what a plan that takes queues from the host must know and no other plan: how busy they are,
/// and which master keys the host's queues have.
struct Survey {
  private let busy: [APQN]
  private let keyed: [APQN]

  /// The survey that a plan calls for; nil where the plan takes nothing from the host.
  init?(for plan: Plan, of inventory: Inventory, _ circumstances: Circumstances) {
    let taken = plan.changes.filter { $0.from == .host && $0.to != .host }.map(\.apqn)
    guard !taken.isEmpty else { return nil }
    busy = circumstances.isOn(.pendingRequests) ? taken : []
    guard circumstances.protectsHost else {
      keyed = []
      return
    }
    keyed = inventory.queues.filter { queue in
      queue.owner == .host && queue.masterKeys == nil
        && inventory.card(queue.apqn.adapter)?.mode != .accelerator
    }.map(\.apqn)
  }

  /// Puts into `inventory` what can be read.
  func read(
    into inventory: inout Inventory, _ reader: InventoryReader
  ) throws(InventoryReaderError) {
    for apqn in busy {
      guard var queue = inventory.queue(apqn) else { continue }
      queue.pendingRequests = try reader.readPendingRequests(apqn)
      inventory.setQueue(queue, apqn: apqn)
    }
    for apqn in keyed {
      guard var queue = inventory.queue(apqn) else { continue }
      queue.masterKeys = try reader.readMasterKeys(apqn)
      inventory.setQueue(queue, apqn: apqn)
    }
  }
}
