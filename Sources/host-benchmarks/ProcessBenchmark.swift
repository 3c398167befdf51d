import APBus
import Daemon
import Glibc
import HostTestSupport
import TestSupport

/// The daemon as a separate process on a machine of 16 x 85 queues with nothing to move: how long it
/// takes to start, what it needs, and how often it wakes while nothing happens.
struct ProcessBenchmark {
  private static let idleSeconds: UInt32 = 10

  let injection: Injection

  func run() throws {
    let tree = try TemporaryTree.inMemory()
    try tree.addBus(adapters: 16, domains: 85)
    try tree.file("rules/50.rules", "ADAPTER==\"0xff\", RESERVE=\"vfio_ap\"\n")
    let start = Clock.now
    let process = try spawn(in: tree)
    while (try? settle(tree)) == nil { usleep(200) }
    let ready = Double(Clock.now - start) / 1_000_000
    print("start      16 x 85 queues, from exec to settled  \(decimal(ready)) ms")
    let before = switches(of: process)
    sleep(Self.idleSeconds)
    print(
      "idle       \(switches(of: process) - before) wake-ups in \(Self.idleSeconds) s (goal: the slow "
        + "timer's), \(decimal(memory(of: process, key: "VmRSS:") / 1024)) MB (goal: 20)")
    for index in 0..<65_536 {
      injection.inject(
        Injection.queue(
          Hex.text(index % 16, digits: 2) + "." + Hex.text(index / 16 % 85, digits: 4)))
    }
    _ = try settle(tree)
    print(
      "burst      65,536 events, \(decimal(memory(of: process, key: "VmHWM:") / 1024)) MB (goal: 64)"
    )
    kill(process, SIGTERM)
    var status: Int32 = 0
    waitpid(process, &status, 0)
  }

  private func settle(_ tree: TemporaryTree) throws -> Reply {
    try ControlClient(path: tree.path + "/control").call(
      Call("org.apreserve.Settle"))
  }

  private func spawn(in tree: TemporaryTree) throws -> pid_t {
    let own = CommandLine.arguments[0]
    let program =
      own.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/") + "/apreserve"
    let words = [
      program, "daemon", "--sysfs", tree.path + "/sys", "--rules", tree.path + "/rules",
      "--control",
      tree.path + "/control", "--state-dir", tree.path + "/state",
    ]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var process = pid_t()
    let result = posix_spawn(&process, program, &actions, nil, &arguments, environ)
    guard result == 0 else { fatalError("\(program): errno \(result); build it first") }
    return process
  }

  /// How often the process's threads have waited for something.
  private func switches(of process: pid_t) -> Int {
    guard let tasks = opendir("/proc/\(process)/task") else { return 0 }
    defer { closedir(tasks) }
    var sum = 0
    while let entry = readdir(tasks) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard Int(name) != nil else { continue }
      sum += Int(
        number(in: "/proc/\(process)/task/\(name)/status", key: "voluntary_ctxt_switches:"))
    }
    return sum
  }

  private func memory(of process: pid_t, key: String) -> Double {
    number(in: "/proc/\(process)/status", key: key)
  }

  private func number(in path: String, key: String) -> Double {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return 0 }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = read(file, &bytes, bytes.count)
    let lines = String(decoding: bytes[..<max(0, count)], as: UTF8.self).split(separator: "\n")
    guard let line = lines.first(where: { $0.hasPrefix(key) }) else { return 0 }
    return Double(line.filter(\.isNumber)) ?? 0
  }
}
