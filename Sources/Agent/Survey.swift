import APBus
import Reservation

/// Reads what a plan that takes queues from the host must know and no other plan: how busy they are,
/// and which master keys the host's queues have. All of it can change without an event.
struct Survey {
  private let reader: InventoryReader
  /// Queues whose requests have been counted in this survey.
  private var counted: Set<APQN> = []

  init(_ reader: InventoryReader) {
    self.reader = reader
  }

  /// Counts the requests of the queues that a plan takes from the host. False when they were all
  /// counted before.
  mutating func count(
    _ plan: Plan, in inventory: inout Inventory
  ) throws(InventoryReaderError) -> Bool {
    let taken = plan.changes.filter(\.leavesHost).map(\.apqn)
      .filter { !counted.contains($0) }
    for apqn in taken {
      guard var queue = inventory.queue(apqn) else { continue }
      queue.pendingRequests = try reader.readPendingRequests(apqn)
      inventory.setQueue(queue, apqn: apqn)
      counted.insert(apqn)
    }
    return !taken.isEmpty
  }

  /// Reads the master keys of the queues that a plan takes from the host, the last time that they can be read.
  func readKeys(of plan: Plan, into inventory: inout Inventory) throws(InventoryReaderError) {
    let taken = Set(plan.changes.lazy.filter(\.leavesHost).map(\.apqn))
    guard !taken.isEmpty else { return }
    try reader.readMasterKeys(into: &inventory, of: taken)
  }

  /// Reads the master keys of all queues of the host that can have any. A queue that the agent has switched
  /// off to drain it does not show them; `known` has what it showed before (SimulatedBus documentation,
  /// "Host use").
  func readKeys(
    into inventory: inout Inventory, switchedOff: Set<APQN>,
    known: inout [APQN: MasterKeyPattern]
  ) throws(InventoryReaderError) {
    try reader.readMasterKeys(into: &inventory)
    known = known.filter { switchedOff.contains($0.key) }
    for var queue in inventory.queues where queue.owner == .host {
      let apqn = queue.apqn
      let card = inventory.card(apqn.adapter)
      guard card?.mode != .accelerator, card?.unanswered == nil else { continue }
      queue.masterKeys = queue.masterKeys ?? known[apqn]
      known[apqn] = queue.masterKeys
      inventory.setQueue(queue, apqn: apqn)
    }
  }
}
