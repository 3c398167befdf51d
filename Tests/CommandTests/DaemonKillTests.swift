import Glibc
import TestSupport
import Testing

/// A daemon that is killed at any moment, on a bus that answers as a kernel does.
@Suite(.enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"))
struct `A daemon that is killed` {
  private let bus: MountedBus

  init() throws {
    bus = try MountedBus(["rules/50.rules": Self.rules([5])])
  }

  private static let words = "daemon --sysfs sys --rules rules --control c --state-dir state"
  private static let queues = ["05.0004", "05.0047", "06.0004", "06.0047"]

  private static func rules(_ adapters: [Int]) -> String {
    "# at least one rule\nADAPTER==\"7\", RESERVE=\"host\"\n"
      + adapters.map { "ADAPTER==\"\($0)\", RESERVE=\"vfio_ap\"\n" }.joined()
  }

  private func reserved() -> [String] {
    Self.queues.filter {
      bus.link("bus/ap/devices/\($0)/driver").hasSuffix("/vfio_ap")
    }
  }

  @Test(arguments: ["mask", "override"])
  func `at random moments is always in the right state afterwards`(mechanism: String) throws {
    var generator = SeededGenerator(seed: 11)
    let words = "\(Self.words) --mechanism \(mechanism)"
    for round in 0..<10 {
      let adapters = [[5], [6], [5, 6], []][Int.random(in: 0..<4, using: &generator)]
      try bus.bench.file("rules/50.rules", Self.rules(adapters))
      let killed = try BackgroundProgram(words, in: bus.bench)
      usleep(UInt32.random(in: 0..<120_000, using: &generator))
      _ = killed.end(SIGKILL)
      let daemon = try BackgroundProgram(words, in: bus.bench)
      var settled = try bus.bench.run("settle --control c --timeout 60")
      for _ in 0..<10_000 where settled.status != 0 {
        // It has not begun to listen yet.
        guard settled.messages.contains("the daemon is not running") else { break }
        usleep(1000)
        settled = try bus.bench.run("settle --control c --timeout 60")
      }
      #expect(settled.status == 0, "\(round): \(settled.output)\(settled.messages)")
      #expect(
        reserved() == Self.queues.filter { name in adapters.contains { name.hasPrefix("0\($0)") } },
        "round \(round), adapters \(adapters)")
      #expect(
        Self.queues.filter { bus.link("bus/ap/devices/\($0)/driver").isEmpty } == [],
        "round \(round)")
      _ = daemon.end(SIGKILL)
    }
  }
}
