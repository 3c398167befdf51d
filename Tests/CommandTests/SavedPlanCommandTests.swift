import Glibc
import JSONText
import TestSupport
import Testing

/// On a simulated bus, which moves queues as the kernel does.
@Suite(.enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"))
struct `apreserve apply with a saved plan` {
  private let bus: MountedBus

  init() throws {
    bus = try MountedBus([
      "rules/50.rules": #"ADAPTER=="6", RESERVE="vfio_ap""# + "\n",
      "other/50.rules": #"ADAPTER=="5|6", RESERVE="vfio_ap""# + "\n",
    ])
    let plan = try bus.bench.run("plan \(Self.machine) --rules rules -o plan.json")
    try #require(plan.status == 2, "\(plan.messages)")
  }

  private static let machine = "--sysfs sys --state-dir state"

  private func apply(_ words: String = "--rules rules") throws -> Program.Result {
    try bus.bench.run("apply plan.json \(Self.machine) \(words)")
  }

  private func owner(_ queue: String) -> String {
    bus.link("bus/ap/devices/\(queue)/driver").split(separator: "/").last.map(String.init) ?? ""
  }

  @Test func `does it, and a second time refuses, since it is done`() throws {
    let result = try apply()
    #expect(result.status == 0, "\(result.messages)")
    #expect(result.messages == "")
    #expect(result.output.hasSuffix("\n2 of 2 queues reserved\n"), "\(result.output)")
    #expect(owner("06.0004") == "vfio_ap" && owner("06.0047") == "vfio_ap")
    let second = try apply()
    #expect(second.status == 1)
    #expect(second.output == "")
    #expect(
      second.messages.contains("06.0004, 06.0047  driver cex4queue -> vfio_ap\n"),
      "\(second.messages)")
  }

  @Test func `refuses where a queue has another owner, and shows it`() throws {
    #expect(bus.write("vfio_ap", "bus/ap/devices/06.0047/driver_override") == "ok")
    #expect(bus.write("06.0047", "bus/ap/drivers/cex4queue/unbind") == "ok")
    let result = try apply()
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(
      result.messages.hasPrefix(
        "apreserve: plan.json is not applied, because its plan is not the one that is made now; "),
      "\(result.messages)")
    #expect(result.messages.contains("\n  06.0047  driver cex4queue -> none\n"))
    #expect(result.messages.contains("\n  06.0047  driver_override none -> vfio_ap\n"))
    #expect(owner("06.0004") == "cex4queue")
  }

  @Test(arguments: [
    ("--rules other", "rule changed other/50.rules:1  ADAPTER==\"5|6\""),
    ("--rules rules --mechanism override", "Mechanism  auto -> override"),
  ])
  func `refuses with other rules or settings, and shows them`(words: String, line: String) throws {
    let result = try apply(words)
    #expect(result.status == 1)
    #expect(result.messages.contains("\n  \(line)"), "\(result.messages)")
    #expect(result.messages.contains("\nhow the writes differ:\n  "))
    #expect(owner("06.0004") == "cex4queue")
    #expect(bus.read("bus/ap/apmask") == "0x" + String(repeating: "f", count: 64) + "\n")
  }

  /// Masks that apreserve has cleared are set back first, and then overrides are set.
  @Test func `does one that changes the mechanism`() throws {
    #expect(try bus.bench.run("apply \(Self.machine) --rules rules").status == 0)
    try bus.bench.file("rules/50.rules", #"APQN=="06.0004", RESERVE="vfio_ap""# + "\n")
    let plan = try bus.bench.run("plan \(Self.machine) --rules rules -o plan.json")
    #expect(plan.output.contains("the masks are set back to all ones first"), "\(plan.output)")
    let result = try apply()
    #expect(result.status == 0, "\(result.messages)")
    #expect(owner("06.0004") == "vfio_ap" && owner("06.0047") == "cex4queue")
  }

  /// A card is added while the write of the mask takes its time; the rules want another write for it.
  @Test func `stops where more is left to do than it has`() throws {
    let bus = try MountedBus(
      [
        "rules/50.rules":
          "ADAPTER==\"6\", RESERVE=\"vfio_ap\"\nHWTYPE==\"14\", RESERVE=\"vfio_ap\"\n"
      ],
      faults: "write /sys/bus/ap/apmask 1 delay 3s\n")
    let plan = try bus.bench.run("plan \(Self.machine) --rules rules -o plan.json")
    try #require(plan.status == 2)
    let words = "apply plan.json \(Self.machine) --rules rules"
    let process = try Program.start(
      words.split(separator: " ").map(String.init), in: bus.bench, output: "out",
      messages: "messages")
    for _ in 0..<5000 where try !bus.bench.text("out").contains("\nplan ") { usleep(1000) }
    #expect(bus.write("card add 7 14 cca\n", "kernel/debug/apsim/control") == "ok")
    #expect(Program.wait(for: process) == 1)
    let messages = try bus.bench.text("messages")
    #expect(
      messages.hasPrefix(
        "apreserve: what is left to write is not in plan.json, and is not written; make a new plan\n"
          + "what would be written:\n  + 0xfc"), "\(messages)")
    #expect(bus.link("bus/ap/devices/06.0004/driver").hasSuffix("/vfio_ap"))
    #expect(bus.link("bus/ap/devices/07.0004/driver").hasSuffix("/cex4queue"))
  }

  /// What was read of a queue that no rule names has no part in the plan.
  @Test func `does it where something else has changed`() throws {
    #expect(bus.write("0", "bus/ap/devices/05.0004/online") == "ok")
    #expect(try apply().status == 0)
  }

  /// flock(1) is in the place of the daemon, and holds its lock.
  @Test(.enabled(if: geteuid() == 0, "this is not root"))
  func `leaves a machine alone that a daemon looks after`() throws {
    let script = """
      mount -t tmpfs none /run && mkdir /run/apreserve && mount --bind "$0/sys" /sys \
        && cd "$0" && exec flock /run/apreserve/lock "$@" > .result 2>&1
      """
    let process = try Program.start(
      "unshare",
      ["-m", "sh", "-c", script, bus.bench.path, try Program.location(), "apply", "plan.json"])
    #expect(Program.wait(for: process) == 64)
    let text = try bus.bench.text(".result")
    #expect(text.hasPrefix("apreserve: another apreserve "), "\(text)")
    #expect(text.contains("the plan plan.json would have no effect. Change the rules and run"))
    #expect(owner("06.0004") == "cex4queue")
  }
}

@Suite struct `apreserve plan --save` {
  private let bench: Workbench

  init() throws {
    bench = try Sample.bench()
  }

  @Test func `prints the plan as always, and writes it as JSON`() throws {
    let words = "plan --inventory machine.json --rules guests"
    let result = try bench.run("\(words) --save plan.json")
    #expect(result.status == 2)
    #expect(result.output == (try bench.run(words).output))
    let saved = try JSONParser.parse(Array(try bench.text("plan.json").utf8))
    #expect(saved["apreserve"] == "saved-plan")
    #expect(saved["steps"]?.elements.count == 1)
    #expect(saved["steps"]?.elements.first?.text?.hasSuffix(" > /sys/bus/ap/apmask") == true)
    #expect(
      saved["state"]?["rules"]?["rules"]?.elements.first?["text"]?.text
        == "ADAPTER==\"1\", RESERVE=\"vfio_ap\", NAME=\"db guests\"")
    #expect(saved["state"]?["machine"]?["host"]?["name"] == "lnx01")
  }

  @Test(arguments: [
    (
      "plan 01 --save p --inventory machine.json",
      "cannot be combined with queues, --diff or --against."
    ),
    ("plan --save p --diff none guests", "cannot be combined with queues, --diff or --against."),
    ("apply p --prepare", "--prepare cannot be combined with a saved plan"),
  ])
  func `is refused where it makes no sense`(words: String, message: String) throws {
    let result = try bench.run(words)
    #expect(result.status == 64)
    #expect(result.messages.contains(message), "\(result.messages)")
  }

  @Test(arguments: [
    ("nowhere", "opening nowhere: ENOENT"), ("machine.json", "this is not a saved plan"),
    ("guests/50-guests.rules", "50-guests.rules:1:1: "),
  ])
  func `is all that apply accepts`(file: String, message: String) throws {
    let result = try bench.run("apply \(file) --sysfs tree --rules guests")
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(result.messages.contains(message), "\(result.messages)")
  }
}
