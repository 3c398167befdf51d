package import APBus

/// The simulated bus as a tree of directories, links and files: what `/sys` shows of AP queues.
package struct SysfsTree {
  package let bus: SimulatedBus

  /// Where the control file is.
  package static let control = ["kernel", "debug", "apsim", "control"]

  package init(_ bus: SimulatedBus) {
    self.bus = bus
  }

  /// The node at a path, given by its parts from the tree's root; nil for none.
  package func node(_ parts: [String]) -> SysfsNode? {
    // Nearly all that programs ask for is in the list of all devices, or in the directory of one.
    if parts.count == 4, parts[2] == "devices", parts[0] == "bus", parts[1] == "ap" {
      return device(parts[3]).map { .link(Self.relative($0, from: parts.dropLast())) }
    }
    if parts.count > 2, parts[1] == "ap", parts[0] == "devices",
      let place = Self.placeOfDevice(parts)
    {
      if let mode = bus.mode(of: place) { return .attribute(place, mode: mode) }
      if let target = linkTarget(parts, at: place) {
        return .link(Self.relative(target, from: parts.dropLast()))
      }
      return bus.isDirectory(place) ? .directory : nil
    }
    if parts == Self.control { return .control }
    switch frame(parts) {
    case .absent: return nil
    case .holding: return .directory
    case nil: break
    }
    let place = Self.place(parts)
    if let target = linkTarget(parts, at: place) {
      return .link(Self.relative(target, from: parts.dropLast()))
    }
    guard let place else { return nil }
    if let mode = bus.mode(of: place) { return .attribute(place, mode: mode) }
    return bus.isDirectory(place) ? .directory : nil
  }

  /// The names in a directory; nil for what is not a directory.
  package func names(_ parts: [String]) -> [String]? {
    switch frame(parts) {
    case .absent: return nil
    case .holding(let names): return names()
    case nil: break
    }
    guard let place = Self.place(parts), node(parts) == .directory else { return nil }
    return (try? bus.list(place)) ?? []
  }

  /// An object, or something in its directory. Objects are where the kernel has them: what is named
  /// through a link is not.
  private static func place(_ parts: [String]) -> SysfsPath? {
    if isOfDevice(parts) { return placeOfDevice(parts) }
    let path = parts.joined(separator: "/")
    if let object = BusObject(path: path) { return SysfsPath(object) }
    guard let name = parts.last, let object = BusObject(path: path.dropLast(name.utf8.count + 1))
    else { return nil }
    return SysfsPath(object, name)
  }

  /// Whether it is a card, a queue, or something in the directory of one: nearly everything that
  /// programs ask for, and once for each directory on the way. No path is built for that.
  private static func isOfDevice(_ parts: [String]) -> Bool {
    parts.count > 2 && parts[0] == "devices" && parts[1] == "ap"
      && BusObject.adapter(ofCardName: parts[2]) != nil
  }

  private static func placeOfDevice(_ parts: [String]) -> SysfsPath? {
    guard parts.count <= 5, let adapter = BusObject.adapter(ofCardName: parts[2]) else {
      return nil
    }
    guard parts.count > 3 else { return SysfsPath(.card(adapter)) }
    let apqn = APQN(parts[3]).flatMap { $0.adapter == adapter ? $0 : nil }
    if parts.count > 4 { return apqn.map { SysfsPath(.queue($0), parts[4]) } }
    return apqn.map { SysfsPath(.queue($0)) } ?? SysfsPath(.card(adapter), parts[3])
  }

  private var hasMatrix: Bool { (try? bus.list(SysfsPath(.matrixRoot))) != nil }
  private var hasMatrixBus: Bool { (try? bus.readLink(SysfsPath(.matrix, "driver"))) != nil }

  private var mediatedDevices: [String] {
    (try? bus.list(SysfsPath(.mediatedDeviceType, "devices"))) ?? []
  }

  /// A directory that is not an object of the AP bus but contains some, with its names; `absent` on a machine
  /// without it.
  private enum Frame {
    case absent
    /// A directory, whose names are read when it is listed.
    case holding(() -> [String])

    static func names(
      _ names: @escaping @autoclosure () -> [String], if isThere: Bool = true
    ) -> Frame {
      isThere ? .holding(names) : .absent
    }
  }

  /// The frame at a path; nil for any other path.
  private func frame(_ parts: [String]) -> Frame? {
    guard !Self.isOfDevice(parts) else { return nil }
    let matrix = hasMatrix
    switch parts.joined(separator: "/") {
    case "": return .names(["bus", "class", "devices", "kernel", "module"])
    case "bus":
      return .names(["ap"] + (matrix ? ["mdev"] : []) + (hasMatrixBus ? ["matrix"] : []))
    case "class": return .names(matrix ? ["mdev_bus"] : [])
    case "class/mdev_bus": return .names(["matrix"], if: matrix)
    case "devices": return .names(["ap"] + (matrix ? ["vfio_ap"] : []))
    case "kernel": return .names(["debug"] + (matrix ? ["iommu_groups"] : []))
    case "kernel/iommu_groups": return .names(["0"], if: matrix)
    case "kernel/iommu_groups/0": return .names([], if: matrix)
    case "kernel/debug": return .names(["apsim"])
    case "kernel/debug/apsim": return .names(["control"])
    case "module": return .names(bus.loadedModules.map(\.rawValue))
    case "bus/mdev": return .names(["devices", "drivers"], if: matrix)
    case "bus/mdev/devices": return .names(mediatedDevices, if: matrix)
    case "bus/mdev/drivers": return .names([bus.behavior.mediatedDriver], if: matrix)
    case "bus/mdev/drivers/\(bus.behavior.mediatedDriver)":
      return .names(mediatedDevices, if: matrix)
    case "bus/matrix": return .names(["devices", "drivers"], if: hasMatrixBus)
    case "bus/matrix/devices", "bus/matrix/drivers/vfio_ap":
      return .names(["matrix"], if: hasMatrixBus)
    case "bus/matrix/drivers": return .names(["vfio_ap"], if: hasMatrixBus)
    default: return nil
    }
  }

  /// Where a link leads, from the tree's root on; nil for what is none.
  private func linkTarget(_ parts: [String], at place: SysfsPath?) -> [String]? {
    guard let name = parts.last else { return nil }
    switch Self.isOfDevice(parts) ? "" : parts.dropLast().joined(separator: "/") {
    case "class/mdev_bus" where name == "matrix" && hasMatrix,
      "bus/matrix/devices" where name == "matrix" && hasMatrixBus,
      "bus/matrix/drivers/vfio_ap" where name == "matrix" && hasMatrixBus:
      return ["devices", "vfio_ap", "matrix"]
    case "bus/mdev/devices", "bus/mdev/drivers/\(bus.behavior.mediatedDriver)",
      "devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough/devices":
      // One that is leaving has no links, and is in no list.
      let isListed = (try? bus.readLink(SysfsPath(.mediatedDevice(name), "driver"))) != nil
      return isListed ? ["devices", "vfio_ap", "matrix", name] : nil
    default: break
    }
    guard let place, !place.name.isEmpty else { return nil }
    if case .mediatedDevice = place.object, name == "iommu_group",
      (try? bus.list(SysfsPath(place.object))) != nil
    {
      return ["kernel", "iommu_groups", "0"]
    }
    guard let target = try? bus.readLink(place) else { return nil }
    switch (place.object, name) {
    case (.driver, "module"): return ["module", target]
    case (.driver, _): return device(name)
    case (.matrix, "driver"): return ["bus", "matrix", "drivers", target]
    case (.matrix, "subsystem"), (.mediatedDevice, "subsystem"): return ["bus", target]
    case (.mediatedDevice, "driver"): return ["bus", "mdev", "drivers", target]
    case (.mediatedDevice, "mdev_type"):
      return ["devices", "vfio_ap", "matrix", "mdev_supported_types", target]
    case (_, "driver"): return ["bus", "ap", "drivers", target]
    case (_, "subsystem"): return ["bus", target]
    default: return nil
    }
  }

  /// The directory of a card or queue that is present.
  private func device(_ name: String) -> [String]? {
    let object: BusObject
    if let apqn = APQN(name) {
      object = .queue(apqn)
    } else if let adapter = BusObject.adapter(ofCardName: name) {
      object = .card(adapter)
    } else {
      return nil
    }
    // A device that leaves has lost this link first (SimulatedBus documentation, "Order").
    guard (try? bus.readLink(SysfsPath(object, "subsystem"))) != nil else { return nil }
    return object.path.split(separator: "/").map { String($0) }
  }

  /// A target as seen from a directory: up to where both are below, then down
  /// (`kernfs_get_target_path` in fs/kernfs/symlink.c).
  private static func relative(_ target: [String], from directory: ArraySlice<String>) -> String {
    var common = 0
    while common < directory.count, common < target.count, directory[common] == target[common] {
      common += 1
    }
    let up = Array(repeating: "..", count: directory.count - common)
    return (up + target[common...]).joined(separator: "/")
  }
}

/// A name in the tree.
package enum SysfsNode: Equatable, Sendable {
  /// A directory of an object, or one that holds such.
  case directory
  /// A link, with its target relative to where the link is, as the kernel writes it.
  case link(String)
  /// A file, with its permissions.
  case attribute(SysfsPath, mode: UInt16)
  /// The file that changes the machine: it takes steps of scenarios.
  case control

  /// The size that `stat` reports: attributes have a page, whatever they read; links and
  /// directories have none (fs/kernfs/inode.c, fs/sysfs/file.c).
  package var size: Int {
    switch self {
    case .attribute: 4096
    case .directory, .link, .control: 0
    }
  }
}
