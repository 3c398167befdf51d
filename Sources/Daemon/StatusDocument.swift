package import APBus
import Agent
import Glibc
package import HostSystem
package import JSONText
package import Reports
package import Reservation
import ReservationRules
package import Snapshots

/// The answer to `GetStatus` (`org.apreserve.varlink`).
package struct StatusDocument {
  /// What the agent's thread shows.
  package var board: StatusBoard.State
  /// The rules in force.
  package var rules: RuleKeeper.Condition
  /// The settings in force.
  package var settings: [AppliedSetting]
  /// The events received.
  package var events: UdevMonitor.Counts
  /// What does not work, each a sentence.
  package var problems: [String]
  /// What is wrong with the configuration, each a sentence.
  package var configurationErrors: [String]
  /// Now, on the clock of `HostTime`.
  package var now: Instant
  /// Now, as people count.
  package var wallTime: WallTime
  /// When the daemon was started.
  package var started: WallTime
  /// When a queue was moved last, also by an earlier run; nil if that is not known.
  package var lastChange: WallTime?
  /// How often everything is scanned without a reason.
  package var rescanInterval: Duration

  /// What an answer depends on that is made once.
  struct Revision: Equatable {
    var board: StatusBoard.State.Revision
    var rules: UInt64
    var settings: [AppliedSetting]
  }

  var revision: Revision {
    Revision(board: board.revision, rules: rules.revision, settings: settings)
  }

  /// All that the agent plans by; nil before the first scan and without an AP bus.
  var planningState: PlanningState? {
    let report = board.report
    guard let inventory = report.inventory, let decisions = report.decisions,
      let survey = report.lastSurvey
    else { return nil }
    return PlanningState(
      machine: Snapshot(
        host: report.host, inventory: inventory, configuration: report.configuration,
        ownership: report.ownership),
      rules: RulesInForce(decisions.rules, errors: rules.reasons), settings: settings,
      memory: board.memory, lastSurvey: survey)
  }

  /// The machine as of the agent's last scan, assessed by the rules in force.
  var assessment: Assessment? {
    let report = board.report
    let agent = board.status
    guard let inventory = report.inventory, let decisions = report.decisions,
      let choice = agent.mechanism, let plan = agent.plan
    else { return nil }
    return Assessment(
      inventory: inventory, decisions: decisions, choice: choice, plan: plan,
      requests: agent.requests, ownership: report.ownership,
      context: PlanningContext(configuration: report.configuration), settings: settings)
  }

  /// When something was, since the epoch.
  func time(of instant: Instant) -> Duration { wallTime.sinceEpoch - (now - instant) }

  /// The rules in force.
  var heldRules: RulesInForce { RulesInForce(rules.rules, errors: rules.reasons) }

  /// Lists are cut after so many elements; the numbers beside them are of all.
  static let listLimit = 100

  /// What is waited for, while that takes long enough to be worth a word.
  private var longWait: Wait? {
    board.wait.flatMap { now - $0.since >= Wait.patience ? $0 : nil }
  }

  private var status: Agent.Status { board.status }

  /// One line.
  package var summary: String {
    if let ending = board.ending { return ending }
    let wait = longWait.map { "; \($0.description(now: now))" } ?? ""
    return degradation + status.description + wait
  }

  /// What is wrong with the files; empty where nothing is.
  private var degradation: String {
    let isUnconfirmed = rules.origin == .unconfirmed
    return switch (rules.isDegraded && !isUnconfirmed, !configurationErrors.isEmpty) {
    case (false, false): isUnconfirmed ? "DEGRADED, a change of rules was taken back: " : ""
    case (true, false): "DEGRADED, rules have errors: "
    case (false, true): "DEGRADED, settings have errors: "
    case (true, true): "DEGRADED, rules and settings have errors: "
    }
  }

  /// Whether something does not work as configured.
  var isDegraded: Bool { rules.isDegraded || !allProblems.isEmpty }

  /// Everything that is wrong.
  private var allProblems: [String] {
    [board.ending, status.obstacle?.description].compactMap(\.self) + problems + rules.reasons
      + configurationErrors
  }

  /// The next command about what does not work; nil where only the journal knows more.
  private var nextForProblems: String? {
    guard rules.errors.isEmpty else { return "apreserve verify" }
    if rules.origin == .unconfirmed { return "apreserve rules --diff" }
    if !configurationErrors.isEmpty { return "correct the settings, then run apreserve reload" }
    var full = rules.fullDirectory
    if case .unrecorded(let error)? = status.obstacle { full = error.fullDirectory ?? full }
    return full.map { "df -h \($0), and free space there" }
  }

  /// The next command about queues that are not given back, by the reason of the first.
  private var nextForNotGivenBack: String? {
    guard let refusal = status.notGivenBack.first else { return nil }
    switch refusal.reason {
    case .guarded(.rulesMissing): return "apreserve reload, if that is intended"
    case .guarded(.assigned(let device?)), .vetoed(let device):
      // The name of a virtual machine can follow (`HostConfiguration.name(ofMediatedDevice:)`).
      return "apreserve guest show \(device.prefix { $0 != " " })"
    default: return "apreserve explain \(refusal.apqn)"
    }
  }

  package var json: JSONValue { Self.layout.json(self) }

  /// The type `Status`.
  package static let layout = JSONLayout<StatusDocument>("Status", "The state of the daemon.") {
    $0.add("version", .text, "The daemon's version.") { _ in ProgramVersion.text }
    $0.add("pid", .integer, "Its process.") { _ in getpid() }
    $0.add("started", .time, "When it was started.", \.started)
    $0.add("lastChange", .nullable(.time), "When a queue was moved last.", \.lastChange)
    $0.add("lastScanSeconds", .nullable(.seconds), "How long ago everything was scanned.") {
      status in
      status.board.report.lastSurvey.map { status.now - $0 }
    }
    $0.add("phase", .word, "How far it is.", \.status.phase.word)
    $0.add("summary", .text, "One line for people.", \.summary)
    $0.add("degraded", .flag, "Whether something does not work as configured.", \.isDegraded)
    $0.add("problems", .cut(.text), "What does not work, a sentence each.", \.allProblems)
    $0.add(
      "problemsNext", .nullable(.text),
      "The next command about it; null where the journal knows more.",
      \.nextForProblems)
    $0.add("mechanism", .nullable(.word), "How queues are moved.", \.status.mechanism?.mechanism)
    $0.add(
      "mechanismReason", .nullable(.text), "Why they are moved like that.",
      \.status.mechanism?.reason)
    $0.add("requests", .object(Requests.layout), "The requests by state.", \.status.requests)
    $0.add(
      "openRequests", .list(of: .object(OpenRequest.Group.layout(limit: listLimit))),
      "The requests that are not fulfilled, by reason.", \.openRequests)
    $0.add("refused", .count, "How many refusals there are.") {
      $0.status.plan?.refusals.count ?? 0
    }
    $0.add("adopted", .count, "How many queues on vfio_ap apreserve has not reserved.") {
      $0.status.plan?.adopted.count ?? 0
    }
    $0.add("withheld", .count, "How many of them rules keep for the host.") {
      $0.status.plan?.withheld.count ?? 0
    }
    $0.add("failed", .count, "How many operations failed last.", \.status.failures.count)
    $0.add("busy", .flag, "Whether the agent is at work.", \.board.isBusy)
    $0.add("wait", .nullable(.object(waitLayout)), "What it waits for at this moment.") { status in
      status.board.wait.map { ($0, status.now) }
    }
    $0.add(
      "draining", .cut(.object(drainLayout)),
      "Queues that finish their requests before they are moved."
    ) { status in
      status.status.drains.sorted { $0.key < $1.key }.map { ($0.key, status.now - $0.value) }
    }
    $0.add(
      "unansweredCards", .list(of: .object(silentLayout)), "Cards whose adapters do not answer."
    ) {
      ($0.board.report.inventory?.cards ?? []).compactMap { card in
        card.unanswered.flatMap { $0.isAwaited ? nil : (card.name, $0) }
      }
    }
    $0.add("refusals", .cut(.object(Refusal.layout)), "What is refused.") {
      $0.status.plan?.refusals ?? []
    }
    $0.add(
      "notGivenBack", .cut(.text),
      "Why queues that no rule reserves stay reserved, a sentence each.",
      \.notGivenBack)
    $0.add(
      "notGivenBackNext", .nullable(.text), "The next command about the first of them.",
      \.nextForNotGivenBack)
    $0.add("failures", .cut(.text), "What failed last, a sentence each.") {
      $0.status.failures.map(\.description)
    }
    $0.add("warnings", .cut(.object(PlanWarning.layout)), "What the last plan warns of.") {
      $0.status.plan?.warnings ?? []
    }
    $0.add(
      "keyAlarms", .cut(.object(KeyAlarm.layout)),
      "Queues whose master keys are not the expected ones, or have changed."
    ) {
      ($0.status.plan?.warnings ?? []).compactMap(\.keyAlarm)
    }
    $0.add("rules", .object(rulesLayout), "The rules in force.", \.rules)
    $0.add("settings", .list(of: .object(AppliedSetting.layout)), "The settings.", \.settings)
    $0.add("counters", .object(countersLayout), "What was counted since the start.") { $0 }
  }

  private static let waitLayout = JSONLayout<(wait: Wait, now: Instant)>(
    "Wait", "What the daemon waits for before it does anything else."
  ) {
    $0.add("kind", .word, "What it is.") { $0.wait.kind }
    $0.add("path", .text, "The file.") { $0.wait.path }
    $0.add("text", .nullable(.text), "What is written.") { $0.wait.text }
    $0.add("holder", .nullable(.text), "The process that holds the lock.") { $0.wait.holder }
    $0.add("seconds", .seconds, "For how long.") { $0.now - $0.wait.since }
  }

  private static let drainLayout = JSONLayout<(apqn: APQN, time: Duration)>(
    "Drain", "A queue that finishes its requests before it is moved."
  ) {
    $0.add("queue", .queue, "The queue.") { $0.apqn }
    $0.add("seconds", .seconds, "For how long that is waited for.") { $0.time }
  }

  private static let silentLayout = JSONLayout<(card: String, read: UnansweredRead)>(
    "UnansweredCard", "A card whose adapter does not answer."
  ) {
    $0.add("card", .text, "The card.") { $0.card }
    $0.add("path", .text, "The file that was read.") { $0.read.path.description }
    $0.add("seconds", .seconds, "For how long an answer was waited for.") { $0.read.limit }
  }

  private static let rulesLayout = JSONLayout<RuleKeeper.Condition>(
    "Rules", "The rules in force."
  ) {
    $0.add("origin", .word, "Where they come from.", \.origin)
    $0.add("files", .cut(.text), "Their files.", \.rules.files)
    $0.add("count", .count, "How many there are.", \.rules.rules.count)
    $0.add(
      "errors", .cut(.text), "Why the files on disk have other rules, each a sentence.", \.errors)
    $0.add(
      "confirmUntil", .nullable(.time),
      "When the change of the rules that is on trial is taken back unless it is confirmed."
    ) { $0.trial.flatMap { $0.end == nil ? $0.until : nil } }
  }

  private static let countersLayout = JSONLayout<StatusDocument>(
    "Counters", "What was counted since the daemon was started."
  ) {
    $0.add("events", .count, "Uevents.", \.events.events)
    $0.add("malformedEvents", .count, "Malformed ones.", \.events.malformed)
    $0.add("overruns", .count, "How often the kernel has lost some.", \.events.overruns)
    $0.add(
      "monitorReopenings", .count, "How often the monitor was opened again.", \.events.reopenings)
    $0.add(
      "reconciliations", .count, "How often the agent has reconciled.",
      \.board.report.reconciliations)
    $0.add("writes", .count, "Writes to sysfs.", \.board.writes.done)
    $0.add("refusedWrites", .count, "Those that the kernel refused.", \.board.writes.refused)
  }

  /// The open requests by reason, and of each state at most `listLimit` reasons: a state with many reasons
  /// must not hide another one.
  private var openRequests: [OpenRequest.Group] {
    var shown: [Requests.State: Int] = [:]
    return OpenRequest.groups(of: status.requests.open).filter { group in
      shown[group.reason.state, default: 0] += 1
      return shown[group.reason.state, default: 0] <= Self.listLimit
    }
  }

  /// What cannot be given back, a sentence for each reason.
  private var notGivenBack: [String] {
    OpenRequest.groups(of: status.notGivenBack.map { OpenRequest($0.apqn, .refusal($0.reason)) })
      .map(\.sentence)
  }
}

extension JSONForm {
  /// A list that is cut.
  fileprivate static func cut<Element>(
    _ element: JSONForm<Element>
  ) -> JSONForm where Value == [Element] {
    JSONForm.list(of: element).mapped { Array($0.prefix(StatusDocument.listLimit)) }
  }
}

extension JSONForm where Value == Duration {
  /// Seconds, to the millisecond.
  fileprivate static var seconds: JSONForm {
    JSONForm(schema: JSONSchema(type: "number")) { duration in
      let milliseconds = duration.microseconds / 1000
      let rest = String(milliseconds % 1000)
      return .number(
        "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - rest.utf8.count) + rest)
    }
  }
}

extension PlanningState {
  /// The machine assessed as the daemon has it.
  ///
  /// - Throws: when the kernel does not have the mechanism that the settings ask for.
  ///
  /// `changeover` is the mechanism that a person asks to change over to, if any does.
  package func assessment(
    changingOverTo changeover: Mechanism? = nil
  ) throws(MechanismChoice.Unavailable) -> Assessment {
    let configuration = Configuration(applied: settings)
    var context = PlanningContext(
      configuration: machine.configuration, policy: configuration.policy)
    context.changeover = changeover
    return try Assessment(
      inventory: machine.inventory, rules: rules.rules, host: machine.host,
      mechanism: configuration.mechanism, mechanismOrigin: configuration.origins[.mechanism],
      ownership: machine.ownership,
      context: context,
      agent: memory, settings: settings)
  }
}

/// A daemon's status as its answer has it, for people.
package struct StatusView {
  private let status: JSONValue

  /// A view of a value of the type `Status` (`org.apreserve.varlink`).
  package init(_ status: JSONValue) {
    self.status = status
  }

  /// For people: the line that says it all first. What is not well has the next command below it.
  package func text(
    now: WallTime, hasSettings: Bool = false, style: TextStyle = .plain
  ) -> String {
    var lines = style.lines(summary, after: "")
    for (name, fact) in facts(now: now) {
      let column = 11
      let name = name + String(repeating: " ", count: column - name.count)
      lines += style.lines(fact, after: name, hanging: column)
    }
    for section in sections(hasSettings: hasSettings) {
      lines += ["", section.title] + section.content.flatMap { style.lines($0) }
      if let next = section.next { lines.append("  next: \(next)") }
    }
    return lines.map { $0.printable + "\n" }.joined()
  }

  private var summary: String { status["summary"]?.text ?? "?" }

  /// What is said in a line, by name.
  private func facts(now: WallTime) -> [(name: String, fact: String)] {
    var facts = [("daemon", process(now: now))]
    if let times = times(now: now) { facts.append(("scanned", times)) }
    if let mechanism = status["mechanism"]?.text {
      facts.append(("mechanism", "\(mechanism): \(status["mechanismReason"]?.text ?? "")"))
    }
    let rules = status["rules"]
    let files = (rules?["files"]?.elements ?? []).compactMap(\.text)
    let origin = Self.origin(rules?["origin"]?.text)
    facts.append(
      ("rules", "\(rules?["count"]?.integer ?? 0) in \(counted(files.count, "file"))\(origin)"))
    if let until = (rules?["confirmUntil"]?.text).flatMap({ WallTime(text: $0) }) {
      facts.append(("trial", "the last change of the rules is taken back at \(until.localText)"))
      facts.append(("", "next: apreserve confirm"))
    }
    if let events { facts.append(("events", events)) }
    // The name says it already.
    if let wait {
      facts.append(("waiting", wait.hasPrefix("waiting ") ? String(wait.dropFirst(8)) : wait))
    }
    return facts
  }

  /// What takes more than a line: its lines under a title, and what to do about it.
  private struct Section {
    var title: String
    var content: [String]
    var next: String?

    /// Nil if there is nothing to say. `count` is how much there is if not all of it is in the content.
    init?(_ title: String, _ content: [String], of count: Int? = nil, next: String? = nil) {
      guard !content.isEmpty else { return nil }
      self.title = title
      self.content = content + [content.remainder(of: count ?? content.count)].compactMap(\.self)
      self.next = next
    }
  }

  private func sections(hasSettings: Bool) -> [Section] {
    var sections = [
      Section("problems", problems, next: status["problemsNext"]?.text ?? Self.journal)
    ]
    for state in Requests.State.allCases {
      let groups = (status["openRequests"]?.elements ?? []).filter {
        $0["state"]?.text == state.rawValue
      }
      let shown = groups.reduce(0) { $0 + ($1["count"]?.integer ?? 0) }
      let rest = count(of: state) - shown
      var messages = groups.compactMap(Self.message(ofRequests:))
      if !groups.isEmpty, rest > 0 { messages.append("and \(counted(rest, "more queue"))") }
      let queue = groups.first?["queues"]?.elements.first?.text
      sections.append(
        Section(
          state.rawValue, messages,
          next: state.isStuck ? queue.map { Self.next(for: $0, state) } : nil))
    }
    sections += [
      Section(
        "draining",
        (status["draining"]?.elements ?? []).map {
          "\($0["queue"]?.text ?? "?") has had pending requests for \(Self.seconds($0["seconds"])) s"
        }),
      Section(
        "not given back", notGivenBack, next: status["notGivenBackNext"]?.text),
      Section("failed", texts("failures"), of: number("failed"), next: Self.journal),
      Section(
        "warnings", (status["warnings"]?.elements ?? []).compactMap { $0["message"]?.text }),
    ]
    if hasSettings {
      sections.append(
        Section(
          "settings",
          (status["settings"]?.elements ?? []).map {
            "\($0["key"]?.text ?? "")=\($0["value"]?.text ?? "")  (\($0["origin"]?.text ?? ""))"
          }))
    }
    return sections.compactMap(\.self)
  }

  /// The next command about requests that are stuck. Of contended ones everything known is said already.
  private static func next(for queue: String, _ state: Requests.State) -> String {
    state == .contended
      ? "journalctl -u apreserve.service AP_QUEUE=\(queue), then apreserve reload"
      : "apreserve explain \(queue)"
  }

  /// The command that shows what the daemon has said.
  private static let journal = "journalctl -u apreserve.service -e"

  /// Which process it is, and since when.
  private func process(now: WallTime) -> String {
    let start = (status["started"]?.text).flatMap { WallTime(text: $0) }
    let since = start.map { ", running since \($0.localText) (\((now - $0).largestUnit))" } ?? ""
    return "\(status["version"]?.text ?? "?"), process \(status["pid"]?.integer ?? 0)\(since)"
  }

  /// When everything was scanned last, and when a queue was moved.
  private func times(now: WallTime) -> String? {
    guard case .number(let digits)? = status["lastScanSeconds"], let seconds = Double(digits) else {
      return nil
    }
    let change = (status["lastChange"]?.text).flatMap { WallTime(text: $0) }
    return "\(Duration.seconds(seconds).largestUnit) ago; "
      + (change.map { "last change \((now - $0).largestUnit) ago, \($0.localText)" }
        ?? "no queue moved yet")
  }

  /// The status without what always changes: times, counters, and what is under way.
  package var lasting: JSONValue {
    guard case .object(let members) = status else { return status }
    let passing = ["lastScanSeconds", "counters", "busy", "wait", "draining"]
    return .object(members.filter { !passing.contains($0.key) })
  }

  /// The outcome of a status, as exit statuses show it.
  package enum Outcome: Equatable, Sendable {
    /// What is requested is done, or waits.
    case fine
    /// Something does not work.
    case error
    /// Something that is requested cannot be done now, or has failed.
    case refused
    /// There is no AP bus.
    case withoutBus
  }

  package var outcome: Outcome {
    if status["degraded"]?.isTrue == true { return .error }
    if status["phase"]?.text == Agent.Status.Phase.Word.withoutBus.rawValue { return .withoutBus }
    let stuck = Requests.State.allCases.filter(\.isStuck).reduce(0) { $0 + count(of: $1) }
    return stuck + number("refused") + number("withheld") + number("failed") > 0 ? .refused : .fine
  }

  private func count(of state: Requests.State) -> Int {
    status["requests"]?[state.rawValue]?.integer ?? 0
  }

  /// The outcome once the daemon has done what it can: as of `apreserve apply`, which does the same by itself. What is
  /// missing or cannot be used is none of its failures.
  package var outcomeOfApplying: Outcome {
    if status["degraded"]?.isTrue == true { return .error }
    switch status["phase"]?.text.flatMap(Agent.Status.Phase.Word.init(rawValue:)) {
    case .withoutBus: return .withoutBus
    case .starting, .beforeFirstScan, .blocked, nil: return .error
    case .moving, .applying, .settled, .retrying: break
    }
    if number("failed") > 0 { return .error }
    return number("refused") + number("withheld") > 0 ? .refused : .fine
  }

  /// One short line: what the daemon waits for first, and what to do about it; how far it is where it waits for
  /// nothing.
  package var outlook: String {
    if let wait { return wait }
    let open = (status["openRequests"]?.elements ?? []).first {
      [Requests.State.pending, .waiting].map(\.rawValue).contains($0["state"]?.text)
    }
    guard let open, let message = Self.message(ofRequests: open) else { return summary }
    let (count, state) = (open["count"]?.integer ?? 1, open["state"]?.text ?? "")
    // The names of many queues would leave no room for what to do.
    guard count > 1, let names = message.firstRange(of: " are \(state): ") else { return message }
    return "\(counted(count, "queue")) \(state): \(message[names.upperBound...])"
  }

  /// What is not as requested, a sentence each, at most so many, and the command that shows the rest.
  package func complaints(limit: Int = 8) -> [String] {
    var sentences = problems
    sentences += (status["openRequests"]?.elements ?? []).compactMap(Self.message(ofRequests:))
    sentences += notGivenBack
    if number("withheld") > 0 {
      sentences += (status["warnings"]?.elements ?? []).filter { $0["warning"] == "adopted" }
        .compactMap { $0["message"]?.text }
    }
    // A request that failed says why.
    sentences += texts("failures").filter { failure in
      !sentences.contains { $0.contains(failure) }
    }
    let rest = sentences.count - limit
    let next = rest > 0 || outcome != .fine ? "next: apreserve status" : nil
    return sentences.prefix(limit) + (rest > 0 ? ["and \(rest) more"] : [])
      + (sentences.isEmpty ? [] : [next].compactMap(\.self))
  }

  /// Everything that does not work.
  package var problems: [String] { texts("problems") }

  /// Why queues that no rule reserves stay reserved.
  package var notGivenBack: [String] { texts("notGivenBack") }

  /// What the agent waits for at this moment; nil while it does not.
  private var wait: String? {
    guard let wait = status["wait"],
      let kind = wait["kind"]?.text.flatMap(Wait.Kind.init(rawValue:)),
      Self.seconds(wait["seconds"]) >= Wait.patience.components.seconds
    else { return nil }
    return Wait.clause(
      kind, path: wait["path"]?.text ?? "?", text: wait["text"]?.text,
      holder: wait["holder"]?.text, lasting: "\(Self.seconds(wait["seconds"])) s")
  }

  /// What went wrong with events; nil while nothing did.
  private var events: String? {
    let counters = status["counters"]
    let odd = [
      ("malformedEvents", "malformed"), ("overruns", "times some were lost"),
      ("monitorReopenings", "times receiving failed"),
    ].compactMap { key, words in
      (counters?[key]?.integer).flatMap { $0 > 0 ? "\($0) \(words)" : nil }
    }
    guard !odd.isEmpty else { return nil }
    return (["\(counters?["events"]?.integer ?? 0) received"] + odd).joined(separator: ", ")
  }

  private func number(_ key: String) -> Int { status[key]?.integer ?? 0 }

  private func texts(_ key: String) -> [String] {
    (status[key]?.elements ?? []).compactMap(\.text)
  }

  private static func origin(_ word: String?) -> String {
    switch word {
    case "earlier-files": ", as they were before the files had errors"
    case "unconfirmed": ", as they were before a change that was not confirmed"
    case "last-good": ", kept by an earlier run, since the files have errors"
    case "nowhere": "; the files have errors and no earlier rules are known"
    default: ""
    }
  }

  /// The sentence about a group of open requests, with what to do.
  package static func message(ofRequests group: JSONValue) -> String? {
    group["message"]?.text.map { message in
      message + (group["remedy"]?.text.map { "; \($0)" } ?? "")
    }
  }

  /// The whole ones.
  private static func seconds(_ value: JSONValue?) -> Int64 {
    guard case .number(let digits)? = value, let seconds = Double(digits) else { return 0 }
    return Int64(seconds)
  }
}
