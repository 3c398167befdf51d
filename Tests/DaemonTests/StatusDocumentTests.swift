import APBus
import Agent
import Glibc
import HostSystem
import JSONText
import Reports
import ReservationRules
import Testing

@testable import Daemon
@testable import Reservation

/// A phase, and what each place that shows the status makes of it.
private struct Row: Sendable {
  var phase: Agent.Status.Phase
  var word: String
  var summary: String
  /// The journal's messages when the phase is entered.
  var messages: [(kind: MessageKind, level: LogMessage.Level)]
  var isDegraded = false
  var outcome = StatusView.Outcome.fine

  static let obstacles: [Agent.Status.Obstacle] = [
    .unreadable(.changing),
    .unreadable(.unreadable(SysfsError(.read, .bus("apmask"), errno: .inputOutput))),
    .unavailable(.init(mechanism: .override)),
    .unrecorded(OwnershipRecordError("/run/apreserve/owned: ENOSPC (no space left on device)")),
  ]

  static let all: [Row] =
    [
      Row(
        phase: .starting, word: "starting", summary: "starting: scanning the machine", messages: []),
      Row(
        phase: .withoutBus, word: "without-bus",
        summary: "waiting for an AP bus; 2 of 2 queues reserved",
        messages: [(.withoutBus, .info)], outcome: .withoutBus),
      Row(
        phase: .beforeFirstScan, word: "before-first-scan",
        summary: "waiting for the first scan of the AP bus", messages: [(.beforeFirstScan, .info)]),
      Row(
        phase: .moving, word: "moving",
        summary: "2 of 2 queues reserved, waiting for another process's change of the masks",
        messages: []),
      Row(phase: .applying, word: "applying", summary: "2 of 2 queues reserved", messages: []),
      Row(phase: .settled, word: "settled", summary: "2 of 2 queues reserved", messages: []),
    ]
    + obstacles.map {
      Row(
        phase: .blocked($0), word: "blocked", summary: "\($0)", messages: [(.problem, .error)],
        isDegraded: true, outcome: .error)
    }
}

@Suite struct `The status` {
  @Test(arguments: Row.all)
  fileprivate func `of each phase is the same in summary, JSON, metrics, journal and exit status`(
    row: Row
  ) throws {
    var report = AgentReport()
    report.status = Agent.Status(phase: row.phase)
    report.status.requests = try Self.twoReserved()
    let document = document(report)
    let json = document.json
    #expect(document.summary == row.summary)
    #expect(json["phase"]?.text == row.word)
    #expect(json["degraded"]?.isTrue == row.isDegraded)
    #expect((json["problems"]?.elements ?? []) == (row.isDegraded ? [.string(row.summary)] : []))
    let view = StatusView(json)
    let metrics = DaemonMetrics(document).text
    let shown = metrics.split(separator: "\n").filter {
      $0.hasPrefix("apreserve_phase{") && $0.hasSuffix(" 1")
    }
    #expect(shown == ["apreserve_phase{phase=\"\(row.word)\"} 1"])
    #expect(metrics.contains("\napreserve_degraded \(row.isDegraded ? 1 : 0)\n"))
    #expect(view.outcome == row.outcome)
    let messages = LogMessage.messages(.entered(row.phase, from: .settled))
    #expect(messages.map(\.kind) == row.messages.map(\.kind))
    #expect(messages.map(\.level) == row.messages.map(\.level))
    if row.isDegraded { #expect(messages.map(\.text) == [row.summary]) }
  }

  @Test func `knows the word of every phase`() {
    #expect(
      Set(Row.all.map(\.word) + ["retrying"])
        == Set(Agent.Status.Phase.Word.allCases.map(\.rawValue)))
    #expect(Agent.Status.Phase.retrying.word.rawValue == "retrying")
  }

  /// Two queues that are requested and reserved.
  private static func twoReserved() throws -> Requests {
    var inventory = Inventory.empty
    inventory.setCard(
      Card(adapter: 1, hardwareType: HardwareType(rawValue: 13), functions: 0), adapter: 1)
    for domain in [UInt8(4), 5] {
      let apqn = APQN(adapter: 1, domain: domain)
      inventory.setQueue(Queue(apqn: apqn, driver: DriverName.vfioAP), apqn: apqn)
    }
    let (rules, diagnostics) = RuleSet.parse(files: [
      RuleFile(path: "r", text: "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n")
    ])
    try #require(diagnostics.isEmpty)
    return Requests(
      inventory: inventory,
      decisions: DecisionTable(rules: rules, inventory: inventory, host: HostIdentity()),
      ownership: Ownership(), configuration: HostConfiguration(), plan: Plan(mechanism: .bind))
  }

  @Test func `says since when, when last, and what to do next`() throws {
    var report = AgentReport()
    report.status = Agent.Status(phase: .settled)
    report.lastSurvey = .boot
    let (rules, _) = RuleSet.parse(files: [
      RuleFile(path: "r", text: "APQN==\"01.0004\", RESERVE=\"vfio_ap\"\n")
    ])
    report.status.requests = Requests(
      inventory: .empty,
      decisions: DecisionTable(rules: rules, inventory: .empty, host: HostIdentity()),
      ownership: Ownership(), configuration: HostConfiguration(), plan: Plan(mechanism: .bind))
    var document = document(report)
    document.now = Instant(sinceBoot: .seconds(7))
    document.lastChange = WallTime(sinceEpoch: .seconds(1_800_000_010))
    let json = document.json
    #expect(json["started"] == "2027-01-15T08:00:00Z")
    #expect(json["lastChange"] == "2027-01-15T08:00:10Z")
    #expect(json["lastScanSeconds"] == .number("7.000"))
    let text = StatusView(json).text(now: Self.now)
    let start = WallTime(sinceEpoch: .seconds(1_800_000_000)).localText
    #expect(
      text.contains(
        "\ndaemon     \(ProgramVersion.text), process \(getpid()), running since \(start) (2 h)\n"),
      "\(text)")
    #expect(text.contains("\nscanned    7 s ago; last change 119 min ago, 20"), "\(text)")
    #expect(
      text.contains(
        """

        missing
          01.0004 is missing: adapter 0x01 is absent; configure adapter 0x01 (1 on the HMC) on for this LPAR
          next: apreserve explain 01.0004

        """),
      "\(text)")
    let narrow = StatusView(json).text(
      now: Self.now, style: TextStyle(isColored: false, width: 50))
    #expect(narrow.split(separator: "\n").allSatisfy { $0.count <= 50 }, "\(narrow)")
    #expect(
      narrow.contains(
        """

        missing
          01.0004 is missing: adapter 0x01 is absent;
            configure adapter 0x01 (1 on the HMC) on for
            this LPAR
          next: apreserve explain 01.0004

        """), "\(narrow)")
    #expect(!text.contains("settings"))
    document.settings = [AppliedSetting(name: "FightLimit", value: "3", origin: "default")]
    #expect(
      StatusView(document.json).text(now: Self.now, hasSettings: true)
        .hasSuffix("\nsettings\n  FightLimit=3  (default)\n"))
    // Nothing of that changes what a person watches.
    let before = StatusView(document.json).lasting
    document.now = Instant(sinceBoot: .seconds(8))
    #expect(StatusView(document.json).lasting == before)
  }

  private static let now = WallTime(sinceEpoch: .seconds(1_800_007_200))

  private func document(_ report: AgentReport) -> StatusDocument {
    var board = StatusBoard.State()
    board.report = report
    let keeper = RuleKeeper(directories: [], owner: nil, archive: nil)
    _ = keeper.load()
    return StatusDocument(
      board: board, rules: keeper.condition, settings: [],
      events: UdevMonitor.Counts(), problems: [], configurationErrors: [], now: .boot,
      wallTime: Self.now, started: WallTime(sinceEpoch: .seconds(1_800_000_000)), lastChange: nil,
      rescanInterval: .seconds(60))
  }

  /// A queue of the host that rules request, and a plan that refuses that.
  private func refusing(_ reason: Refusal.Reason) throws -> StatusDocument {
    let apqn = APQN(adapter: 1, domain: 4)
    var inventory = Inventory.empty
    inventory.setCard(
      Card(adapter: 1, hardwareType: HardwareType(rawValue: 13), functions: 0), adapter: 1)
    inventory.setQueue(Queue(apqn: apqn, driver: DriverName.cex4queue), apqn: apqn)
    let (rules, _) = RuleSet.parse(files: [
      RuleFile(path: "r", text: "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n")
    ])
    var plan = Plan(mechanism: .mask)
    plan.refusals = [Refusal(apqn, reason)]
    var report = AgentReport()
    report.status = Agent.Status(phase: .settled)
    report.status.plan = plan
    report.status.requests = Requests(
      inventory: inventory,
      decisions: DecisionTable(rules: rules, inventory: inventory, host: HostIdentity()),
      ownership: Ownership(), configuration: HostConfiguration(), plan: plan)
    return document(report)
  }

  @Test func `has the command that leads further, and not in a circle`() throws {
    func text(_ document: StatusDocument) -> String {
      StatusView(document.json).text(now: Self.now)
    }
    let contended = text(try refusing(.guarded(.fought(times: 3))))
    #expect(
      contended.contains(
        "\n  next: journalctl -u apreserve.service AP_QUEUE=01.0004, then apreserve reload\n"),
      "\(contended)")
    let uuid = "11111111-2222-3333-4444-555555555555"
    for (reason, next) in [
      (.guarded(.assigned(mediatedDevice: uuid)), "apreserve guest show \(uuid)"),
      (
        .guarded(.assigned(mediatedDevice: "\(uuid) (virtual machine web1)")),
        "apreserve guest show \(uuid)"
      ),
      (.guarded(.assigned(mediatedDevice: nil)), "apreserve explain 01.0004"),
      (.guarded(.rulesMissing), "apreserve reload, if that is intended"),
      (.cardUnbound, "apreserve explain 01.0004"),
    ] as [(Refusal.Reason, String)] {
      var document = try refusing(reason)
      document.board.report.status.requests = Requests()
      let text = text(document)
      #expect(text.contains("\nnot given back\n"), "\(text)")
      #expect(text.contains("\n  next: \(next)\n"), "\(text)")
      #expect(StatusView(document.json).outcomeOfApplying == .refused)
    }
    var document = try refusing(.guarded(.busy))
    document.configurationErrors = ["apreserve.conf:1: FightLimit=x: not a number"]
    #expect(text(document).contains("\n  next: correct the settings, then run apreserve reload\n"))
    document.configurationErrors = []
    // The kernel says the same of other things than files, such as watches.
    let journal = "\n  next: journalctl -u apreserve.service -e\n"
    document.problems = ["watching /etc/a/rules.d: ENOSPC (no space left on device)"]
    #expect(text(document).contains(journal))
    document.rules.archiveError = FileError(
      "/var/lib/a/last-good.rules.new", .failed("writing", .noSpace))
    #expect(text(document).contains("\n  next: df -h /var/lib/a, and free space there\n"))
    document.rules.archiveError = FileError("/var/lib/a/x", .failed("writing", .permissionDenied))
    #expect(text(document).contains(journal))
    let record = FileError("/run/a/ownership.new", .failed("creating", .noSpace))
    document.board.report.status.phase = .blocked(.unrecorded(OwnershipRecordError(record)))
    #expect(text(document).contains("\n  next: df -h /run/a, and free space there\n"))
  }

  @Test func `is complained of with the reasons, the first few`() throws {
    var document = try refusing(.guarded(.fought(times: 3)))
    let sentence = try #require(document.json["openRequests"]?.elements.first?["message"]?.text)
    #expect(StatusView(document.json).complaints() == [sentence, "next: apreserve status"])
    document.problems = (1...9).map { "problem \($0)" }
    let complaints = StatusView(document.json).complaints()
    #expect(
      complaints == (1...8).map { "problem \($0)" } + ["and 2 more", "next: apreserve status"])
    // A queue that a rule keeps for the host, and that another program has reserved.
    var other = try refusing(.guarded(.busy))
    let apqn = APQN(adapter: 1, domain: 4)
    var plan = Plan(mechanism: .mask)
    plan.adopted = [apqn]
    plan.warnings = [.adopted([apqn], rule: "r:1")]
    other.board.report.status.plan = plan
    other.board.report.status.requests = Requests()
    #expect(other.summary == "0 of 0 queues reserved, 1 of the host on vfio_ap")
    let view = StatusView(other.json)
    #expect(view.outcome == .refused && view.outcomeOfApplying == .refused)
    #expect(view.complaints().first == PlanWarning.adopted([apqn], rule: "r:1").description)
    plan.warnings = [.adopted([apqn])]
    other.board.report.status.plan = plan
    #expect(StatusView(other.json).outcome == .fine)
    #expect(StatusView(other.json).complaints() == [])
  }

  @Test func `says for how many whole seconds something is waited for`() {
    var report = AgentReport()
    report.status = Agent.Status(phase: .settled)
    var document = document(report)
    document.board.wait = Wait(
      subject: .lock(path: "/run/lock/x", holder: "an unknown process"), since: .boot)
    document.now = Instant(sinceBoot: .milliseconds(1239))
    let view = StatusView(document.json)
    let text = view.text(now: Self.now)
    #expect(
      text.contains("\nwaiting    for an unknown process, which holds /run/lock/x, for 1 s\n"),
      "\(text)")
    #expect(view.outlook == "waiting for an unknown process, which holds /run/lock/x, for 1 s")
  }

  @Test func `has the warnings of the last plan`() {
    var report = AgentReport()
    report.status.phase = .settled
    var plan = Plan(mechanism: .mask)
    plan.warnings = [.lastCCAQueueTaken]
    report.status.plan = plan
    let json = document(report).json
    let sentence = PlanWarning.lastCCAQueueTaken.description
    #expect(json["warnings"] == .array([PlanWarning.layout.json(.lastCCAQueueTaken)]))
    #expect(StatusView(json).text(now: Self.now).contains("\nwarnings\n  \(sentence)\n"))
  }
}
