import APBus

/// The machine below the bus: what answers when the kernel asks. The kernel learns of a change only
/// by a scan (SimulatedBus documentation, "Scans").
struct Hardware {
  /// The adapters, by number.
  private(set) var cards = [SimulatedCard?](repeating: nil, count: 256)
  /// The queues that answer, by adapter.
  private(set) var queues = APQNSet()
  /// The adapters that exist.
  private(set) var adapters = APMask()
  /// Adapters that this system has by its configuration, though none of their queues answers.
  var silentAdapters = APMask()
  /// The adapters of this system's configuration, whether or not they answer.
  var configuredAdapters: APMask { adapters.union(silentAdapters) }
  /// The usage domains of this system.
  var usageDomains = APMask()
  /// The control domains of this system.
  var controlDomains = APMask()

  /// Puts an adapter in, or exchanges the one of that number. Its queues answer in `domains`.
  mutating func plug(_ card: SimulatedCard, domains: APMask) {
    cards[Int(card.adapter)] = card
    adapters.insert(card.adapter)
    usageDomains.formUnion(domains)
    controlDomains.formUnion(domains)
    queues[card.adapter] = domains
  }

  /// Takes an adapter out.
  mutating func unplug(_ adapter: UInt8) {
    cards[Int(adapter)] = nil
    adapters.remove(adapter)
    silentAdapters.remove(adapter)
    queues[adapter] = []
  }

  /// Gives this system a usage domain: every adapter has a queue more.
  mutating func addDomain(_ domain: UInt8) {
    usageDomains.insert(domain)
    controlDomains.insert(domain)
    for adapter in adapters { queues[adapter].insert(domain) }
  }

  /// Takes a usage domain away, with its queues.
  mutating func removeDomain(_ domain: UInt8) {
    usageDomains.remove(domain)
    controlDomains.remove(domain)
    for adapter in adapters { queues[adapter].remove(domain) }
  }

  /// Lets a single queue answer. Its adapter must be there.
  mutating func plugQueue(_ apqn: APQN) {
    guard adapters.contains(apqn.adapter) else { return }
    usageDomains.insert(apqn.domain)
    controlDomains.insert(apqn.domain)
    queues.insert(apqn)
  }

  /// Silences a single queue; its domain stays this system's.
  mutating func unplugQueue(_ apqn: APQN) {
    queues.remove(apqn)
  }

  /// Changes a property of an adapter that is there.
  mutating func update(_ adapter: UInt8, _ change: (inout SimulatedCard) -> Void) {
    guard var card = cards[Int(adapter)] else { return }
    change(&card)
    card.adapter = adapter
    cards[Int(adapter)] = card
  }
}
