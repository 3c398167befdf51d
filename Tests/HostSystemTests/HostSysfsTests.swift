import APBus
import Glibc
import HostSystem
import HostTestSupport
import TestSupport
import Testing

@Suite struct `The real sysfs` {
  private static let apqn = APQN(adapter: 5, domain: 4)
  private let queue = "devices/ap/card05/05.0004"
  private let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
  }

  private func sysfs(_ walking: Bool) throws -> HostSysfs {
    try HostSysfs(root: tree.path, walking: walking)
  }

  @Test(arguments: [false, true])
  func `reads a text with one call, up to a page`(walking: Bool) throws {
    try tree.file("bus/ap/apmask", "0xff\n")
    try tree.file("bus/ap/long", String(repeating: "x", count: 5000))
    let sysfs = try sysfs(walking)
    #expect(try sysfs.read(.bus("apmask")) == "0xff\n")
    #expect(try sysfs.read(.bus("long")).utf8.count == 4096)
  }

  @Test(arguments: [false, true])
  func `overwrites the contents, and neither truncates nor creates a file`(walking: Bool) throws {
    try tree.file("bus/ap/drivers/vfio_ap/bind", "........", mode: 0o200)
    let sysfs = try sysfs(walking)
    try sysfs.write("05.0004", to: .driver("vfio_ap", "bind"))
    try tree.mode("bus/ap/drivers/vfio_ap/bind", 0o600)
    #expect(try tree.text("bus/ap/drivers/vfio_ap/bind") == "05.0004.")
    let error = try #require(throws: SysfsError.self) {
      try sysfs.write("05.0004", to: .driver("cex4queue", "bind"))
    }
    #expect(
      error.description
        == "opening for writing /sys/bus/ap/drivers/cex4queue/bind: ENOENT (no such file or directory)"
    )
  }

  @Test(arguments: [false, true])
  func `reads a link's last component and lists names`(walking: Bool) throws {
    try tree.link("\(queue)/driver", to: "../../../../bus/ap/drivers/cex4queue")
    try tree.link("bus/ap/devices/05.0004", to: "../../../devices/ap/card05/05.0004")
    try tree.link("bus/ap/devices/card05", to: "../../../devices/ap/card05")
    let sysfs = try sysfs(walking)
    #expect(try sysfs.readLink(.queue(Self.apqn, "driver")) == "cex4queue")
    #expect(try sysfs.list(.bus("devices")).sorted() == ["05.0004", "card05"])
    #expect(try sysfs.list(SysfsPath(.queue(Self.apqn))) == ["driver"])
  }

  @Test(arguments: [false, true])
  func `answers like the kernel for what does not exist`(walking: Bool) throws {
    try tree.file("\(queue)/online", "1\n")
    let sysfs = try sysfs(walking)
    let absent = SysfsPath.queue(Self.apqn, "driver")
    #expect(throws: SysfsError(.readLink, absent, errno: .noSuchFile)) {
      try sysfs.readLink(absent)
    }
    let online = SysfsPath.queue(Self.apqn, "online")
    #expect(throws: SysfsError(.readLink, online, errno: .invalidArgument)) {
      try sysfs.readLink(online)
    }
    tree.remove("devices/ap/card05")
    #expect(throws: SysfsError(.open, online, errno: .noSuchFile)) { try sysfs.read(online) }
    let directory = SysfsPath(.queue(Self.apqn))
    #expect(throws: SysfsError(.list, directory, errno: .noSuchFile)) {
      try sysfs.list(directory)
    }
  }

  @Test(arguments: [false, true])
  func `follows no link and opens no pipe`(walking: Bool) throws {
    let outside = try TemporaryTree()
    try outside.file("card05/05.0004/online", "secret\n")
    try outside.file("apmask", "secret\n")
    try tree.link("bus/ap/apmask", to: outside.path + "/apmask")
    try tree.file("bus/ap/scans", "1\n")
    try tree.link("bus/ap/aqmask", to: "scans")
    try tree.pipe("bus/ap/features")
    try tree.directory("bus/ap/drivers")
    try tree.link("devices/ap", to: outside.path)
    let sysfs = try sysfs(walking)
    func refuses(_ path: SysfsPath, _ allowed: Errno...) {
      for (operation, call) in [
        ("read", { _ = try sysfs.read(path) }), ("write", { try sysfs.write("x", to: path) }),
      ] {
        let error = #expect(throws: SysfsError.self) { try call() }
        #expect(error.map { allowed.contains($0.errno) } == true, "\(operation) \(path)")
      }
    }
    let tooManyLinks = Errno(rawValue: ELOOP)
    refuses(.bus("apmask"), tooManyLinks)
    refuses(.bus("aqmask"), tooManyLinks)
    refuses(.queue(Self.apqn, "online"), tooManyLinks, .notDirectory)
    refuses(.bus("features"), .invalidArgument, Errno(rawValue: ENXIO))
    refuses(.bus("drivers"), .invalidArgument, .isDirectory)
    #expect(throws: SysfsError.self) { try sysfs.list(SysfsPath(.root)) }
    #expect(try outside.text("apmask") == "secret\n")
    #expect(try tree.text("bus/ap/scans") == "1\n")
  }

  @Test(arguments: [
    "..", "../ap/apmask", "./apmask", "a//b", "apmask\0x", "/etc/passwd", "apmask/",
  ])
  func `takes nothing but names`(name: String) throws {
    try tree.file("bus/ap/apmask", "0xff\n")
    for walking in [false, true] {
      let sysfs = try sysfs(walking)
      let path = SysfsPath.bus(name)
      #expect(throws: SysfsError(.open, path, errno: .invalidArgument)) { try sysfs.read(path) }
      #expect(throws: SysfsError(.list, path, errno: .invalidArgument)) { try sysfs.list(path) }
      if name != ".." {
        #expect(throws: SysfsError(.readLink, path, errno: .invalidArgument)) {
          try sysfs.readLink(path)
        }
      }
    }
  }

  @Test func `refuses names that are too long`() throws {
    try tree.directory("bus/ap")
    for walking in [false, true] {
      let path = SysfsPath.bus(String(repeating: "x", count: 300))
      #expect(throws: SysfsError(.open, path, errno: Errno(rawValue: ENAMETOOLONG))) {
        try sysfs(walking).read(path)
      }
    }
  }

  /// A queue that was removed, and another one of its name.
  @Test func `reads what is there now, and nothing of a directory that was removed`() throws {
    let sysfs = try HostSysfs(root: tree.path)
    let online = SysfsPath.queue(Self.apqn, "online")
    for value in ["1\n", "0\n"] {
      try tree.file("\(queue)/online", value)
      try tree.link("\(queue)/driver", to: "../../../../bus/ap/drivers/cex4queue")
      #expect(try sysfs.readLink(.queue(Self.apqn, "driver")) == "cex4queue")
      #expect(try sysfs.read(online) == value)
      tree.remove(queue)
    }
    try tree.file("\(queue)/online", "2\n")
    #expect(try sysfs.read(online) == "2\n")
    tree.remove(queue)
    #expect(throws: SysfsError(.open, online, errno: .noSuchFile)) { try sysfs.read(online) }
  }

  @Test func `stays where it was opened`() throws {
    try tree.file("a/bus/ap/apmask", "first\n")
    try tree.file("b/bus/ap/apmask", "second\n")
    let sysfs = try HostSysfs(root: tree.path + "/a")
    #expect(rename(tree.path + "/a", tree.path + "/c") == 0)
    try tree.link("a", to: "b")
    #expect(try sysfs.read(.bus("apmask")) == "first\n")
  }

  @Test func `reports a root that does not exist`() throws {
    let error = try #require(throws: FileError.self) {
      try HostSysfs(root: "/nowhere/at/all")
    }
    #expect(error.description == "opening /nowhere/at/all: ENOENT (no such file or directory)")
  }

  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func `keeps the answer for a file that may not be read`() throws {
    try tree.file("bus/ap/apmask", "0xff\n", mode: 0)
    let path = SysfsPath.bus("apmask")
    #expect(throws: SysfsError(.open, path, errno: .permissionDenied)) {
      try sysfs(false).read(path)
    }
  }

  @Test func `gives an inventory of a tree on disk`() throws {
    #expect(throws: InventoryReaderError.noAPBus) {
      try InventoryReader(sysfs: sysfs(false)).read()
    }
    try tree.directory("bus/ap/drivers/cex4queue")
    try tree.link("bus/ap/devices/card05", to: "../../../devices/ap/card05")
    try tree.link("bus/ap/devices/05.0004", to: "../../../devices/ap/card05/05.0004")
    try tree.file("devices/ap/card05/hwtype", "13\n")
    try tree.file("devices/ap/card05/ap_functions", "0x92000000\n")
    try tree.link("\(queue)/driver", to: "../../../../bus/ap/drivers/cex4queue")
    let inventory = try InventoryReader(sysfs: sysfs(false)).read()
    #expect(inventory.queues == [Queue(apqn: Self.apqn, driver: "cex4queue")])
    #expect(inventory.bus.drivers == ["cex4queue"])
  }
}
