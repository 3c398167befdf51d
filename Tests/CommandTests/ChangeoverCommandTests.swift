import Glibc
import TestSupport
import Testing

/// What every command is given here, on a bus that answers as the kernel does.
private let place = "--sysfs sys --rules rules --state-dir state"
private let device = "11111111-2222-3333-4444-555555555555"

@Suite(
  .enabled(if: MountedBus.isPossible, Comment(rawValue: MountedBus.obstacle ?? "")), .serialized)
struct `apreserve changeover` {
  private let bus: MountedBus

  init() throws {
    bus = try MountedBus(["rules/50.rules": "ADAPTER==\"5\", RESERVE=\"vfio_ap\"\n"])
  }

  private func run(_ words: String) throws -> Program.Result {
    try bus.bench.run("\(words) \(place)")
  }

  private func text(_ name: String) throws -> String { try bus.bench.text("sys/\(name)") }

  /// Gives queue 05.0004 to a mediated device.
  private func assign() {
    let matrix = "devices/vfio_ap/matrix"
    for (text, file) in [
      (device, "mdev_supported_types/vfio_ap-passthrough/create"),
      ("5", "\(device)/assign_adapter"),
      ("4", "\(device)/assign_domain"),
    ] {
      #expect(bus.write(text, "\(matrix)/\(file)") == "ok")
    }
  }

  @Test func `is planned, refused while a device blocks it, done, kept and taken back`() throws {
    #expect(try run("apply").status == 0)
    let plan = try run("plan --changeover override")
    #expect(plan.status == 2)
    #expect(plan.output.contains("mechanism  override"))
    #expect(plan.output.contains("05.0004  vfio_ap  ->  host"))
    #expect(plan.output.contains("05.0004  host     ->  vfio_ap"))
    #expect(plan.output.contains("the masks are set back to all ones first"))

    assign()
    let masks = try text("bus/ap/apmask")
    for words in ["plan --changeover override", "changeover override"] {
      let refused = try run(words)
      #expect(refused.status == 3, "\(words)")
      let text = refused.output + refused.messages
      #expect(text.contains("mdevctl stop -u \(device)"), "\(words): \(text)")
    }
    let json = try run("changeover override --json")
    #expect(json.status == 3)
    #expect(json.output.contains("\"changeoverRefused\": true"))
    #expect(json.output.contains("\"reason\": \"changeover-held\""))
    #expect(try text("bus/ap/apmask") == masks)
    #expect(bus.write("1", "devices/vfio_ap/matrix/\(device)/remove") == "ok")

    let done = try run("changeover override")
    #expect(done.status == 0, "\(done.output)\(done.messages)")
    #expect(try text("devices/ap/card05/05.0004/driver_override") == "vfio_ap\n")
    #expect(try bus.bench.text("state/changeover") == "override\n")
    let history = try bus.bench.run("status --history --control c --state-dir state").output
    #expect(history.contains(" changeover to override requested by apreserve (process "))
    let settled = try run("plan")
    #expect(settled.status == 0)
    #expect(settled.output.contains("mechanism  override: changed over to it"))
    #expect(try run("apply").output.contains("2 of 2 queues reserved"))
    // A new boot, for which the record of the old one counts for nothing.
    try bus.bench.file("state/ownership", "")
    #expect(try run("plan").output.contains("mechanism  override"))

    assign()
    let back = try run("changeover mask --json")
    #expect(back.status == 0, "\(back.output)\(back.messages)")
    #expect(back.output.contains("\"mechanism\": \"mask\""))
    #expect(try text("bus/ap/apmask") == masks)
    #expect(try text("devices/ap/card05/05.0004/driver_override") == "\n")
    #expect(try text("devices/ap/card05/05.0004/status") == "assigned\n")
  }

  @Test(arguments: [false, true])
  func `ends with success once it is done, although another request is refused`(
    byDaemon: Bool
  ) throws {
    for apqn in ["05.0004", "05.0047", "06.0004", "06.0047"] {
      let key = "key \(apqn) aes"
      let steps = "\(key) load 0x1122334455667788\n\(key) set\n"
      #expect(bus.write(steps, "kernel/debug/apsim/control") == "ok")
    }
    try bus.bench.file("rules/50.rules", "ADAPTER==\"5|6\", RESERVE=\"vfio_ap\"\n")
    let guarded = "\(place) --protect-host yes"
    let daemon =
      byDaemon ? try BackgroundProgram("daemon \(guarded) --control c", in: bus.bench) : nil
    if byDaemon {
      for _ in 0..<1000 where access(bus.bench.path + "/c", F_OK) != 0 { usleep(20_000) }
      #expect(try bus.bench.run("settle --control c").status == 3)
    } else {
      #expect(try bus.bench.run("apply \(guarded)").status == 3)
    }
    let done = try bus.bench.run("changeover override " + (byDaemon ? "--control c" : guarded))
    #expect(done.status == 0, "\(done.output)\(done.messages)")
    #expect(done.output.contains("refused"), "\(done.output)")
    let overrides = try ["05.0004", "05.0047", "06.0004", "06.0047"].map {
      try text("devices/ap/card\($0.prefix(2))/\($0)/driver_override")
    }
    #expect(overrides == ["vfio_ap\n", "vfio_ap\n", "vfio_ap\n", "\n"], "\(done.output)")
    withExtendedLifetime(daemon) {}
  }

  @Test func `is done by a running daemon, unless its settings say otherwise`() throws {
    try bus.bench.file("auto.conf", "[Reservation]\n")
    let daemon = try BackgroundProgram(
      "daemon \(place) --control c --config auto.conf", in: bus.bench)
    for _ in 0..<1000 where access(bus.bench.path + "/c", F_OK) != 0 { usleep(20_000) }
    func ask(_ words: String) throws -> Program.Result {
      try bus.bench.run("\(words) --control c")
    }
    #expect(try ask("settle").status == 0)
    #expect(try ask("plan --changeover override").status == 2)
    let done = try ask("changeover override")
    #expect(done.status == 0, "\(done.output)\(done.messages)")
    #expect(done.output == "2 of 2 queues reserved\n")
    #expect(try text("devices/ap/card05/05.0004/driver_override") == "vfio_ap\n")
    #expect(try ask("status --json").output.contains("\"mechanism\": \"override\""))

    try bus.bench.file("auto.conf", "[Reservation]\nMechanism=override\n")
    #expect(try ask("reload").status == 0)
    for words in ["changeover mask", "plan --changeover mask"] {
      let refused = try ask(words)
      #expect(refused.status == 3, "\(words)")
      #expect(refused.messages.contains("Mechanism=override is set ("), "\(refused.messages)")
      #expect(refused.messages.contains("auto.conf:2"), "\(refused.messages)")
      #expect(refused.messages.contains("write Mechanism=mask or Mechanism=auto there"))
    }
    try bus.bench.file("rules/50.rules", "APQN==\"05.0004\", RESERVE=\"vfio_ap\"\n")
    try bus.bench.file("auto.conf", "[Reservation]\n")
    #expect(try ask("reload").status == 0)
    let refused = try ask("changeover mask")
    #expect(refused.status == 3)
    #expect(refused.messages.contains("05.0004 cannot be reserved alone by masks"))
    #expect(try ask("changeover mask --json").output.contains("\"changeoverRefused\": true"))
    #expect(try ask("changeover mask --rules rules").status == 64)
    #expect(daemon.end(SIGTERM) == 0)
  }
}

@Suite struct `The arguments of apreserve changeover` {
  @Test(arguments: [
    "changeover", "changeover bind", "changeover override --mechanism mask",
    "changeover mask --control c --sysfs sys", "plan --changeover bind",
    "plan --changeover mask -o plan.json", "plan --changeover mask --diff a b",
  ])
  func `are checked before anything is read`(words: String) throws {
    #expect(try Workbench([:]).run(words).status == 64)
  }

  @Test func `name a mechanism that the kernel has`() throws {
    let bench = try Workbench(["rules/50.rules": "ADAPTER==\"5\", RESERVE=\"vfio_ap\"\n"])
    try bench.file("tree/bus/ap/scans", "1\n")
    for name in ["devices", "drivers"] { try bench.directory("tree/bus/ap/\(name)") }
    try bench.directory("tree/devices/ap")
    for name in ["apmask", "aqmask"] {
      try bench.file("tree/bus/ap/\(name)", "0x" + String(repeating: "f", count: 64) + "\n")
    }
    for words in ["changeover override", "plan --changeover override"] {
      let result = try bench.run("\(words) --sysfs tree --rules rules")
      #expect(result.status == 1)
      #expect(result.messages.contains("this kernel has no driver_override"))
    }
  }
}
