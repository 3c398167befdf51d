import APBus
import Glibc
import HostSystem

/// Reading all 65,536 queues of the architecture from a tree in memory, against a plain loop that reads
/// the same names, links and files and understands nothing.
struct ScanBenchmark {
  func run() throws {
    let tree = try Scratch()
    try tree.bus(adapters: 256, domains: 256)
    let root = tree.path + "/sys"
    var plain: [UInt64] = []
    var ours: [UInt64] = []
    for _ in 0..<3 {
      var start = Clock.now
      let count = Self.plainScan(root)
      plain.append(Clock.now - start)
      precondition(count == 65_536)
      start = Clock.now
      let inventory = try InventoryReader(sysfs: HostSysfs(root: root)).read()
      ours.append(Clock.now - start)
      precondition(inventory.queues.count == 65_536)
    }
    let plainTime = Double(Clock.quantile(0.5, of: plain)) / 1_000_000
    let ourTime = Double(Clock.quantile(0.5, of: ours)) / 1_000_000
    print(
      """
      scan       65,536 queues, plain loop  \(decimal(plainTime)) ms
                 65,536 queues, inventory   \(decimal(ourTime)) ms, \
      \(decimal(ourTime / plainTime, digits: 2)) times as long (goal: 1.5)
      """)
  }

  /// Reads a queue's driver link and the files that a decision needs, by absolute paths. The files that are
  /// not there are asked for too, since only the kernel knows that.
  private static func plainScan(_ root: String) -> Int {
    guard let directory = opendir(root + "/bus/ap/devices") else { return 0 }
    defer { closedir(directory) }
    var buffer = [CChar](repeating: 0, count: 4096)
    var count = 0
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name.utf8.count == 7, name.utf8.first != 0x2e else { continue }
      let queue = root + "/devices/ap/card" + name.prefix(2) + "/" + name
      readlink(queue + "/driver", &buffer, buffer.count)
      for file in ["/online", "/driver_override", "/chkstop", "/config"] {
        let descriptor = open(queue + file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { continue }
        read(descriptor, &buffer, buffer.count)
        close(descriptor)
      }
      count += 1
    }
    return count
  }
}
