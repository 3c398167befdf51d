public import APBus

/// The hardware's side: what a management console, or the machine itself, does. The kernel is told at
/// once and scans, unless it is done quietly; then the next scan finds it.
extension SimulatedBus {
  /// Plugs an adapter, with queues in `domains`; without them, in every usage domain of this system.
  /// An adapter none of whose queues answers has no device.
  public func plug(card: SimulatedCard, domains: APMask? = nil, quietly: Bool = false) {
    change(quietly) { $0.plug(card, domains: domains ?? $0.usageDomains) }
  }

  /// Unplugs an adapter.
  public func unplug(card adapter: UInt8, quietly: Bool = false) {
    change(quietly) { $0.unplug(adapter) }
  }

  /// Gives this system a usage domain: every adapter has a queue more.
  public func addDomain(_ domain: UInt8, quietly: Bool = false) {
    change(quietly) { $0.addDomain(domain) }
  }

  /// Takes a usage domain away, with the queues in it.
  public func removeDomain(_ domain: UInt8, quietly: Bool = false) {
    change(quietly) { $0.removeDomain(domain) }
  }

  /// Gives this system a control domain: it may be administered, and has no queue.
  public func addControlDomain(_ domain: UInt8, quietly: Bool = false) {
    change(quietly) { $0.controlDomains.insert(domain) }
  }

  /// Takes a control domain away. One that is a usage domain too keeps its queues.
  public func removeControlDomain(_ domain: UInt8, quietly: Bool = false) {
    change(quietly) { $0.controlDomains.remove(domain) }
  }

  /// Lets a single queue answer, on an adapter that is plugged.
  public func plugQueue(_ apqn: APQN, quietly: Bool = false) {
    change(quietly) { $0.plugQueue(apqn) }
  }

  /// Silences a single queue.
  public func unplugQueue(_ apqn: APQN, quietly: Bool = false) {
    change(quietly) { $0.unplugQueue(apqn) }
  }

  /// Configures an adapter, or sets it on standby.
  public func setConfigured(
    card adapter: UInt8, _ isConfigured: Bool, quietly: Bool = false
  ) {
    change(quietly) { $0.update(adapter) { $0.isConfigured = isConfigured } }
  }

  /// Check-stops an adapter, or restores it.
  public func setCheckStopped(
    card adapter: UInt8, _ isCheckStopped: Bool, quietly: Bool = false
  ) {
    change(quietly) { $0.update(adapter) { $0.isCheckStopped = isCheckStopped } }
  }

  /// Gives an adapter other master keys, as `mkvps` then prints them; nil for none that can be read. The
  /// kernel sends no event.
  public func setMasterKeys(_ text: String?, onCard adapter: UInt8) {
    hardware.update(adapter) { $0.masterKeys = text }
    card(adapter)?.card.masterKeys = text
  }

  /// The adapters of this system's configuration, whether or not they answer.
  package var configuredAdapters: APMask { hardware.configuredAdapters }

  /// The adapters that answer.
  package var answeringAdapters: APMask { hardware.adapters }

  /// The queues that answer, whether or not the kernel has found them.
  package var answeringQueues: APQNSet { hardware.queues }

  /// The usage domains of this system.
  package var usageDomains: APMask { hardware.usageDomains }

  /// The control domains of this system.
  package var controlDomains: APMask { hardware.controlDomains }

  private func change(_ quietly: Bool, _ change: (inout Hardware) -> Void) {
    change(&hardware)
    if !quietly { scan() }
  }
}
