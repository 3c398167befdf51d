/// Reads cards, queues, owners, masks and mediated devices through the port to sysfs.
///
/// Only what a decision or a guard needs is read: five small files a queue (SimulatedBus documentation, "Queue
/// attributes"). A device that is removed while it is read is not in the inventory; the event of its removal
/// follows. An adapter that does not answer what only it knows is in the inventory as such
/// (`Card.unanswered`); how long it is waited for is up to the port (`SysfsPath.askedAdapter`).
public struct InventoryReader {
  private let attributes: AttributeReader
  /// The attributes of a card that are read.
  private let cardAttributes: [String]

  /// A reader of that bus.
  ///
  /// - Parameters:
  ///   - sysfs: The kernel, or a simulated bus.
  ///   - asksAdapters: Whether attributes are read that only the adapters themselves know, which takes a request
  ///     to each (`SysfsPath.askedAdapter`).
  public init(sysfs: any Sysfs, asksAdapters: Bool = true) {
    attributes = AttributeReader(sysfs: sysfs)
    cardAttributes =
      asksAdapters
      ? Card.ruleAttributes
      : Card.ruleAttributes.filter { SysfsPath.card(0, $0).askedAdapter == nil }
  }

  /// How often everything is read at most until masks and queues fit together.
  private static let attempts = 5

  /// Everything as it was at one moment: a write of masks moves queues one after the other, so masks that are
  /// differ after the queues have been read mean that all must be read again.
  ///
  /// - Returns: The machine.
  /// - Throws: What could not be read, and why; `InventoryReaderError.changing` if masks kept changing.
  public func read() throws(InventoryReaderError) -> Inventory {
    for _ in 0..<Self.attempts {
      let inventory = try readOnce()
      let masks = try readMasks()
      if masks == inventory.bus.masks { return inventory }
    }
    throw .changing
  }

  private func readOnce() throws(InventoryReaderError) -> Inventory {
    let devices = try readDevices()
    var inventory = Inventory.empty
    inventory.bus = try readBus(queues: devices.queues)
    for adapter in devices.adapters {
      guard let card = try readCard(adapter) else { continue }
      inventory.setCard(card, adapter: adapter)
    }
    let adapters = inventory.adapters
    for apqn in devices.queues where adapters.contains(apqn.adapter) {
      guard let queue = try readQueue(apqn) else { continue }
      inventory.setQueue(queue, apqn: apqn)
    }
    inventory.mediatedDevices = try readMediatedDevices()
    return inventory
  }

  /// The bus itself: masks, counters and drivers.
  ///
  /// - Returns: Masks, counters and drivers.
  /// - Throws: What could not be read, and why.
  public func readBus() throws(InventoryReaderError) -> BusState {
    try readBus(queues: readDevices().queues)
  }

  /// The bus with its masks, scans, drivers and configuration as they are now; what cannot change while
  /// the system runs is kept.
  ///
  /// - Parameter bus: The bus as read before.
  /// - Returns: The bus as it is now.
  /// - Throws: What could not be read, and why.
  public func reread(_ bus: BusState) throws(InventoryReaderError) -> BusState {
    var bus = bus
    bus.masks = try readMasks()
    bus.scans = try attributes.number(.bus("scans"))
    bus.drivers = try readDrivers()
    try readConfiguration(of: &bus)
    return bus
  }

  /// One card, nil when it is absent.
  ///
  /// - Parameter adapter: Its adapter.
  /// - Returns: The card; nil if it was removed.
  /// - Throws: What could not be read, and why.
  public func readCard(_ adapter: UInt8) throws(InventoryReaderError) -> Card? {
    let typePath = SysfsPath.card(adapter, "hwtype")
    guard let typeText = try attributes.neededText(typePath) else { return nil }
    let type = try AttributeReader.number(typeText, at: typePath, upTo: UInt64(UInt8.max))
    var card = Card(
      adapter: adapter, hardwareType: HardwareType(rawValue: UInt8(type)),
      functions: try attributes.functions(.card(adapter, "ap_functions")) ?? 0)
    card.driver = try attributes.driver(.card(adapter, "driver"))
    card.isConfigured = try attributes.flag(.card(adapter, "config"))
    card.isCheckStopped = try attributes.flag(.card(adapter, "chkstop"))
    let texts = try attributes.rawTexts(cardAttributes.map { .card(adapter, $0) })
    card.unanswered = texts.unanswered
    for (name, text) in zip(cardAttributes, texts.texts) {
      card.attributes[name] = text.flatMap(AttributeReader.text)
    }
    // An attribute that was missing may never have existed, or was removed with the card.
    return try attributes.neededText(typePath) == nil ? nil : card
  }

  /// One queue, nil when it is absent.
  ///
  /// - Parameter apqn: Its APQN.
  /// - Returns: The queue; nil if it was removed.
  /// - Throws: What could not be read, and why.
  public func readQueue(_ apqn: APQN) throws(InventoryReaderError) -> Queue? {
    var queue = Queue(apqn: apqn)
    queue.driver = try attributes.driver(.queue(apqn, "driver"))
    switch queue.owner {
    case .host:
      queue.isOnline = try attributes.flag(.queue(apqn, "online"))
    case .vfioAP:
      // An unknown word, of a newer kernel, counts as no status; the mediated devices' matrices still
      // show who has the queue.
      queue.guestStatus = try readGuestStatus(apqn)
    case .none: break
    }
    queue.driverOverride = try attributes.neededText(
      .queue(apqn, "driver_override"), mayBeMissing: true
    ).flatMap(AttributeReader.text)
    queue.isCheckStopped = try attributes.flag(.queue(apqn, "chkstop"))
    // Read last: kernels since 5.10 have it, so that it proves that the queue is still there.
    if let text = try attributes.rawText(.queue(apqn, "config")) {
      queue.isConfigured = AttributeReader.flag(text)
      return queue
    }
    let directory = SysfsPath(.queue(apqn))
    guard try attributes.names(directory) == nil else { return queue }
    // An owned queue that is removed is not owned any more. So the bus, whose list it leaves first, must
    // confirm it.
    guard try attributes.hasGone(.queue(apqn)) else {
      throw .unreadable(SysfsError(.list, directory, errno: .noSuchFile))
    }
    return nil
  }

  /// Puts into an inventory how the host uses its queues: their pending requests and, if
  /// `masterKeys`, the master keys of those that can have any.
  ///
  /// - Parameters:
  ///   - inventory: The machine as read; it is completed.
  ///   - masterKeys: Whether adapters are asked for master keys.
  /// - Throws: What could not be read, and why.
  public func readUse(
    into inventory: inout Inventory, masterKeys: Bool
  ) throws(InventoryReaderError) {
    try readPendingRequests(into: &inventory)
    if masterKeys { try readMasterKeys(into: &inventory) }
  }

  /// Puts the numbers of requests that the host's queues have to finish into an inventory.
  ///
  /// - Parameter inventory: The machine as read; it is completed.
  /// - Throws: What could not be read, and why.
  public func readPendingRequests(
    into inventory: inout Inventory
  ) throws(InventoryReaderError) {
    for var queue in inventory.queues where queue.owner == .host {
      queue.pendingRequests = try readPendingRequests(queue.apqn)
      inventory.setQueue(queue, apqn: queue.apqn)
    }
  }

  /// Puts into an inventory what only shows which kernel this is, and no decision needs.
  ///
  /// - Parameter inventory: The machine as read; it is completed.
  /// - Throws: What could not be read, and why.
  public func readFeatures(into inventory: inout Inventory) throws(InventoryReaderError) {
    inventory.bus.features = try attributes.text(.bus("features"))
    inventory.bus.matrixFeatures = try attributes.text(SysfsPath(.matrix, "features"))
  }

  /// Puts the master keys of the host's queues into an inventory, as far as they can have any. An adapter that
  /// stops answering leaves all of its keys unknown, and one that did not answer is not asked.
  ///
  /// - Parameters:
  ///   - inventory: The machine as read; it is completed.
  ///   - apqns: The queues; nil for all.
  /// - Throws: What could not be read, and why.
  public func readMasterKeys(
    into inventory: inout Inventory, of apqns: Set<APQN>? = nil
  ) throws(InventoryReaderError) {
    for var card in inventory.cards where card.mode != .accelerator {
      let queues = inventory.queues(ofCard: card.adapter).filter {
        $0.owner == .host && apqns?.contains($0.apqn) ?? true
      }
      guard !queues.isEmpty else { continue }
      var texts = [String?](repeating: nil, count: queues.count)
      if card.unanswered == nil {
        (texts, card.unanswered) = try attributes.rawTexts(queues.map { .queue($0.apqn, "mkvps") })
        inventory.setCard(card, adapter: card.adapter)
      }
      for (var queue, text) in zip(queues, texts) {
        let text = card.unanswered == nil ? text : nil
        queue.masterKeys = text.flatMap { MasterKeyPattern(attribute: $0) }
        let registers = text.map { KeyRegisters(attribute: $0) }
        queue.keyRegisters = registers?.isEmpty == false ? registers : nil
        inventory.setQueue(queue, apqn: queue.apqn)
      }
    }
  }

  /// How many requests wait for a queue or are under way in it; nil when it is absent.
  ///
  /// - Parameter apqn: A queue.
  /// - Returns: Requests that wait or are in the adapter.
  /// - Throws: What could not be read, and why.
  public func readPendingRequests(_ apqn: APQN) throws(InventoryReaderError) -> Int? {
    let limit = UInt64(Int32.max)
    guard let waiting = try attributes.number(.queue(apqn, "requestq_count"), upTo: limit),
      let underWay = try attributes.number(.queue(apqn, "pendingq_count"), upTo: limit)
    else { return nil }
    return Int(waiting) + Int(underWay)
  }

  /// The master keys of a queue's domain; nil if they cannot be read. This sends a request to the
  /// adapter, and answers only while the host has the queue (SimulatedBus documentation, "Queue attributes").
  ///
  /// - Parameter apqn: A queue of the host.
  /// - Returns: The pattern; nil if it is unknown.
  /// - Throws: What could not be read, and why.
  public func readMasterKeys(_ apqn: APQN) throws(InventoryReaderError) -> MasterKeyPattern? {
    try attributes.rawText(.queue(apqn, "mkvps")).flatMap { MasterKeyPattern(attribute: $0) }
  }

  /// The `status` of a queue on `vfio_ap`; nil where this kernel has none. A failure to read it
  /// is an error, unless the queue has left `vfio_ap` meanwhile.
  private func readGuestStatus(_ apqn: APQN) throws(InventoryReaderError) -> Queue.GuestStatus? {
    do throws(InventoryReaderError) {
      let text = try attributes.textOfFile(.queue(apqn, "status"))
      return text.flatMap { Queue.GuestStatus(rawValue: String($0.prefix { $0 != "\n" })) }
    } catch {
      guard try attributes.driver(.queue(apqn, "driver")) == DriverName.vfioAP else { return nil }
      throw error
    }
  }

  /// The mediated devices of `vfio_ap`; none where the driver is not loaded. One that exists and
  /// cannot be read is an error: it may have any queue.
  ///
  /// - Returns: The devices, ascending by UUID.
  /// - Throws: What could not be read, and why.
  public func readMediatedDevices() throws(InventoryReaderError) -> [MediatedDevice] {
    var devices: [MediatedDevice] = []
    for name in try attributes.namesInDirectory(SysfsPath(.matrix)) ?? []
    where BusObject.isUUID(name) {
      guard let device = try attributes.mediatedDevice(name) else { continue }
      devices.append(device)
    }
    return devices.sorted { $0.uuid < $1.uuid }
  }

  /// Both masks; nil on a kernel without masks. One alone would make it look like one without.
  private func readMasks() throws(InventoryReaderError) -> MaskPair? {
    let adapters = try attributes.poolMask(.bus("apmask"))
    let domains = try attributes.poolMask(.bus("aqmask"))
    switch (adapters, domains) {
    case (let adapters?, let domains?): return MaskPair(adapters: adapters, domains: domains)
    case (nil, nil): return nil
    case (nil, _?): throw .unreadable(SysfsError(.read, .bus("apmask"), errno: .noSuchFile))
    case (_?, nil): throw .unreadable(SysfsError(.read, .bus("aqmask"), errno: .noSuchFile))
    }
  }

  private func readBus(queues: [APQN]) throws(InventoryReaderError) -> BusState {
    var bus = BusState()
    bus.masks = try readMasks()
    bus.scans = try attributes.number(.bus("scans"))
    bus.bindingsCompleteCount = try attributes.number(.bus("bindings_complete_count"))
    try readConfiguration(of: &bus)
    bus.defaultDomain = try attributes.domain(.bus("ap_domain"))
    bus.drivers = try readDrivers()
    bus.supportsOverride = bus.bindingsCompleteCount == nil ? nil : true
    // A queue shows it for certain. One that was removed meanwhile does not, so the next is read.
    for apqn in queues {
      if try attributes.rawText(.queue(apqn, "driver_override")) != nil {
        bus.supportsOverride = true
        break
      } else if try attributes.names(SysfsPath(.queue(apqn))) != nil {
        bus.supportsOverride = false
        break
      }
    }
    return bus
  }

  /// What the machine is configured for. The kernel asks again with every scan (`ap_get_configuration`,
  /// 6.1), so that it can change with any adapter or domain.
  private func readConfiguration(of bus: inout BusState) throws(InventoryReaderError) {
    bus.configuredAdapters = try attributes.configurationMask(.bus("ap_adapter_mask"))
    bus.configuredDomains = try attributes.configurationMask(.bus("ap_usage_domain_mask"))
    bus.controlDomains = try attributes.configurationMask(.bus("ap_control_domain_mask"))
  }

  /// The drivers on the bus by name. A bus always has the directory, if an empty one; without it the
  /// drivers are not known, and nothing can be planned on their absence.
  private func readDrivers() throws(InventoryReaderError) -> [String] {
    let path = SysfsPath.bus("drivers")
    if let names = try attributes.names(path) { return names.sorted() }
    guard try attributes.names(.bus("devices")) != nil else { throw .noAPBus }
    throw .unreadable(SysfsError(.list, path, errno: .noSuchFile))
  }

  /// The devices on the bus by name, each once and in order.
  private func readDevices() throws(InventoryReaderError) -> (adapters: APMask, queues: [APQN]) {
    guard var names = try attributes.names(.bus("devices")) else { throw .noAPBus }
    // An empty list is read twice: it would mean that everything was removed.
    if names.isEmpty { names = try attributes.names(.bus("devices")) ?? [] }
    var adapters = APMask()
    var queues: Set<APQN> = []
    for name in names {
      if let apqn = APQN(name) {
        queues.insert(apqn)
      } else if let adapter = BusObject.adapter(ofCardName: name) {
        adapters.insert(adapter)
      }
    }
    return (adapters, queues.sorted())
  }
}

/// Why an inventory cannot be read.
public enum InventoryReaderError: Error, Equatable, Sendable {
  /// The kernel has no AP bus.
  case noAPBus
  /// The masks were changed whenever the queues were read, so that nothing fits together.
  case changing
  /// The kernel refused to show a file for another reason than that its device was removed.
  case unreadable(SysfsError)
  /// A file holds something else than the kernel's documentation says.
  case unparsable(path: SysfsPath, text: String, expected: String)
}

extension InventoryReaderError {
  /// The read that an adapter has not answered, if it is that.
  package var unanswered: UnansweredRead? {
    if case .unreadable(let error) = self { error.unanswered } else { nil }
  }

  /// Whether a read was given up because the program is to stop.
  package var isInterruption: Bool {
    if case .unreadable(let error) = self { error.errno == .interrupted } else { false }
  }
}

extension InventoryReaderError: CustomStringConvertible {
  /// One sentence that names the file.
  public var description: String {
    switch self {
    case .noAPBus:
      return "this system has no AP bus: /sys/bus/ap is absent"
    case .changing:
      return
        "apmask or aqmask was changed each time that the queues were read; another process is busy "
        + "with them"
    case .unreadable(let error):
      return error.description
    case .unparsable(let path, let text, let expected):
      var shown = ""
      for scalar in text.unicodeScalars.prefix(80) { shown += scalar.escaped(asASCII: true) }
      return "\(path) reads \"\(shown)\", which is not \(expected)"
    }
  }
}
