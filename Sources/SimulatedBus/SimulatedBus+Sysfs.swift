public import APBus
import Uevents

/// The port: four system calls, and which of their errors belong to opening the file.
extension SimulatedBus {
  /// Reads an attribute.
  ///
  /// - Parameter path: The file.
  /// - Returns: The text, as one `read(2)` has it.
  /// - Throws: ENOENT, EACCES or EISDIR; ETIMEDOUT for what a mute adapter would have to answer.
  public func read(_ path: SysfsPath) throws(SysfsError) -> String {
    guard !isUnanswered(path) else { throw SysfsError(UnansweredRead(path)) }
    do throws(Errno) {
      // Nearly all reads are of queues, which are not worth a detour.
      if case .queue(let apqn) = path.object, let queue = queue(apqn), queue.isRegistered {
        return try tables.queue.read(path.name, of: queue, on: self)
      }
      guard let attributes = attributes(of: path.object) else { throw .noSuchFile }
      return try attributes.read(path.name)
    } catch {
      if isDirectory(path) { throw SysfsError(.read, path, errno: .isDirectory) }
      throw SysfsError(.open, path, errno: error)
    }
  }

  /// Writes an attribute. A write of no bytes does not reach the attribute and has no effect.
  ///
  /// - Parameters:
  ///   - text: What one `write(2)` writes.
  ///   - path: The file.
  /// - Throws: ENOENT, EACCES or EISDIR of opening the file; else the error of the attribute.
  public func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    let store: (String) throws(Errno) -> Void
    do throws(Errno) {
      guard let attributes = attributes(of: path.object) else { throw .noSuchFile }
      store = try attributes.store(in: path.name)
    } catch {
      let errno = isDirectory(path) ? .isDirectory : error
      throw SysfsError(.open, path, text: text, errno: errno)
    }
    guard !text.isEmpty else { return }
    do throws(Errno) {
      try store(text)
    } catch {
      throw SysfsError(.write, path, text: text, errno: error)
    }
  }

  /// Reads a link.
  ///
  /// - Parameter path: The link.
  /// - Returns: The last component of its target, such as a driver's name.
  /// - Throws: ENOENT, or EINVAL for what is not a link.
  public func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    if let target = linkTarget(path) { return target }
    throw SysfsError(.readLink, path, errno: exists(path) ? .invalidArgument : .noSuchFile)
  }

  /// Lists a directory.
  ///
  /// - Parameter path: The directory.
  /// - Returns: The names in it, in no particular order.
  /// - Throws: ENOENT or ENOTDIR.
  public func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    if let names = names(in: path) { return names }
    throw SysfsError(.list, path, errno: exists(path) ? .notDirectory : .noSuchFile)
  }
}

/// What exists: attributes, directories, links (SimulatedBus documentation, "Devices and links").
extension SimulatedBus {
  private func exists(_ path: SysfsPath) -> Bool {
    isDirectory(path) || attributes(of: path.object)?.mode(of: path.name) != nil
  }

  /// The attributes of an object; nil for one that does not exist, or that has none any more.
  private func attributes(of object: BusObject) -> (any ObjectAttributes)? {
    switch object {
    case .bus: return AttributesOf(table: tables.bus, object: (), bus: self)
    case .driver(let name):
      return driver(name).map { AttributesOf(table: tables.driver, object: $0, bus: self) }
    case .root: return AttributesOf(table: tables.root, object: object, bus: self)
    case .card(let adapter):
      guard let card = card(adapter), card.isRegistered else { return nil }
      return AttributesOf(table: tables.card, object: card, bus: self)
    case .queue(let apqn):
      guard let queue = queue(apqn), queue.isRegistered else { return nil }
      return AttributesOf(table: tables.queue, object: queue, bus: self)
    case .matrixRoot:
      return matrix.map { _ in AttributesOf(table: tables.root, object: object, bus: self) }
    case .matrix:
      return matrix.map { AttributesOf(table: tables.matrix, object: $0, bus: self) }
    case .mediatedDeviceType:
      return matrix.map { AttributesOf(table: tables.mediatedDeviceType, object: $0, bus: self) }
    case .mediatedDevice(let uuid):
      guard let mediated = matrix?.mediatedDevices[uuid], !mediated.isLeaving else { return nil }
      return AttributesOf(table: tables.mediatedDevice, object: mediated, bus: self)
    case .module(let name):
      return modules.first { $0.rawValue == name }
        .map { AttributesOf(table: tables.module, object: $0, bus: self) }
    }
  }

  /// The permissions of an attribute; nil for what is not one.
  func mode(of path: SysfsPath) -> UInt16? { attributes(of: path.object)?.mode(of: path.name) }

  private static let power = ["power"]

  /// Directories in an object's own that are not objects; nil for an object that does not exist.
  private func directories(in object: BusObject) -> [String]? {
    let power = behavior.hasPowerDirectories ? Self.power : []
    switch object {
    case .bus: return ["devices", "drivers"]
    case .driver(let name): return driver(name).map { _ in [] }
    case .root: return power
    case .card(let adapter): return card(adapter).map { $0.isRegistered ? power : [] }
    case .queue(let apqn): return queue(apqn).map { $0.isRegistered ? power : [] }
    case .matrixRoot: return matrix.map { _ in ["matrix"] + power }
    case .matrix: return matrix.map { _ in ["mdev_supported_types"] + power }
    case .mediatedDeviceType: return matrix.map { _ in ["devices"] }
    case .mediatedDevice(let uuid):
      return matrix?.mediatedDevices[uuid].map {
        ["iommu_group"] + (behavior.hasMediatedDriver ? ["vfio-dev"] : [])
          + ($0.isLeaving ? [] : power)
      }
    case .module(let name): return modules.contains { $0.rawValue == name } ? [] : nil
    }
  }

  /// Whether a path is a directory. A link counts as what it leads to, and all lead to directories.
  ///
  /// No list is made of what an object may have thousands of, its devices: programs ask for each of them
  /// by name, and such a list each time would be a matter of minutes.
  func isDirectory(_ path: SysfsPath) -> Bool {
    guard let directories = directories(in: path.object) else { return false }
    return path.name.isEmpty || directories.contains(path.name) || linkTarget(path) != nil
      || hasChild(path)
  }

  /// Whether a device has another one in its directory.
  private func hasChild(_ path: SysfsPath) -> Bool {
    switch path.object {
    case .root: return BusObject.adapter(ofCardName: path.name).flatMap { card($0) } != nil
    case .card(let adapter):
      guard let apqn = APQN(path.name), apqn.adapter == adapter else { return false }
      return queue(apqn) != nil
    case .matrix: return matrix?.mediatedDevices[path.name] != nil
    default: return false
    }
  }

  /// The names in a directory; nil for what is not a directory.
  private func names(in path: SysfsPath) -> [String]? {
    switch (path.object, path.name) {
    case (let object, ""):
      guard let directories = directories(in: object) else { return nil }
      let links = Self.linkNames.filter { linkTarget(SysfsPath(object, $0)) != nil }
      return (attributes(of: object)?.names ?? []) + directories + links + children(of: object)
    case (.bus, "devices"): return devices().map { Self.name(of: $0) }
    case (.bus, "drivers"): return drivers.map(\.name)
    case (.matrix, "mdev_supported_types"): return matrix.map { _ in ["vfio_ap-passthrough"] }
    case (.mediatedDeviceType, "devices"):
      return matrix.map { $0.mediatedDevices.filter { !$0.value.isLeaving }.map(\.key) }
    default: return nil
    }
  }

  /// The devices in an object's directory, and the links to those of a driver.
  private func children(of object: BusObject) -> [String] {
    switch object {
    case .driver(let name):
      guard let driver = driver(name) else { return [] }
      return devices().lazy.filter { $0.driver === driver }.map { Self.name(of: $0) }
    case .root: return cards.compactMap { $0?.card.adapter }.map(BusObject.cardName)
    case .card(let adapter):
      guard let card = card(adapter), card.isRegistered else { return [] }
      return card.domains.map { "\(APQN(adapter: adapter, domain: $0))" }
    case .matrix: return matrix.map { Array($0.mediatedDevices.keys) } ?? []
    default: return []
    }
  }

  private static func name(of device: Device) -> String {
    switch device.object {
    case .card(let adapter): BusObject.cardName(adapter)
    case .queue(let apqn): "\(apqn)"
    default: ""
    }
  }

  private static let linkNames = ["driver", "mdev_type", "module", "subsystem"]

  /// The last component of a link's target; nil for what is not a link.
  private func linkTarget(_ path: SysfsPath) -> String? {
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
        $0.isLeaving ? nil : mediatedDeviceLinks[name]
      }
    default: nil
    }
  }

  private var mediatedDeviceLinks: [String: String] {
    [
      "driver": behavior.mediatedDriver, "mdev_type": "vfio_ap-passthrough", "subsystem": "mdev",
    ]
  }
}
