import APBus
import Glibc
import HostSystem
import TestSupport

/// Reading all 65,536 queues of the architecture from a tree in memory, against a plain loop that reads
/// the same names, links and files and understands nothing.
struct ScanBenchmark {
  func run() throws {
    let tree = try TemporaryTree.inMemory()
    try tree.addBus(adapters: 256, domains: 256)
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

extension TemporaryTree {
  /// A tree in memory.
  static func inMemory() throws -> TemporaryTree { try TemporaryTree(in: "/dev/shm") }

  /// Adds a sysfs tree in `sys`, with all queues on the host.
  func addBus(adapters: Int, domains: Int) throws {
    let all = "0x" + String(repeating: "f", count: 64) + "\n"
    try file("sys/bus/ap/scans", "1\n")
    try file("sys/bus/ap/apmask", all)
    try file("sys/bus/ap/aqmask", all)
    for driver in ["cex4card", "cex4queue", "vfio_ap"] {
      try directory("sys/bus/ap/drivers/\(driver)")
    }
    try directory("sys/bus/ap/devices")
    for adapter in 0..<adapters {
      let card = "card" + Hex.text(adapter, digits: 2)
      try file("sys/devices/ap/\(card)/hwtype", "14\n")
      try file("sys/devices/ap/\(card)/ap_functions", "0x92000000\n")
      try link("sys/devices/ap/\(card)/driver", to: "../../../bus/ap/drivers/cex4card")
      try link("sys/bus/ap/devices/\(card)", to: "../../../devices/ap/\(card)")
      for domain in 0..<domains {
        let queue = Hex.text(adapter, digits: 2) + "." + Hex.text(domain, digits: 4)
        let place = "sys/devices/ap/\(card)/\(queue)"
        try file(place + "/config", "1\n")
        try file(place + "/online", "1\n")
        try file(place + "/chkstop", "0\n")
        try link(place + "/driver", to: "../../../../bus/ap/drivers/cex4queue")
        try link("sys/bus/ap/devices/\(queue)", to: "../../../devices/ap/\(card)/\(queue)")
      }
    }
  }
}
