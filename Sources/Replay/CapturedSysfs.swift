import APBus
import Uevents

/// The files of described devices, as if they were below `/sys`. What was not recorded does not exist.
final class CapturedSysfs: Sysfs {
  private let devices: [String: DeviceDescription]

  init(_ devices: [DeviceDescription]) {
    self.devices = Dictionary(devices.map { ($0.devicePath, $0) }) { first, _ in first }
  }

  func read(_ path: SysfsPath) throws(SysfsError) -> String {
    guard let text = devices[path.object.path]?.attribute(path.name) else {
      throw SysfsError(.read, path, errno: .noSuchFile)
    }
    return text
  }

  func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    throw SysfsError(.write, path, text: text, errno: .readOnlyFileSystem)
  }

  /// A driver's name may be known from a property alone.
  func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    guard path.name == "driver", let name = devices[path.object.path]?.driver else {
      throw SysfsError(.readLink, path, errno: .noSuchFile)
    }
    return name
  }

  /// The names that the readers of devices look for: a device's directory, and those of the devices in
  /// it.
  func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    guard path.name.isEmpty, devices[path.object.path] != nil else {
      throw SysfsError(.list, path, errno: .noSuchFile)
    }
    let directory = path.object.path + "/"
    return devices.keys.filter { $0.hasPrefix(directory) }.map {
      String($0.dropFirst(directory.count))
    }
  }
}
