import Glibc
import HostTestSupport
import TestSupport
import Testing

/// The daemon as the service manager sees it (sd_notify(3)).
@Suite struct `The service manager` {
  private let tree: DaemonTree
  private let manager: Manager

  init() throws {
    tree = try DaemonTree()
    manager = try Manager(tree.bench.path + "/notify")
  }

  private var bench: Workbench { tree.bench }

  private func start(_ more: String = "", _ environment: [String] = []) throws -> BackgroundProgram
  {
    try tree.start(more, environment: ["NOTIFY_SOCKET=\(bench.path)/notify"] + environment)
  }

  @Test
  func `is notified when the daemon is ready, of its status, that it is alive, and that it stops`()
    throws
  {
    let daemon = try start("", ["WATCHDOG_USEC=200000"])
    try manager.read(until: "WATCHDOG=1")
    #expect(manager.lines.contains { $0.hasPrefix("EXTEND_TIMEOUT_USEC=") })
    try manager.read(until: "READY=1")
    #expect(manager.lines.contains("STATUS=0 of 0 queues reserved"))
    _ = try bench.run("reload --control c")
    #expect(daemon.end(SIGTERM) == 0)
    try manager.read(until: "STOPPING=1")
    // Ready, and ready again once the rules have been read again.
    let states = manager.lines.filter { ["READY=1", "RELOADING=1", "STOPPING=1"].contains($0) }
    #expect(states == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"])
    #expect(manager.lines.contains("STATUS=stopping; what is reserved stays reserved"))
  }

  @Test func `is not notified that it is ready before the first scan of the bus`() throws {
    try bench.file("tree/bus/ap/scans", "0\n")
    try bench.file("my.conf", "[Daemon]\nRescanIntervalSec=1\n")
    let daemon = try start("--config my.conf")
    try manager.read(until: "STATUS=waiting for the first scan of the AP bus")
    // A second scan does not change that.
    try tree.wait { try bench.looks > 1 }
    #expect(!manager.lines.contains("READY=1"))
    try bench.file("tree/bus/ap/scans", "1\n")
    try manager.read(until: "READY=1")
    #expect(manager.lines.suffix(2).contains("STATUS=0 of 0 queues reserved"))
    withExtendedLifetime(daemon) {}
  }

  @Test func `is notified that it is ready if there is no AP bus`() throws {
    try bench.directory("empty")
    let daemon = try BackgroundProgram(
      "daemon --sysfs empty --rules rules --control c --state-dir state", in: bench,
      environment: ["NOTIFY_SOCKET=\(bench.path)/notify"])
    try manager.read(until: "READY=1")
    #expect(manager.lines.suffix(2).contains("STATUS=waiting for an AP bus"))
    #expect(daemon.end(SIGTERM) == 0)
  }

  @Test func `is notified that it is ready when everything is refused, with the reason`() throws {
    let daemon = try start("--mechanism bind")
    try manager.read(until: "READY=1")
    #expect(
      manager.lines.contains {
        $0.hasPrefix("STATUS=") && $0.contains("bind")
      }, "\(manager.lines)")
    withExtendedLifetime(daemon) {}
  }

  @Test func `does not wait for a lock that another tool holds, neither at boot nor at the end`()
    throws
  {
    try bench.file("rules/50.rules", "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n")
    // Whoever runs the tests lives as long as they do.
    try bench.file("root/run/lock/s390apconfig.lock", "\(getpid())\n")
    try bench.file("my.conf", "[Daemon]\nStartTimeoutSec=10min\nLockTimeoutSec=1h\n")
    let daemon = try start("--config my.conf --root root")
    try tree.wait { try bench.text(".daemon").contains("waiting for ") }
    #expect(
      try bench.text(".daemon").contains(
        "(process \(getpid())), which holds \(bench.path)/root/run/lock/s390apconfig.lock"))
    try manager.read(until: "STATUS=starting")
    #expect(!manager.lines.contains("READY=1"))
    // The deadline is extended during the wait, too.
    try bench.file("my.conf", "[Daemon]\nStartTimeoutSec=1\nLockTimeoutSec=1h\n")
    #expect(try bench.run("reload --control c").status == 0)
    try manager.read(until: "READY=1")
    try tree.wait { try bench.text(".daemon").contains("nothing waits for it any longer") }
    #expect(daemon.end(SIGTERM) == 0)
    let messages = try bench.text(".daemon")
    #expect(messages.contains("stopped before 01.0004 could be moved"), "\(messages)")
    #expect(!messages.contains("stopping without it"))
    #expect(try bench.text("tree/bus/ap/apmask").hasPrefix("0xff"))
  }
}

extension Workbench {
  /// How often the daemon has scanned the machine.
  fileprivate var looks: Int {
    get throws {
      let metrics = try run("status --control c --metrics").output
      let line = metrics.split(separator: "\n").first {
        $0.hasPrefix("apreserve_reconciliations_total ")
      }
      return line?.split(separator: " ").last.flatMap { Int($0) } ?? 0
    }
  }
}

/// What a service manager listens on.
private final class Manager {
  private let socket: DatagramSocket
  /// The notifications so far.
  private(set) var lines: [String] = []

  init(_ path: String) throws {
    socket = try DatagramSocket(at: path)
  }

  /// Waits for that line.
  func read(until line: String) throws {
    while true {
      while let text = socket.receive() {
        lines += text.split(separator: "\n").map(String.init)
      }
      if lines.contains(line) { return }
      try #require(socket.wait(), "\(line) is not sent; before: \(lines)")
    }
  }
}
