import Glibc
import TestSupport
import Testing

/// Whatever the kernel keeps of a mounted bus, a change is seen at once: by path, from an open directory, and in
/// lists, and whoever makes it.
@Suite(.enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"))
struct `A change of a mounted bus` {
  private let bus: MountedBus

  init() throws {
    bus = try MountedBus()
  }

  private static let control = "kernel/debug/apsim/control"
  private static let device = "devices/ap/card05/05.0004"

  /// What is found at a path in each of the ways to look at one, without following it: once each.
  private func looks(at name: String) -> Set<String> {
    let path = bus.path + "/" + name
    var status = stat()
    var looks: Set<String> = []
    func note(_ result: Int32) { looks.insert(result < 0 ? "\(errno)" : "found") }
    note(lstat(path, &status))
    note(faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW))
    // O_PATH, which the module of the C library does not have.
    let file = open(path, 0o10_000_000 | O_NOFOLLOW | O_CLOEXEC)
    note(file)
    if file >= 0 { close(file) }
    let parts = name.split(separator: "/")
    let names = list(parts.dropLast().joined(separator: "/")) ?? []
    looks.insert(names.contains(String(parts.last ?? "")) ? "found" : "\(ENOENT)")
    return looks
  }

  /// The names in a directory; nil for one that cannot be read.
  private func list(_ name: String) -> [String]? {
    guard let directory = opendir(bus.path + "/" + name) else { return nil }
    defer { closedir(directory) }
    return Self.names(directory)
  }

  private static func names(_ directory: OpaquePointer) -> [String] {
    var names: [String] = []
    while let entry = readdir(directory) {
      names.append(
        withUnsafeBytes(of: &entry.pointee.d_name) {
          String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        })
    }
    return names
  }

  /// Looks at everything in the tree all the time.
  private func reader() throws -> pid_t {
    try Program.start(
      "/bin/sh", ["-c", "while :; do ls -lR \"$0\" > /dev/null 2>&1; done", bus.path])
  }

  private func end(_ process: pid_t) {
    kill(process, SIGTERM)
    _ = Program.wait(for: process)
  }

  private static let removals: [(change: String, undo: String, names: [String])] = [
    (
      "card del 5", "card add 5 13 cca",
      [
        "bus/ap/devices/card05", "bus/ap/devices/05.0004", "devices/ap/card05",
        "devices/ap/card05/hwtype", device, device + "/config", device + "/driver",
        "bus/ap/drivers/cex4queue/05.0004", "bus/ap/drivers/cex4card/card05",
      ]
    ),
    (
      "queue del 05.0004", "queue add 05.0004",
      [
        "bus/ap/devices/05.0004", device, device + "/online", device + "/subsystem",
      ]
    ),
    (
      "unload zcrypt_cex4", "load zcrypt_cex4",
      [
        "bus/ap/drivers/cex4queue", "bus/ap/drivers/cex4queue/bind", "module/zcrypt_cex4",
        device + "/driver", device + "/online", "devices/ap/card05/driver",
      ]
    ),
    (
      "unload vfio_ap", "load vfio_ap",
      [
        "bus/ap/drivers/vfio_ap", "devices/vfio_ap", "devices/vfio_ap/matrix",
        "class/mdev_bus/matrix", "bus/matrix", "bus/mdev", "kernel/iommu_groups",
      ]
    ),
  ]

  @Test(arguments: removals)
  func `removes names and adds them, while another process reads them all the time`(
    change: String, undo: String, names: [String]
  ) throws {
    let reader = try reader()
    defer { end(reader) }
    for _ in 0..<5 {
      for name in names { #expect(looks(at: name) == ["found"], "\(name)") }
      #expect(bus.write(change + "\n", Self.control) == "ok")
      for name in names { #expect(looks(at: name) == ["\(ENOENT)"], "\(name) after \(change)") }
      #expect(bus.write(undo + "\n", Self.control) == "ok")
    }
    for name in names { #expect(looks(at: name) == ["found"], "\(name)") }
  }

  @Test func `moves a queue between drivers, while another process reads everything`() throws {
    let reader = try reader()
    defer { end(reader) }
    let drivers = "bus/ap/drivers/"
    let ofHost = [drivers + "cex4queue/05.0004", Self.device + "/online"]
    let ofGuests = [drivers + "vfio_ap/05.0004", Self.device + "/status"]
    for _ in 0..<5 {
      for (text, driver, there, gone) in [
        ("-5\n", "vfio_ap", ofGuests, ofHost), ("+5\n", "cex4queue", ofHost, ofGuests),
      ] {
        #expect(bus.write(text, "bus/ap/apmask") == "ok")
        #expect(bus.link(Self.device + "/driver") == "../../../../bus/ap/drivers/" + driver)
        for name in there { #expect(looks(at: name) == ["found"], "\(name) after \(text)") }
        for name in gone { #expect(looks(at: name) == ["\(ENOENT)"], "\(name) after \(text)") }
      }
    }
  }

  private static let uuid = "11111111-2222-3333-4444-555555555555"

  @Test func `makes mediated devices and removes them, while another process reads everything`()
    throws
  {
    let reader = try reader()
    defer { end(reader) }
    let type = "devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough"
    let device = "devices/vfio_ap/matrix/" + Self.uuid
    let names = [
      device, device + "/matrix", device + "/driver", type + "/devices/" + Self.uuid,
      "bus/mdev/devices/" + Self.uuid, "bus/mdev/drivers/vfio_ap_mdev/" + Self.uuid,
    ]
    for _ in 0..<10 {
      for name in names { #expect(looks(at: name) == ["\(ENOENT)"], "\(name)") }
      #expect(bus.write(Self.uuid + "\n", type + "/create") == "ok")
      for name in names { #expect(looks(at: name) == ["found"], "\(name)") }
      #expect(bus.write("1\n", device + "/remove") == "ok")
    }
  }

  /// Each moves a queue of its own, and looks at once at what the others have in their directories, too.
  @Test func `is seen by whoever makes it, however many do`() throws {
    let readers = try [reader(), reader()]
    defer { for reader in readers { end(reader) } }
    let script = """
      cd "$0" || exit 9
      device=devices/ap/card${1%%.*}/$1
      host=bus/ap/drivers/cex4queue
      for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        echo $1 > $host/unbind || exit 1
        test -L $device/driver && exit 2
        test -e $device/online && exit 3
        test -L $host/$1 && exit 4
        echo $1 > bus/ap/drivers_probe || exit 5
        test "$(readlink $device/driver)" = ../../../../$host || exit 6
        test -e $device/online || exit 7
        test -L $host/$1 || exit 8
      done
      """
    let programs = try ["05.0004", "05.0047", "06.0004", "06.0047"].map {
      try Program.start("/bin/sh", ["-c", script, bus.path, $0])
    }
    for program in programs { #expect(Program.wait(for: program) == 0) }
    #expect(bus.read("bus/ap/bindings") == "4/4 (complete)\n")
  }

  /// A program that asks a stopped server waits until it goes on.
  @Test func `is what it takes for names and attributes to be asked for again`() throws {
    let server = try bus.server
    let names = ["bus/ap/devices/05.0004", Self.device, Self.device + "/config"]
    for name in names { #expect(looks(at: name) == ["found"]) }
    let paths = names.map { bus.path + "/" + $0 }
    #expect(kill(server, SIGSTOP) == 0)
    defer { kill(server, SIGCONT) }
    let look = "test -L \"$0\" && test -r \"$1\" && test -r \"$2\""
    #expect(
      Program.wait(for: try Program.start("timeout", ["10", "sh", "-c", look] + paths)) == 0)
    let change = try Program.start(
      "/bin/sh", ["-c", "echo queue del 05.0004 > \"$0\"", bus.path + "/" + Self.control])
    #expect(kill(server, SIGCONT) == 0)
    #expect(Program.wait(for: change) == 0)
    for path in paths { #expect(access(path, F_OK) != 0 && errno == ENOENT, "\(path)") }
  }

  /// A name that is being dropped is waited for by nobody who could be waited for.
  @Test func `ends with the server while names are looked for and changed`() throws {
    let readers = try [reader(), reader(), reader()]
    defer { for reader in readers { end(reader) } }
    let writer = try Program.start(
      "/bin/sh",
      [
        "-c",
        "cd \"$0\" && while :; do echo -5 > bus/ap/apmask && echo +5 > bus/ap/apmask || exit 1; done",
        bus.path,
      ])
    usleep(300_000)
    #expect(kill(try bus.server, SIGTERM) == 0)
    #expect(bus.end() == 0)
    #expect(Program.wait(for: writer) != 0)
  }

  @Test func `of another process is seen in texts that were read before`() throws {
    let override = Self.device + "/driver_override"
    for name in ["vfio_ap", "cex4queue", "vfio_ap"] {
      #expect(
        Program.wait(
          for: try Program.start(
            "/bin/sh", ["-c", "echo \(name) > \"$0\"", bus.path + "/" + override])) == 0)
      #expect(bus.read(override) == name + "\n")
      #expect(bus.read("bus/ap/devices/05.0004/driver_override") == name + "\n")
    }
  }

  @Test func `by the kernel's own scan is seen without a write`() throws {
    let device = "bus/ap/devices/05.0004"
    #expect(bus.write("5\n", "bus/ap/config_time") == "ok")
    #expect(bus.write("quiet card del 5\n", Self.control) == "ok")
    let scans = bus.read("bus/ap/scans")
    #expect(looks(at: device) == ["found"])
    for _ in 0..<1000 where bus.read("bus/ap/scans") == scans { usleep(20_000) }
    #expect(looks(at: device) == ["\(ENOENT)"])
    #expect(looks(at: Self.device) == ["\(ENOENT)"])
  }

  @Test func `is seen from a directory that is open, and in a list that is read again`() throws {
    let place = open(bus.path + "/" + Self.device, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    let cards = try #require(opendir(bus.path + "/devices/ap"))
    let queue = try #require(opendir(bus.path + "/" + Self.device))
    defer {
      close(place)
      closedir(cards)
      closedir(queue)
    }
    var status = stat()
    #expect(fstatat(place, "config", &status, AT_SYMLINK_NOFOLLOW) == 0)
    #expect(fstatat(place, "driver", &status, AT_SYMLINK_NOFOLLOW) == 0)
    #expect(Self.names(cards).contains("card05"))
    #expect(Self.names(queue).contains("config"))
    #expect(bus.write("card del 5\n", Self.control) == "ok")
    #expect(fstatat(place, "config", &status, AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT)
    #expect(fstatat(place, "driver", &status, AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT)
    rewinddir(cards)
    rewinddir(queue)
    #expect(Set(Self.names(cards)).isDisjoint(with: ["card05"]))
    #expect(Self.names(queue) == [])
    #expect(bus.write("card add 5 13 cca\n", Self.control) == "ok")
    #expect(fstatat(place, "config", &status, AT_SYMLINK_NOFOLLOW) == 0)
  }

  @Test func `is in a list whole or not at all`() throws {
    #expect(bus.write("domain add 0-0xff\n", Self.control) == "ok")
    let directory = try #require(opendir(bus.path + "/bus/ap/devices"))
    defer { closedir(directory) }
    // Some of the first answer, which has far fewer than all.
    for _ in 0..<10 { _ = readdir(directory) }
    #expect(bus.write("card del 5\n", Self.control) == "ok")
    let rest = Self.names(directory)
    #expect(rest.count == 2 + 2 * 257 - 10)
    #expect(Set(rest).count == rest.count)
    #expect(try #require(list("bus/ap/devices")).count == 2 + 257)
  }

  @Test func `leaves numbers and kinds of files as they are`() throws {
    var before = stat()
    var after = stat()
    #expect(lstat(bus.path + "/" + Self.device, &before) == 0)
    #expect(bus.write("card add 7 14 ep11\n", Self.control) == "ok")
    #expect(lstat(bus.path + "/" + Self.device, &after) == 0)
    #expect(before.st_ino == after.st_ino && after.st_mode == S_IFDIR | 0o755)
    #expect(lstat(bus.path + "/bus/ap/devices/05.0004", &after) == 0)
    #expect(before.st_ino != after.st_ino && after.st_mode == S_IFLNK | 0o777)
    let directory = try #require(opendir(bus.path + "/" + Self.device))
    defer { closedir(directory) }
    var kinds: [Int: Int] = [:]
    while let entry = readdir(directory) { kinds[Int(entry.pointee.d_type), default: 0] += 1 }
    #expect(kinds[Int(DT_LNK)] == 2 && kinds[Int(DT_DIR)] == 2 && kinds[Int(DT_UNKNOWN)] == nil)
    #expect(kinds[Int(DT_REG)] ?? 0 > 10)
  }
}
