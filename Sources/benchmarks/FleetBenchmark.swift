import APBus
import Glibc
import SimulatedBus
import Snapshots
import TestSupport

/// `apreserve plan` for a fleet: descriptions of machines with 16 x 85 queues each, once of a tenth of them and once of
/// all. The memory of both must be nearly the same, since one machine is in memory at a time.
struct FleetBenchmark {
  private static let count = 200
  private static let rules = """
    HWTYPE=="13-", DOMAIN=="4-0x0f", RESERVE="vfio_ap", NAME="web"
    ADAPTER=="0", DOMAIN=="0x20-0x30", RESERVE="host", NAME="dm-crypt"
    HOST=="host1*", ADAPTER=="6", DOMAIN=="0x31", RESERVE="host", NAME="signing"
    """

  /// Runs everything and prints a table; whether the plans were made, and memory is flat.
  func run() -> Bool {
    do {
      let tree = try TemporaryTree(["rules/50.rules": Self.rules + "\n"])
      let bytes = try Self.describe(in: tree)
      let program = try BuiltProgram.path("apreserve")
      guard let few = run(program, "few", in: tree), let all = run(program, "all", in: tree) else {
        print("apreserve plan has failed")
        return false
      }
      print("plans of 16 x 85 queues each, from descriptions of \(bytes / 1024) KiB")
      for (count, result) in [(Self.count / 10, few), (Self.count, all)] {
        print("\(count) machines  \(result.milliseconds) ms, peak memory \(result.kibibytes) KiB")
      }
      print("goals: 5 s, and memory that does not grow with the number of machines")
      return all.kibibytes < few.kibibytes + few.kibibytes / 4
    } catch {
      print("\(error)")
      return false
    }
  }

  /// Writes the descriptions; how many bytes one has.
  private static func describe(in tree: TemporaryTree) throws -> Int {
    let bus = SimulatedBus(behavior: .mask61)
    for domain in UInt8(0)..<85 { bus.addDomain(domain, quietly: true) }
    for adapter in UInt8(0)..<16 {
      bus.plug(card: SimulatedCard(adapter: adapter), quietly: true)
    }
    bus.scan()
    SimulatedBus.Module.allCases.forEach(bus.loadModule)
    let reader = InventoryReader(sysfs: bus)
    var inventory = try reader.read()
    try reader.readUse(into: &inventory, masterKeys: true)
    var bytes = 0
    for number in 0..<count {
      let host = HostIdentity(name: "host\(number)", lpar: "LP\(number)")
      let text = Snapshot(host: host, inventory: inventory).encoded()
      bytes = text.utf8.count
      try tree.file("all/host\(number).json", text)
      if number % 10 == 0 { try tree.file("few/host\(number).json", text) }
    }
    return bytes
  }

  /// Plans the machines in a directory; nil unless there is something to do on them.
  private func run(
    _ program: String, _ directory: String, in tree: TemporaryTree
  ) -> (milliseconds: Int, kibibytes: Int)? {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    let words = [
      program, "plan", "--inventory", tree.path + "/" + directory, "--rules", tree.path + "/rules",
    ]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process = pid_t()
    let start = Self.now
    guard posix_spawn(&process, program, &actions, nil, &arguments, environ) == 0 else {
      return nil
    }
    var status: Int32 = 0
    var usage = rusage()
    guard wait4(process, &status, 0, &usage) == process, status >> 8 & 0xff == 2 else { return nil }
    return (Int((Self.now - start) / 1_000_000), usage.ru_maxrss)
  }

  private static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
