import APBus
import JSONText
import TestSupport
import Testing

@Suite struct `apreserve replay` {
  private static let cleared = "0xbf" + String(repeating: "f", count: 62)

  private static let end = """

    At the end
             domain  04
    adapter     HMC   4
    01    1  CEX7C   V

    V vfio_ap


    """

  /// What is written, and how many events there are.
  @Test(arguments: [
    (
      Mechanism.bind,
      [
        "01.0004 > /sys/bus/ap/drivers/cex4queue/unbind",
        "01.0004 > /sys/bus/ap/drivers/vfio_ap/bind",
      ], 6
    ),
    (.mask, ["\(cleared) > /sys/bus/ap/apmask"], 10),
    (
      .override,
      [
        "vfio_ap > /sys/devices/ap/card01/01.0004/driver_override",
        "01.0004 > /sys/bus/ap/drivers/cex4queue/unbind", "01.0004 > /sys/bus/ap/drivers_probe",
      ], 8
    ),
  ])
  func `reserves a queue with each mechanism`(
    mechanism: Mechanism, writes: [String], events: Int
  ) throws {
    let result = try Sample.bench().run(
      "replay boot.events --rules alone --mechanism \(mechanism.rawValue)")
    #expect(result.status == 0)
    #expect(result.messages == "")
    let lines = result.output.split(separator: "\n").map(String.init)
    #expect(
      lines.filter { $0.hasPrefix("write ") } == writes.map { "write      \($0)   ok" })
    #expect(lines.contains("mechanism  \(mechanism.rawValue): set on the command line"))
    #expect(lines.contains("decide     01.0004  host  ->  vfio_ap  50.rules:1"))
    let count = writes.count == 1 ? "1 write" : "\(writes.count) writes"
    #expect(
      result.output.hasSuffix(
        Self.end + "\(events) events; \(count); 1 of 1 queues reserved\n"),
      "\(result.output)")
  }

  /// A state has no boot: its queue is present before.
  @Test(arguments: [
    (Sample.boot, false), (Sample.messages, false), (Sample.database, true), (Sample.mock, true),
  ])
  func `reads every form of a capture`(text: String, isState: Bool) throws {
    let bench = try Sample.bench()
    try bench.file("capture", text)
    try bench.file("expected", "01.0004 vfio_ap\nwrites 1\nreserved 1\nrefused 0\n")
    let result = try bench.run("replay capture --rules guests --expect expected")
    #expect(result.messages == "")
    #expect(result.status == 0)
    #expect(result.output.contains("machine    card01 is added") == !isState)
    let piped = try bench.run("replay - --rules guests", input: "capture")
    #expect(piped.output == result.output)
  }

  @Test(arguments: CaptureFile.names, [false, true])
  func `ends with what the rules request after a real capture`(name: String, isForeign: Bool) throws
  {
    let bench = try Sample.bench()
    try bench.file("walk.events", bytes: try CaptureFile.bytes(name + ".events"))
    try bench.file("expected", "01.* vfio_ap\n00.*|02-03.* host\n04-05.* absent\nrefused 0\n")
    let words =
      "replay walk.events --rules guests" + (isForeign ? " --foreign" : " --expect expected")
    let result = try bench.run(words)
    // Other processes keep moving the queues back.
    #expect(result.status == (isForeign ? 3 : 0))
    #expect(result.messages == "")
    #expect(result.output.contains("\nother ") == isForeign)
    #expect(try bench.run(words).output == result.output)
  }

  @Test func `ends with 3 if something is not reserved, unless an expectation decides`() throws {
    let bench = try Sample.bench()
    try bench.file("two/50.rules", "APQN==\"01.0004|01.0007\", RESERVE=\"vfio_ap\"\n")
    try bench.file("expected", "reserved 1\n")
    let result = try bench.run("replay boot.events --rules two")
    #expect(result.status == 3)
    #expect(result.output.hasSuffix("1 of 2 queues reserved, 1 missing\n"), "\(result.output)")
    #expect(result.messages == "")
    #expect(try bench.run("replay boot.events --rules two --expect expected").status == 0)
  }

  @Test func `says which lines of an expectation do not hold`() throws {
    let bench = try Sample.bench()
    try bench.file("expected", "# who\n01.* host\n07.* absent\n05.* host\n\nwrites 9\n")
    let result = try bench.run("replay boot.events --rules guests --expect expected")
    #expect(result.status == 1)
    #expect(
      result.messages == """
        apreserve: expected:2: expected 01.* host, but 01.0004 is with vfio_ap
        apreserve: expected:4: expected 05.* host, but no such queue is there
        apreserve: expected:6: expected writes 9, but counted 1

        """)
    #expect(result.output.hasSuffix("10 events; 1 write; 1 of 1 queues reserved\n"))
    let json = try bench.run("replay boot.events --rules guests --expect expected --json")
    #expect(json.status == 1)
    #expect(json.output.contains("\"mismatches\": [\n    \"expected:2: expected 01.* host, "))
    #expect(json.output.contains("\"problems\": []"))
  }

  @Test(arguments: [
    (
      "one",
      ":1: \"one\" is not two words; write queues and who has them, as \"01.* vfio_ap\", "
        + "or a count, as \"writes 3\""
    ),
    (
      "# none\n01.* guest",
      ":2: unknown owner \"guest\"; write vfio_ap, host, none or absent"
    ),
    ("writes many", ":1: unknown count \"many\"; write a decimal number"),
    ("", ":1: the file expects nothing; write at least one line"),
  ])
  func `runs nothing when the expectation cannot be read`(text: String, message: String) throws {
    let bench = try Sample.bench()
    try bench.file("expected", text)
    let result = try bench.run("replay boot.events --rules guests --expect expected")
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(result.messages == "apreserve: expected\(message)\n")
  }

  @Test func `takes a queue whose card the capture never shows from the description`() throws {
    let bench = try Sample.bench()
    let result = try bench.run("replay queue.events --rules guests")
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(
      result.messages
        == "apreserve: queue.events:1: queue 01.0004 appears, but the capture never shows its card "
        + "card01; give the machine that the capture was made on with --inventory FILE.\n")
    let known = try bench.run("replay queue.events --rules guests --inventory machine.json")
    #expect(known.status == 0)
    #expect(known.output.hasSuffix("7 events; 1 write; 2 of 2 queues reserved\n"))
  }

  /// Cut after the first line, in a property, and in the first line of the second event.
  @Test(arguments: [
    (
      Sample.card + "KERNEL[1.200000] add      /devices/ap/card01/01.0004 (ap)\nACTION=add\nDEVPA",
      11
    ),
    (Sample.card + "KERNEL[1.200000] add      /devi", 11),
    (Sample.boot + "KERNEL[1.200000] bind     /devices/ap/card01/01.0004 (ap)\nACTION=bind\n", 19),
  ])
  func `of a capture that is cut off replays the part before`(text: String, line: Int) throws {
    let bench = try Sample.bench()
    try bench.file("cut.events", text)
    let result = try bench.run("replay cut.events --rules guests")
    #expect(result.status == 1)
    #expect(
      result.messages.hasPrefix(
        "apreserve: cut.events:\(line): the file is cut off in the middle of "),
      "\(result.messages)")
    #expect(result.messages.hasSuffix(" The part before it was replayed.\n"))
    let json = try bench.run("replay cut.events --rules guests --json")
    #expect(json.status == 1)
    let document = try JSONParser.parse(Array(json.output.utf8))
    let problems = document["problems"]?.elements.compactMap(\.text) ?? []
    #expect(problems.count == 1)
    #expect(problems.first?.hasPrefix("cut.events:\(line): the file is cut off in the") == true)
    // As a machine it is not used: what is missing may have changed everything.
    let plan = try bench.run("plan --capture cut.events --rules guests")
    #expect(plan.status == 1)
    #expect(plan.output == "")
    #expect(plan.messages.hasPrefix("apreserve: cut.events:\(line): the file is cut off"))
  }
}
