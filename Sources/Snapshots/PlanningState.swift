package import APBus
package import JSONText
package import Reservation
package import ReservationRules

/// All that a daemon plans by: the machine as it has read it last, the rules and settings in force, and what it
/// remembers.
///
/// From this another program comes to the same decisions and to the same plan, without reading anything itself.
package struct PlanningState: Equatable, Sendable {
  package var machine: Snapshot
  package var rules: RulesInForce
  package var settings: [AppliedSetting]
  package var memory: AgentMemory
  /// When everything was read last, on the clock that all programs of a host share since its boot.
  package var lastSurvey: Instant

  package init(
    machine: Snapshot, rules: RulesInForce, settings: [AppliedSetting], memory: AgentMemory,
    lastSurvey: Instant
  ) {
    self.machine = machine
    self.rules = rules
    self.settings = settings
    self.memory = memory
    self.lastSurvey = lastSurvey
  }
}

/// Why a state cannot be read: the place in it, and what is wrong there.
package struct PlanningStateError: Error, Equatable, CustomStringConvertible {
  package var description: String

  fileprivate init(_ error: ValueError) {
    description = error.path.isEmpty ? error.message : "\(error.path): \(error.message)"
  }
}

extension PlanningState {
  package static let layout = JSONLayout<PlanningState>(
    "PlanningState", "All that plans are made from."
  ) {
    $0.add("machine", .object(Snapshot.layout), "The machine.", \.machine)
    $0.add(
      "lastSurvey", .count,
      "When everything was scanned last, in milliseconds of CLOCK_MONOTONIC.",
      \.lastSurvey.sinceBoot.wholeMilliseconds)
    $0.add("rules", .object(RulesInForce.layout), "The rules in force.", \.rules)
    $0.add("settings", .list(of: .object(AppliedSetting.layout)), "The settings.", \.settings)
    $0.add("memory", .object(AgentMemory.layout), "What is remembered of earlier plans.", \.memory)
  }

  package var json: JSONValue { Self.layout.json(self) }

  package init(_ value: JSONValue) throws(PlanningStateError) {
    do throws(ValueError) {
      try self.init(value: value)
    } catch {
      throw PlanningStateError(error)
    }
  }

  private init(value: JSONValue) throws(ValueError) {
    let fields = try Fields(value, at: "", keys: Self.layout.keys)
    machine = try Snapshot(fields["machine"] ?? .null)
    lastSurvey = Instant(
      sinceBoot: .milliseconds(try fields.number("lastSurvey", as: Int64.self) ?? 0))
    rules = try RulesInForce(fields["rules"] ?? .object([]), at: "rules")
    settings = []
    for fields in try fields.objects("settings", keys: AppliedSetting.layout.keys) {
      settings.append(
        AppliedSetting(
          name: try fields.requiredText("key"), value: try fields.requiredText("value"),
          origin: try fields.requiredText("origin")))
    }
    memory = try AgentMemory(
      Fields(fields["memory"] ?? .object([]), at: "memory", keys: AgentMemory.layout.keys))
  }
}

/// The rules that a daemon has in force, which it knows without an AP bus, too.
package struct RulesInForce: Equatable, Sendable {
  package var rules: RuleSet
  /// Why the rule files on disk are not these, each a sentence.
  package var errors: [String]

  package init(_ rules: RuleSet, errors: [String] = []) {
    self.rules = rules
    self.errors = errors
  }

  fileprivate static let layout = JSONLayout<RulesInForce>("RulesInForce", "The rules in force.") {
    $0.add("files", .list(of: .text), "Their files.", \.rules.files)
    $0.add("rules", .list(of: .object(Rule.layout)), "The rules, in order.", \.rules.rules)
    $0.add(
      "errors", .list(of: .text), "Why the files on disk have other rules, each a sentence.",
      \.errors)
  }

  package var json: JSONValue { Self.layout.json(self) }

  package init(_ value: JSONValue) throws(PlanningStateError) {
    do throws(ValueError) {
      try self.init(value, at: "")
    } catch {
      throw PlanningStateError(error)
    }
  }

  fileprivate init(_ value: JSONValue, at path: String) throws(ValueError) {
    let fields = try Fields(value, at: path, keys: Self.layout.keys)
    var rules: [Rule] = []
    for fields in try fields.objects("rules", keys: Rule.layout.keys) {
      rules.append(try Rule(fields))
    }
    self.init(
      RuleSet(rules: rules, files: try fields.texts("files") ?? []),
      errors: try fields.texts("errors") ?? [])
  }

  /// What a person is to know of the errors; nil without any.
  package var message: String? {
    guard !errors.isEmpty else { return nil }
    let standing =
      rules.files.isEmpty
      ? "no rule is in force" : "the rules from before stay in force"
    return "the rule files are not used, and \(standing):\n" + errors.joined(separator: "\n")
  }
}

extension Rule {
  fileprivate static let layout = JSONLayout<Rule>("Rule", "A rule, to be read again.") {
    $0.add("file", .text, "Its file.", \.location.file)
    $0.add("line", .count, "Its line, from 1.", \.location.line)
    $0.add("column", .count, "The column where it begins, from 1.", \.location.column)
    $0.add("text", .text, "The rule.", \.text)
    // A rule of a kept set can lock although its text does not (`RuleKeeper`).
    $0.add("locks", .flag, "Whether it locks its queues against all other rules.", \.reserve.locks)
  }

  fileprivate init(_ fields: Fields) throws(ValueError) {
    let rule = Rule(
      text: try fields.requiredText("text"), file: try fields.requiredText("file"),
      line: try fields.number("line") ?? 1, column: try fields.number("column") ?? 1)
    guard let rule else {
      throw fields.error(at: "text", expecting: "a rule")
    }
    self = rule
    reserve.locks = try fields.flag("locks") ?? reserve.locks
  }
}

extension AgentMemory {
  fileprivate static let layout = JSONLayout<AgentMemory>(
    "Memory", "What is remembered of earlier plans."
  ) {
    $0.include(MechanismChoice.layout, \.choice)
    $0.add(
      "contended", .list(of: .object(contendedLayout)),
      "Queues that another process keeps moving back."
    ) {
      $0.fought.sorted { $0.key < $1.key }.map { (apqn: $0.key, times: $0.value) }
    }
    $0.add("undrained", .queues, "Queues that did not finish their requests in time.") {
      $0.undrained.sorted()
    }
    $0.add("busy", .queues, "Queues with pending requests.") { $0.busy.sorted() }
    $0.add(
      "heldBack", .list(of: .text),
      "Operations that wait to be tried again: \"masks\", a queue, or \"online\" and a queue."
    ) { $0.heldBack.map(\.word).sorted() }
    $0.add(
      "acceptsNoRules", .flag, "Whether everything is to be given back if there are no rules.",
      \.acceptsNoRules)
    $0.add("draining", .queues, "Queues that finish their requests before they are moved.") {
      $0.progress.draining.sorted()
    }
    $0.add("moved", .queues, "Queues that were moved just now.") { $0.progress.moved.sorted() }
    $0.add("failures", .list(of: .object(failureLayout)), "Operations that failed.") {
      $0.progress.failures.sorted { $0.key < $1.key }.map { (apqn: $0.key, failure: $0.value) }
    }
    $0.add(
      "locked", .flag, "Whether another process holds the lock of the configuration.",
      \.progress.isLocked)
    $0.add("obstacle", .text, "Why nothing can be done.", \.progress.obstacle)
    $0.add("unreadable", .text, "Why the bus cannot be read.", \.unreadable)
  }

  private static let contendedLayout = JSONLayout<(apqn: APQN, times: Int)>(
    "ContendedQueue", "A queue that another process keeps moving back."
  ) {
    $0.add("queue", .queue, "The queue.") { $0.apqn }
    $0.add("times", .count, "How often it was moved back.") { $0.times }
  }

  private static let failureLayout = JSONLayout<(apqn: APQN, failure: RequestProgress.Failure)>(
    "QueueFailure", "An operation on a queue that failed."
  ) {
    $0.add("queue", .queue, "The queue.") { $0.apqn }
    $0.add("message", .text, "What failed.") { $0.failure.message }
    $0.add("final", .flag, "Whether it is not tried again.") { $0.failure.isFinal }
  }

  fileprivate init(_ fields: Fields) throws(ValueError) {
    self.init()
    if let word = try fields.text("mechanism") {
      guard let mechanism = Mechanism(rawValue: word) else {
        throw fields.error(
          at: "mechanism", expecting: "a mechanism: \"bind\", \"mask\" or \"override\"")
      }
      choice = MechanismChoice(
        mechanism, because: try fields.text("mechanismReason") ?? "",
        advice: try fields.text("mechanismAdvice"))
    }
    for fields in try fields.objects("contended", keys: Self.contendedLayout.keys) {
      fought[try fields.apqn("queue")] = try fields.number("times") ?? 0
    }
    undrained = try fields.apqns("undrained")
    busy = try fields.apqns("busy")
    for word in try fields.texts("heldBack") ?? [] {
      guard let subject = Operation.Subject(word: word) else {
        throw fields.error("\(shown(.string(word))) is not an operation", at: "heldBack")
      }
      heldBack.insert(subject)
    }
    acceptsNoRules = try fields.flag("acceptsNoRules") ?? false
    progress.draining = try fields.apqns("draining")
    progress.moved = try fields.apqns("moved")
    for fields in try fields.objects("failures", keys: Self.failureLayout.keys) {
      let message = try fields.requiredText("message")
      progress.failures[try fields.apqn("queue")] =
        try fields.flag("final") == true ? .final(message) : .retried(message)
    }
    progress.isLocked = try fields.flag("locked") ?? false
    progress.obstacle = try fields.text("obstacle")
    unreadable = try fields.text("unreadable")
  }
}

extension RequestProgress.Failure {
  fileprivate var message: String {
    switch self {
    case .retried(let message), .final(let message): message
    }
  }

  fileprivate var isFinal: Bool {
    if case .final = self { true } else { false }
  }
}

extension Operation.Subject {
  /// `masks`, a queue, or `online` and a queue.
  fileprivate var word: String {
    switch self {
    case .masks: "masks"
    case .queue(let apqn): apqn.description
    case .online(let apqn): "online \(apqn)"
    }
  }

  fileprivate init?(word: String) {
    let prefix = "online "
    if word == "masks" {
      self = .masks
    } else if let apqn = APQN(word) {
      self = .queue(apqn)
    } else if word.hasPrefix(prefix), let apqn = APQN(word.dropFirst(prefix.utf8.count)) {
      self = .online(apqn)
    } else {
      return nil
    }
  }
}
