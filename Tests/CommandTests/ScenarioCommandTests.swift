import JSONText
import TestSupport
import Testing

@Suite struct `A scenario on the command line` {
  private static let scenario = """
    kernel 7.2
    domain add 4,0x47
    card add 1-2 13 cca
    load zcrypt_cex4
    load vfio_ap

    # Another adapter is added, and another process reserves a queue.
    card add 7 14 ep11
    write -2 > /sys/bus/ap/apmask

    """

  private func bench(_ lines: String = "", faults: String = "") throws -> Workbench {
    try Workbench([
      "test.scenario": Self.scenario + lines,
      "rules/50.rules": #"ADAPTER=="1|7", RESERVE="vfio_ap""# + "\n", "faults": faults,
    ])
  }

  @Test func `runs step by step, with the agent reacting to each`() throws {
    let result = try bench(
      """
        /sys/bus/ap/apmask = 0x9effffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
        07.0047 driver: vfio_ap
      """
    ).run("simulate --script test.scenario --rules rules")
    #expect(result.messages == "")
    #expect(result.status == 0)
    #expect(result.output.contains("step       card add 7 14 ep11\n"), "\(result.output)")
    #expect(result.output.contains("# Another adapter is added, and another process"))
  }

  @Test func `on a described machine knows what is owned there, and prints it at the end`() throws {
    let bench = try bench()
    let first = try bench.run("simulate --script test.scenario --rules rules --snapshot")
    let ours = "\n    \"adapters\": \"0x41"
    #expect(first.output.contains(ours), "\(first.output)")
    try bench.file("machine.json", first.output)
    try bench.file("nothing.scenario", "write 1 > /sys/bus/ap/scans\n")
    try bench.file("hosts/50.rules", "APQN==\"*\", RESERVE=\"host\"\n")
    let plan = try bench.run("plan --inventory machine.json --rules hosts")
    #expect(plan.output.contains("  vfio_ap  ->  host"), "\(plan.output)")
    let second = try bench.run(
      "simulate --script nothing.scenario --inventory machine.json --rules hosts --snapshot")
    #expect(second.status == 0 && !second.output.contains(ours), "\(second.output)")
    #expect(second.output.contains("\"driver\": \"cex4queue\""))
  }

  @Test func `lets time pass, in which the agent tries again what has failed`() throws {
    let bench = try Workbench([
      "test.scenario": """
      kernel 7.2
      domain add 4
      load zcrypt_cex4
      load vfio_ap
      card add 3 13 cca
        03.0004 driver: cex4queue
      pass
        03.0004 driver: cex4queue
      pass 60
        03.0004 driver: vfio_ap

      """,
      "rules/50.rules": "APQN==\"03.0004\", RESERVE=\"vfio_ap\"\n",
      "faults": "write 03.0004 > /sys/bus/ap/drivers/cex4queue/unbind 1-2 fail EBUSY\n",
    ])
    let result = try bench.run(
      "simulate --script test.scenario --rules rules --faults faults --mechanism override")
    #expect(result.messages == "", "\(result.output)")
    #expect(result.status == 0, "\(result.output)")
  }

  @Test func `that does not hold is an error with its line`() throws {
    let result = try bench("  07.0047 driver: cex4queue\n")
      .run("simulate --script test.scenario --rules rules --snapshot")
    #expect(
      result.messages
        == "apreserve: test.scenario:10: the driver of 07.0047 is vfio_ap, not cex4queue\n")
    #expect(result.status == 1)
  }

  @Test func `that is invalid is an error with its line`() throws {
    let result = try bench("dance\n").run("simulate --script test.scenario --rules rules")
    #expect(
      result.messages.hasPrefix("apreserve: test.scenario:10: unknown step \"dance\"; write card,"))
    #expect(result.status == 1)
    #expect(result.output == "")
  }

  @Test func `can have faults between the agent and the bus`() throws {
    let result = try bench(faults: "write /sys/bus/ap/apmask 1 fail EINTR\nevent add* 1 lose\n")
      .run("simulate --script test.scenario --rules rules --faults faults")
    #expect(result.messages == "")
    #expect(result.status == 0)
    #expect(result.output.contains("fault      write 0x"), "\(result.output)")
    #expect(result.output.contains("> /sys/bus/ap/apmask: fail EINTR\n"))
  }

  @Test func `reports a fault that never occurred`() throws {
    let result = try bench(
      faults: "seed 7\n\nevent * 1 lose\n  call  * 1000000 fail EIO  # too late\n"
    ).run("simulate --script test.scenario --rules rules --faults faults")
    #expect(
      result.messages
        == "apreserve: faults:4: the fault never occurred: call * 1000000 fail EIO\n")
    #expect(result.status == 1)
  }

  @Test func `as JSON has the problems that make it an error`() throws {
    let result = try bench("  07.0047 driver: none\n", faults: "call * 1000000 fail EIO\n")
      .run("simulate --script test.scenario --rules rules --faults faults --json")
    #expect(result.status == 1)
    let json = try JSONParser.parse(Array(result.output.utf8))
    #expect(
      json["problems"]?.elements.compactMap(\.text) == [
        "test.scenario:10: the driver of 07.0047 is vfio_ap, not none",
        "faults:1: the fault never occurred: call * 1000000 fail EIO",
      ])
  }

  /// Writes that fail up to the end, and events that never arrive.
  @Test(arguments: [
    ("write */apmask always fail EIO", "0 of 2 queues reserved, 2 pending, 1 failed\n", ""),
    (
      "event * always lose", "",
      "apreserve: the rules request 2 queues that the agent does not know of\n"
    ),
  ])
  func `is not needed to find out that nothing was reserved`(
    fault: String, summary: String, messages: String
  ) throws {
    let bench = try Sample.bench()
    try bench.file("faults", fault + "\n")
    let result = try bench.run(
      "simulate --inventory machine.json --rules guests --faults faults")
    #expect(result.status == 3)
    #expect(result.output.hasSuffix(summary), "\(result.output)")
    #expect(result.messages == messages)
  }

  @Test func `reports an invalid fault`() throws {
    let result = try bench(faults: "# none\ncall * 1 fail EBUSSY\n")
      .run("simulate --script test.scenario --rules rules --faults faults")
    #expect(
      result.messages.hasPrefix("apreserve: faults:2: unknown error \"EBUSSY\""))
    #expect(result.status == 1)
  }

  @Test func `can begin on a described machine`() throws {
    let bench = try bench()
    let end = try bench.run("simulate --script test.scenario --rules rules --snapshot")
    try bench.file("machine.json", end.output)
    try bench.file("next.scenario", "card del 7\n  07.0047 driver:\n  01.0047 driver: vfio_ap\n")
    let result = try bench.run(
      "simulate --script next.scenario --inventory machine.json --rules rules")
    #expect(result.messages == "")
    #expect(result.status == 0)
  }
}
