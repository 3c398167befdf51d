import APBus

extension FuzzTarget {
  /// Attributes, links and directories of sysfs: whatever they say, an inventory or a reason.
  static let attributes = FuzzTarget("attributes") { bytes in
    do {
      let inventory = try InventoryReader(sysfs: AttributeSysfs(bytes)).read()
      try hold(inventory.cards.allSatisfy { $0.adapter == 5 || $0.name.count == 6 }, "odd cards")
      for queue in inventory.queues {
        try hold(inventory.card(queue.apqn.adapter) != nil, "\(queue.apqn) has no card")
      }
    } catch let error as InventoryReaderError {
      try hold("\(error)".utf8.count < 70_000, "an endless message")
    }
  }
}
