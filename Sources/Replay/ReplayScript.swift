package import APBus
package import SimulatedBus
package import Uevents

/// What happens to a simulated machine, step by step: what a capture did, or the boot of a described
/// machine.
package struct ReplayScript: Equatable, Sendable {
  /// The machine before the first step; nil for an empty one that is just starting.
  package var start: Inventory?
  /// The modules that are loaded before the first step.
  package var loaded: [SimulatedBus.Module] = []
  package var steps: [ReplayStep] = []
  /// The kernel that the content hints at: whether it has masks.
  package var hasMasks = true
  /// The kernel that the content names.
  package var behavior: KernelBehavior?
  /// The name of the scenario that the steps are of, for messages.
  package var name = ""

  /// The boot of a described machine: its hardware is found by the first scan, then its modules are
  /// loaded, `zcrypt_cex4` first (SimulatedBus documentation, "Sequences").
  ///
  /// Masks of the description are in force from the start, as if given on the kernel command line.
  package init(booting machine: Inventory) {
    var empty = Inventory.empty
    empty.bus = machine.bus
    empty.bus.drivers = []
    empty.bus.scans = machine.bus.scans.map { _ in 0 }
    start = empty
    hasMasks = machine.bus.masks != nil
    steps.append(
      .hardware(
        machine.cards.map { card in
          .plug(
            card,
            masterKeys: Dictionary(
              uniqueKeysWithValues: machine.queues(ofCard: card.adapter)
                .compactMap { queue in
                  machine.keys(of: queue.apqn).known.map { (queue.apqn.domain, $0) }
                }))
        } + machine.queues.map { .plugQueue($0.apqn) }))
    steps += [.load(.zcryptCex4), .load(.vfioAP)]
  }

  /// A scenario, which begins on an empty machine, or on `machine` in the very state it was read in.
  package init(_ scenario: Scenario, on machine: Inventory? = nil) {
    start = machine
    behavior = scenario.behavior ?? (machine == nil ? .override72 : nil)
    name = scenario.name
    steps = scenario.lines.map { .scenario($0) }
  }

  /// What a capture did.
  ///
  /// What its drivers and other processes did is left to the simulated kernel, which binds by itself, but
  /// for what `foreign` asks for.
  ///
  /// `inventory` is the machine before the first event, where it is known; `foreign` has binds,
  /// unbinds, masks and switches by another process done as well.
  package init(
    _ capture: Capture, inventory: Inventory? = nil, foreign: Bool = false
  ) throws(CaptureFault) {
    guard capture.devices.isEmpty else {
      start = try CapturedMachine(capture, start: inventory).inventory
      // A state names a driver only where it has a device.
      if inventory == nil { loaded = SimulatedBus.Module.allCases }
      return
    }
    start = inventory
    var translator = CaptureTranslator(
      capture: capture.name, inventory: inventory ?? .empty, translatesHands: foreign)
    for entry in capture.entries { try translator.take(entry) }
    translator.finish()
    steps = translator.steps
    hasMasks = translator.hasSeenMasks || translator.hasSeenModes || capture.events.isEmpty
    guard inventory == nil else { return }
    // A capture of a running machine never shows its drivers being registered.
    loaded = SimulatedBus.Module.allCases.filter { !translator.registered.contains($0) }
  }
}

/// One thing that happens to the simulated machine.
package enum ReplayStep: Equatable, Sendable {
  /// Something changes on the hardware's side; what belongs together is found by one scan.
  case hardware([HardwareChange])
  case load(SimulatedBus.Module)
  case unload(SimulatedBus.Module)
  /// Another process does something.
  case foreign(ForeignChange)
  /// The capture's author wrote a comment.
  case mark(String)
  case scenario(Scenario.Line)
}

/// A change on the hardware's side.
package enum HardwareChange: Equatable, Sendable {
  /// An adapter is added, with the master keys of its domains as far as they are known; its queues are
  /// separate changes.
  case plug(Card, masterKeys: [UInt8: KeyRegisters] = [:])
  /// An adapter is removed, with all its queues.
  case unplug(UInt8)
  /// A queue answers.
  case plugQueue(APQN)
  /// A queue does not answer any more.
  case unplugQueue(APQN)
  /// An adapter is configured, or set on standby.
  case configure(UInt8, Bool)
}

extension HardwareChange {
  /// The device that is changed.
  var object: BusObject {
    switch self {
    case .plug(let card, _): .card(card.adapter)
    case .unplug(let adapter), .configure(let adapter, _): .card(adapter)
    case .plugQueue(let apqn), .unplugQueue(let apqn): .queue(apqn)
    }
  }
}

/// What another process does to a queue or to the bus.
package enum ForeignChange: Equatable, Sendable {
  /// Takes the queue from whatever driver it has.
  case unbind(APQN)
  /// Gives the queue to a driver.
  case bind(APQN, driver: String)
  /// Switches the queue on or off.
  case online(APQN, Bool)
  /// Switches the card on or off.
  case cardOnline(UInt8, Bool)
  /// Writes `apmask`.
  case adapterMask(APMask)
  /// Writes `aqmask`.
  case domainMask(APMask)
}

extension ReplayStep: CustomStringConvertible {
  /// A few words, such as `card04 is added, 8 queues are added`.
  package var description: String {
    switch self {
    case .hardware(let changes): Self.summary(of: changes)
    case .load(let module): "module \(module.rawValue) is loaded"
    case .unload(let module): "module \(module.rawValue) is unloaded"
    case .foreign(let change): "another process \(change)"
    case .mark(let text): text
    case .scenario(let line): line.text
    }
  }

  private static func summary(of changes: [HardwareChange]) -> String {
    var parts: [String] = []
    var added = 0
    var removed = 0
    for change in changes {
      switch change {
      case .plug(let card, _): parts.append("\(card.name) is added")
      case .unplug(let adapter): parts.append("\(BusObject.cardName(adapter)) is removed")
      case .plugQueue: added += 1
      case .unplugQueue: removed += 1
      case .configure(let adapter, let isConfigured):
        parts.append(
          "\(BusObject.cardName(adapter)) is \(isConfigured ? "configured" : "deconfigured")")
      }
    }
    for (count, verb) in [(added, "added"), (removed, "removed")] where count > 0 {
      parts.append(count == 1 ? "1 queue is \(verb)" : "\(count) queues are \(verb)")
    }
    return parts.joined(separator: ", ")
  }
}

extension ForeignChange: CustomStringConvertible {
  /// A predicate, such as `unbinds 05.0004`.
  package var description: String {
    switch self {
    case .unbind(let apqn): "unbinds \(apqn)"
    case .bind(let apqn, let driver): "binds \(apqn) to \(driver)"
    case .online(let apqn, let isOnline): "switches \(apqn) \(isOnline ? "on" : "off")"
    case .cardOnline(let adapter, let isOnline):
      "switches \(BusObject.cardName(adapter)) \(isOnline ? "on" : "off")"
    case .adapterMask(let mask): "writes \(mask) to apmask"
    case .domainMask(let mask): "writes \(mask) to aqmask"
    }
  }
}
