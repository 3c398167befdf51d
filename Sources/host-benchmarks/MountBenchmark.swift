import APBus
import Glibc
import HostSystem
import TestSupport

/// The largest machine on a mounted bus, against the same tree copied to memory: how long a program that lists its
/// links needs, and `apreserve list`, which reads every queue; the first time, and once the kernel keeps the names.
struct MountBenchmark {
  private static let machine = """
    kernel 7.2
    domain add 0-0xff
    card add 0-0xff 14 cca
    load zcrypt_cex4
    load vfio_ap

    """

  func run() throws {
    let tree = try TemporaryTree.inMemory()
    try tree.file("machine.scenario", Self.machine)
    let mounted = try tree.directory("mounted")
    let server = Program(
      try BuiltProgram.path("apreserve"),
      ["simulate", "--script", tree.path + "/machine.scenario", "--mount", mounted])
    defer { server.end() }
    while access(mounted + "/bus/ap", F_OK) != 0 { usleep(10_000) }
    let programs: [(name: String, words: (String) throws -> [String])] = [
      ("ls -l", { ["/bin/ls", "-l", $0 + "/bus/ap/devices"] }),
      ("list", { [try BuiltProgram.path("apreserve"), "list", "--sysfs", $0] }),
    ]
    let served = try programs.map { program in
      try (0..<3).map { _ in try Self.time(program.words(mounted)) }
    }
    try tree.copyBus(from: mounted, to: "copied")
    for (program, times) in zip(programs, served) {
      let plain =
        try (0..<2).map { _ in
          try Self.time(program.words(tree.path + "/copied"))
        }.min() ?? 0
      let later = times.dropFirst().min() ?? 0
      print(
        "mount      65,536 queues, \(program.name)  first \(decimal(times[0])) s, "
          + "then \(decimal(later)) s; a copy in memory \(decimal(plain, digits: 2)) s, "
          + "\(decimal(later / plain)) times as long")
    }
  }

  /// How many seconds a program takes.
  private static func time(_ words: [String]) throws -> Double {
    let start = Clock.now
    let program = Program(words[0], Array(words.dropFirst()))
    precondition(program.wait() == 0, "\(words)")
    return Double(Clock.now - start) / 1e9
  }
}

/// A program whose output nobody reads.
private struct Program {
  private let process: pid_t

  init(_ path: String, _ arguments: [String]) {
    var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    var process = pid_t()
    let result = posix_spawn(&process, path, &actions, nil, &words, environ)
    guard result == 0 else { fatalError("\(path): errno \(result); build it first") }
    self.process = process
  }

  func wait() -> Int32 {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    return status
  }

  func end() {
    kill(process, SIGTERM)
    _ = wait()
  }
}

extension TemporaryTree {
  /// Copies what `apreserve list` reads of a bus, and the links to its devices. Files with the same text are names
  /// of one file.
  fileprivate func copyBus(from source: String, to name: String) throws {
    let source = try HostSysfs(root: source)
    var files: [String: String] = [:]
    func copy(_ path: SysfsPath) throws {
      guard let text = try? source.read(path) else { return }
      let place = name + path.object.path + "/" + path.name
      if let file = files[text] {
        try hardLink(place, to: file)
      } else {
        try file(place, text)
        files[text] = place
      }
    }
    func copyDriver(of object: BusObject, up: String) throws {
      let driver = try source.readLink(SysfsPath(object, "driver"))
      try link(name + object.path + "/driver", to: up + "/bus/ap/drivers/" + driver)
    }
    for attribute in try source.list(SysfsPath(.bus)) { try copy(.bus(attribute)) }
    for driver in try source.list(.bus("drivers")) {
      try directory(name + "/bus/ap/drivers/" + driver)
    }
    try directory(name + "/devices/vfio_ap/matrix")
    for device in try source.list(.bus("devices")) {
      let object: BusObject
      if let apqn = APQN(device) {
        object = .queue(apqn)
        for attribute in Self.queueAttributes { try copy(.queue(apqn, attribute)) }
        try copyDriver(of: object, up: "../../../..")
      } else if let adapter = BusObject.adapter(ofCardName: device) {
        object = .card(adapter)
        for attribute in try source.list(SysfsPath(object)) { try copy(.card(adapter, attribute)) }
        try copyDriver(of: object, up: "../../..")
      } else {
        continue
      }
      try link(name + "/bus/ap/devices/" + device, to: "../../.." + object.path)
    }
  }

  private static let queueAttributes = [
    "chkstop", "config", "driver_override", "online", "pendingq_count", "requestq_count",
  ]
}
