import APBus
@testable import Agent
import Glibc
import JSONText
import Reports
import Reservation
import ReservationRules
import Testing

private let apqn = APQN(adapter: 1, domain: 4)
private let now = WallTime(sinceEpoch: .seconds(1_800_000_000))

/// One entry of each kind, and how it is shown.
private struct Sample: CustomTestStringConvertible, Sendable {
  var fact: HistoryEntry.Fact
  var line: String
  var json: String

  var testDescription: String { line }

  static let rule = RuleReference(
    file: "/etc/r/50-db.rules", line: 2, label: "db", textHash: "0123456789ab")

  static func move(
    from: Owner = .host, to: Owner = .vfioAP, _ cause: OwnerChange.Cause?,
    rule: RuleReference? = nil, _ mechanism: Mechanism? = nil, failure: String? = nil,
    foreign: Agent.Move.ForeignChange? = nil
  ) -> HistoryEntry.Fact {
    .moved(
      Agent.Move(
        time: now, apqn: apqn, from: from, to: to, cause: cause, rule: rule, mechanism: mechanism,
        failure: failure, foreign: foreign))
  }

  static let all = [
    Sample(
      fact: .started(.daemon, version: "1.2", boot: "b007"), line: "daemon 1.2 started",
      json: #""started", "program": "daemon", "version": "1.2", "boot": "b007""#),
    Sample(
      fact: .started(.prepare, version: "1.2", boot: ""), line: "apply --prepare 1.2 started",
      json: #""started", "program": "prepare", "version": "1.2", "boot": """#),
    Sample(fact: .ended(.apply), line: "apply ended", json: #""ended", "program": "apply""#),
    Sample(
      fact: move(.wanted, rule: rule, .mask),
      line: #"01.0004 host -> vfio_ap  mask  50-db.rules:2 "db""#,
      json:
        #""move", "queue": "01.0004", "from": "host", "to": "vfio_ap", "cause": "wanted", "rule": {"file": "/etc/r/50-db.rules", "line": 2}, "label": "db", "ruleHash": "0123456789ab", "mechanism": "mask""#
    ),
    Sample(
      fact: move(from: .vfioAP, to: .host, nil, foreign: .masks),
      line: "01.0004 vfio_ap -> host  by another process, which changed the masks",
      json:
        #""move", "queue": "01.0004", "from": "vfio_ap", "to": "host", "cause": "others", "changed": "masks""#
    ),
    Sample(
      fact: move(from: .none, nil, rule: rule, foreign: .loading),
      line:
        #"01.0004 none -> vfio_ap  50-db.rules:2 "db", by the kernel, when vfio_ap was loaded"#,
      json:
        #""move", "queue": "01.0004", "from": "none", "to": "vfio_ap", "cause": "driver-loaded", "rule": {"file": "/etc/r/50-db.rules", "line": 2}, "label": "db", "ruleHash": "0123456789ab""#
    ),
    Sample(
      fact: move(from: .vfioAP, to: .none, nil, rule: rule, foreign: .unloading),
      line:
        #"01.0004 vfio_ap -> none  50-db.rules:2 "db", by the kernel, when vfio_ap was unloaded"#,
      json:
        #""move", "queue": "01.0004", "from": "vfio_ap", "to": "none", "cause": "driver-unloaded", "rule": {"file": "/etc/r/50-db.rules", "line": 2}, "label": "db", "ruleHash": "0123456789ab""#
    ),
    Sample(
      fact: move(from: .vfioAP, to: .none, nil, foreign: .binding),
      line: "01.0004 vfio_ap -> none  by another process",
      json: #""move", "queue": "01.0004", "from": "vfio_ap", "to": "none", "cause": "others""#),
    Sample(
      fact: move(from: .vfioAP, to: .host, nil, foreign: .override(nil)),
      line: "01.0004 vfio_ap -> host  by another process, which changed driver_override",
      json:
        #""move", "queue": "01.0004", "from": "vfio_ap", "to": "host", "cause": "others", "changed": "driver_override""#
    ),
    Sample(
      fact: move(from: .vfioAP, to: .host, .givenBack, .bind, failure: "EIO (input/output error)"),
      line: "01.0004 vfio_ap -> host  bind  given back, no rule requests it  "
        + "failed: EIO (input/output error)",
      json:
        #""move", "queue": "01.0004", "from": "vfio_ap", "to": "host", "cause": "given-back", "mechanism": "bind", "failure": "EIO (input/output error)""#
    ),
    Sample(
      fact: .refused(apqn, reason: "older", message: "01.0004 is old", rule: rule),
      line: #"01.0004 refused  01.0004 is old  50-db.rules:2 "db""#,
      json:
        #""refused", "queue": "01.0004", "reason": "older", "message": "01.0004 is old", "rule": {"file": "/etc/r/50-db.rules", "line": 2}, "label": "db", "ruleHash": "0123456789ab""#
    ),
    Sample(
      fact: .refusalEnded(apqn), line: "01.0004 no longer refused",
      json: #""refusal-ended", "queue": "01.0004""#),
    Sample(
      fact: .requestChanged(apqn, from: nil, to: .missing, message: "it is away", rule: nil),
      line: "01.0004 requested -> missing  it is away",
      json: #""request", "queue": "01.0004", "to": "missing", "message": "it is away""#),
    Sample(
      fact: .requestChanged(apqn, from: .missing, to: .reserved, message: nil, rule: nil),
      line: "01.0004 missing -> reserved",
      json: #""request", "queue": "01.0004", "from": "missing", "to": "reserved""#),
    Sample(
      fact: .asked(.reload, by: .init(process: 4711, user: 0, command: "apreserve")),
      line: "reload requested by apreserve (process 4711), user 0",
      json: #""asked", "action": "reload", "pid": 4711, "uid": 0, "command": "apreserve""#),
    Sample(
      fact: .asked(.apply, by: .init(process: 4711, user: 7, command: nil)),
      line: "apply requested by process 4711, user 7",
      json: #""asked", "action": "apply", "pid": 4711, "uid": 7"#),
    Sample(
      fact: .asked(
        .reload, by: .init(process: 4711, user: 0, loginUser: 1000, command: "apreserve")),
      line: "reload requested by apreserve (process 4711), user 0, login user 1000",
      json:
        #""asked", "action": "reload", "pid": 4711, "uid": 0, "loginuid": 1000, "command": "apreserve""#
    ),
    Sample(
      fact: .asked(
        .changeover, by: .init(process: 4711, user: 0, command: "apreserve"), mechanism: .mask),
      line: "changeover to mask requested by apreserve (process 4711), user 0",
      json:
        #""asked", "action": "changeover", "mechanism": "mask", "pid": 4711, "uid": 0, "command": "apreserve""#
    ),
    Sample(
      fact: .asked(.reload, by: nil), line: "reload requested by SIGHUP",
      json: #""asked", "action": "reload""#),
    Sample(
      fact: .rulesRead("2 rules in 1 file in force"), line: "2 rules in 1 file in force",
      json: #""rules", "message": "2 rules in 1 file in force""#),
    Sample(
      fact: .ruleChanged(.changed, rule, text: #"ADAPTER=="1""#),
      line: #"rule changed  /etc/r/50-db.rules:2  ADAPTER=="1""#,
      json:
        #""rule", "change": "changed", "rule": {"file": "/etc/r/50-db.rules", "line": 2}, "label": "db", "ruleHash": "0123456789ab", "text": "ADAPTER==\"1\"""#
    ),
  ]
}

@Suite struct `An entry of the history` {
  @Test(arguments: Sample.all)
  fileprivate func `is a line for people, and JSON from which it is read again`(sample: Sample)
    throws
  {
    let entry = HistoryEntry(sample.fact, at: now)
    #expect(entry.line == "2027-01-15T08:00:00Z \(sample.line)")
    #expect(
      entry.json.text() == #"{"time": "2027-01-15T08:00:00Z", "entry": \#(sample.json)}"#)
    #expect(HistoryEntry(json: entry.json) == entry)
  }

  @Test func `is on one line, whatever its texts are`() {
    let entry = HistoryEntry(
      .asked(.reload, by: .init(process: 1, user: 0, command: "a\nb\u{1b}[2J")), at: now)
    #expect(entry.line.hasSuffix(#"by a\nb\u{1B}[2J (process 1), user 0"#), "\(entry.line)")
    #expect(HistoryText.line(entry).filter { $0 == 10 }.count == 1)
  }

  @Test func `has the beginning of a long text`() throws {
    let text = String(repeating: "ä", count: 8000)
    let entry = HistoryEntry(.ruleChanged(.added, Sample.rule, text: text), at: now)
    #expect(entry.json["text"]?.text == String(repeating: "ä", count: 500) + "...")
  }

  @Test(arguments: [
    "{}", "[]", "null", #"{"time": "2027-01-15T08:00:00Z"}"#,
    #"{"time": "2027-01-15T08:00:00Z", "entry": "nonsense"}"#,
    #"{"time": "2027-02-30T08:00:00Z", "entry": "ended", "program": "daemon"}"#,
    #"{"time": "2027-01-15", "entry": "ended", "program": "daemon"}"#,
    #"{"time": "2027-01-15T08:00:00Z", "entry": "ended", "program": "x"}"#,
    #"{"time": "2027-01-15T08:00:00Z", "entry": "refusal-ended", "queue": "1.4"}"#,
    #"{"time": "2027-01-15T08:00:00Z", "entry": "request", "queue": "01.0004", "to": "x"}"#,
    #"{"time": "2027-01-15T08:00:00Z", "entry": "move", "queue": "01.0004", "from": "host"}"#,
    #"{"time": "2027-01-15T08:00:00Z", "entry": "move", "queue": "01.0004", "from": "host", "to": "none", "cause": "x"}"#,
    #"{"time": "2027-01-15T08:00:00Z", "entry": "asked", "action": "x"}"#,
    #"{"time": "2027-01-15T08:00:00Z", "entry": "rules"}"#,
    #"{"time": "2027-01-15T08:00:00Z", "entry": "rule", "change": "added"}"#,
  ])
  func `is not read from anything else`(text: String) throws {
    #expect(HistoryEntry(json: try JSONParser.parse(Array(text.utf8))) == nil)
  }

  @Test func `of a rule has its place, its label and a hash of its text`() throws {
    let rules = try Example.ruleSet(#"ADAPTER=="1", RESERVE="vfio_ap", NAME="db""#).rules
    let rule = try #require(rules.first)
    // printf '%s' 'ADAPTER=="1", RESERVE="vfio_ap", NAME="db"', by FNV-1a with 64 bits.
    #expect(
      RuleReference(rule)
        == RuleReference(
          file: "/etc/r/50-db.rules", line: 1, label: "db", textHash: "c04d2172eb6c"))
  }

  @Test func `follows from what the agent reports`() throws {
    let rule = try #require(try Example.ruleSet(#"ADAPTER=="1", RESERVE="vfio_ap""#).rules.first)
    let refusal = Refusal(apqn, .hardwareTooOld(HardwareType(rawValue: 9)))
    let failure = Failure(.queue(apqn), .vanished(apqn))
    let missed = Agent.Move(time: now, apqn: apqn, from: .host, to: .vfioAP, cause: .wanted)
    var failed = missed
    failed.failure = "EIO"
    let later = WallTime(sinceEpoch: .seconds(1_800_000_001))
    func facts(_ event: Agent.Event) -> [HistoryEntry.Fact] {
      HistoryEntry.entries(of: event, at: later).map(\.fact)
    }
    #expect(HistoryEntry.entries(of: .moved([missed]), at: later).map(\.time) == [now])
    #expect(facts(.movedByOthers([missed])) == [.moved(missed)])
    #expect(facts(.takenOnArrival([missed])) == [.moved(missed)])
    #expect(facts(.boundAtLoading([missed])) == [.moved(missed)])
    #expect(facts(.refusalsEnded([apqn])) == [.refusalEnded(apqn)])
    // The same failure once more is no news.
    #expect(facts(.failed(failure, missed: [missed, failed], pause: nil)) == [.moved(failed)])
    #expect(
      facts(.refused(refusal, rule: rule)) == [
        .refused(
          apqn, reason: "hardware-too-old", message: refusal.description, rule: RuleReference(rule))
      ])
    #expect(
      facts(
        .requestsChanged([.init(apqn: apqn, from: .missing, reason: .domainAbsent(4), rule: rule)]))
        == [
          .requestChanged(
            apqn, from: .missing, to: .missing,
            message: "01.0004 is missing: the adapter has no queue in domain 0x0004",
            rule: RuleReference(rule))
        ])
    #expect(facts(.draining(apqn, requests: 1)) == [])
  }

  @Test func `of a change of the rules names each rule, up to 200 of them`() throws {
    func rules(_ adapters: some Sequence<Int>) throws -> RuleSet {
      try Example.ruleSet(
        adapters.map { "ADAPTER==\"0x\(String($0, radix: 16))\", RESERVE=\"vfio_ap\"\n" }.joined())
    }
    let changes = RuleChanges(from: try rules([1, 2, 3]), to: try rules([1, 4]))
    let words = HistoryEntry.entries(of: changes, at: now).map { entry -> String in
      guard case .ruleChanged(let change, let rule, let text) = entry.fact else { return "" }
      return "\(change) \(rule.line) \(text.prefix(14))"
    }
    #expect(words == [#"removed 3 ADAPTER=="0x3""#, #"changed 2 ADAPTER=="0x4""#])
    let many = RuleChanges(from: RuleSet(), to: try rules(0..<250))
    #expect(HistoryEntry.entries(of: many, at: now).count == 200)
  }
}

@Suite struct `The history` {
  private func entry(_ second: Int, _ fact: HistoryEntry.Fact = .refusalEnded(apqn)) -> HistoryEntry
  {
    HistoryEntry(fact, at: WallTime(sinceEpoch: .seconds(second)))
  }

  @Test func `has the last 5,000 entries, the oldest first`() {
    var history = History((0..<4).map { entry($0) })
    #expect(history.entries.map(\.time.sinceEpoch.components.seconds) == [0, 1, 2, 3])
    for second in 4..<5003 { history.append(entry(second)) }
    #expect(history.entries.map(\.time.sinceEpoch.components.seconds) == Array(3..<5003))
    #expect(History((0..<5003).map { entry($0) }) == History((3..<5003).map { entry($0) }))
  }

  @Test func `begins at a moment, or with the first program of a boot`() {
    let started = { HistoryEntry.Fact.started(.daemon, version: "1", boot: $0) }
    // The clock was set back before the second boot.
    let history = History([
      entry(50, started("a")), entry(51), entry(10, started("b")), entry(11),
      entry(52, started("b")), entry(53),
    ])
    func seconds(_ start: HistoryStart?, _ boot: String = "b") -> [Int64] {
      history.entries(since: start, boot: boot).map(\.time.sinceEpoch.components.seconds)
    }
    #expect(seconds(nil) == [50, 51, 10, 11, 52, 53])
    #expect(seconds(.boot) == [10, 11, 52, 53])
    #expect(seconds(.boot, "c") == [])
    #expect(seconds(.time(WallTime(sinceEpoch: .seconds(51)))) == [51, 52, 53])
  }
}

@Suite struct `The text of a history` {
  private let lines = Sample.all.map { HistoryText.line(HistoryEntry($0.fact, at: now)) }

  @Test func `is read as it was written`() {
    let (entries, damage) = HistoryText.read(Array(lines.joined()))
    #expect(entries == Sample.all.map { HistoryEntry($0.fact, at: now) })
    #expect(damage == nil)
  }

  @Test func `may end anywhere`() {
    let bytes = Array(lines.prefix(3).joined())
    for end in 0...bytes.count {
      let (entries, damage) = HistoryText.read(Array(bytes[..<end]))
      #expect(entries.count == bytes[..<end].count { $0 == 10 })
      #expect(damage == nil)
    }
  }

  @Test func `is read without the lines that are invalid`() {
    let nonsense = Array("nonsense\n".utf8)
    var damaged = [lines[0], nonsense, lines[1], [0, 255, 10], [10], lines[2]]
    var (entries, damage) = HistoryText.read(Array(damaged.joined()))
    #expect(entries.count == 3)
    #expect(damage == .init(line: 2, count: 3))
    #expect(damage?.description == "line 2 and 2 more are invalid")
    damaged = [lines[0], nonsense]
    (entries, damage) = HistoryText.read(Array(damaged.joined()))
    #expect(entries.count == 1)
    #expect(damage?.description == "line 2 is invalid")
  }
}

@Suite struct `The time from which on a history is shown` {
  /// 2027-01-15 08:00:00 in a zone that is two hours ahead.
  private func start(_ text: String) -> String? {
    HistoryStart(
      text: text, now: now,
      localTime: { parts in
        parts.tm_hour -= 2
        let time = timegm(&parts)
        var shifted = time + 7200
        gmtime_r(&shifted, &parts)
        return time
      },
      calendar: { time in
        var shifted = time + 7200
        var parts = tm()
        gmtime_r(&shifted, &parts)
        return parts
      })?.word
  }

  @Test(arguments: [
    ("boot", "boot"), ("now", "2027-01-15T08:00:00Z"), ("today", "2027-01-14T22:00:00Z"),
    ("Yesterday", "2027-01-13T22:00:00Z"), ("2026-12-31", "2026-12-30T22:00:00Z"),
    ("2026-12-31 23:59", "2026-12-31T21:59:00Z"), ("2026-12-31 23:59:59", "2026-12-31T21:59:59Z"),
    ("08:00", "2027-01-15T06:00:00Z"), ("08:00:07", "2027-01-15T06:00:07Z"),
    ("2026-12-31T23:59:59Z", "2026-12-31T23:59:59Z"), ("-2h", "2027-01-15T06:00:00Z"),
    ("2h ago", "2027-01-15T06:00:00Z"), ("2 hours ago", "2027-01-15T06:00:00Z"),
    ("1 day 2 hours ago", "2027-01-14T06:00:00Z"), ("-1h30min", "2027-01-15T06:30:00Z"),
    ("90 s ago", "2027-01-15T07:58:30Z"), ("-1w", "2027-01-08T08:00:00Z"),
  ])
  func `is written much as for journalctl`(text: String, expected: String) {
    #expect(start(text) == expected)
    #expect(HistoryStart(word: expected)?.word == expected)
  }

  @Test(arguments: [
    "", " ", "soon", "2027-02-30", "2027-13-01", "27-01-15", "2027-01-15 24:00", "2027-01-15 8:00",
    "2027-01-15 08:60", "08:00 2027-01-15", "2027-01-15 08:00 +2", "2h", "-", "ago", "-2",
    "2 ago", "-2 parsecs", "-9999999999s", "2027-01-15T08:00:00", "2027-02-30T08:00:00Z", "1:2",
    "-2h ago ago", "2027-01-15 2027-01-15",
  ])
  func `is nothing else`(text: String) {
    #expect(start(text) == nil)
  }
}
