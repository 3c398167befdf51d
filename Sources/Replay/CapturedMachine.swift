package import APBus
import Reservation
package import Uevents

/// The machine that a capture describes, as it is after the last event: cards and queues with their
/// owners, masks and drivers, as far as events and device descriptions show them.
package struct CapturedMachine {
  /// What is known of the machine.
  package private(set) var inventory: Inventory

  private let capture: String

  /// The machine of a capture.
  ///
  /// `start` is the machine before the first event, where it is known.
  package init(_ capture: Capture, start: Inventory? = nil) throws(CaptureFault) {
    self.capture = capture.name
    inventory = start ?? .empty
    if start == nil {
      // A kernel with masks is the usual one; their events say where they differ from the default.
      inventory.bus.masks = .all
    }
    try takeDevices(of: capture)
    for case .event(let event, let position, _) in capture.entries {
      try take(event, at: position)
    }
    if start == nil, !capture.devices.isEmpty { inferPools() }
  }

  /// Takes the devices, cards first: recorders write a device before its parents. Queues and mediated
  /// devices are read as from a live bus, as far as attributes were recorded.
  private mutating func takeDevices(of capture: Capture) throws(CaptureFault) {
    let reader = InventoryReader(sysfs: CapturedSysfs(capture.devices))
    for device in capture.devices {
      guard case .card(let adapter) = BusObject(path: device.devicePath) else { continue }
      try takeCard(adapter, from: device)
    }
    for device in capture.devices {
      let position = Capture.Position.line(device.line)
      guard case .queue(let apqn) = BusObject(path: device.devicePath) else { continue }
      guard inventory.card(apqn.adapter) != nil else {
        throw CaptureFault(capture.name, at: position, .queueWithoutCard(apqn))
      }
      do throws(InventoryReaderError) {
        inventory.setQueue(try reader.readQueue(apqn), apqn: apqn)
      } catch {
        throw CaptureFault(capture.name, at: position, .unreadableAttribute(error))
      }
      if device.attribute("driver_override") != nil { inventory.bus.supportsOverride = true }
      note(inventory.queue(apqn)?.driver)
    }
    guard let line = capture.devices.first?.line else { return }
    do throws(InventoryReaderError) {
      try reader.readUse(into: &inventory, masterKeys: true)
      try reader.readFeatures(into: &inventory)
      if capture.devices.contains(where: { BusObject(path: $0.devicePath) == .matrix }) {
        inventory.mediatedDevices = try reader.readMediatedDevices()
        note(DriverName.vfioAP)
      }
    } catch {
      throw CaptureFault(capture.name, at: .line(line), .unreadableAttribute(error))
    }
  }

  private mutating func takeCard(
    _ adapter: UInt8, from device: DeviceDescription
  ) throws(CaptureFault) {
    var card = try card(adapter, at: .line(device.line)) { key in
      // Descriptions made by hand may have the attribute only.
      device[key] ?? (key == "DEV_TYPE" ? Self.hexType(of: device) : nil)
    }
    card.driver = device.driver
    CardDescription.complete(&card, from: device)
    inventory.setCard(card, adapter: adapter)
    note(card.driver)
  }

  private static func hexType(of device: DeviceDescription) -> String? {
    device.attribute("hwtype").flatMap { UInt8($0.prefix { $0 != "\n" }) }
      .map { String($0, radix: 16) }
  }

  private mutating func take(
    _ event: Uevent, at position: Capture.Position
  ) throws(CaptureFault) {
    switch BusObject(path: event.devicePath) {
    case .card(let adapter): try takeCard(adapter, from: event, at: position)
    case .queue(let apqn): try takeQueue(apqn, from: event, at: position)
    case .root: try takeMasks(event, at: position)
    case .driver(let name) where event.action == .add: note(name)
    case .driver(let name) where event.action == .remove:
      inventory.bus.drivers.removeAll { $0 == name }
    default: break
    }
  }

  private mutating func takeCard(
    _ adapter: UInt8, from event: Uevent, at position: Capture.Position
  ) throws(CaptureFault) {
    guard event.action != .remove else {
      inventory.setCard(nil, adapter: adapter)
      return
    }
    // An event after the first may have less: unbind has no MODALIAS.
    var card: Card
    if let known = inventory.card(adapter), event.action != .add {
      card = known
    } else {
      card = try self.card(adapter, at: position) { event[$0] }
    }
    if let configured = event["CONFIG"] { card.isConfigured = configured == "1" }
    switch event.action {
    case .bind:
      card.driver = event["DRIVER"]
      note(card.driver)
    case .unbind: card.driver = nil
    // A bound device's change says so; a real add comes before any driver.
    case .change, .add: card.driver = event["DRIVER"] ?? card.driver
    default: break
    }
    inventory.setCard(card, adapter: adapter)
  }

  private mutating func takeQueue(
    _ apqn: APQN, from event: Uevent, at position: Capture.Position
  ) throws(CaptureFault) {
    guard event.action != .remove else {
      inventory.setQueue(nil, apqn: apqn)
      return
    }
    guard inventory.card(apqn.adapter) != nil else {
      throw CaptureFault(capture, at: position, .queueWithoutCard(apqn))
    }
    var queue = Queue(apqn: apqn)
    if event.action != .add, let known = inventory.queue(apqn) { queue = known }
    if let configured = event["CONFIG"] { queue.isConfigured = configured == "1" }
    if let online = event["ONLINE"] { queue.isOnline = online == "1" }
    switch event.action {
    case .bind, .change, .add: queue.driver = event["DRIVER"] ?? queue.driver
    case .unbind: queue.driver = nil
    default: break
    }
    note(queue.driver)
    inventory.setQueue(queue, apqn: apqn)
  }

  private mutating func takeMasks(
    _ event: Uevent, at position: Capture.Position
  ) throws(CaptureFault) {
    var masks = inventory.bus.masks ?? .all
    if let text = event["APMASK"] { masks.adapters = try mask(text, at: position) }
    if let text = event["AQMASK"] { masks.domains = try mask(text, at: position) }
    if event["APMASK"] != nil || event["AQMASK"] != nil { inventory.bus.masks = masks }
    if event["INITSCAN"] != nil { inventory.bus.scans = 1 }
  }

  private func mask(
    _ text: String, at position: Capture.Position
  ) throws(CaptureFault) -> APMask {
    guard let mask = APMask(text) else {
      throw CaptureFault(capture, at: position, .unreadableMask(String(text.prefix(80))))
    }
    return mask
  }

  private func card(
    _ adapter: UInt8, at position: Capture.Position, _ property: (String) -> String?
  ) throws(CaptureFault) -> Card {
    do throws(CaptureFault.Problem) {
      return try CardDescription.card(adapter, properties: property)
    } catch {
      throw CaptureFault(capture, at: position, error)
    }
  }

  private mutating func note(_ driver: String?) {
    guard let driver, !inventory.bus.hasDriver(driver) else { return }
    inventory.bus.drivers.append(driver)
    inventory.bus.drivers.sort()
  }

  /// A state shows who has a queue and not by what means: masks where masks can have done it, else
  /// overrides.
  private mutating func inferPools() {
    guard !inventory.queues.contains(where: { $0.driverOverride != nil }) else { return }
    var solver = MaskSolver(current: .all)
    for queue in inventory.queues {
      switch queue.owner {
      case .host: solver.hosts.insert(queue.apqn)
      case .vfioAP: solver.reserved.insert(queue.apqn)
      case .none: break
      }
    }
    let hostAdapters = solver.hosts.adapters
    let hostDomains = solver.hosts.domains
    if solver.reserved.allSatisfy({
      MaskSolver.canReserve($0, hostAdapters: hostAdapters, hostDomains: hostDomains)
    }) {
      inventory.bus.masks = solver.solution()
    } else {
      inventory.bus.supportsOverride = true
      for var queue in inventory.queues where queue.owner == .vfioAP {
        queue.driverOverride = DriverName.vfioAP
        inventory.setQueue(queue, apqn: queue.apqn)
      }
    }
  }
}

/// What events and device descriptions show of a card.
enum CardDescription {
  /// The card of an event's properties: DEV_TYPE in hex, MODE on kernels that have it (SimulatedBus documentation, "Keys").
  static func card(_ adapter: UInt8, properties: (String) -> String?)
    throws(CaptureFault.Problem) -> Card
  {
    guard let text = properties("DEV_TYPE") else {
      throw .cardWithoutType(adapter, found: nil)
    }
    guard let type = UInt8(text, radix: 16) else {
      throw .cardWithoutType(adapter, found: text)
    }
    let mode = properties("MODE").flatMap(QueueMode.init(rawValue:))
    return Card(
      adapter: adapter, hardwareType: HardwareType(rawValue: type),
      functions: mode?.functions ?? 0, isConfigured: true)
  }

  /// Adds the attributes, which umockdev's descriptions have.
  static func complete(_ card: inout Card, from device: DeviceDescription) {
    func text(_ name: String) -> String? {
      device.attribute(name).map { String($0.prefix { $0 != "\n" }) }
    }
    if let type = text("hwtype").flatMap({ UInt8($0) }) {
      card.hardwareType = HardwareType(rawValue: type)
    }
    if let digits = text("ap_functions"), digits.hasPrefix("0x"),
      let functions = UInt32(digits.dropFirst(2), radix: 16)
    {
      card.functions = functions
    }
    if let configured = text("config") { card.isConfigured = configured == "1" }
    if let stopped = text("chkstop") { card.isCheckStopped = stopped == "1" }
    for name in Card.ruleAttributes {
      if let value = text(name), !value.isEmpty { card.attributes[name] = value }
    }
  }
}
