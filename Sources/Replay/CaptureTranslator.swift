package import APBus
import SimulatedBus
package import Uevents

/// Turns the events of a capture into what happened to the machine.
struct CaptureTranslator {
  private(set) var steps: [ReplayStep] = []
  /// The modules whose drivers are registered in the capture.
  private(set) var registered: Set<SimulatedBus.Module> = []
  /// Whether a mask was written, which only a kernel with masks can.
  private(set) var hasSeenMasks = false
  /// Whether events carry MODE, which kernels before the masks did not.
  private(set) var hasSeenModes = false

  private let capture: String
  private var cards: APMask
  private var queues: APQNSet
  /// Hardware changes that one scan finds: they follow each other with nothing but the kernel's own
  /// work in between.
  private var changes: [HardwareChange] = []
  private var foreignChanges: ForeignChangeTranslator?

  init(capture: String, inventory: Inventory, translatesHands: Bool) {
    self.capture = capture
    cards = inventory.adapters
    queues = APQNSet(inventory.queues.lazy.map(\.apqn))
    foreignChanges = translatesHands ? ForeignChangeTranslator(bus: inventory.bus) : nil
  }

  mutating func take(_ entry: Capture.Entry) throws(CaptureFault) {
    switch entry {
    case .mark(let text, _):
      flush()
      steps.append(.mark(text))
    case .event(let event, let position, _):
      switch BusObject(path: event.devicePath) {
      case .card(let adapter): try takeCard(adapter, from: event, at: position)
      case .queue(let apqn): try takeQueue(apqn, from: event, at: position)
      case .driver(let name): takeDriver(name, from: event)
      case .root: try takeRoot(event, at: position)
      default: break
      }
    }
  }

  mutating func finish() {
    flush()
  }

  /// Ends what belongs together.
  private mutating func flush() {
    flushHardware()
    if let done = foreignChanges?.finish() { steps += done.map { .foreign($0) } }
  }

  private mutating func flushHardware() {
    guard !changes.isEmpty else { return }
    steps.append(.hardware(changes))
    changes = []
  }

  private mutating func change(_ change: HardwareChange) {
    // A scan would not see what is added and removed between two scans.
    if changes.contains(where: { $0.object == change.object }) { flushHardware() }
    if changes.isEmpty, let done = foreignChanges?.finish() { steps += done.map { .foreign($0) } }
    changes.append(change)
  }

  private mutating func takeCard(
    _ adapter: UInt8, from event: Uevent, at position: Capture.Position
  ) throws(CaptureFault) {
    if event["MODE"] != nil { hasSeenModes = true }
    if event.action == .remove {
      change(.unplug(adapter))
      cards.remove(adapter)
      queues[adapter] = []
      return
    }
    if !cards.contains(adapter) {
      do throws(CaptureFault.Problem) {
        change(.plug(try CardDescription.card(adapter) { event[$0] }))
      } catch {
        throw CaptureFault(capture, at: position, error)
      }
      cards.insert(adapter)
    }
    if event.action == .change, let configured = event["CONFIG"] {
      change(.configure(adapter, configured == "1"))
    }
    if event.action == .change, let online = event["ONLINE"] {
      flushHardware()
      foreignChanges?.cardSwitched(adapter, isOnline: online == "1")
    }
  }

  private mutating func takeQueue(
    _ apqn: APQN, from event: Uevent, at position: Capture.Position
  ) throws(CaptureFault) {
    guard cards.contains(apqn.adapter) || event.action == .remove else {
      throw CaptureFault(capture, at: position, .queueWithoutCard(apqn))
    }
    if event.action == .remove {
      foreignChanges?.removed(apqn)
      if queues.contains(apqn) { change(.unplugQueue(apqn)) }
      queues.remove(apqn)
      return
    }
    if !queues.contains(apqn) {
      change(.plugQueue(apqn))
      queues.insert(apqn)
      foreignChanges?.added(apqn)
    }
    switch event.action {
    case .unbind, .bind:
      flushHardwareForHands()
      foreignChanges?.changed(apqn, driver: event.action == .bind ? event["DRIVER"] : nil)
    case .change:
      guard let online = event["ONLINE"] else { break }
      flushHardwareForHands()
      foreignChanges?.switched(apqn, isOnline: online == "1")
    default: break
    }
  }

  /// What another process did after a plug must not be done before it.
  private mutating func flushHardwareForHands() {
    guard let foreignChanges, !foreignChanges.isAutomatic else { return }
    flushHardware()
  }

  private mutating func takeDriver(_ name: String, from event: Uevent) {
    let module: SimulatedBus.Module
    switch name {
    case DriverName.cex4queue: module = .zcryptCex4
    case DriverName.vfioAP: module = .vfioAP
    default: return
    }
    flushHardware()
    switch event.action {
    case .add:
      registered.insert(module)
      steps += (foreignChanges?.registered(name) ?? []).map { .foreign($0) }
      steps.append(.load(module))
    case .remove:
      registered.insert(module)
      steps += (foreignChanges?.unregistered(name) ?? []).map { .foreign($0) }
      steps.append(.unload(module))
    default: break
    }
  }

  private mutating func takeRoot(
    _ event: Uevent, at position: Capture.Position
  ) throws(CaptureFault) {
    for key in ["APMASK", "AQMASK"] {
      guard let text = event[key] else { continue }
      hasSeenMasks = true
      guard let mask = APMask(text) else {
        throw CaptureFault(capture, at: position, .unreadableMask(String(text.prefix(80))))
      }
      flushHardware()
      let done = foreignChanges?.masked(adapters: key == "APMASK", with: mask) ?? []
      steps += done.map { .foreign($0) }
    }
  }
}

/// Why a capture cannot be turned into a machine or replayed, although it could be read.
package struct CaptureFault: Error, Equatable, Sendable {
  /// The capture's name.
  package var capture: String
  /// Where in it.
  package var position: Capture.Position
  package var problem: Problem

  package enum Problem: Error, Equatable, Sendable {
    /// An event about a queue of a card that the capture never shows.
    case queueWithoutCard(APQN)
    /// A card's event does not have its hardware type.
    case cardWithoutType(UInt8, found: String?)
    /// A mask's event does not carry a mask.
    case unreadableMask(String)
    /// An attribute of a described device is not as the kernel writes it.
    case unreadableAttribute(InventoryReaderError)
  }

  package init(_ capture: String, at position: Capture.Position, _ problem: Problem) {
    self.capture = capture
    self.position = position
    self.problem = problem
  }
}

extension CaptureFault: CustomStringConvertible {
  /// One sentence with its place.
  package var description: String {
    let place =
      switch position {
      case .line(let line): "\(capture):\(line)"
      case .offset(let offset): "\(capture): at byte \(offset)"
      }
    let sentence =
      switch problem {
      case .queueWithoutCard(let apqn):
        "queue \(apqn) appears, but the capture never shows its card \(apqn.cardName); give the "
          + "machine that the capture was made on with --inventory FILE"
      case .cardWithoutType(let adapter, nil):
        "\(BusObject.cardName(adapter)) appears without DEV_TYPE, so that its hardware type is not "
          + "known; give the machine that the capture was made on with --inventory FILE"
      case .cardWithoutType(let adapter, let found?):
        "\(BusObject.cardName(adapter)) has the DEV_TYPE \"\(found)\", which is not a hardware type"
      case .unreadableMask(let text): "\"\(text)\" is not a mask of 64 hex digits"
      case .unreadableAttribute(let error): "\(error)"
      }
    return "\(place): \(sentence).".printable
  }
}
