import APBus
import SimulatedBus
import Uevents

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
  private var hands: ForeignChangeTranslator?

  init(capture: String, inventory: Inventory, translatesHands: Bool) {
    self.capture = capture
    cards = inventory.adapters
    queues = APQNSet(inventory.queues.lazy.map(\.apqn))
    hands = translatesHands ? ForeignChangeTranslator(bus: inventory.bus) : nil
  }

  mutating func take(_ entry: Capture.Entry) throws(CaptureFault) {
    switch entry {
    case .mark(let text, _):
      flush()
      steps.append(.mark(text))
    case .event(let event, let position, _):
      switch BusObject(path: event.devicePath) {
      case .card(let adapter): try takeCard(adapter, event, position)
      case .queue(let apqn): try takeQueue(apqn, event, position)
      case .driver(let name): takeDriver(name, event)
      case .root: try takeRoot(event, position)
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
    if let done = hands?.finish() { steps += done.map { .hand($0) } }
  }

  private mutating func flushHardware() {
    guard !changes.isEmpty else { return }
    steps.append(.hardware(changes))
    changes = []
  }

  private mutating func change(_ change: HardwareChange) {
    // A scan would not see what comes and goes between two looks.
    if changes.contains(where: { $0.object == change.object }) { flushHardware() }
    if changes.isEmpty, let done = hands?.finish() { steps += done.map { .hand($0) } }
    changes.append(change)
  }

  private mutating func takeCard(
    _ adapter: UInt8, _ event: Uevent, _ position: Capture.Position
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
        throw CaptureFault(capture, position, error)
      }
      cards.insert(adapter)
    }
    if event.action == .change, let configured = event["CONFIG"] {
      change(.configure(adapter, configured == "1"))
    }
    if event.action == .change, let online = event["ONLINE"] {
      flushHardware()
      hands?.cardSwitched(adapter, online == "1")
    }
  }

  private mutating func takeQueue(
    _ apqn: APQN, _ event: Uevent, _ position: Capture.Position
  ) throws(CaptureFault) {
    guard cards.contains(apqn.adapter) || event.action == .remove else {
      throw CaptureFault(capture, position, .queueWithoutCard(apqn))
    }
    if event.action == .remove {
      hands?.removed(apqn)
      if queues.contains(apqn) { change(.unplugQueue(apqn)) }
      queues.remove(apqn)
      return
    }
    if !queues.contains(apqn) {
      change(.plugQueue(apqn))
      queues.insert(apqn)
      hands?.added(apqn)
    }
    switch event.action {
    case .unbind, .bind:
      flushHardwareForHands()
      hands?.changed(apqn, driver: event.action == .bind ? event["DRIVER"] : nil)
    case .change:
      guard let online = event["ONLINE"] else { break }
      flushHardwareForHands()
      hands?.switched(apqn, online == "1")
    default: break
    }
  }

  /// What a hand did after a plug must not be done before it.
  private mutating func flushHardwareForHands() {
    guard let hands, !hands.isAutomatic else { return }
    flushHardware()
  }

  private mutating func takeDriver(_ name: String, _ event: Uevent) {
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
      steps += (hands?.registered(name) ?? []).map { .hand($0) }
      steps.append(.load(module))
    case .remove:
      registered.insert(module)
      steps += (hands?.unregistered(name) ?? []).map { .hand($0) }
      steps.append(.unload(module))
    default: break
    }
  }

  private mutating func takeRoot(
    _ event: Uevent, _ position: Capture.Position
  ) throws(CaptureFault) {
    for key in ["APMASK", "AQMASK"] {
      guard let text = event[key] else { continue }
      hasSeenMasks = true
      guard let mask = APMask(text) else {
        throw CaptureFault(capture, position, .unreadableMask(String(text.prefix(80))))
      }
      flushHardware()
      let done = hands?.masked(adapters: key == "APMASK", mask) ?? []
      steps += done.map { .hand($0) }
    }
  }
}
