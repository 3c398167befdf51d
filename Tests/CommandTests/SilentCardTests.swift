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
