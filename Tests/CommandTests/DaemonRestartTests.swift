import Glibc
import TestSupport
import Testing

/// A daemon that follows another one, on a bus that responds like a kernel.
@Suite(.enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"))
struct `A daemon that follows another one` {
  private let bus: MountedBus

  init() throws {
    bus = try MountedBus(["rules/50.rules": "ADAPTER==\"5\", RESERVE=\"vfio_ap\"\n"])
  }

  private func start() throws -> BackgroundProgram {
    unlink(bus.bench.path + "/c")
    let daemon = try BackgroundProgram(
      "daemon --sysfs sys --rules rules --control c --state-dir state", in: bus.bench)
    for _ in 0..<60_000 where access(bus.bench.path + "/c", F_OK) != 0 { usleep(1000) }
    return daemon
  }

  private func reserved() -> [String] {
    ["05.0004", "05.0047", "06.0004", "06.0047"].filter {
      bus.link("bus/ap/devices/\($0)/driver").hasSuffix("/vfio_ap")
    }
  }

  @Test func `keeps what is reserved when its rules have errors, also on reload`()
    throws
  {
    let first = try start()
    #expect(try bus.bench.run("settle --control c --timeout 60").status == 0)
    #expect(reserved() == ["05.0004", "05.0047"])
    #expect(first.end(SIGTERM) == 0)
    #expect(reserved() == ["05.0004", "05.0047"])
    // Nothing is known of better rules.
    bus.bench.remove("state/last-good.rules")
    try bus.bench.file("rules/50.rules", "NONSENSE\n")
    let second = try start()
    for _ in 0..<2 {
      #expect(try bus.bench.run("reload --control c").status == 1)
      #expect(try bus.bench.run("settle --control c --timeout 60").status == 1)
      #expect(reserved() == ["05.0004", "05.0047"])
    }
    // An empty set of rules without an error is intended.
    try bus.bench.file("rules/50.rules", "# none\n")
    #expect(try bus.bench.run("reload --control c").status == 0)
    #expect(try bus.bench.run("settle --control c --timeout 60").status == 0)
    #expect(reserved() == [])
    withExtendedLifetime(second) {}
  }

  @Test func `is alone on the bus, and finishes what the other one left undone`() throws {
    let first = try start()
    #expect(try bus.bench.run("settle --control c --timeout 60").status == 0)
    #expect(first.end(SIGKILL) == 128 + Int(SIGKILL))
    try bus.bench.file("rules/50.rules", "ADAPTER==\"6\", RESERVE=\"vfio_ap\"\n")
    let second = try start()
    #expect(try bus.bench.run("settle --control c --timeout 60").status == 0)
    #expect(reserved() == ["06.0004", "06.0047"])
    withExtendedLifetime(second) {}
  }
}
