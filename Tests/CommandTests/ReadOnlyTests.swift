import Glibc
import TestSupport
import Testing

@Suite struct `apreserve daemon on a sysfs that is mounted read-only` {
  @Test(.enabled(if: MountedBus.isPossible, "\(MountedBus.obstacle ?? "")"))
  func `ends with an error, so that the service manager starts a new one`() throws {
    let bus = try MountedBus(
      ["rules/50.rules": "ADAPTER==\"5\", RESERVE=\"vfio_ap\"\n"],
      faults: "write * always fail EROFS\n")
    let daemon = try BackgroundProgram(
      "daemon --sysfs sys --rules rules --control c --state-dir state", in: bus.bench)
    for _ in 0..<60_000 {
      if try bus.bench.text(".daemon").contains("ends so that it can be started anew") { break }
      usleep(1000)
    }
    // By itself: had it not ended, the signal would have ended it with 0.
    try #require(try bus.bench.text(".daemon").contains("EROFS (read-only file system)"))
    for _ in 0..<60_000 where access(bus.bench.path + "/c", F_OK) == 0 { usleep(1000) }
    #expect(daemon.end(SIGTERM) == 1)
  }
}
