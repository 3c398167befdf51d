import APBus
import HostSystem
import HostTestSupport
import Daemon
import Glibc
import SimulatedBus
import Synchronization
import TestSupport
import Uevents

/// From the injection of an event to the first write that it causes: a queue appears, and its
/// override is written.
struct LatencyBenchmark {
  private static let rounds = 400

  let injection: Injection

  func run() throws {
    let directory = try TemporaryTree.inMemory()
    try directory.file("rules/50.rules", "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n")
    let bus = TimedBus()
    let settings = DaemonSettings(
      ruleDirectories: [directory.path + "/rules"], control: directory.path + "/control",
      configuration: { _ in
        var configuration = Configuration()
        configuration.override(.mechanism, with: "override", origin: "benchmark")
        return configuration
      })
    try WorkerThread.start {
      do {
        try ReservationDaemon(settings, log: TextLog(level: .error)).run { bus }
      } catch {
        fatalError("\(error)")
      }
    }
    while access(directory.path + "/control", F_OK) != 0 { usleep(1000) }
    var latencies: [UInt64] = []
    for _ in 0..<Self.rounds {
      settle(directory)
      let events = bus.plug()
      bus.forgetWrite()
      let start = Clock.now
      for event in events { injection.inject(event) }
      while bus.firstWrite == 0 { usleep(20) }
      latencies.append(bus.firstWrite - min(start, bus.firstWrite))
      settle(directory)
      for event in bus.unplug() { injection.inject(event) }
    }
    let half = Double(Clock.quantile(0.5, of: latencies)) / 1000
    let most = Double(Clock.quantile(0.99, of: latencies)) / 1000
    print(
      "latency    event to first write  \(decimal(half)) us at the median (goal: 1000), "
        + "\(decimal(most)) us at p99")
  }

  private func settle(_ directory: TemporaryTree) {
    do {
      _ = try ControlClient(path: directory.path + "/control").call(
        Call("org.apreserve.Settle"))
    } catch {
      fatalError("\(error)")
    }
  }
}

/// A simulated bus with a card that appears and disappears, which notes the time of its first write.
private final class TimedBus: Sysfs, Sendable {
  private let bus: Mutex<SimulatedBus>
  private let events = Mutex<[Uevent]>([])
  private let written = Atomic<UInt64>(0)

  init() {
    let bus = SimulatedBus(behavior: .override72)
    bus.addDomain(4, quietly: true)
    bus.plug(card: SimulatedCard(adapter: 0), quietly: true)
    bus.scan()
    bus.loadModule(.zcryptCex4)
    bus.loadModule(.vfioAP)
    self.bus = Mutex(bus)
    self.bus.withLock { bus in
      bus.onUevent = { [unowned self] event in events.withLock { $0.append(event) } }
    }
  }

  var firstWrite: UInt64 { written.load(ordering: .acquiring) }

  func forgetWrite() { written.store(0, ordering: .releasing) }

  func plug() -> [Uevent] { change { $0.plug(card: SimulatedCard(adapter: 1)) } }

  func unplug() -> [Uevent] { change { $0.unplug(card: 1) } }

  private func change(_ body: (SimulatedBus) -> Void) -> [Uevent] {
    events.withLock { $0 = [] }
    bus.withLock { body($0) }
    return events.withLock(\.self)
  }

  func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    _ = written.compareExchange(
      expected: 0, desired: Clock.now, ordering: .acquiringAndReleasing)
    try bus.withLock { bus throws(SysfsError) in try bus.write(text, to: path) }
  }

  func read(_ path: SysfsPath) throws(SysfsError) -> String {
    try bus.withLock { bus throws(SysfsError) in try bus.read(path) }
  }

  func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    try bus.withLock { bus throws(SysfsError) in try bus.readLink(path) }
  }

  func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    try bus.withLock { bus throws(SysfsError) in try bus.list(path) }
  }
}
