import Glibc
import JSONText
import TestSupport
import Testing

/// Taking back and confirming, on a bus that responds like a kernel with driver_override.
@Suite(.enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"))
struct `Changes that are taken back` {
  private let bus: MountedBus
  private static let rule = "ADAPTER==\"5\", RESERVE=\"vfio_ap\"\n"
  private static let place = "--sysfs sys --rules rules --state-dir state"
  private static let editor = "EDITOR=sh \"$PWD/editor\""

  init() throws {
    bus = try MountedBus(["rules/50.rules": Self.rule])
  }

  private var bench: Workbench { bus.bench }

  private func owner(_ queue: String) throws -> String {
    let result = try bench.run("list \(queue) -o columns=owner --sysfs sys --rules rules")
    return result.output.split(separator: "\n").last.map { $0.filter { $0 != " " } } ?? ""
  }

  private func start() throws -> BackgroundProgram {
    let daemon = try BackgroundProgram(
      "daemon --sysfs sys --rules rules --control c --state-dir state", in: bench)
    for _ in 0..<60_000 where access(bench.path + "/c", F_OK) != 0 { usleep(1000) }
    #expect(try bench.run("settle --control c --timeout 60").status == 0)
    return daemon
  }

  /// An editor that replaces the file with this text.
  private func setEditor(_ text: String) throws -> [String] {
    try bench.file("edited", text)
    try bench.file("editor", "#!/bin/sh\ncp \"\(bench.path)/edited\" \"$1\"\n")
    return ["EDITOR=sh \(bench.path)/editor", "TMPDIR=\(bench.path)"]
  }

  private func edit(_ words: String, _ text: String) throws -> Program.Result {
    try Program.run(
      ("edit 50.rules --yes " + words).split(separator: " ").map(String.init), in: bench,
      environment: try setEditor(text))
  }

  /// The daemon moves the queues by its own settings, and the lock that undo writes would stay.
  @Test func `are not forced by an option that the daemon does not have`() throws {
    let daemon = try start()
    for option in ["--force assigned-queue", "--mechanism mask"] {
      let undo = try bench.run("undo 05.0004 --yes --rules rules --control c \(option)")
      #expect(undo.status == 64, "\(undo.messages)")
      #expect(undo.messages.contains("would have no effect"))
    }
    #expect(!bench.has("rules/00-undo.rules"))
    #expect(try owner("05.0004") == "vfio_ap")
    withExtendedLifetime(daemon) {}
  }

  @Test func `are what apply has done, until an undo of the undo`() throws {
    #expect(try bench.run("apply \(Self.place)").status == 0)
    #expect(try owner("05.0004") == "vfio_ap")
    let shown = try bench.run("undo 05.0004 --dry-run \(Self.place)")
    #expect(shown.status == 2, "\(shown.messages)")
    #expect(shown.output.contains("- 05.0004 "), "\(shown.output)")
    #expect(!bench.has("rules/00-undo.rules"))
    let undo = try bench.run("undo 05.0004 --yes \(Self.place)")
    #expect(undo.status == 0, "\(undo.messages)")
    #expect(try owner("05.0004") == "host")
    #expect(try owner("05.0047") == "vfio_ap")
    #expect(try bench.text("rules/00-undo.rules").contains("APQN==\"05.0004\", RESERVE:=\"host\""))
    #expect(try bench.run("apply \(Self.place)").status == 0)
    #expect(try owner("05.0004") == "host")
    let redo = try bench.run("undo --yes \(Self.place)")
    #expect(redo.status == 0, "\(redo.messages)")
    #expect(try owner("05.0004") == "vfio_ap")
    #expect(!bench.has("rules/00-undo.rules"))
    let history = try bench.run("status --history --control c --state-dir state").output
    let asked = history.matches(of: #/ (\w+) requested by apreserve \(process \d+\), user /#)
    #expect(asked.map { String($0.1) } == ["apply", "undo", "undo"])
  }

  @Test func `are done by the daemon where one runs, and it keeps them`() throws {
    let daemon = try start()
    let words = "undo --yes --control c --rules rules"
    let undo = try bench.run(words)
    #expect(undo.status == 0, "\(undo.messages)")
    #expect(try owner("05") == "host")
    let history = try bench.run("status --history --json --control c").output
    let entries = try history.split(separator: "\n").map { try JSONParser.parse(Array($0.utf8)) }
    let operations = entries.filter { $0["entry"] == "move" }.map { $0["operation"]?.text ?? "" }
    #expect(operations.count == 4)
    #expect(Set(operations).count == 2)
    let asked = entries.filter { $0["entry"] == "asked" }
    #expect(asked.map { $0["action"] } == ["undo"])
    #expect(asked.first?["command"] == "apreserve")
    #expect(daemon.end(SIGTERM) == 0)
  }

  @Test func `are none by files that are not in force, or that the daemon does not read`() throws {
    let daemon = try start()
    _ = try edit(
      "--confirm 1h --control c --rules rules", "ADAPTER==\"5|6\", RESERVE=\"vfio_ap\"\n")
    #expect(try bench.run("confirm --take-back --control c").status == 0)
    let refused = try bench.run("undo 05.0004 --yes --control c --rules rules")
    #expect(refused.status == 1)
    #expect(
      refused.messages.contains("so that nothing is undone: the change of the rule files was"))
    #expect(!bench.has("rules/00-undo.rules"))
    #expect(try bench.run("reload --control c").status == 0)
    #expect(try bench.run("settle --control c").status == 0)
    try bench.directory("other")
    let other = try bench.run("undo 05.0004 --yes --control c --rules other")
    #expect(other.status == 3)
    #expect(other.messages.contains("05.0004 is with vfio_ap; next: apreserve explain 05.0004"))
    #expect(daemon.end(SIGTERM) == 0)
  }

  @Test func `are an edit on trial or none where no daemon can take it back`() throws {
    let result = try edit("--confirm 1h --rules rules --sysfs sys", "# none\n")
    #expect(result.status == 64)
    #expect(result.messages.contains("--confirm needs the daemon"))
    #expect(try bench.text("rules/50.rules") == Self.rule)
  }

  @Test func `are shown as JSON with what stays`() throws {
    #expect(try bench.run("apply \(Self.place)").status == 0)
    try bench.file("rules/00-first.rules", "APQN==\"05.0004\", RESERVE:=\"vfio_ap\"\n")
    let result = try bench.run("undo --yes --json \(Self.place)")
    #expect(result.status == 3)
    let json = try JSONParser.parse(Array(result.output.utf8))
    #expect(json["apreserve"] == "undo" && json["outcome"] == "refused")
    #expect(json["queues"]?.elements.map { $0["queue"] } == ["05.0047"])
    #expect(json["staying"]?.elements.map { $0["queue"] } == ["05.0004"])
  }

  @Test func `are named where they stay, and nothing is written without a word`() throws {
    let nothing = try bench.run("undo --yes \(Self.place)")
    #expect(nothing.status == 1)
    #expect(nothing.messages.contains("the history has no move by apreserve;"))
    #expect(try bench.run("apply \(Self.place)").status == 0)
    let question = try bench.run("undo \(Self.place)")
    #expect(question.status == 64)
    #expect(question.messages.contains("use --yes"))
    try bench.file("rules/00-first.rules", "APQN==\"05.0004\", RESERVE:=\"vfio_ap\"\n")
    let part = try bench.run("undo --yes \(Self.place)")
    #expect(part.status == 3)
    #expect(
      part.messages.contains("apreserve: 05.0004 is locked by 00-first.rules:1\n"),
      "\(part.messages)")
    #expect(try owner("05.0004") == "vfio_ap")
    #expect(try owner("05.0047") == "host")
  }

  @Test func `are an edit that is not confirmed`() throws {
    let daemon = try start()
    let both = "ADAPTER==\"5|6\", RESERVE=\"vfio_ap\"\n"
    let edit = try edit("--confirm 1h --control c --rules rules", both)
    #expect(edit.status == 0, "\(edit.messages)")
    #expect(edit.output.contains("+ 06.0004"), "\(edit.output)")
    #expect(edit.messages.contains("unless it is confirmed"))
    #expect(try owner("06.0004") == "vfio_ap")
    #expect(
      try bench.run("status --control c").output.contains("\n           next: apreserve confirm\n"))
    let back = try bench.run("confirm --take-back --control c")
    #expect(back.status == 0, "\(back.messages)")
    let history = try bench.run("status --history --control c").output
    #expect(history.contains(" take-back requested by apreserve (process "), "\(history)")
    #expect(try owner("06.0004") == "host")
    #expect(try bench.text("rules/50.rules") == both)
    let rules = try bench.run("rules --control c")
    #expect(rules.messages.contains("was taken back at "), "\(rules.messages)")
    let late = try bench.run("confirm --control c")
    #expect(late.status == 1)
    #expect(late.messages.contains("apreserve reload"))
    // Neither at the next boot nor by hand do files count that are not in force.
    #expect(daemon.end(SIGTERM) == 0)
    let prepared = try bench.run("apply --prepare \(Self.place)")
    #expect(prepared.status == 0)
    #expect(prepared.messages.contains("the rules from before are used"), "\(prepared.messages)")
    for command in ["apply", "undo --yes"] {
      let refused = try bench.run("\(command) \(Self.place)")
      #expect(refused.status == 1)
      #expect(refused.messages.contains("is not confirmed, and only the daemon takes it back"))
    }
    #expect(try owner("06.0004") == "host")
    #expect(try owner("05.0004") == "vfio_ap")
  }

  /// A queue that is absent is none of the daemon's failures.
  @Test func `are an edit that ends as apply does`() throws {
    let daemon = try start()
    let edit = try edit(
      "--control c --rules rules", Self.rule + "APQN==\"3f.0004\", RESERVE=\"vfio_ap\"\n")
    #expect(edit.status == 0, "\(edit.messages)")
    #expect(edit.messages.contains("3f.0004 is missing: "), "\(edit.messages)")
    let history = try bench.run("status --history --control c").output
    #expect(history.contains(" edit requested by apreserve (process "), "\(history)")
    #expect(daemon.end(SIGTERM) == 0)
  }

  @Test func `are none for an editor that writes errors or nothing, or fails`() throws {
    let wrong = try edit("--offline --rules rules --sysfs sys", "ADAPTER==\"99\"\n")
    #expect(wrong.status == 1)
    #expect(wrong.messages.contains("rules/50.rules:1:11: error"), "\(wrong.messages)")
    #expect(wrong.messages.contains("the edited text is in \(bench.path)/apreserve-edit."))
    let same = try edit("--offline --rules rules --sysfs sys", Self.rule)
    #expect(same.status == 0)
    #expect(same.output == "rules/50.rules is unchanged\n")
    let failing = try Program.run(
      ["edit", "50.rules", "--yes", "--rules", "rules"], in: bench,
      environment: ["EDITOR=false", "TMPDIR=\(bench.path)"])
    #expect(failing.status == 1)
    #expect(failing.messages.contains("the editor, false, has failed"))
    #expect(try bench.text("rules/50.rules") == Self.rule)
  }

  @Test(arguments: ["0", "5 parsecs", "25h", "500ms"])
  func `need a time`(time: String) throws {
    let result = try Program.run(["apply", "--confirm", time], in: bench)
    #expect(result.status == 64)
    #expect(result.messages.contains("--confirm: write a time such as"), "\(result.messages)")
  }
}
