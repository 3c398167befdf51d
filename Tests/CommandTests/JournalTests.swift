import Glibc
import HostSystem
import HostTestSupport
import TestSupport
import Testing

/// The daemon on a mounted bus, in a mount namespace where the test has the journal's socket.
@Suite(
  .enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"),
  .enabled(if: PrivateMounts.isPossible, "a mount namespace of its own is refused here"))
struct `The journal of a running daemon` {
  private static let rules = """
    # a guest
    ADAPTER=="5", RESERVE="vfio_ap"

    """

  @Test func `has entries with a number for each kind and fields for programs`() throws {
    let bus = try MountedBus(["rules/50.rules": Self.rules])
    let journal = try FakeJournal(bus.bench)
    let daemon = try journal.startDaemon()
    let started = try journal.entry(.started)
    #expect(started["PRIORITY"] == ["6"])
    #expect(started["SYSLOG_IDENTIFIER"] == ["apreserve"])
    #expect(started["MESSAGE"]?.first?.hasPrefix("apreserve ") == true)
    let moved = try journal.entry(.moved)
    #expect(moved["AP_QUEUE"] == ["05.0004", "05.0047"])
    #expect(moved["AP_ACTION"] == ["reserve"])
    #expect(moved["AP_RULE"]?.first?.hasSuffix("/rules/50.rules:2") == true)
    #expect(moved["PRIORITY"] == ["5"])
    #expect(
      moved["MESSAGE"]?.first?.hasPrefix("05.0004, 05.0047 moved from host to vfio_ap") == true)
    // Several lines are one entry.
    try bus.bench.file("rules/60.rules", "NONSENSE\nADAPTER==\"10\", RESERVE=\"vfio_ap\"\n")
    let refused = try journal.entry(.rulesRefused)
    #expect(refused["PRIORITY"] == ["3"])
    #expect(refused["MESSAGE"]?.first?.split(separator: "\n").count == 3)
    #expect(daemon.end(SIGTERM) == 0)
    _ = try journal.entry(.stopping)
    // Nothing is printed to standard error as well.
    #expect(try bus.bench.text(".daemon") == "")
  }

  @Test func `names who has asked for a reload`() throws {
    let bus = try MountedBus(["rules/50.rules": Self.rules])
    let journal = try FakeJournal(bus.bench)
    let daemon = try journal.startDaemon()
    _ = try journal.entry(.moved)
    #expect(try bus.bench.run("reload --control c").status == 0)
    let requested = try journal.entry(.reloadRequested)
    #expect(requested["AP_CLIENT_UID"] == ["\(geteuid())"])
    #expect(requested["AP_CLIENT_COMMAND"] == ["apreserve"])
    let process = try #require(requested["AP_CLIENT_PID"]?.first)
    #expect(
      requested["MESSAGE"] == [
        "reload requested by apreserve (process \(process)), user \(geteuid())"
      ])
    #expect(daemon.end(SIGTERM) == 0)
  }
}

/// The same for a program that runs once.
@Suite(
  .enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"),
  .enabled(if: PrivateMounts.isPossible, "a mount namespace of its own is refused here"))
struct `The journal of apply` {
  @Test(arguments: ["", "--prepare"])
  func `has the same entries as a daemon's`(option: String) throws {
    let bus = try MountedBus([
      "rules/50.rules": "ADAPTER==\"5\", RESERVE=\"vfio_ap\", NAME=\"a guest\"\n"
    ])
    let journal = try FakeJournal(bus.bench)
    let program = try journal.start(
      "apply \(option) --sysfs sys --rules rules --state-dir state")
    let moved = try journal.entry(.moved)
    #expect(moved["AP_QUEUE"] == ["05.0004", "05.0047"])
    #expect(moved["AP_ACTION"] == ["reserve"])
    #expect(moved["AP_FROM"] == ["host"] && moved["AP_TO"] == ["vfio_ap"])
    #expect(moved["AP_RULE"] == ["rules/50.rules:1"])
    #expect(moved["AP_LABEL"] == ["a guest"])
    #expect(moved["AP_RULE_HASH"]?.first?.count == 12)
    #expect(moved["SYSLOG_IDENTIFIER"] == ["apreserve"])
    withExtendedLifetime(program) {}
  }

  @Test func `has what is refused and what fails`() throws {
    let bus = try MountedBus(
      ["rules/50.rules": "ADAPTER==\"5\", RESERVE=\"vfio_ap\"\n"],
      faults: "write /sys/bus/ap/apmask 1 fail EIO\n")
    let journal = try FakeJournal(bus.bench)
    let program = try journal.start(
      "apply --mechanism mask --sysfs sys --rules rules --state-dir state")
    let refused = try journal.entry(.writeRefused)
    #expect(refused["AP_ERRNO"] == ["EIO"])
    #expect(refused["AP_PATH"] == ["/sys/bus/ap/apmask"])
    #expect(try journal.entry(.failed)["AP_QUEUE"] == ["05.0004", "05.0047"])
    withExtendedLifetime(program) {}
  }
}

/// Whether programs can be run in a mount namespace of their own.
enum PrivateMounts {
  static let isPossible =
    (try? Program.start("unshare", ["-m", "true"])).map { Program.wait(for: $0) } == 0
}

/// Where journald would listen.
private final class FakeJournal {
  private let bench: Workbench
  private let socket: DatagramSocket
  private var entries: [[String: [String]]] = []

  init(_ bench: Workbench) throws {
    self.bench = bench
    try bench.directory("journal")
    socket = try DatagramSocket(at: bench.path + "/journal/socket")
  }

  /// JOURNAL_STREAM as the service manager sets it for standard error (systemd.exec(5)).
  private static let script = """
    cd "$0" && mount -t tmpfs none /run && mkdir -p /run/systemd/journal \
      && mount --bind journal /run/systemd/journal && exec 2> .daemon \
      && JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"
    """

  func startDaemon() throws -> BackgroundProgram {
    try start("daemon --sysfs sys --rules rules --control c --state-dir state")
  }

  func start(_ words: String) throws -> BackgroundProgram {
    BackgroundProgram(
      try Program.start(
        "unshare",
        ["-m", "sh", "-c", Self.script, bench.path, try Program.location()]
          + words.split(separator: " ").map(String.init), output: bench.path + "/.result"))
  }

  /// Waits for an entry of that kind, and takes it.
  func entry(_ kind: MessageKind) throws -> [String: [String]] {
    while true {
      while let bytes = socket.receiveBytes() { entries.append(Self.fields(bytes)) }
      if let index = entries.firstIndex(where: { $0["MESSAGE_ID"] == [kind.identifier] }) {
        return entries.remove(at: index)
      }
      try #require(socket.wait(), "no such entry: \(kind); before: \(entries)")
    }
  }

  /// The fields of the journal's protocol: `NAME=value` on a line, or the name on a line and then the
  /// value's size in eight bytes, the value, and a line's end.
  private static func fields(_ bytes: [UInt8]) -> [String: [String]] {
    var fields: [String: [String]] = [:]
    var rest = bytes[...]
    while let end = rest.firstIndex(of: 10) {
      let line = rest[..<end]
      rest = rest[(end + 1)...]
      if let equals = line.firstIndex(of: UInt8(ascii: "=")) {
        let name = String(decoding: line[..<equals], as: UTF8.self)
        fields[name, default: []].append(String(decoding: line[(equals + 1)...], as: UTF8.self))
      } else {
        let size = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let value = rest.dropFirst(8).prefix(size)
        fields[String(decoding: line, as: UTF8.self), default: []].append(
          String(decoding: value, as: UTF8.self))
        rest = rest.dropFirst(8 + size + 1)
      }
    }
    return fields
  }
}
