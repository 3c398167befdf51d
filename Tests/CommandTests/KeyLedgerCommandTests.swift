import TestSupport
import Testing

/// Master keys on a mounted bus, on which reserved queues do not show them.
@Suite(.enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"))
struct `apreserve apply remembers master keys` {
  private static let control = "kernel/debug/apsim/control"
  private let bus: MountedBus

  init() throws {
    bus = try MountedBus(["rules/50.rules": "ADAPTER==\"5\", RESERVE=\"vfio_ap\"\n"])
    for line in [
      "card serial 5 93AA0005", "card serial 6 93AA0006",
      "key 05.0004 aes load 0x1111111111111111", "key 05.0004 aes set",
      "key 06.0004 aes load 0x6666666666666666", "key 06.0004 aes set",
    ] {
      try #require(bus.write(line + "\n", Self.control) == "ok")
    }
  }

  private func run(_ words: String) throws -> Program.Result {
    try bus.bench.run("\(words) --sysfs sys --state-dir state")
  }

  private func keys(_ more: String = "") throws -> String {
    try run("list -o columns=queue,keys,keys-read --rules rules \(more)").output
  }

  @Test func `before it takes the queues, and list, explain and snapshot show them`() throws {
    #expect(try run("apply --rules rules").status == 0)
    let file = try bus.bench.text("state/keys")
    #expect(file.contains("key 93AA0005 0004 cca AES CUR valid 0x1111111111111111 20"), "\(file)")
    #expect(!file.contains("93AA0006"), "it was not taken")
    let list = try keys()
    #expect(list.contains("05.0004  AES 0x1111111111111111  20"), "\(list)")
    #expect(list.contains("06.0004  AES 0x6666666666666666  now\n"), "\(list)")
    // Nothing of it is known without the record.
    let others = try bus.bench.run("list -o columns=queue,keys-read --rules rules --sysfs sys")
    #expect(others.output.contains("05.0004  unknown\n"), "\(others.output)")
    let explanation = try run("explain 05.0004 --rules rules").output
    #expect(explanation.contains("\nmaster keys\n"), "\(explanation)")
    #expect(explanation.contains("  AES CUR   valid 0x1111111111111111  20"), "\(explanation)")
    let snapshot = try run("snapshot --redact").output
    #expect(snapshot.contains("\"keyLedger\""))
    #expect(!snapshot.contains("0x1111111111111111") && !snapshot.contains("93AA0005"))
    // Another machine reads it, and what a simulation or a plan does is not kept anywhere.
    try bus.bench.file("machine.json", try run("snapshot").output)
    let described = try bus.bench.run(
      "list -o columns=queue,keys --inventory machine.json --rules rules")
    #expect(described.output.contains("05.0004  AES 0x1111111111111111"), "\(described.output)")
    #expect(try bus.bench.text("state/keys") == file)
  }

  @Test func `and the daemon continues with them, and tells of a key that is another one`() throws {
    #expect(try run("apply --rules rules").status == 0)
    for line in ["key 05.0004 aes load 0x2222222222222222", "key 05.0004 aes set"] {
      try #require(bus.write(line + "\n", Self.control) == "ok")
    }
    try bus.bench.file("rules/50.rules", "ADAPTER==\"5\", RESERVE=\"host\"\n")
    #expect(try run("apply --rules rules").status == 0)
    try bus.bench.file("rules/50.rules", "ADAPTER==\"5\", RESERVE=\"vfio_ap\"\n")
    let result = try run("apply --rules rules")
    #expect(
      result.output.contains(
        "keys       AES CUR of 05.0004 has changed: valid 0x2222222222222222, and it was valid "
          + "0x1111111111111111 when it was read before\n"), "\(result.output)")
    let list = try keys()
    #expect(list.contains("05.0004  AES 0x2222222222222222  20"), "\(list)")
    #expect(list.contains(", changed 20"), "\(list)")
  }
}
