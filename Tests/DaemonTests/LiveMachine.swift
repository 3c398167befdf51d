import AdjunctProcessor
import Configuration
import CUeventInjection
import Daemon
import Glibc
import HostSystem
import HostTestSupport
import JSONText
import ReservationRules
import SimulatedBus
import Synchronization
import Sysfs
import Testing
import Uevents
import Varlink

/// A simulated bus that several threads use, and whose events are injected into the kernel.
final class SharedBus: Sysfs, Sendable {
  private let bus: Mutex<SimulatedBus>
  /// How long writes take, in milliseconds.
  let writeDelay = Atomic<Int>(0)
  private let texts = Mutex<[String]>([])

  init(_ behavior: KernelBehavior, _ injection: Injection) {
    bus = Mutex(SimulatedBus(behavior: behavior))
    bus.withLock { $0.onUevent = { injection.inject($0) } }
  }

  func use<Value: Sendable>(_ body: (SimulatedBus) -> Value) -> Value {
    bus.withLock { body($0) }
  }

  /// The writes since this was last asked.
  func takeWrites() -> [String] {
    texts.withLock { texts in
      defer { texts = [] }
      return texts
    }
  }

  func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    texts.withLock { $0.append("\(text.filter { $0 != "\n" }) > \(path)") }
    let delay = writeDelay.load(ordering: .relaxed)
    if delay > 0 { usleep(UInt32(delay) * 1000) }
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

/// A daemon in this process, on a simulated bus whose events come through the kernel and libudev. The
/// process must be a child: it gets a network namespace of its own.
final class LiveMachine {
  let bus: SharedBus
  let tree: TemporaryTree
  let injection: Injection

  static let isPossible = apreserve_can_unshare_network() != 0

  var control: String { tree.path + "/control" }

  init(
    _ mechanism: Mechanism, rules: String, adapters: [UInt8] = [0, 1, 2],
    domains: ClosedRange<UInt8> = 0...3, settings change: (inout DaemonSettings) -> Void = { _ in }
  ) throws {
    injection = Injection()
    tree = try TemporaryTree()
    try tree.file("rules/50-test.rules", rules)
    try tree.directory("state")
    bus = SharedBus(.kernel(for: mechanism), injection)
    bus.use { bus in
      for domain in domains { bus.addDomain(domain, quietly: true) }
      for adapter in adapters { bus.plug(card: SimulatedCard(adapter: adapter), quietly: true) }
      bus.scan()
      bus.loadModule(.zcryptCex4)
      bus.loadModule(.vfioAP)
    }
    var settings = DaemonSettings(
      ruleDirectories: [tree.path + "/rules"], control: control,
      ruleArchive: tree.path + "/state/last-good.rules")
    let name = mechanism.rawValue
    settings.configuration = {
      var configuration = Configuration()
      configuration.override(.mechanism, name, origin: "test")
      configuration.override(.busSettle, "50ms", origin: "test")
      return configuration
    }
    settings.record = (tree.path + "/state", "this boot")
    change(&settings)
    start(settings)
    while access(control, F_OK) != 0 { usleep(1000) }
  }

  private func start(_ settings: DaemonSettings) {
    let bus = bus
    do {
      try WorkerThread.start {
        do {
          try ReservationDaemon(settings, log: Silence()).run { bus }
        } catch {
          fatalError("the daemon has ended: \(error)")
        }
      }
    } catch {
      fatalError("\(error)")
    }
  }

  /// Waits until everything is done or refused, and returns the status then.
  @discardableResult func settle() throws -> JSONValue { try call("Settle") }

  func status() throws -> JSONValue { try call("GetStatus") }

  private func call(_ method: String) throws -> JSONValue {
    let client = try ControlClient(path: control)
    let reply = try client.call(Call("org.apreserve.\(method)"), timeout: .seconds(60))
    return try #require(reply["status"])
  }

  func reload() throws {
    _ = try ControlClient(path: control).call(Call("org.apreserve.Reload"), timeout: .seconds(60))
  }

  /// The queues on `vfio_ap`, as the bus has them.
  var reserved: Set<String> {
    bus.use { bus in Set(bus.storedQueues.map(\.description)) }
  }

  /// How often the daemon asks by itself how things are until they are so; no time is asserted.
  func wait(until condition: () throws -> Bool) throws {
    for _ in 0..<60_000 {
      if try condition() { return }
      usleep(1000)
    }
    Issue.record("it did not come to that")
  }

  struct Silence: MessageLog {
    func write(_ message: LogMessage) {}
  }
}
