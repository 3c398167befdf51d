import TestSupport
import Testing

/// Commands on a machine whose master keys decide.
@Suite(.enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"))
struct `The master keys of a mounted bus` {
  private static let control = "kernel/debug/apsim/control"
  private let bus: MountedBus

  init() throws {
    bus = try MountedBus()
  }

  @Test func `are known to a plan whose rules compare them`() throws {
    #expect(
      bus.write("key 06.0004 aes load 0x1122334455667788\nkey 06.0004 aes set\n", Self.control)
        == "ok")
    try bus.bench.file(
      "expect/50.rules", "ADAPTER==\"6\", RESERVE=\"vfio_ap\", EXPECT_MKVP{aes}=\"0x99*\"\n")
    let expected = try bus.bench.run("plan --sysfs sys --rules expect")
    #expect(expected.output.contains("0x1122334455667788"), "\(expected.output)")
    try bus.bench.file(
      "match/50.rules", "MKVP{aes}==\"0x1122*\", RESERVE=\"vfio_ap\"\n")
    let matched = try bus.bench.run("plan --sysfs sys --rules match")
    #expect(matched.output.contains("06.0004  host  ->  vfio_ap"), "\(matched.output)")
  }

  /// Beside the queue that stays for its keys, masks cannot reserve the other one in its domain.
  @Test func `let apply use the mechanism that plan shows`() throws {
    #expect(bus.write("card add 0x07 14 cca\n", Self.control) == "ok")
    for (adapter, pattern) in [
      ("05", "0x1111111111111111"), ("06", "0x1111111111111111"),
      ("07", "0x7777777777777777"),
    ] {
      for domain in ["0004", "0047"] {
        let key = "key \(adapter).\(domain) aes"
        #expect(bus.write("\(key) load \(pattern)\n\(key) set\n", Self.control) == "ok")
      }
    }
    try bus.bench.file("kept/50.rules", "ADAPTER==\"5|6\", RESERVE=\"vfio_ap\"\n")
    let place = "--sysfs sys --rules kept --state-dir state --protect-host yes"
    let plan = try bus.bench.run("plan \(place)")
    #expect(plan.status == 3)
    #expect(plan.output.contains("mechanism  override: masks cannot reserve everything beside"))
    let masks = bus.read("bus/ap/apmask")
    let apply = try bus.bench.run("apply \(place)")
    #expect(apply.output.contains("3 of 4 queues reserved, 1 refused"), "\(apply.output)")
    #expect(bus.read("bus/ap/apmask") == masks)
    #expect(bus.read("devices/ap/card05/05.0004/driver_override") == "vfio_ap\n")
  }
}
