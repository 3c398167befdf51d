import Glibc
import JSONText
import TestSupport
import Testing

/// The history on a bus that responds like a kernel, over a boot and the changes of a day.
@Suite(.enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"))
struct `The history of a machine` {
  private let bus: MountedBus

  init() throws {
    bus = try MountedBus([
      "rules/50.rules": "ADAPTER==\"5\", RESERVE=\"vfio_ap\", NAME=\"db\"\n",
      "root/proc/sys/kernel/random/boot_id": "this-boot\n",
    ])
    // As before modprobe@vfio_ap.service.
    control("unload vfio_ap")
  }

  private var bench: Workbench { bus.bench }

  private func control(_ command: String) {
    let file = open(bus.path + "/kernel/debug/apsim/control", O_WRONLY)
    let bytes = Array((command + "\n").utf8)
    #expect(write(file, bytes, bytes.count) == bytes.count, "\(command)")
    close(file)
  }

  private func start() throws -> BackgroundProgram {
    let daemon = try BackgroundProgram(
      "daemon --sysfs sys --root root --rules rules --control c --state-dir state", in: bench)
    for _ in 0..<60_000 where access(bench.path + "/c", F_OK) != 0 { usleep(1000) }
    return daemon
  }

  private func settle() throws {
    #expect(try bench.run("settle --control c --timeout 60").status == 0)
  }

  /// The lines of the history without their times, and without the directories of files.
  private func history(_ more: String = "") throws -> [String] {
    let result = try bench.run("status --history --control c --state-dir state \(more)")
    #expect(result.status == 0, "\(result.messages)")
    return result.output.split(separator: "\n").map { line in
      String(line.drop { $0 != " " }.dropFirst()).replacing(bench.path + "/", with: "")
    }
  }

  @Test func `has the boot, the kernel's part in it, the rules and those who asked`() throws {
    let prepared = try bench.run(
      "apply --prepare --sysfs sys --root root --rules rules --state-dir state")
    #expect(prepared.status == 0, "\(prepared.messages)")
    control("load vfio_ap")
    var daemon = try start()
    try settle()
    let boot = try history()
    #expect(boot.first == "apply --prepare 0.1.0 started")
    #expect(
      boot.filter { $0.hasPrefix("05.0004 ") }.map {
        $0.replacing("  mask  ", with: "  override  ")
      }
        == [
          #"05.0004 host -> none  override  50.rules:1 "db""#,
          #"05.0004 none -> vfio_ap  50.rules:1 "db", by the kernel, when vfio_ap was loaded"#,
        ])
    #expect(boot.contains("apply --prepare ended"))
    #expect(boot.contains("daemon 0.1.0 started"))

    try bench.file("rules/50.rules", "ADAPTER==\"6\", RESERVE=\"vfio_ap\"\n")
    #expect(try bench.run("reload --control c").status == 0)
    try settle()
    let changed = try history().dropFirst(boot.count)
    let asked = try #require(
      changed.firstIndex { $0.hasPrefix("reload requested by apreserve (process ") })
    #expect(changed[asked].contains("), user \(geteuid())"))
    #expect(
      changed.contains(#"rule changed  rules/50.rules:1  ADAPTER=="6", RESERVE="vfio_ap""#),
      "\(changed)")
    #expect(changed.contains("1 rule in 1 file in force"))
    #expect(changed.contains { $0.hasPrefix("06.0004 host -> vfio_ap") })
    #expect(changed.contains { $0.hasPrefix("05.0004 vfio_ap -> host") })
    daemon.signal(SIGHUP)
    for _ in 0..<1000 {
      if try history().contains("reload requested by SIGHUP") { break }
      usleep(10_000)
    }
    #expect(try history().contains("reload requested by SIGHUP"))
    #expect(daemon.end(SIGTERM) == 0)

    // Rules that change while no daemon is running, and a read without one.
    let ended = try bench.run("status --history --control c --state-dir state")
    #expect(ended.output.hasSuffix(" daemon ended\n"))
    #expect(ended.messages.contains("this is what earlier programs have kept"))
    let before = try history().count
    try bench.file("rules/60.rules", "ADAPTER==\"5\", RESERVE=\"vfio_ap\"\n")
    daemon = try start()
    try settle()
    let later = try history().dropFirst(before)
    #expect(later.first == "daemon 0.1.0 started")
    #expect(later.contains(#"rule added  rules/60.rules:1  ADAPTER=="5", RESERVE="vfio_ap""#))
    #expect(try history("--since boot").first == "apply --prepare 0.1.0 started")
    #expect(try history("--since -1h").first == "apply --prepare 0.1.0 started")
    #expect(try history("--since 2099-01-01").count < before)
    #expect(daemon.end(SIGTERM) == 0)
  }

  @Test func `is JSON for programs, an entry on each line, as long as it is asked for`() throws {
    control("load vfio_ap")
    let daemon = try start()
    try settle()
    let json = try bench.run("status --control c --history --json")
    let entries = try json.output.split(separator: "\n").map { line in
      try JSONParser.parse(Array(line.utf8))
    }
    #expect(entries.first?["entry"] == "started")
    #expect(entries.first?["boot"] == "this-boot")
    #expect(entries.allSatisfy { $0["time"] != nil && $0["entry"] != nil })
    let move = try #require(entries.first { $0["entry"] == "move" })
    #expect(move["rule"]?["line"] == .integer(1))
    #expect(move["label"] == "db")
    let rules = try JSONParser.parse(
      Array(try bench.run("rules --rules rules --json").output.utf8))
    #expect(move["ruleHash"] == rules["rules"]?.elements.first?["hash"])
    #expect(move["ruleHash"]?.text?.count == 12)
    for since in ["2027-01-15", "1h", "--since"] {
      let result = try bench.run("status --control c --history --since \(since)")
      #expect(result.status == (since.hasPrefix("2") ? 0 : 64), "\(since)")
    }
    #expect(daemon.end(SIGTERM) == 0)
  }

  @Test func `says that there is none yet, and what another user lacks`() throws {
    let none = try bench.run("status --history --control c --state-dir state")
    #expect(none.status == 0)
    #expect(none.output == "")
    #expect(none.messages.hasPrefix("apreserve: there is no history yet: "), "\(none.messages)")
    #expect(!none.messages.contains("systemctl"))
    // A directory is as unreadable to root as root's file to another user.
    try bench.directory("state/history")
    let unreadable = try bench.run("status --history --control c --state-dir state")
    #expect(unreadable.status == 1)
    #expect(unreadable.messages.contains("cannot be read: "), "\(unreadable.messages)")
  }

  @Test func `has what apply has done, and nothing of what it has not`() throws {
    control("load vfio_ap")
    for _ in 0..<2 {
      #expect(
        try bench.run("apply --sysfs sys --root root --rules rules --state-dir state").status == 0)
    }
    let lines = try history()
    #expect(lines.first == "apply 0.1.0 started" && lines.last == "apply ended", "\(lines)")
    #expect(lines.count == 5)
    #expect(lines[1].hasPrefix("apply requested by apreserve (process "), "\(lines)")
    #expect(lines[1].contains("), user \(geteuid())"), "\(lines)")
  }
}
