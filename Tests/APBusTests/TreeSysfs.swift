import APBus

/// A tree of files and links in memory, as dead as a directory on disk.
final class TreeSysfs: Sysfs {
  /// Texts by full path.
  var files: [String: String]
  /// The last component of each link's target, by full path.
  var links: [String: String]
  /// Paths that answer with an error whatever is there.
  var failures: [String: Errno] = [:]
  /// Paths that only an adapter answers, which does not.
  var unanswered: Set<String> = []
  /// Called before every access with its path.
  var beforeAccess: (TreeSysfs, String) -> Void = { _, _ in }
  /// The files that have been read, in order.
  private(set) var reads: [String] = []

  init(files: [String: String] = [:], links: [String: String] = [:]) {
    self.files = files
    self.links = links
  }

  /// Takes away everything below a directory.
  func remove(_ directory: String) {
    files = files.filter { !$0.key.hasPrefix(directory + "/") }
    links = links.filter { !$0.key.hasPrefix(directory + "/") }
    // A device's link on the bus is the first thing to go (SimulatedBus documentation, "Order").
    if let name = directory.split(separator: "/").last {
      links = links.filter { !$0.key.hasSuffix("/" + name) }
    }
  }

  func read(_ path: SysfsPath) throws(SysfsError) -> String {
    try access(.read, path)
    reads.append(path.description)
    guard let text = files[path.description] else {
      throw SysfsError(.open, path, errno: .noSuchFile)
    }
    return text
  }

  func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    throw SysfsError(.write, path, text: text, errno: .permissionDenied)
  }

  func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    try access(.readLink, path)
    guard let target = links[path.description] else {
      throw SysfsError(.readLink, path, errno: .noSuchFile)
    }
    return target
  }

  func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    try access(.list, path)
    let prefix = path.description + "/"
    var names: Set<String> = []
    for key in Array(files.keys) + Array(links.keys) where key.hasPrefix(prefix) {
      names.insert(String(key.dropFirst(prefix.count).prefix { $0 != "/" }))
    }
    guard !names.isEmpty else { throw SysfsError(.list, path, errno: .noSuchFile) }
    return names.sorted(by: >)
  }

  private func access(
    _ operation: SysfsError.Operation, _ path: SysfsPath
  ) throws(SysfsError) {
    beforeAccess(self, path.description)
    if unanswered.contains(path.description) { throw SysfsError(UnansweredRead(path)) }
    guard let errno = failures[path.description] else { return }
    throw SysfsError(operation, path, errno: errno)
  }
}

extension TreeSysfs {
  static let all = "0x" + String(repeating: "f", count: 64) + "\n"

  /// A machine with one card, a queue for the host, a queue for guests and an unbound one.
  static func small() -> TreeSysfs {
    let bus = "/sys/bus/ap/"
    let card = "/sys/devices/ap/card05/"
    let matrix = "/sys/devices/vfio_ap/matrix/"
    let tree = TreeSysfs()
    for device in ["card05", "05.0004", "05.00ab", "05.0047"] {
      tree.links[bus + "devices/" + device] = device
    }
    for driver in ["vfio_ap", "cex4queue", "cex4card"] {
      tree.files[bus + "drivers/\(driver)/bind"] = ""
    }
    tree.files[bus + "apmask"] = all
    tree.files[bus + "aqmask"] = "0xf7" + String(repeating: "f", count: 62) + "\n"
    tree.files[bus + "scans"] = "18446744073709551615\n"
    tree.files[bus + "bindings_complete_count"] = "3\n"
    tree.files[bus + "ap_adapter_mask"] = "0x04" + String(repeating: "0", count: 62) + "\n"
    tree.files[bus + "ap_usage_domain_mask"] = "not supported\n"
    tree.files[bus + "ap_domain"] = "4\n"
    tree.files[card + "hwtype"] = "13\n"
    tree.files[card + "raw_hwtype"] = "16\n"
    tree.files[card + "ap_functions"] = "0x92000000\n"
    tree.files[card + "config"] = "1\n"
    tree.files[card + "chkstop"] = "0\n"
    tree.files[card + "serialnr"] = "93AABBCC\n"
    tree.files[card + "API_ordinalnr"] = "\n"
    tree.links[card + "driver"] = "cex4card"
    for (queue, driver) in [("05.0004", "vfio_ap"), ("05.0047", "cex4queue"), ("05.00ab", nil)] {
      tree.files[card + queue + "/config"] = "1\n"
      tree.files[card + queue + "/chkstop"] = "1\n"
      tree.files[card + queue + "/driver_override"] = "\n"
      tree.links[card + queue + "/driver"] = driver
    }
    tree.files[card + "05.0004/driver_override"] = "vfio_ap\n"
    tree.files[card + "05.0004/status"] = "in use\n"
    tree.files[card + "05.0047/online"] = "1\n"
    let uuid = "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e"
    tree.files[matrix + "features"] = "guest_matrix\n"
    tree.files[matrix + uuid + "/matrix"] = "05.0004\n05.0047\n"
    tree.files[matrix + uuid + "/control_domains"] = "00ab\n"
    return tree
  }
}
