import APBus
import Glibc
import JSONText
import Reports
import TestSupport
import Testing
import Uevents

/// What commands print as JSON, against the schemas in `packaging/schema`. `make manual` runs this with
/// APRESERVE_UPDATE_MANUAL set, which writes them anew.
@Suite struct `The JSON schemas` {
  private static let directory = "packaging/schema"

  /// The names of the documents, as the program lists them.
  private static func names(_ bench: Workbench) throws -> [String] {
    try bench.run("schema").output.split(separator: "\n").compactMap {
      $0.split(separator: " ").first.map(String.init)
    }
  }

  @Test func `are those of the program`() throws {
    let bench = try Workbench()
    let names = try Self.names(bench)
    #expect(names.count >= 17)
    let updates = getenv("APRESERVE_UPDATE_MANUAL") != nil
    for name in names {
      let result = try bench.run("schema \(name)")
      #expect(result.status == 0)
      let file = "\(Self.directory)/\(name).json"
      if updates {
        let stream = try #require(fopen(SourceFile.path(file), "w"))
        fputs(result.output, stream)
        fclose(stream)
      }
      #expect(try SourceFile.text(file) == result.output, "\(file): run make manual")
    }
    #expect(
      SourceFile.names(in: Self.directory) == names.map { "\($0).json" }.sorted(),
      "no other files are there")
  }

  @Test func `are asked for by name`() throws {
    let result = try Workbench().run("schema plans")
    #expect(result.status == 64)
    #expect(
      result.messages
        == "apreserve: There is no document \"plans\"; apreserve schema lists them.\n")
  }

  private static let guests = "--inventory machine.json --rules guests"
  private static let defined = "--inventory defined.json --rules guests"
  /// Two machines, and a file that is none.
  private static let fleet =
    "--inventory machine.json --inventory defined.json --inventory boot.events"

  /// What is printed without a daemon, by the name of the document.
  private static let commands: KeyValuePairs<String, String> = [
    "plan": "plan \(guests) --json",
    "plan.refused": "plan --inventory machine.json --rules alone --json",
    "plan.capture": "plan --capture boot.events --rules guests --json",
    "plan.one": "plan 01.0004 \(guests) --json",
    "plan.lpar": "plan --lpar hmc.json:PROD2 \(guests) --json",
    "verify.lpar": "verify guests --inventory machine.json --lpar hmc.json:PROD2 --json",
    "plan-difference": "plan --inventory machine.json --diff none guests --json",
    "plan-difference.refused": "plan --inventory machine.json --diff guests alone --json",
    "guest-list": "guest list \(guests) --json",
    "guest-list.definitions": "guest list \(defined) --json",
    "guest": "guest show db1 \(defined) --json",
    "guest-definition": "guest define web1 --adapters 1 --domains 4 \(guests) --json",
    "comparison":
      "compare \(example("kvm1.json")) \(example("kvm2.json")) --rules guests --json",
    "fleet-comparison":
      "compare \(example("kvm1.json")) --inventory \(example("")) --rules guests --json",
    "list": "list \(guests) --json", "list.format": "list 01 \(guests) -o json",
    "list.large": "list --inventory \(example("lnx02.json")) --rules guests --json",
    "matrix": "matrix \(guests) --json",
    "matrix.large": "matrix --inventory \(example("lnx02.json")) --rules guests --json",
    "explain": "explain 01.0004 \(guests) --json",
    "explain.absent": "explain ff.00ff \(guests) --json",
    "explain.more": "explain 01 \(guests) --json",
    "explain.refused": "explain 01.0004 --inventory machine.json --rules alone --json",
    "snapshot": "snapshot --inventory machine.json",
    "snapshot.lnx01": "snapshot --inventory \(example("lnx01.json"))",
    "snapshot.lnx02": "snapshot --inventory \(example("lnx02.json"))",
    "snapshot.lnx03": "snapshot --inventory \(example("lnx03.json"))",
    "snapshot.end": "simulate \(guests) --snapshot",
    "verify": "verify --rules guests --json", "verify.errors": "verify --rules broken --json",
    "verify.machine": "verify --rules guests --inventory machine.json --json",
    "verify.fleet": "verify --rules guests \(fleet) --json",
    "fleet-plan": "plan \(fleet) --rules guests --json",
    "fleet-plan.failed": "plan \(fleet) --rules guests --mechanism override --json",
    "fleet-plan-difference": "plan \(fleet) --rules guests --against alone --json",
    "fleet-list": "list \(fleet) --rules guests --json",
    "fleet-matrix": "matrix \(fleet) --rules guests --json",
    "fleet-explain": "explain 01.0004 \(fleet) --rules guests --json",
    "fleet-explain.more": "explain 01 \(fleet) --rules guests --json",
    "fleet-guest-list": "guest list \(fleet) --rules guests --json",
    "drift": "drift \(guests) --json",
    "drift.refused": "drift --inventory machine.json --rules alone --json",
    "fleet-drift": "drift \(fleet) --rules guests --json",
    "placement":
      "place sign1 --inventory \(example("kvm1.json")) --inventory \(example("kvm2.json")) --inventory boot.events "
      + "--rules guests --json",
    "rules": "rules --rules guests --json",
    "rule-change": "rule add --rules guests APQN==\"02.0004\",RESERVE=\"host\" --json",
    "replay": "replay boot.events --rules guests --json",
    "replay.kernel": "replay \(capture("unequal-6.1-mask.events")) --rules guests --json",
    "replay.override": "replay \(capture("unequal-7.2-override.events")) --rules guests --json",
    "replay.simulation": "simulate \(guests) --json",
    "replay.refused": "simulate --inventory machine.json --rules alone --json",
    "error": "plan --inventory nowhere.json --json",
    "error.usage": "plan --no-such-option --json",
    "error.command": "plam --json",
    "error.rules": "plan --inventory machine.json --rules broken --json",
    "error.daemon": "status --control nowhere --json",
    "error.apply": "apply --sysfs nowhere --rules guests --json",
  ]

  /// An LPAR that differs from the machine.
  private static let lpar = """
    {"crypto_configuration": {"PROD2": {"adapters": {
      "CRYP03": {"name": "CRYP03", "adapter-id": "11c", "crypto-number": 3, "crypto-type": "ep11-coprocessor",
        "detected-card-type": "crypto-express-8s", "status": "active"}},
      "usage_domains": [4, 71], "control_domains": [10]}}}
    """

  private static func example(_ name: String) -> String {
    SourceFile.path("packaging/examples/\(name)")
  }

  private static func capture(_ name: String) -> String {
    SourceFile.path("Tests/Captures/\(name)")
  }

  /// Runs the commands, and keeps what they print in files of `documents`.
  private static func keep(
    _ commands: KeyValuePairs<String, String>, of bench: Workbench, in documents: Workbench
  ) throws {
    for (name, words) in commands {
      let output = try bench.run(words).output
      #expect(!output.isEmpty, "\(words)")
      try documents.file("\(name).json", output)
    }
  }

  @Test(.enabled(if: Python.has("jsonschema"), Python.hint))
  func `describe all that commands print, and nothing else`() throws {
    let documents = try Workbench()
    let bench = try Sample.bench()
    try bench.file("broken/50.rules", "ADPTER==\"1\", RESERVE=\"vfio_ap\"\n")
    try bench.file("hmc.json", Self.lpar)
    try Self.keep(Self.commands, of: bench, in: documents)
    _ = try bench.run("plan \(Self.guests) -o saved-plan.json")
    try documents.file("saved-plan.json", try bench.text("saved-plan.json"))
    try documents.file("event.json", Self.eventLines)
    try documents.file("undo.json", try Self.undo())

    let tree = try DaemonTree()
    let words = "--sysfs tree --rules rules"
    try Self.keep(
      ["apply": "apply \(words) --state-dir state --json"], of: tree.bench,
      in: documents)
    let daemon = try tree.start()
    _ = try tree.bench.run("settle --control c --timeout 60")
    try tree.bench.file("rules/60.rules", "ADAPTER==\"9\", RESERVE=\"vfio_ap\"\n")
    try Self.keep(
      ["rule-difference": "rules --diff --control c --rules rules --json"], of: tree.bench,
      in: documents)
    _ = try tree.bench.run("reload --control c")
    try Self.keep(
      [
        "status": "status --control c --json",
        "history-entry": "status --history --control c --json",
        "plan.daemon": "plan --control c --json", "list.daemon": "list --control c --json",
      ], of: tree.bench, in: documents)
    withExtendedLifetime(daemon) {}

    let files = try Self.files(in: documents)
    #expect(
      try Python.run("json-schema.py", [SourceFile.path(Self.directory)] + files) == 0)
  }

  /// What `undo --json` prints of an operation of which one queue can be moved back, and another is gone.
  private static func undo() throws -> String {
    let entries = try ["01.0004", "01.0005"].map { queue in
      let text = """
        {"time": "2027-01-15T08:00:00Z", "entry": "move", "operation": "a", "queue": "\(queue)",
        "from": "host", "to": "vfio_ap", "cause": "wanted", "mechanism": "override"}
        """
      return try #require(HistoryEntry(json: try JSONParser.parse(Array(text.utf8))))
    }
    let inventory = try Inventory(
      cards: [Card(adapter: 1, hardwareType: HardwareType(rawValue: 13), functions: 0)],
      queues: [Queue(apqn: APQN(adapter: 1, domain: 4), driver: DriverName.vfioAP)])
    return try Undo(.init(), in: entries, on: inventory).json(.refused).documentText
  }

  /// What `monitor --json` prints of an event.
  private static var eventLines: String {
    let moment = UeventReport.Moment(
      monotonic: Instant(sinceBoot: .milliseconds(1234)),
      wall: WallTime(sinceEpoch: .seconds(1_800_000_000)))
    let event = Uevent(
      .bind, "/devices/ap/card05/05.0004", subsystem: "ap",
      properties: [.init("DRIVER", "vfio_ap")], sequenceNumber: 7)
    return UeventReport(style: .plain).json(event, at: moment).text() + "\n"
  }

  private static func files(in documents: Workbench) throws -> [String] {
    guard let stream = opendir(documents.path) else { return [] }
    defer { closedir(stream) }
    var files: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasSuffix(".json") { files.append("\(documents.path)/\(name)") }
    }
    return files
  }
}
