import APBus
import Uevents

/// Scans: the kernel asks what the machine has (SimulatedBus documentation, "Scans").
extension SimulatedBus {
  /// Scans the bus: new hardware gets devices, which are probed, devices of missing hardware are removed,
  /// and changes of the configuration are reported. A kernel scans by itself when the machine reports a
  /// change, and every `config_time` seconds; here the caller does.
  public func scan() {
    if !hardware.adapters.isSubset(of: scannedAdapters)
      || !hardware.usageDomains.isSubset(of: scannedDomains)
    {
      hasSentCompletion = false
    }
    scannedAdapters = hardware.adapters
    scannedDomains = hardware.usageDomains
    selectDefaultDomain()
    matrix?.beginScan(adapters: hardware.configuredAdapters, domains: hardware.usageDomains)
    for adapter in UInt8.min...UInt8.max { scan(adapter) }
    matrix?.endScan()
    scanCount += 1
    if scanCount == 1, behavior.hasScanCounters { sendRoot(.init("INITSCAN", "done")) }
    switch behavior.completionEvents {
    case .endOfScan, .everyScan: sendCompletion()
    case .everyProbe: if scanCount == 1 { sendCompletion() }
    case .never: break
    }
  }

  /// Chooses the host's default domain, once: the first in which a usable queue of the host's pool answers
  /// (`ap_select_domain` in drivers/s390/crypto/ap_bus.c).
  private func selectDefaultDomain() {
    guard defaultDomain == nil else { return }
    let adapters = hardware.adapters.intersection(masks.adapters).filter { adapter in
      hardware.cards[Int(adapter)].map { $0.isConfigured && !$0.isCheckStopped } == true
    }
    defaultDomain = hardware.usageDomains.intersection(masks.domains).first { domain in
      adapters.contains { hardware.queues[$0].contains(domain) }
    }
  }

  /// The adapter as this kernel finds it; nil for one that it makes no device of.
  private func find(_ adapter: UInt8) -> SimulatedCard? {
    guard var card = hardware.cards[Int(adapter)], !hardware.queues[adapter].isEmpty else {
      return nil
    }
    guard behavior.keepsUnusableDevices || card.isConfigured && !card.isCheckStopped else {
      return nil
    }
    // A queue answers with one response code, and that it is on standby comes first.
    if !card.isConfigured || !behavior.hasCheckStop { card.isCheckStopped = false }
    card.hardwareType = min(card.hardwareType, behavior.newestHardwareType)
    guard card.hardwareType.isReservable || behavior.createsOldDevices else { return nil }
    return card
  }

  private func scan(_ adapter: UInt8) {
    let found = find(adapter)
    if let device = card(adapter), !device.isOf(found) { remove(device) }
    guard let found else { return }
    let answering = hardware.queues[adapter]
    let device = card(adapter) ?? add(found)
    update(device, to: found)
    guard
      device.domains != answering || device.queuesAreStale || !behavior.keepsUnboundQueues
    else { return }
    device.queuesAreStale = false
    for domain in device.domains.union(answering) {
      if let queue = device.queues[Int(domain)] {
        let isKept = behavior.keepsUnboundQueues || queue.driver != nil
        if answering.contains(domain), isKept {
          update(queue, to: found)
        } else {
          remove(queue)
        }
      } else {
        add(QueueDevice(card: device, domain: domain))
      }
    }
  }

  private func update(_ device: CardDevice, to card: SimulatedCard) {
    if device.isCheckStopped != card.isCheckStopped {
      device.isCheckStopped = card.isCheckStopped
      device.queuesAreStale = true
    }
    if device.isConfigured != card.isConfigured {
      device.isConfigured = card.isConfigured
      device.queuesAreStale = true
      sendChange(of: device, key: "CONFIG", isOn: card.isConfigured)
    }
  }

  /// Of a queue a scan takes in one change only: if its configuration changed, too, the next scan finds that
  /// (`ap_scan_domains`). A check-stop has no event (SimulatedBus documentation, "Causes").
  private func update(_ queue: QueueDevice, to card: SimulatedCard) {
    if queue.isCheckStopped != card.isCheckStopped {
      queue.isCheckStopped = card.isCheckStopped
      queue.card.queuesAreStale = true
    } else if queue.isConfigured != card.isConfigured {
      queue.isConfigured = card.isConfigured
      sendChange(of: queue, key: "CONFIG", isOn: card.isConfigured)
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
    if behavior.initialisesNewQueues, queue.isConfigured, !queue.isCheckStopped {
      queue.isInitialised = true
    }
  }

  private func register(_ device: Device) {
    enlist(device)
    send(.add, of: device.object)
    if autoprobes { attach(device) }
  }

  /// Removes the queues of a card, then the card. The kernel goes through the bus for them
  /// (`ap_scan_rm_card_dev_and_queue_devs` in ap_bus.c), so a domain that was added last is removed last.
  private func remove(_ card: CardDevice) {
    let queues = card.domains.compactMap { card.queues[Int($0)] }
    for queue in queues.sorted(by: { $0.registrationNumber < $1.registrationNumber }) {
      remove(queue)
    }
    depart(card)
    send(.remove, of: card.object)
    cards[Int(card.card.adapter)] = nil
  }

  /// Removes a queue. If it had an override, the count of overrides stays too high for ever
  /// (SimulatedBus documentation, "Overrides").
  private func remove(_ queue: QueueDevice) {
    depart(queue)
    send(.remove, of: queue.object)
    queue.card.queues[Int(queue.apqn.domain)] = nil
    queue.card.domains.remove(queue.apqn.domain)
    queueCount -= 1
  }

  /// Takes a device off the bus, and then from its driver.
  private func depart(_ device: Device) {
    device.isRegistered = false
    departures += 1
    detach(device)
  }
}

extension CardDevice {
  /// Whether the device is of that adapter still: another type or other functions make another
  /// device.
  fileprivate func isOf(_ card: SimulatedCard?) -> Bool {
    card?.hardwareType == hardwareType && card?.functions == self.card.functions
  }
}
