import APBus
import SimulatedBus
import Testing

/// Adapters 5 and 6 in domains 4 and 47, adapter 6 on vfio_ap where there are masks, and a mediated device.
private func machine(_ behavior: KernelBehavior) throws -> SysfsTree {
  let bus = SimulatedBus(behavior: behavior)
  for domain in [UInt8(4), 0x47] { bus.addDomain(domain, quietly: true) }
  bus.plug(card: SimulatedCard(adapter: 5, mode: .ep11), quietly: true)
  bus.plug(card: SimulatedCard(adapter: 6), quietly: true)
  bus.scan()
  for module in SimulatedBus.Module.allCases { bus.loadModule(module) }
  if behavior.hasMasks { try bus.write("-6\n", to: .bus("apmask")) }
  try bus.write(uuid + "\n", to: SysfsPath(.mediatedDeviceType, "create"))
  return SysfsTree(bus)
}

private let uuid = "11111111-2222-3333-4444-555555555555"

private func parts(_ path: String) -> [String] { path.split(separator: "/").map { String($0) } }

private let kernels = KernelBehavior.kernels.map(\.behavior)

@Suite struct `The tree of the simulated bus` {
  /// Every path of the tree with what it is, links not followed.
  private func all(_ tree: SysfsTree) throws -> [(path: [String], node: SysfsNode)] {
    var found: [(path: [String], node: SysfsNode)] = []
    var directories: [[String]] = [[]]
    while let directory = directories.popLast() {
      let names = try #require(tree.names(directory), "\(directory)")
      #expect(Set(names).count == names.count, "\(directory)")
      for name in names {
        let node = try #require(tree.node(directory + [name]), "\(directory) \(name)")
        found.append((directory + [name], node))
        if node == .directory { directories.append(directory + [name]) }
      }
    }
    return found
  }

  @Test(arguments: kernels)
  func `has a node for each name, and no link that leads nowhere`(behavior: KernelBehavior) throws {
    let tree = try machine(behavior)
    let all = try all(tree)
    #expect(all.count > 150)
    for (path, node) in all {
      guard case .link(let target) = node else { continue }
      var place = Array(path.dropLast())
      for part in parts(target) {
        if part == ".." { place.removeLast() } else { place.append(part) }
      }
      #expect(tree.node(place) == .directory, "\(path) -> \(target)")
    }
  }

  @Test(arguments: kernels)
  func `gives those files permissions to read and write that the kernel reads and writes`(
    behavior: KernelBehavior
  ) throws {
    let tree = try machine(behavior)
    for (path, node) in try all(tree) {
      guard case .attribute(let place, let mode) = node else { continue }
      let isReadable = (try? tree.bus.read(place)) != nil
      #expect(isReadable == (mode & 0o400 != 0), "\(path) reads")
      var isWritable = true
      do throws(SysfsError) {
        try tree.bus.write("", to: place)
      } catch {
        isWritable = error.operation != .open
      }
      #expect(isWritable == (mode & 0o200 != 0), "\(path) writes")
    }
  }

  private static let changes: [(String, @Sendable (SimulatedBus) throws -> Void)] = [
    ("a card is unplugged", { $0.unplug(card: 5) }),
    ("it is plugged again", { $0.plug(card: SimulatedCard(adapter: 5, mode: .ep11)) }),
    (
      "another one takes its place",
      {
        $0.plug(
          card: SimulatedCard(
            adapter: 5, hardwareType: HardwareType(rawValue: 12), mode: .accelerator))
      }
    ),
    ("a domain is removed", { $0.removeDomain(0x47) }),
    ("it is added again", { $0.addDomain(0x47) }),
    ("a queue is removed", { $0.unplugQueue(APQN(adapter: 6, domain: 4)) }),
    (
      "it is added again, and another one removed",
      {
        $0.plugQueue(APQN(adapter: 6, domain: 4), quietly: true)
        $0.unplugQueue(APQN(adapter: 6, domain: 0x47))
      }
    ),
    (
      "a queue is unbound",
      { try? $0.write("05.0004\n", to: SysfsPath(.driver("cex4queue"), "unbind")) }
    ),
    ("it is bound", { try? $0.write("05.0004\n", to: SysfsPath(.driver("cex4queue"), "bind")) }),
    (
      "a card is unbound",
      { try? $0.write("card05\n", to: SysfsPath(.driver("cex4card"), "unbind")) }
    ),
    (
      "a card goes and comes between two looks",
      {
        $0.unplug(card: 6)
        $0.plug(card: SimulatedCard(adapter: 6))
      }
    ),
    ("the pools change", { try? $0.write("-5,+6\n", to: .bus("apmask")) }),
    (
      "a mediated device is removed",
      { try? $0.write("1\n", to: SysfsPath(.mediatedDevice(uuid), "remove")) }
    ),
    ("vfio_ap is unloaded", { try? $0.unloadModule(.vfioAP) }),
    ("vfio_ap is loaded", { $0.loadModule(.vfioAP) }),
    ("zcrypt_cex4 is unloaded", { try? $0.unloadModule(.zcryptCex4) }),
    ("zcrypt_cex4 is loaded", { $0.loadModule(.zcryptCex4) }),
  ]

  /// Who keeps what was found at a path asks for these alone.
  @Test(arguments: kernels)
  func `changes where a device has, or at a path of no device`(behavior: KernelBehavior) throws {
    let tree = try machine(behavior)
    func nodes() throws -> [[String]: SysfsNode] {
      Dictionary(uniqueKeysWithValues: try all(tree).map { ($0.path, $0.node) })
    }
    var watch = DeviceWatch()
    #expect(watch.changes(of: tree.bus).count == 6)
    var before = try nodes()
    // What a kernel finds only later is a change of its own.
    let scan: (String, @Sendable (SimulatedBus) throws -> Void) = ("a scan follows", { $0.scan() })
    for (name, change) in Self.changes.flatMap({ [$0, scan] }) {
      try change(tree.bus)
      let changed = watch.changes(of: tree.bus)
      let after = try nodes()
      for path in Set(before.keys).union(after.keys) where before[path] != after[path] {
        let device = SysfsTree.device(at: path)
        #expect(device.map(changed.contains) ?? true, "\(path) when \(name)")
      }
      #expect(Set(changed).count == changed.count)
      tree.bus.passTime()
      #expect(watch.changes(of: tree.bus) == [])
      #expect(try nodes() == after)
      before = after
    }
  }

  /// As `ls -l` shows them on a machine (SimulatedBus documentation, "Devices and links" and "Mediated
  /// devices").
  @Test(arguments: [
    ("bus/ap/devices/card05", "../../../devices/ap/card05"),
    ("bus/ap/devices/05.0004", "../../../devices/ap/card05/05.0004"),
    ("devices/ap/card05/subsystem", "../../../bus/ap"),
    ("devices/ap/card05/05.0004/subsystem", "../../../../bus/ap"),
    ("devices/ap/card05/driver", "../../../bus/ap/drivers/cex4card"),
    ("devices/ap/card05/05.0004/driver", "../../../../bus/ap/drivers/cex4queue"),
    ("devices/ap/card06/06.0004/driver", "../../../../bus/ap/drivers/vfio_ap"),
    ("bus/ap/drivers/cex4queue/05.0004", "../../../../devices/ap/card05/05.0004"),
    ("bus/ap/drivers/cex4queue/module", "../../../../module/zcrypt_cex4"),
    ("class/mdev_bus/matrix", "../../devices/vfio_ap/matrix"),
    ("devices/vfio_ap/matrix/driver", "../../../bus/matrix/drivers/vfio_ap"),
    ("devices/vfio_ap/matrix/\(uuid)/subsystem", "../../../../bus/mdev"),
    ("devices/vfio_ap/matrix/\(uuid)/driver", "../../../../bus/mdev/drivers/vfio_ap_mdev"),
    (
      "devices/vfio_ap/matrix/\(uuid)/mdev_type", "../mdev_supported_types/vfio_ap-passthrough"
    ),
    (
      "devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough/devices/\(uuid)",
      "../../../\(uuid)"
    ),
    ("bus/mdev/devices/\(uuid)", "../../../devices/vfio_ap/matrix/\(uuid)"),
  ])
  func `has the kernel's links`(path: String, target: String) throws {
    #expect(try machine(.mask61).node(parts(path)) == .link(target))
  }

  @Test(
    arguments: [
      ("bus/ap/apmask", 0o644), ("bus/ap/bindings", 0o444), ("bus/ap/drivers_probe", 0o200),
      ("bus/ap/scans", 0o644), ("bus/ap/drivers_autoprobe", 0o644), ("bus/ap/config_time", 0o644),
      ("bus/ap/ap_domain", 0o644), ("bus/ap/ap_interrupts", 0o444), ("bus/ap/uevent", 0o200),
      ("devices/ap/card05/05.0004/uevent", 0o644), ("devices/ap/card05/request_count", 0o644),
      ("devices/ap/card05/05.0004/reset", 0o644), ("devices/vfio_ap/matrix/\(uuid)/remove", 0o200),
      ("bus/ap/drivers/vfio_ap/bind", 0o200), ("devices/ap/card05/config", 0o644),
      ("devices/ap/card05/05.0004/config", 0o444), ("devices/ap/card05/05.0004/online", 0o644),
      ("devices/ap/card06/06.0004/status", 0o444),
      ("devices/vfio_ap/matrix/\(uuid)/assign_adapter", 0o200),
      ("devices/vfio_ap/matrix/\(uuid)/matrix", 0o444),
    ] as [(String, UInt16)])
  func `has the kernel's permissions, and a page for each file`(path: String, mode: UInt16) throws {
    let node = try #require(try machine(.mask61).node(parts(path)))
    guard case .attribute(_, mode) = node else {
      Issue.record("\(path) is \(node)")
      return
    }
    #expect(node.size == 4096)
  }

  @Test(arguments: [
    "bus/ap/devices/05.0005", "bus/ap/devices/card07", "devices/ap/card05/06.0004",
    "devices/ap/card05/05.0004/status", "bus/ap/drivers/cex4queue/06.0004", "bus/pci", "bus/ap/..",
    "bus/ap/devices/05.0004/driver", "module/ext4", "devices/ap/card5",
  ])
  func `has nothing that the machine has not`(path: String) throws {
    #expect(try machine(.mask61).node(parts(path)) == nil)
  }

  /// A program that lists a driver of the largest machine asks for each of its links by name. If each
  /// answer took a list of them all, this would go on for an hour.
  @Test func `finds each of 65,536 links of a driver without reading the others`() throws {
    let bus = SimulatedBus(behavior: .override72)
    for domain in UInt8.min...UInt8.max { bus.addDomain(domain, quietly: true) }
    for adapter in UInt8.min...UInt8.max {
      bus.plug(card: SimulatedCard(adapter: adapter), quietly: true)
    }
    bus.scan()
    bus.loadModule(.zcryptCex4)
    let tree = SysfsTree(bus)
    let driver = parts("bus/ap/drivers/cex4queue")
    let names = try #require(tree.names(driver))
    #expect(names.count == 65_540)
    var counts: [String: Int] = [:]
    for name in names {
      // So the kernel looks a path up: each directory anew.
      #expect(tree.node(driver) == .directory)
      switch tree.node(driver + [name]) {
      case .link: counts["links", default: 0] += 1
      case .attribute: counts["attributes", default: 0] += 1
      case .directory, .control, nil: Issue.record("\(name)")
      }
    }
    #expect(counts == ["links": 65_537, "attributes": 3])
  }

  @Test func `follows the machine`() throws {
    let tree = try machine(.mask61)
    try tree.bus.unloadModule(.vfioAP)
    for path in ["devices/vfio_ap", "class/mdev_bus", "bus/mdev", "bus/matrix", "module/vfio_ap"] {
      #expect(tree.node(parts(path)) == nil, "\(path)")
    }
    #expect(tree.node(parts("devices/ap/card06/06.0004/driver")) == nil)
    tree.bus.unplug(card: 6)
    #expect(tree.node(parts("devices/ap/card06")) == nil)
    #expect(try #require(tree.names(parts("bus/ap/devices"))).count == 3)
  }
}
