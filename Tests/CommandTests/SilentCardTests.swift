import Glibc
import JSONText
import TestSupport
import Testing

/// A mounted bus on which adapter 5 is mute (apreserve-scenario(5)): reads that ask it do not return.
@Suite(.enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"))
struct `A mute adapter of a mounted bus` {
  private static let control = "kernel/debug/apsim/control"
  private static let silence =
    "card05 does not answer: reading /sys/devices/ap/card05/serialnr: no answer within 5 s"
  private let bus: MountedBus

  init() throws {
    bus = try MountedBus([
      "rules/50.rules": """
      CARD{serialnr}=="93AA0005", RESERVE="vfio_ap"
      ADAPTER=="6", RESERVE="vfio_ap"

      """
    ])
    try #require(bus.write("card mute 05 1\n", Self.control) == "ok")
  }

  private func run(_ words: String) throws -> Program.Result {
    try bus.bench.run("\(words) --sysfs sys --rules rules")
  }

  @Test func `answers when it is no longer mute, or is removed`() throws {
    let readers = try ["card05/serialnr", "05.0004/mkvps"].map {
      try Program.start("/bin/cat", ["\(bus.path)/bus/ap/devices/\($0)"])
    }
    // Everything else is answered.
    #expect(bus.read("bus/ap/devices/card05/hwtype") == "13\n")
    #expect(bus.read("bus/ap/devices/card06/serialnr") == "\n")
    for reader in readers { #expect(waitpid(reader, nil, WNOHANG) == 0) }
    #expect(bus.write("card mute 05 0\n", Self.control) == "ok")
    for reader in readers { #expect(Program.wait(for: reader) == 0) }
    #expect(bus.write("card mute 05 1\n", Self.control) == "ok")
    let reader = try Program.start("/bin/cat", ["\(bus.path)/bus/ap/devices/card05/serialnr"])
    usleep(200_000)
    #expect(bus.write("card del 05\n", Self.control) == "ok")
    #expect(Program.wait(for: reader) == 1)
  }

  @Test func `shows a plan the keys that rules expect as soon as it answers`() throws {
    #expect(bus.write("card mute 05 0\n", Self.control) == "ok")
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
  @Test func `is one on which apply uses the mechanism that plan shows, once it answers`() throws {
    #expect(bus.write("card mute 05 0\n", Self.control) == "ok")
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

  @Test(arguments: ["plan", "list", "explain 05.0004", "snapshot"])
  func `does not stop a command that reads the machine`(words: String) throws {
    let name = words.split(separator: " ")[0]
    let result =
      name == "snapshot" ? try bus.bench.run("snapshot --sysfs sys") : try run(words)
    #expect(result.messages == "apreserve: \(Self.silence)\n")
    switch name {
    case "plan":
      #expect(result.status == 2)
      #expect(result.output.contains("\n  \(Self.silence); "), "\(result.output)")
      #expect(result.output.contains("05.0004, 05.0047 are unreadable: "), "\(result.output)")
      #expect(!result.output.contains("\nundecidable\n"), "\(result.output)")
    case "list": #expect(result.output.contains("unreadable"))
    case "explain":
      #expect(result.output.contains("\nblocked by\n  card05 does not answer: "))
    default: #expect(result.output.contains("\"milliseconds\": 5000"))
    }
  }

  @Test func `does not keep apply from the other queues, nor from ending`() throws {
    let result = try run("apply")
    #expect(result.output.contains("\nwarning    \(Self.silence); "), "\(result.output)")
    #expect(result.output.hasSuffix("\n2 of 4 queues reserved, 2 unreadable\n"))
    #expect(bus.link("bus/ap/devices/06.0004/driver").hasSuffix("vfio_ap"))
    #expect(bus.link("bus/ap/devices/05.0004/driver").hasSuffix("cex4queue"))
  }
}
