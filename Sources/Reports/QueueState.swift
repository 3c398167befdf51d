package import APBus

/// What a queue is doing, in one word.
package enum QueueState: String, Hashable, Sendable, CaseIterable {
  /// With the host and usable.
  case online
  /// With the host and switched off.
  case offline
  /// Not configured, on itself or its card.
  case deconfigured = "deconfig"
  /// Check-stopped, on itself or its card.
  case checkStopped = "chkstop"
  /// On `vfio_ap`, in no mediated device.
  case unassigned
  /// In a mediated device.
  case assigned
  /// In use by a running guest.
  case inUse = "in use"
  /// Without a driver.
  case unbound
  /// The kernel does not say.
  case unknown = "-"

  /// The state of a queue in an inventory. What makes it unusable comes first.
  package init(_ queue: Queue, in inventory: Inventory) {
    let card = inventory.card(queue.apqn.adapter)
    if queue.isConfigured == false || card?.isConfigured == false {
      self = .deconfigured
    } else if queue.isCheckStopped == true || card?.isCheckStopped == true {
      self = .checkStopped
    } else {
      self = Self(working: queue, in: inventory)
    }
  }

  private init(working queue: Queue, in inventory: Inventory) {
    switch (queue.owner, queue.guestStatus) {
    case (.none, _): self = .unbound
    case (.host, _): self = queue.isOnline.map { $0 ? .online : .offline } ?? .unknown
    case (.vfioAP, .inUse): self = .inUse
    case (.vfioAP, .assigned): self = .assigned
    case (.vfioAP, let status):
      if inventory.mediatedDevice(holding: queue.apqn) != nil {
        self = .assigned
      } else {
        self = status == nil ? .unknown : .unassigned
      }
    }
  }
}
