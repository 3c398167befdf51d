import APBus
import Uevents

/// Directories and links (SimulatedBus documentation, "Devices and links" and "Mediated devices"), and
/// the `uevent` files.
extension SimulatedBus {
  /// The names in an object's directory; nil for an object that does not exist.
  func entries(of object: BusObject) -> [String]? {
    guard let names = ownEntries(of: object) else { return nil }
    switch object {
    case .driver(let name): return names + (driver(name).map { devices(of: $0) } ?? [])
    case .root: return cards.compactMap { $0?.card.adapter }.map(BusObject.cardName) + names
    case .matrix: return names + (matrix?.mediatedDevices.keys.map { $0 } ?? [])
    default: return names
    }
  }

  /// The same without the devices of a driver, of the bus or of the matrix device, of which there may be
  /// thousands.
  func ownEntries(of object: BusObject) -> [String]? {
    switch object {
    case .bus: return busAttributes + ["devices", "drivers"]
    case .driver(let name):
      guard let driver = driver(name) else { return nil }
      return (driver.module == nil ? [] : ["module"]) + ["bind", "unbind", "uevent"]
    case .root: return ["uevent"] + power
    case .card(let adapter): return card(adapter).map { entries(of: $0) }
    case .queue(let apqn): return queue(apqn).map { entries(of: $0) }
    case .matrixRoot: return matrix.map { _ in ["matrix", "uevent"] + power }
    case .matrix:
      guard matrix != nil else { return nil }
      return ["mdev_supported_types", "uevent"] + power
        + (behavior.hasLateAttributes ? ["features"] : [])
        + (behavior.hasMatrixBus ? ["driver", "subsystem"] : [])
    case .mediatedDeviceType:
      return matrix.map { _ in
        ["available_instances", "create", "device_api", "devices", "name"]
      }
    case .mediatedDevice(let uuid):
      return matrix?.mediatedDevices[uuid].map { entries(of: $0) }
    case .module(let name):
      guard modules.contains(where: { $0.rawValue == name }) else { return nil }
      return ["initstate", "refcnt"]
    }
  }

  private var power: [String] { behavior.hasPowerDirectories ? ["power"] : [] }

  private func devices(of driver: any Driver) -> [String] {
    devices().lazy.filter { $0.driver === driver }.map { Self.name(of: $0) }
  }

  private static func name(of device: Device) -> String {
    switch device.object {
    case .card(let adapter): BusObject.cardName(adapter)
    case .queue(let apqn): "\(apqn)"
    default: ""
    }
  }

  /// The names in a directory; nil for what is none.
  func names(in path: SysfsPath) -> [String]? {
    switch (path.object, path.name) {
    case (_, ""): entries(of: path.object)
    case (.bus, "devices"): devices().map { Self.name(of: $0) }
    case (.bus, "drivers"): drivers.map(\.name)
    case (.matrix, "mdev_supported_types"): matrix.map { _ in ["vfio_ap-passthrough"] }
    case (.mediatedDeviceType, "devices"):
      matrix.map { $0.mediatedDevices.filter { !$0.value.isLeaving }.map(\.key) }
    default: nil
    }
  }

  /// The last component of a link's target; nil for what is no link.
  func linkTarget(_ path: SysfsPath) -> String? {
    switch (path.object, path.name) {
    case (.queue(let apqn), "driver"): queue(apqn)?.driver?.name
    case (.card(let adapter), "driver"): card(adapter)?.driver?.name
    case (.queue(let apqn), "subsystem"): queue(apqn)?.isRegistered == true ? "ap" : nil
    case (.card(let adapter), "subsystem"): card(adapter)?.isRegistered == true ? "ap" : nil
    case (.driver(let name), "module"): driver(name)?.module?.rawValue
    case (.driver(let name), let device):
      driver(name).flatMap { self.device(named: device)?.driver === $0 ? device : nil }
    case (.matrix, "driver"): matrix?.isBound == true ? DriverName.vfioAP : nil
    case (.matrix, "subsystem"): matrix?.isBound == true ? "matrix" : nil
    case (.mediatedDevice(let uuid), let name):
      matrix?.mediatedDevices[uuid].flatMap {
        $0.isLeaving ? nil : Self.mediatedDeviceLinks[name]
      }
    default: nil
    }
  }

  private static let mediatedDeviceLinks = [
    "driver": "vfio_ap_mdev", "mdev_type": "vfio_ap-passthrough", "subsystem": "mdev",
  ]

  /// What a `uevent` file reads: the variables that an event would have now.
  func ueventText(_ object: BusObject) -> String {
    properties(of: object, for: .change).reduce(into: "") { $0 += "\($1.key)=\($1.value)\n" }
  }

  /// A write to a `uevent` file (SimulatedBus documentation, "Messages").
  func synthesize(_ text: String, _ object: BusObject) throws(Errno) {
    let request = try SyntheticEvent(text)
    // The root device and the matrix device of 2018 are on no bus that would send its events.
    if object == .matrixRoot || object == .matrix && !behavior.hasMatrixBus { return }
    send(request.action, object, request.properties)
  }
}
