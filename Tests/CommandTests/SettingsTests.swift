import HostSystem
import Glibc
import JSONText
import TestSupport
import Testing

/// What shows that plan and apply go by the same settings.
private struct Visibility {
  /// A value that is not the default.
  var value: String
  /// What plan says with it that it does not say without; nil where the setting shows only while the
  /// daemon runs.
  var planned: String?
  /// Further files of the host.
  var files: KeyValuePairs<String, String> = [:]

  init(_ key: Setting) {
    switch key {
    case .mechanism:
      value = "override"
      planned = "\"mechanism\": \"override\""
    case .protectHost:
      value = "yes"
      planned = "\"reason\": \"master-keys-unknown\""
    case .force:
      value = "protect-host"
      planned = "\"refusals\": []"
      files = ["etc/crypttab": "root /dev/dasda1 /key plain,cipher=paes-xts-plain64\n"]
    case .drainTimeout: value = "7s"
    case .fightLimit: value = "7"
    case .fightInterval: value = "7s"
    case .reannounceMatrix: value = "yes"
    case .guestStart: value = "warn"
    case .guestStartTimeout: value = "7s"
    case .rescanInterval: value = "7s"
    case .busSettle: value = "7s"
    case .startTimeout: value = "7s"
    case .lockTimeout: value = "7s"
    }
  }
}

private func json(_ result: Program.Result) throws -> JSONValue {
  try JSONParser.parse(Array(result.output.utf8))
}

@Suite(.enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"))
struct `Settings of the configuration file` {
  private static let machine = "--sysfs sys --root root --rules rules"

  private func bus(_ key: Setting, _ row: Visibility) throws -> MountedBus {
    let bus = try MountedBus([
      "rules/50.rules": "MODE==\"cca\", RESERVE=\"vfio_ap\"\n", "empty.conf": "",
    ])
    for (name, text) in row.files { try bus.bench.file("root/\(name)", text) }
    try bus.bench.file(
      "root/etc/apreserve/apreserve.conf",
      "[\(key.section.rawValue)]\n\(key.rawValue)=\(row.value)\n")
    return bus
  }

  /// The queues of the list `name` of a plan, or of apply's activities of one kind.
  private func queues(_ list: JSONValue?) -> [String] {
    (list?.elements ?? []).compactMap { $0["queue"]?.text }
  }

  @Test(arguments: Setting.allCases)
  func `are obeyed alike by plan, explain, apply and the daemon`(key: Setting) throws {
    let row = Visibility(key)
    let bus = try bus(key, row)
    let bench = bus.bench
    let plan = try bench.run("plan --json \(Self.machine)")
    #expect(plan.messages == "")
    let planned = try json(plan)
    let origin = "root/etc/apreserve/apreserve.conf:2"
    let setting = planned["settings"]?.elements.first { $0["key"]?.text == key.rawValue }
    #expect(setting?["value"]?.text == row.value)
    #expect(setting?["origin"]?.text == origin)
    if let words = row.planned {
      #expect(plan.output.contains(words), "\(plan.output)")
      let unset = try bench.run("plan --json \(Self.machine) --config empty.conf")
      #expect(!unset.output.contains(words), "\(unset.output)")
    }
    let explained = try json(bench.run("explain 05.0004 --json \(Self.machine)"))
    #expect(explained["mechanism"] == planned["mechanism"])
    #expect(explained["mechanismReason"] == planned["mechanismReason"])

    let apply = try bench.run("apply --json \(Self.machine) --state-dir state")
    #expect(apply.messages == "")
    let applied = try json(apply)
    #expect(applied["settings"] == planned["settings"])
    #expect(applied["mechanism"] == planned["mechanism"])
    let activities = applied["activities"]?.elements ?? []
    func activity(_ word: String) -> [JSONValue] {
      activities.filter { $0["activity"]?.text == word }
    }
    #expect(activity("mechanism").first?["mechanismReason"] == planned["mechanismReason"])
    #expect(activity("refused").compactMap { $0["queue"]?.text } == queues(planned["refusals"]))
    #expect(
      activity("moved").flatMap { queues($0["changes"]) }.sorted() == queues(planned["changes"]))
    #expect((apply.status == 3) == (plan.status == 3))

    let daemon = try BackgroundProgram(
      "daemon \(Self.machine) --control c --state-dir state", in: bench)
    for _ in 0..<60_000 where !bench.has("c") { usleep(1000) }
    let status = try json(bench.run("status --control c --json"))
    #expect(status["settings"] == planned["settings"])
    withExtendedLifetime(daemon) {}
  }

  @Test func `that have errors protect, and every command says so`() throws {
    let bus = try bus(.protectHost, Visibility(.protectHost))
    let bench = bus.bench
    try bench.file(
      "root/etc/apreserve/apreserve.conf", "[Reservation]\nProtectHost=yes # the last stays\n")
    let problem =
      "root/etc/apreserve/apreserve.conf:2: ProtectHost=yes # the last stays is invalid: "
      + "write one of auto, yes, no; a comment must be on a separate line; in force: ProtectHost=yes"
    for command in ["plan", "list", "matrix", "explain 05.0004"] {
      let result = try bench.run("\(command) \(Self.machine)")
      #expect(result.messages == "apreserve: \(problem)\n")
      #expect(command != "plan" || result.status == 3)
    }
    let apply = try bench.run("apply \(Self.machine) --state-dir state")
    #expect(apply.messages == "apreserve: \(problem)\n")
    #expect(apply.status == 3)

    let daemon = try BackgroundProgram(
      "daemon \(Self.machine) --control c --state-dir state", in: bench)
    for _ in 0..<60_000 where !bench.has("c") { usleep(1000) }
    let settled = try bench.run("settle --control c --timeout 60")
    #expect(settled.status == 1)
    #expect(settled.output.hasPrefix("DEGRADED, settings have errors: "), "\(settled.output)")
    #expect(settled.messages.hasPrefix("apreserve: \(problem)\n"), "\(settled.messages)")
    #expect(try bench.run("status --control c").output.contains("\nproblems\n  \(problem)\n"))
    let reload = try bench.run("reload --control c")
    #expect(reload.status == 1)
    #expect(reload.messages == "apreserve: \(problem)\n")
    // Once it is corrected, nothing is left of the error.
    try bench.file(
      "root/etc/apreserve/apreserve.conf", "[Reservation]\nProtectHost=no\n")
    #expect(try bench.run("reload --control c").status == 0)
    #expect(try bench.run("settle --control c --timeout 60").output == "4 of 4 queues reserved\n")
    withExtendedLifetime(daemon) {}
  }
}

@Suite struct `Settings of the command line` {
  @Test
  func `may be read from a directory, and not from this host for the machine of a file`()
    throws
  {
    let bench = try Sample.bench()
    try bench.file("conf/apreserve.conf", "[Reservation]\nMechanism=bind\n")
    try bench.file("conf/apreserve.conf.d/50.conf", "[Reservation]\nMechanism=mask\n")
    let machine = "--inventory machine.json --rules guests"
    let plan = try bench.run("plan \(machine) --config conf")
    #expect(
      plan.output.hasPrefix(
        "lnx01 (LPAR PROD1), from machine.json\n\nmechanism  mask: set by conf/apreserve.conf.d/50.conf:2\n\nsettings\n  Mechanism=mask  "
          + "(conf/apreserve.conf.d/50.conf:2)\n"), "\(plan.output)")
    let own = try json(bench.run("plan \(machine) --json"))
    #expect(own["settings"]?.elements.allSatisfy { $0["origin"]?.text == "default" } == true)
    // The command line wins.
    let both = try bench.run("plan \(machine) --config conf --mechanism override")
    #expect(both.status == 1)
    #expect(both.messages.contains("mechanism override cannot be used here"))
  }

  @Test(arguments: ["plan", "list", "matrix", "explain 01.0004", "simulate"])
  func `name a file that must exist`(command: String) throws {
    let result = try Sample.bench().run(
      "\(command) --inventory machine.json --rules guests --config nowhere.conf")
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(
      result.messages
        == "apreserve: opening nowhere.conf: ENOENT (no such file or directory); use --config with a "
        + "file or a directory\n")
  }
}

/// In a mount namespace with a separate /etc.
@Suite(.enabled(if: PrivateMounts.isPossible, "a mount namespace of its own is refused here"))
struct `The system's own files` {
  private static let script = """
    cd "$0" && mount -t tmpfs none /etc && mkdir -p /etc/apreserve/rules.d \
      && cp own.rules /etc/apreserve/rules.d/50.rules && cp own.conf /etc/apreserve/apreserve.conf \
      && chown -R 0:0 /etc/apreserve && chmod "$1" /etc/apreserve/rules.d/50.rules && shift \
      && exec "$@" > .result 2>&1
    """

  /// What a command prints, whose system has the rule file with that mode.
  private func run(_ words: String, mode: String) throws -> (text: String, status: Int) {
    let bench = try Sample.bench()
    try bench.file("own.rules", Sample.guests)
    try bench.file("own.conf", "[Reservation]\nMechanism=bind\n")
    let process = try Program.start(
      "unshare",
      ["-m", "sh", "-c", Self.script, bench.path, mode, try Program.location()]
        + words.split(separator: " ").map(String.init))
    let status = Program.wait(for: process)
    return (try bench.text(".result"), status)
  }

  @Test(
    arguments: [
      ("verify", 0), ("rules", 0), ("plan --inventory machine.json", 2),
      ("list --inventory machine.json", 0), ("matrix --inventory machine.json", 0),
      ("explain 01.0004 --inventory machine.json", 0),
    ])
  func `are believed by every command as by the daemon`(words: String, status: Int) throws {
    #expect(try run(words, mode: "644").status == status)
    let refused = try run(words, mode: "664")
    #expect(refused.status == 1)
    #expect(refused.text.contains("[untrusted-file]"), "\(refused.text)")
  }

  @Test func `set nothing for a machine that a file describes`() throws {
    let plan = try run("plan --inventory machine.json", mode: "644")
    #expect(plan.text.contains("\nmechanism  mask: "), "\(plan.text)")
    #expect(!plan.text.contains("settings\n"), "\(plan.text)")
  }
}
