import APBus
import SimulatedBus
import Uevents

/// A small machine for tests, and what is asked of it again and again.
final class Machine {
  let bus: SimulatedBus
  private(set) var events: [String] = []
  private(set) var callbacks: [String] = []

  /// Adapters with queues in `domains`, scanned; then the modules are loaded.
  convenience init(
    _ behavior: KernelBehavior, adapters: [UInt8] = [5, 6], domains: [UInt8] = [4, 0x47],
    modules: [SimulatedBus.Module] = [.zcryptCex4, .vfioAP]
  ) {
    self.init(SimulatedBus(behavior: behavior))
    for domain in domains { bus.addDomain(domain, quietly: true) }
    for adapter in adapters { bus.plug(card: SimulatedCard(adapter: adapter), quietly: true) }
    bus.scan()
    modules.forEach(bus.loadModule)
    forget()
  }

  /// A machine around a bus that there is already.
  init(_ bus: SimulatedBus) {
    self.bus = bus
    bus.onUevent = { [unowned self] in events.append(Self.text($0)) }
    bus.onCallback = { [unowned self] in
      let refusal = $0.refusal.map { " \($0.name)" } ?? ""
      callbacks.append("\($0.function.rawValue) \($0.driver) \($0.device.path)\(refusal)")
    }
  }

  /// Forgets events and callbacks.
  func forget() {
    events = []
    callbacks = []
  }

  /// `bind 05.0004 DRIVER=vfio_ap`: the action, the last part of the path, and the properties that matter.
  private static func text(_ event: Uevent) -> String {
    let name = event.devicePath.split(separator: "/").last ?? ""
    let kept = ["DRIVER", "BINDINGS", "INITSCAN", "CONFIG", "ONLINE", "APMASK", "AQMASK"]
    let shown = event.properties.filter { (kept + ["MDEV_STATE"]).contains($0.key) }
    return ([event.action.rawValue, String(name)] + shown.map { "\($0.key)=\($0.value)" })
      .joined(separator: " ")
  }

  /// `ok`, or the error's name; for one of opening the file, `open: ENOENT`.
  func write(_ text: String, _ path: String) -> String {
    guard let place = SysfsPath(text: path) else { return "no such place" }
    do throws(SysfsError) {
      try bus.write(text, to: place)
    } catch {
      return error.operation == .write ? error.errno.name : "open: \(error.errno.name)"
    }
    return "ok"
  }

  /// The text of a file without its newline, or nil.
  func read(_ path: String) -> String? {
    guard let place = SysfsPath(text: path), var text = try? bus.read(place) else { return nil }
    if text.hasSuffix("\n") { text.removeLast() }
    return text
  }

  /// The driver of a queue as its link shows, or `-`.
  func driver(_ name: String) -> String {
    guard let place = SysfsPath(text: "bus/ap/devices/\(name)/driver"),
      let driver = try? bus.readLink(place)
    else { return "-" }
    return driver
  }

  /// What the matrix device has stored, ascending.
  var stored: [String] { bus.storedQueues.sorted().map(\.description) }

  /// A mediated device with these adapters and domains, and what assigning the last of them said.
  func createMediatedDevice(_ adapters: [String], _ domains: [String]) -> String {
    let type = "devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough/create"
    var answer = write(Self.uuid + "\n", type)
    for adapter in adapters { answer = write(adapter, Self.path("assign_adapter")) }
    for domain in domains { answer = write(domain, Self.path("assign_domain")) }
    return answer
  }

  static let uuid = "11111111-2222-3333-4444-555555555555"

  /// A file of the mediated device.
  static func path(_ name: String) -> String { "devices/vfio_ap/matrix/\(uuid)/\(name)" }
}
