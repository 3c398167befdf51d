import APBus
import HostSystem
import CUeventInjection
import Daemon
import Glibc
import HostTestSupport
import JSONText
import ReservationRules
import SimulatedBus
import Synchronization
import TestSupport
import Testing
import Uevents

/// A simulated bus that several threads use, and whose events are injected into the kernel.
final class SharedBus: Sysfs, Sendable {
  private let bus: Mutex<SimulatedBus>
  /// How long writes take, in milliseconds.
  let writeDelay = Atomic<Int>(0)
  /// Whether there is an AP bus.
  let isAbsent = Atomic<Bool>(false)
  /// Whether no directory can be listed.
  let isUnreadable = Atomic<Bool>(false)
  /// Whether the kernel does not answer when directories are listed.
  let holdsListings = Atomic<Bool>(false)
  /// Whether the kernel refuses all writes.
  let refusesWrites = Atomic<Bool>(false)
  /// Whether the kernel answers writes at all.
  let isStuck = Atomic<Bool>(false)
  /// Files whose reads do not return.
  private let muteFiles = Mutex<Set<SysfsPath>>([])
  private let texts = Mutex<[String]>([])

  init(_ behavior: KernelBehavior, _ injection: Injection) {
    bus = Mutex(SimulatedBus(behavior: behavior))
    bus.withLock { $0.onUevent = { injection.inject($0) } }
  }

  func use<Value: Sendable>(_ body: (SimulatedBus) -> Value) -> Value {
    bus.withLock { body($0) }
  }

  /// Lets reads of a file never return, or return again.
  func setMute(_ path: SysfsPath, to isMute: Bool) {
    muteFiles.withLock { files in
      if isMute { files.insert(path) } else { files.remove(path) }
    }
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
    while isStuck.load(ordering: .relaxed) { usleep(1000) }
    guard !refusesWrites.load(ordering: .relaxed) else {
      throw SysfsError(.write, path, text: text, errno: .inputOutput)
    }
    try bus.withLock { bus throws(SysfsError) in try bus.write(text, to: path) }
  }

  func read(_ path: SysfsPath) throws(SysfsError) -> String {
    try requireBus(.read, path)
    // A mute adapter holds up nobody else.
    while bus.withLock({ $0.isUnanswered(path) }) || muteFiles.withLock({ $0.contains(path) }) {
      usleep(1000)
    }
    return try bus.withLock { bus throws(SysfsError) in try bus.read(path) }
  }

  func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    try requireBus(.readLink, path)
    return try bus.withLock { bus throws(SysfsError) in try bus.readLink(path) }
  }

  func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    try requireBus(.list, path)
    while holdsListings.load(ordering: .relaxed) { usleep(1000) }
    guard !isUnreadable.load(ordering: .relaxed) else {
      throw SysfsError(.list, path, errno: .inputOutput)
    }
    return try bus.withLock { bus throws(SysfsError) in try bus.list(path) }
  }
}

extension SharedBus {
  private func requireBus(
    _ operation: SysfsError.Operation, _ path: SysfsPath
  ) throws(SysfsError) {
    guard !isAbsent.load(ordering: .relaxed) else {
      throw SysfsError(operation, path, errno: .noSuchFile)
    }
  }
}

/// A daemon in this process, on a simulated bus whose events come through the kernel and libudev. The
/// process must be a child: it gets a network namespace of its own.
final class LiveMachine {
  let bus: SharedBus
  let tree: TemporaryTree
  let injection: Injection
  /// What the daemon has said.
  let messages = Messages()
  /// Whether the daemon may end by itself, and why it has.
  let expectsFailure = Box(false)
  let failure = Box<String?>(nil)
  private let hasEnded = Box(false)
  private let thread = Box(pthread_t())

  static let isPossible = apreserve_can_unshare_network() != 0

  var control: String { tree.path + "/control" }

  init(
    _ mechanism: Mechanism, rules: String, adapters: [UInt8] = [0, 1, 2],
    domains: ClosedRange<UInt8> = 0...3, configuration: [Setting: String] = [:],
    host: KeyValuePairs<String, String> = [:], hasBus: Bool = true, isScanned: Bool = true,
    settings change: (inout DaemonSettings) -> Void = { _ in },
    onBus prepare: (SharedBus) throws -> Void = { _ in }
  ) throws {
    injection = Injection()
    tree = try TemporaryTree()
    try tree.file("rules/50-test.rules", rules)
    try tree.directory("state")
    try tree.directory("host")
    for (name, text) in host { try tree.file("host/\(name)", text) }
    bus = SharedBus(.kernel(for: mechanism), injection)
    bus.isAbsent.store(!hasBus, ordering: .relaxed)
    bus.use { bus in
      for domain in domains { bus.addDomain(domain, quietly: true) }
      for adapter in adapters {
        bus.plug(
          card: SimulatedCard(adapter: adapter, attributes: ["serialnr": "93AA000\(adapter)"]),
          quietly: true)
      }
      if isScanned { bus.scan() }
      bus.loadModule(.zcryptCex4)
      bus.loadModule(.vfioAP)
    }
    try prepare(bus)
    var settings = DaemonSettings(
      ruleDirectories: [tree.path + "/rules"], control: control,
      ruleArchive: tree.path + "/state/last-good.rules")
    let (name, given) = (mechanism.rawValue, configuration)
    settings.configuration = { _ in
      var configuration = Configuration()
      configuration.override(.mechanism, with: name, origin: "test")
      configuration.override(.busSettle, with: "50ms", origin: "test")
      for (key, value) in given { configuration.override(key, with: value, origin: "test") }
      return configuration
    }
    settings.record = (tree.path + "/state", "this boot")
    settings.lasting = tree.path + "/state"
    settings.historyDirectories = [tree.path + "/state"]
    settings.root = tree.path + "/host"
    change(&settings)
    start(settings)
    while access(control, F_OK) != 0 { usleep(1000) }
  }

  private func start(_ settings: DaemonSettings) {
    let bus = bus
    let (messages, hasEnded, thread) = (messages, hasEnded, thread)
    let (expectsFailure, failure) = (expectsFailure, failure)
    do {
      try WorkerThread.start {
        thread.set(pthread_self())
        do {
          try ReservationDaemon(settings, log: messages).run { bus }
          hasEnded.set(true)
        } catch {
          guard expectsFailure.get() else { fatalError("the daemon has ended: \(error)") }
          failure.set("\(error)")
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
    try #require(try reply(method)["status"])
  }

  func reply(_ method: String, _ parameters: [JSONValue.Member] = []) throws -> Reply {
    let client = try ControlClient(path: control)
    return try client.call(
      Call("org.apreserve.\(method)", parameters: parameters), timeout: .seconds(60))
  }

  /// The metrics as text for Prometheus.
  func metrics() throws -> String { try #require(try reply("GetMetrics")["text"]?.text) }

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

  /// Sends a signal to the daemon's thread: the test runner's others do not block it.
  func signal(_ number: Int32) { pthread_kill(thread.get(), number) }

  /// Asks the daemon to stop as the service manager does, and waits until it has.
  func stop() throws {
    beginToStop()
    try wait { hasEnded.get() }
  }

  /// Asks the daemon to stop, and does not wait until it has.
  func beginToStop() {
    signal(SIGTERM)
  }
}

/// A value that threads share.
final class Box<Value: Sendable>: Sendable {
  private let value: Mutex<Value>

  init(_ value: Value) {
    self.value = Mutex(value)
  }

  func set(_ new: Value) { value.withLock { $0 = new } }
  func get() -> Value { value.withLock { $0 } }
}

/// Messages as they were written.
final class Messages: MessageLog {
  private let all = Mutex<[LogMessage]>([])

  /// The kind of message whose writer is blocked, and whether one is.
  private let stall = Box<MessageKind?>(nil)
  private let isStalling = Box(false)

  func write(_ message: LogMessage) {
    all.withLock { $0.append(message) }
    while stall.get() == message.kind {
      isStalling.set(true)
      usleep(1000)
    }
    isStalling.set(false)
  }

  /// Holds up whoever writes such a message next; nil lets all go on.
  func holdUp(_ kind: MessageKind?) { stall.set(kind) }

  /// Whether a writer is blocked.
  var isHoldingUp: Bool { isStalling.get() }

  /// The kinds of all messages.
  var kinds: Set<MessageKind> { Set(all.withLock { $0.map(\.kind) }) }

  func texts(of kind: MessageKind) -> [String] {
    all.withLock { $0.filter { $0.kind == kind }.map(\.text) }
  }
}
