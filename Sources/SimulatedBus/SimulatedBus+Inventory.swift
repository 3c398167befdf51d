public import APBus

/// A start in the state of an inventory.
extension SimulatedBus {
  /// A machine in the state that was read: devices, drivers, masks, overrides, mediated devices, master
  /// keys and requests that wait. No event
  /// is sent for any of it.
  ///
  /// An inventory does not contain everything. It is assumed that modules are loaded whose drivers it
  /// names and no others, that devices were registered and bound in the order of their names, and that
  /// no override was lost.
  ///
  /// - Parameters:
  ///   - inventory: The machine as read.
  ///   - behavior: The kernel; by default the one that the inventory shows.
  public convenience init(inventory: Inventory, behavior: KernelBehavior? = nil) {
    self.init(behavior: behavior ?? .kernel(of: inventory))
    let bus = inventory.bus
    masks = bus.masks ?? .all
    scanCount = bus.scans ?? 1
    defaultDomain = bus.defaultDomain
    restoreDrivers(of: inventory)
    for card in inventory.cards { restore(card, of: inventory) }
    hardware.silentAdapters = (bus.configuredAdapters ?? []).subtracting(hardware.adapters)
    hardware.usageDomains.formUnion(bus.configuredDomains ?? [])
    hardware.controlDomains = bus.controlDomains ?? hardware.usageDomains
    scannedAdapters = hardware.adapters
    scannedDomains = hardware.usageDomains
    masksInUse = overrideCount == 0 && masks != .all
    hasSentCompletion = boundCount == queueCount
    completionCount = bus.bindingsCompleteCount ?? (hasSentCompletion ? 1 : 0)
    restoreMediatedDevices(of: inventory)
    sequenceNumber = 0
  }

  private func restoreDrivers(of inventory: Inventory) {
    let names =
      Set(inventory.bus.drivers).union(inventory.cards.compactMap(\.driver))
      .union(inventory.queues.compactMap(\.driver))
    if names.contains(DriverName.cex4card) || names.contains(DriverName.cex4queue) {
      loadModule(.zcryptCex4)
    }
    if names.contains(DriverName.vfioAP) || !inventory.mediatedDevices.isEmpty {
      loadModule(.vfioAP)
    }
    let old = UInt8.min...HardwareType.oldestReservable.rawValue - 1
    for name in names.sorted() where driver(name) == nil {
      drivers.append(
        name.hasSuffix("card")
          ? HostCardDriver(name: name, module: nil, hardwareTypes: old)
          : HostQueueDriver(name: name, module: nil, hardwareTypes: old))
    }
  }

  private func restore(_ card: Card, of inventory: Inventory) {
    let queues = inventory.queues(ofCard: card.adapter)
    var hardwareCard = SimulatedCard(card)
    // Of a reserved queue, those that were read before.
    for queue in queues {
      hardwareCard.domainRegisters[queue.apqn.domain] = inventory.keys(of: queue.apqn).known
    }
    let device = CardDevice(hardwareCard)
    hardware.plug(device.card, domains: APMask(queues.lazy.map(\.apqn.domain)))
    if card.unanswered != nil { hardware.muteAdapters.insert(card.adapter) }
    cards[Int(card.adapter)] = device
    enlist(device)
    restoreDriver(card.driver, of: device)
    // The queues' own states may differ from the card's until the next scan.
    device.queuesAreStale = true
    for queue in queues { restore(queue, of: device) }
  }

  private func restore(_ queue: Queue, of card: CardDevice) {
    let device = QueueDevice(card: card, domain: queue.apqn.domain)
    card.queues[Int(queue.apqn.domain)] = device
    card.domains.insert(queue.apqn.domain)
    enlist(device)
    queueCount += 1
    device.isConfigured = queue.isConfigured ?? card.isConfigured
    device.isCheckStopped = queue.isCheckStopped ?? card.isCheckStopped
    if let driverOverride = queue.driverOverride, !driverOverride.isEmpty {
      device.driverOverride = driverOverride
      overrideCount += 1
    }
    restoreDriver(queue.driver, of: device)
    if device.driver != nil { boundCount += 1 }
    if queue.isOnline == false, device.isConfigured, !device.isCheckStopped {
      device.isSwitchedOn = false
    }
    if let pending = queue.pendingRequests, pending > 0 {
      device.traffic.load = QueueLoad(pending: UInt64(pending))
      if device.isHostBound, device.isSwitchedOn { device.traffic.resume() }
    }
    if let driver = device.driver as? PassthroughDriver { driver.matrix.queues.insert(queue.apqn) }
  }

  private func restoreDriver(_ name: String?, of device: Device) {
    guard let driver = name.flatMap({ driver($0) }) else { return }
    device.driver = driver
    if driver.isDefault {
      (device as? CardDevice)?.hostCard = HostCard()
      if let queue = device as? QueueDevice {
        queue.hostCard = queue.card.hostCard
        queue.isInitialised = true
        queue.isReset = true
      }
      device.isSwitchedOn = true
    }
    bindNumber += 1
    device.bindNumber = bindNumber
  }

  private func restoreMediatedDevices(of inventory: Inventory) {
    guard let matrix else { return }
    matrix.beginScan(adapters: hardware.configuredAdapters, domains: hardware.usageDomains)
    for device in inventory.mediatedDevices {
      let mediated = matrix.add(device)
      mediated.isBound = true
      matrix.filter(mediated)
      let queues = inventory.queues.filter { device.holds($0.apqn) }
      guard queues.contains(where: { $0.guestStatus == .inUse }) else { continue }
      mediated.hasGuest = true
      // A guest may have less than the present queues would allow.
      for queue in queues where queue.guestStatus == .assigned {
        mediated.guestMatrix.adapters.remove(queue.apqn.adapter)
      }
    }
  }
}
