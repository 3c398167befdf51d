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
  /// The steps in order.
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
        machine.cards.map { .plug($0) } + machine.queues.map { .plugQueue($0.apqn) }))
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
  /// What its drivers and other hands did is left to the simulated kernel, which binds by itself, but
  /// for what `foreign` asks for.
  ///
  /// `inventory` is the machine before the first event, where it is known; `foreign` has binds,
  /// unbinds, masks and switches by another hand done as well.
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
