public import APBus

/// The port: four system calls, and which of their errors belong to opening the file.
extension SimulatedBus {
  /// The text of an attribute.
  public func read(_ path: SysfsPath) throws(SysfsError) -> String {
    if let text = text(of: path) { return text }
    switch kind(of: path) {
    case nil: throw SysfsError(.open, path, errno: .noSuchFile)
    case .attribute: throw SysfsError(.open, path, errno: .permissionDenied)
    case .directory: throw SysfsError(.read, path, errno: .isDirectory)
    }
  }

  /// Writes an attribute. A zero-length write reaches no attribute and has no effect.
  public func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    let wasTaken: Bool
    do throws(Errno) {
      wasTaken = try store(text, to: path)
    } catch {
      throw SysfsError(.write, path, text: text, errno: error)
    }
    guard !wasTaken else { return }
    let errno: Errno =
      switch kind(of: path) {
      case nil: .noSuchFile
      case .attribute: .permissionDenied
      case .directory: .isDirectory
      }
    throw SysfsError(.open, path, text: text, errno: errno)
  }

  /// The last component of a link's target.
  public func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    if let target = linkTarget(path) { return target }
    let errno: Errno = kind(of: path) == nil ? .noSuchFile : .invalidArgument
    throw SysfsError(.readLink, path, errno: errno)
  }

  /// The names in a directory.
  public func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    if let names = names(in: path) { return names }
    let errno: Errno = kind(of: path) == nil ? .noSuchFile : .notDirectory
    throw SysfsError(.list, path, errno: errno)
  }

  private enum Kind {
    case attribute
    case directory
  }

  /// What a path names; nil for what does not exist. A link is what it leads to: a directory.
  ///
  /// No list is made of what an object may have thousands of, its devices: programs ask for each of them
  /// by name, and such a list each time would be a matter of minutes.
  private func kind(of path: SysfsPath) -> Kind? {
    switch path.object {
    case .queue, .card: return kind(ofDeviceEntry: path)
    default: break
    }
    guard let names = ownEntries(of: path.object) else { return nil }
    guard !path.name.isEmpty else { return .directory }
    if names.contains(path.name) {
      let isDirectory = Self.directoryNames.contains(path.name) || linkTarget(path) != nil
      return isDirectory ? .directory : .attribute
    }
    return hasDevice(path) ? .directory : nil
  }

  /// Whether an object that is no device of the AP bus has that device in its directory, or a link to it.
  private func hasDevice(_ path: SysfsPath) -> Bool {
    switch path.object {
    case .driver: linkTarget(path) != nil
    case .root: BusObject.adapter(ofCardName: path.name).flatMap { card($0) } != nil
    case .matrix: matrix?.mediatedDevices[path.name] != nil
    default: false
    }
  }

  /// The same for a card or queue, without making a list of names: asking for what is not there is
  /// part of every look at a queue. Such a device has no file that cannot be read.
  private func kind(ofDeviceEntry path: SysfsPath) -> Kind? {
    let isThere: Bool
    switch path.object {
    case .queue(let apqn): isThere = queue(apqn) != nil
    case .card(let adapter): isThere = card(adapter) != nil
    default: isThere = false
    }
    guard isThere else { return nil }
    let isDirectory =
      switch path.name {
      case "": true
      case "subsystem": linkTarget(path) != nil
      case "driver": linkTarget(path) != nil
      case "power": behavior.hasPowerDirectories
      default: isQueue(path)
      }
    return isDirectory ? .directory : text(of: path) == nil ? nil : .attribute
  }

  private func isQueue(_ path: SysfsPath) -> Bool {
    guard case .card(let adapter) = path.object, let apqn = APQN(path.name) else { return false }
    return apqn.adapter == adapter && queue(apqn) != nil
  }

  private static let directoryNames: Set<String> = [
    "devices", "drivers", "iommu_group", "mdev_supported_types", "power", "vfio-dev",
  ]

  /// The text of a path that can be read; nil for any other.
  private func text(of path: SysfsPath) -> String? {
    switch path.object {
    case .queue(let apqn):
      guard let queue = queue(apqn) else { return nil }
      return text(of: path.name, queue: queue)
    case .card(let adapter):
      guard let card = card(adapter) else { return nil }
      return text(of: path.name, card: card)
    case .bus: return busText(of: path.name)
    case .root: return path.name == "uevent" ? "" : nil
    case .matrix, .matrixRoot, .mediatedDeviceType:
      guard let matrix else { return nil }
      return text(of: path, matrix: matrix)
    case .mediatedDevice(let uuid):
      guard let matrix, let mediated = matrix.mediatedDevices[uuid] else { return nil }
      return text(of: path.name, mediated: mediated, in: matrix)
    case .module(let name):
      guard modules.contains(where: { $0.rawValue == name }) else { return nil }
      return moduleText(of: path.name, module: name)
    case .driver: return nil
    }
  }

  /// Writes to a path that can be written; false for any other.
  private func store(_ text: String, to path: SysfsPath) throws(Errno) -> Bool {
    if path.name == "uevent", kind(of: path) == .attribute {
      if !text.isEmpty { try synthesize(text, path.object) }
      return true
    }
    switch path.object {
    case .queue(let apqn):
      guard let queue = queue(apqn) else { return false }
      return try store(text, to: path.name, queue: queue)
    case .card(let adapter):
      guard let card = card(adapter) else { return false }
      return try store(text, to: path.name, card: card)
    case .bus: return try storeBus(text, to: path.name)
    case .driver(let name):
      guard let driver = driver(name) else { return false }
      switch path.name {
      case "bind": if !text.isEmpty { try bind(text, to: driver) }
      case "unbind": if !text.isEmpty { try unbind(text, from: driver) }
      default: return false
      }
      return true
    case .mediatedDeviceType:
      guard let matrix, path.name == "create" else { return false }
      if !text.isEmpty { try createMediatedDevice(text, in: matrix) }
      return true
    case .mediatedDevice(let uuid):
      guard let matrix, matrix.mediatedDevices[uuid]?.isLeaving == false else { return false }
      return try store(text, to: path.name, mediated: uuid, in: matrix)
    case .root, .matrixRoot, .matrix, .module: return false
    }
  }
}
