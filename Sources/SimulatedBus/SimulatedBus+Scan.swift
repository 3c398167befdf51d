import AdjunctProcessor
import Uevents

/// Scans: the kernel looks what the machine has (ap-bus.md 4.7).
extension SimulatedBus {
  /// Scans the bus: devices of what is new are made and probed, those of what is gone are removed,
  /// and a changed configuration is told. The kernel scans by itself when the machine tells it of a
  /// change, and every `config_time` seconds; here somebody has to say so.
  public func scan() {
    if !hardware.adapters.isSubset(of: scannedAdapters)
      || !hardware.usageDomains.isSubset(of: scannedDomains)
    {
      hasToldCompletion = false
    }
    scannedAdapters = hardware.adapters
    scannedDomains = hardware.usageDomains
    selectDefaultDomain()
    for adapter in UInt8.min...UInt8.max { scan(adapter) }
    scanCount += 1
    if scanCount == 1 { sendRoot(.init("INITSCAN", "done")) }
    if scanCount == 1 || behavior.completionEvents == .endOfScan { tellCompletion() }
  }

  /// Chooses the host's default domain, once: the first of the host's pool that answers
  /// (`ap_select_domain` in drivers/s390/crypto/ap_bus.c).
  private func selectDefaultDomain() {
    guard defaultDomain == nil else { return }
    let candidates = hardware.usageDomains.intersection(domainMask)
    defaultDomain = candidates.first { domain in
      hardware.adapters.contains { hardware.queues[$0].contains(domain) }
    }
  }

  private func scan(_ adapter: UInt8) {
    var found = hardware.cards[Int(adapter)]
    let answering = hardware.queues[adapter]
    if answering.isEmpty { found = nil }
    if let card = found, !card.hardwareType.isReservable, !behavior.createsOldDevices {
      found = nil
    }
    if let device = card(adapter), !device.isOf(found) { remove(device) }
    guard let found else { return }
    let device = card(adapter) ?? add(found)
    update(device, to: found)
    guard device.domains != answering || device.queuesAreStale else { return }
    for domain in device.domains.union(answering) {
      if let queue = device.queues[Int(domain)] {
        if answering.contains(domain) {
          update(queue, to: found)
        } else {
          remove(queue)
        }
      } else {
        add(QueueDevice(card: device, domain: domain))
      }
    }
    device.queuesAreStale = false
  }

  private func update(_ device: CardDevice, to card: SimulatedCard) {
    if device.isCheckStopped != card.isCheckStopped {
      device.isCheckStopped = card.isCheckStopped
      device.queuesAreStale = true
    }
    if device.isConfigured != card.isConfigured {
      device.isConfigured = card.isConfigured
      device.queuesAreStale = true
      sendChange(device, "CONFIG", card.isConfigured)
    }
  }

  private func update(_ queue: QueueDevice, to card: SimulatedCard) {
    // A check-stop has no event (ap-bus.md 3.3).
    queue.isCheckStopped = card.isCheckStopped
    if queue.isConfigured != card.isConfigured {
      queue.isConfigured = card.isConfigured
      sendChange(queue, "CONFIG", card.isConfigured)
    }
  }

  private func add(_ card: SimulatedCard) -> CardDevice {
    let device = CardDevice(card)
    cards[Int(card.adapter)] = device
    register(device)
    return device
  }

  private func add(_ queue: QueueDevice) {
    let domain = queue.apqn.domain
    queue.card.queues[Int(domain)] = queue
    queue.card.domains.insert(domain)
    queueCount += 1
    register(queue)
  }

  private func register(_ device: Device) {
    enlist(device)
    send(.add, device.object)
    if autoprobes { attach(device) }
  }

  /// Removes the queues of a card, then the card. The kernel goes through the bus for them
  /// (`ap_scan_rm_card_dev_and_queue_devs` in ap_bus.c), so a domain that came last goes last.
  private func remove(_ card: CardDevice) {
    let queues = card.domains.compactMap { card.queues[Int($0)] }
    for queue in queues.sorted(by: { $0.registrationNumber < $1.registrationNumber }) {
      remove(queue)
    }
    depart(card)
    send(.remove, card.object)
    cards[Int(card.card.adapter)] = nil
  }

  /// Removes a queue. If it had an override, the count of overrides stays too high for ever
  /// (ap-bus.md 4.4).
  private func remove(_ queue: QueueDevice) {
    depart(queue)
    send(.remove, queue.object)
    queue.card.queues[Int(queue.apqn.domain)] = nil
    queue.card.domains.remove(queue.apqn.domain)
    queueCount -= 1
  }

  private func depart(_ device: Device) {
    detach(device)
    device.isRegistered = false
    departures += 1
  }
}

extension CardDevice {
  /// Whether the device is of that adapter still: another type or other functions make another
  /// device.
  fileprivate func isOf(_ card: SimulatedCard?) -> Bool {
    card?.hardwareType == hardwareType && card?.functions == self.card.functions
  }
}
