public import APBus

/// Changes of the hardware, by a management console or by the machine itself. The kernel scans at once; if a
/// change is made quietly, the next scan finds it.
extension SimulatedBus {
  /// Plugs an adapter. If none of its queues answers, the kernel makes no device of it.
  ///
  /// - Parameters:
  ///   - card: The adapter; it replaces one of the same number.
  ///   - domains: The domains in which it has queues; by default every usage domain of this system.
  ///   - quietly: Whether the kernel does not scan now.
  public func plug(card: SimulatedCard, domains: APMask? = nil, quietly: Bool = false) {
    change(quietly) { $0.plug(card, domains: domains ?? $0.usageDomains) }
  }

  /// Unplugs an adapter.
  ///
  /// - Parameters:
  ///   - adapter: The adapter's number.
  ///   - quietly: Whether the kernel does not scan now.
  public func unplug(card adapter: UInt8, quietly: Bool = false) {
    change(quietly) { $0.unplug(adapter) }
  }

  /// Gives this system a usage domain, and every adapter a queue in it.
  ///
  /// - Parameters:
  ///   - domain: The domain's number.
  ///   - quietly: Whether the kernel does not scan now.
  public func addDomain(_ domain: UInt8, quietly: Bool = false) {
    change(quietly) { $0.addDomain(domain) }
  }

  /// Takes a usage domain away, with the queues in it.
  ///
  /// - Parameters:
  ///   - domain: The domain's number.
  ///   - quietly: Whether the kernel does not scan now.
  public func removeDomain(_ domain: UInt8, quietly: Bool = false) {
    change(quietly) { $0.removeDomain(domain) }
  }

  /// Gives this system a control domain: it may be administered, and has no queue.
  ///
  /// - Parameters:
  ///   - domain: The domain's number.
  ///   - quietly: Whether the kernel does not scan now.
  public func addControlDomain(_ domain: UInt8, quietly: Bool = false) {
    change(quietly) { $0.controlDomains.insert(domain) }
  }

  /// Takes a control domain away. One that is a usage domain too keeps its queues.
  ///
  /// - Parameters:
  ///   - domain: The domain's number.
  ///   - quietly: Whether the kernel does not scan now.
  public func removeControlDomain(_ domain: UInt8, quietly: Bool = false) {
    change(quietly) { $0.controlDomains.remove(domain) }
  }

  /// Lets a single queue answer, on an adapter that is plugged.
  ///
  /// - Parameters:
  ///   - apqn: The queue.
  ///   - quietly: Whether the kernel does not scan now.
  public func plugQueue(_ apqn: APQN, quietly: Bool = false) {
    change(quietly) { $0.plugQueue(apqn) }
  }

  /// Silences a single queue.
  ///
  /// - Parameters:
  ///   - apqn: The queue.
  ///   - quietly: Whether the kernel does not scan now.
  public func unplugQueue(_ apqn: APQN, quietly: Bool = false) {
    change(quietly) { $0.unplugQueue(apqn) }
  }

  /// Configures an adapter, or sets it on standby.
  ///
  /// - Parameters:
  ///   - adapter: The adapter's number.
  ///   - isConfigured: False for standby.
  ///   - quietly: Whether the kernel does not scan now.
  public func setConfigured(
    card adapter: UInt8, to isConfigured: Bool, quietly: Bool = false
  ) {
    change(quietly) { $0.update(adapter) { $0.isConfigured = isConfigured } }
  }

  /// Check-stops an adapter, or restores it.
  ///
  /// - Parameters:
  ///   - adapter: The adapter's number.
  ///   - isCheckStopped: False to restore it.
  ///   - quietly: Whether the kernel does not scan now.
  public func setCheckStopped(
    card adapter: UInt8, to isCheckStopped: Bool, quietly: Bool = false
  ) {
    change(quietly) { $0.update(adapter) { $0.isCheckStopped = isCheckStopped } }
  }

  /// Gives an adapter other master keys, for which the kernel sends no event.
  ///
  /// - Parameters:
  ///   - text: The text of `mkvps`; nil for master keys that cannot be read.
  ///   - adapter: The adapter's number.
  public func setMasterKeys(_ text: String?, onCard adapter: UInt8) {
    let change = { (card: inout SimulatedCard) in
      card.masterKeys = text
      card.domainMasterKeys = [:]
      card.domainRegisters = [:]
    }
    hardware.update(adapter, by: change)
    if let device = card(adapter) { change(&device.card) }
  }

  /// Lets an adapter answer no request any more, or answer again. The kernel does not notice: what it knows by
  /// itself is as before. Reading a file that only the adapter answers (`SysfsPath.askedAdapter`) fails then, as
  /// if nobody had waited for it any longer; on a real machine, and on a mounted bus, it does not return.
  ///
  /// - Parameters:
  ///   - adapter: The adapter's number.
  ///   - isMute: False to let it answer again.
  public func setMute(card adapter: UInt8, to isMute: Bool) {
    guard hardware.adapters.contains(adapter) else { return }
    if isMute {
      hardware.muteAdapters.insert(adapter)
    } else {
      hardware.muteAdapters.remove(adapter)
    }
  }

  /// Whether a read of a file has no answer, because its adapter is mute.
  ///
  /// - Parameter path: Any file.
  /// - Returns: Whether a real read of it would not return.
  public func isUnanswered(_ path: SysfsPath) -> Bool {
    guard !hardware.muteAdapters.isEmpty, let adapter = path.askedAdapter,
      hardware.muteAdapters.contains(adapter)
    else { return false }
    return mode(of: path) != nil
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

  private func change(_ quietly: Bool, by change: (inout Hardware) -> Void) {
    change(&hardware)
    if !quietly { scan() }
  }
}

/// A crypto adapter as the machine has it: what the kernel finds when it scans.
public struct SimulatedCard: Equatable, Sendable {
  /// The adapter's number.
  public var adapter: UInt8
  /// The compatible type, which `hwtype` prints and drivers match on.
  public var hardwareType: HardwareType
  /// The type that the hardware reports, `raw_hwtype`.
  public var rawHardwareType: UInt8
  /// The bits of `ap_functions`, which include the mode.
  public var functions: UInt32
  /// Whether the adapter is configured, not on standby.
  public var isConfigured: Bool
  /// Whether the adapter is check-stopped.
  public var isCheckStopped: Bool
  /// Texts of attributes that come from the firmware, by name, without the trailing newline: `serialnr`,
  /// `FW_version`, `API_ordinalnr`, `max_msg_size`, `op_modes`. One that is missing reads as an empty
  /// line, as with hardware that does not answer.
  public var attributes: [String: String]
  /// What `mkvps` of each of its queues reads; nil for master keys that are unknown.
  public var masterKeys: String?
  /// The current master keys of single domains, which `mkvps` shows where `masterKeys` is nil.
  public var domainMasterKeys: [UInt8: MasterKeyPattern] = [:]
  /// All registers of single domains, in the place of both.
  package var domainRegisters: [UInt8: KeyRegisters] = [:]

  /// An adapter; by default a CEX8C, configured and working.
  ///
  /// - Parameters:
  ///   - adapter: Its number.
  ///   - hardwareType: The compatible type.
  ///   - rawHardwareType: The type that the hardware reports; by default the compatible type.
  ///   - mode: The mode, unless `functions` are given.
  ///   - functions: The bits of `ap_functions`; by default those of the mode.
  ///   - isConfigured: False for standby.
  ///   - isCheckStopped: Whether it is check-stopped.
  ///   - attributes: Texts that come from the firmware, by the attribute's name.
  ///   - masterKeys: The text of `mkvps`; nil for master keys that cannot be read.
  public init(
    adapter: UInt8, hardwareType: HardwareType = HardwareType(rawValue: 14),
    rawHardwareType: UInt8? = nil, mode: QueueMode = .cca, functions: UInt32? = nil,
    isConfigured: Bool = true, isCheckStopped: Bool = false, attributes: [String: String] = [:],
    masterKeys: String? = nil
  ) {
    self.adapter = adapter
    self.hardwareType = hardwareType
    self.rawHardwareType = rawHardwareType ?? hardwareType.rawValue
    self.functions = functions ?? (0xe200_0000 | mode.functions)
    self.isConfigured = isConfigured
    self.isCheckStopped = isCheckStopped
    self.attributes = attributes
    self.masterKeys = masterKeys
  }

  /// The adapter of a card as read from a bus.
  ///
  /// - Parameter card: The card.
  public init(_ card: Card) {
    let raw = card.attributes["raw_hwtype"].flatMap { UInt8($0) }
    self.init(
      adapter: card.adapter, hardwareType: card.hardwareType, rawHardwareType: raw,
      functions: card.functions, isConfigured: card.isConfigured ?? true,
      isCheckStopped: card.isCheckStopped ?? false, attributes: card.attributes)
  }

  /// The mode, from the function bits.
  public var mode: QueueMode? { QueueMode(functions: functions) }

  /// The registers of a domain; nil where they are unknown.
  func registers(ofDomain domain: UInt8) -> KeyRegisters? {
    domainRegisters[domain] ?? masterKeys.map { KeyRegisters(attribute: $0) }
      ?? domainMasterKeys[domain].map { KeyRegisters($0, mode: mode) }
  }

  /// Whether its domains have master keys, which accelerators do not.
  var hasMasterKeys: Bool { mode == .cca || mode == .ep11 }
}

/// The hardware, which answers when the kernel asks. The kernel learns of a change only by a
/// scan (SimulatedBus documentation, "Scans").
struct Hardware {
  /// The adapters, by number.
  private(set) var cards = [SimulatedCard?](repeating: nil, count: 256)
  /// The queues that answer, by adapter.
  private(set) var queues = APQNSet()
  /// The adapters that exist.
  private(set) var adapters = APMask()
  /// Adapters that this system has by its configuration, though none of their queues answers.
  var silentAdapters = APMask()
  /// Adapters that answer no request.
  var muteAdapters = APMask()
  /// The adapters of this system's configuration, whether or not they answer.
  var configuredAdapters: APMask { adapters.union(silentAdapters) }
  /// The usage domains of this system.
  var usageDomains = APMask()
  /// The control domains of this system.
  var controlDomains = APMask()

  /// Adds an adapter, or replaces the one of that number. Its queues answer in `domains`.
  mutating func plug(_ card: SimulatedCard, domains: APMask) {
    cards[Int(card.adapter)] = card
    adapters.insert(card.adapter)
    muteAdapters.remove(card.adapter)
    usageDomains.formUnion(domains)
    controlDomains.formUnion(domains)
    queues[card.adapter] = domains
  }

  mutating func unplug(_ adapter: UInt8) {
    cards[Int(adapter)] = nil
    adapters.remove(adapter)
    silentAdapters.remove(adapter)
    muteAdapters.remove(adapter)
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

  /// Lets a single queue answer. Its adapter must be present.
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

  /// Changes an adapter that is present.
  mutating func update(_ adapter: UInt8, by change: (inout SimulatedCard) -> Void) {
    guard var card = cards[Int(adapter)] else { return }
    change(&card)
    card.adapter = adapter
    cards[Int(adapter)] = card
  }
}
