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
  package var rules: RuleSet
  /// Why the rule files on disk are not those in force, each a sentence.
  package var ruleErrors: [String]
  package var settings: [AppliedSetting]
  package var memory: AgentMemory
  /// When everything was read last, on the clock that all programs of a host share since its boot.
  package var lastSurvey: Instant

  package init(
    machine: Snapshot, rules: RuleSet, ruleErrors: [String], settings: [AppliedSetting],
    memory: AgentMemory, lastSurvey: Instant
  ) {
    self.machine = machine
    self.rules = rules
    self.ruleErrors = ruleErrors
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
  private static let keys = [
    "machine", "lastSurvey", "ruleFiles", "rules", "ruleErrors", "settings", "memory",
  ]

  package var json: JSONValue {
    JSONObject.make {
      $0.set("machine", machine.json)
      $0.set("lastSurvey", number: lastSurvey.sinceBoot.wholeMilliseconds)
      $0.set("ruleFiles", texts: rules.files)
      $0.set("rules", rules.stateJSON)
      $0.set("ruleErrors", texts: ruleErrors)
      $0.set("settings", .array(settings.map(\.stateJSON)))
      $0.set("memory", memory.json)
    }
  }

  package init(_ value: JSONValue) throws(PlanningStateError) {
    do throws(ValueError) {
      try self.init(value: value)
    } catch {
      throw PlanningStateError(error)
    }
  }

  private init(value: JSONValue) throws(ValueError) {
    let fields = try Fields(value, at: "", keys: Self.keys)
    machine = try Snapshot(fields["machine"] ?? .null)
    lastSurvey = Instant(
      sinceBoot: .milliseconds(try fields.number("lastSurvey", as: Int64.self) ?? 0))
    rules = try RuleSet(fields, files: "ruleFiles")
    ruleErrors = try fields.texts("ruleErrors") ?? []
    settings = []
    for fields in try fields.objects("settings", keys: ["key", "value", "origin"]) {
      settings.append(
        AppliedSetting(
          name: try fields.requiredText("key"), value: try fields.requiredText("value"),
          origin: try fields.requiredText("origin")))
    }
    memory = try AgentMemory(
      Fields(fields["memory"] ?? .object([]), at: "memory", keys: AgentMemory.keys))
  }
}

/// The rules that a daemon has in force, which it knows without an AP bus, too.
package struct RulesInForce: Sendable {
  package var rules: RuleSet
  /// Why the rule files on disk are not these, each a sentence.
  package var errors: [String]

  package init(_ rules: RuleSet, errors: [String]) {
    self.rules = rules
    self.errors = errors
  }

  package var json: JSONValue {
    JSONObject.make {
      $0.set("files", texts: rules.files)
      $0.set("rules", rules.stateJSON)
      $0.set("errors", texts: errors)
    }
  }

  package init(_ value: JSONValue) throws(PlanningStateError) {
    do throws(ValueError) {
      let fields = try Fields(value, at: "", keys: ["files", "rules", "errors"])
      rules = try RuleSet(fields, files: "files")
      errors = try fields.texts("errors") ?? []
    } catch {
      throw PlanningStateError(error)
    }
  }

  /// What a person is to know of the errors; nil without any.
  package var message: String? {
    guard !errors.isEmpty else { return nil }
    let standing =
      rules.files.isEmpty
      ? "no earlier rules are known, so none is in force" : "the rules from before stay in force"
    return "the rule files have errors, and \(standing):\n" + errors.joined(separator: "\n")
  }
}

extension RuleSet {
  fileprivate var stateJSON: JSONValue { .array(rules.map(\.stateJSON)) }

  fileprivate init(_ fields: Fields, files key: String) throws(ValueError) {
    var rules: [Rule] = []
    for fields in try fields.objects("rules", keys: Rule.stateKeys) {
      rules.append(try Rule(fields))
    }
    self.init(rules: rules, files: try fields.texts(key) ?? [])
  }
}

extension Rule {
  fileprivate static let stateKeys = ["file", "line", "column", "text", "locks"]

  /// A rule of a kept set can lock although its text does not (`RuleKeeper`).
  fileprivate var stateJSON: JSONValue {
    JSONObject.make {
      $0.set("file", text: location.file)
      $0.set("line", number: location.line)
      $0.set("column", number: location.column)
      $0.set("text", text: text)
      $0.set("locks", flag: reserve.locks)
    }
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

extension AppliedSetting {
  fileprivate var stateJSON: JSONValue {
    JSONObject.make {
      $0.set("key", text: name)
      $0.set("value", text: value)
      $0.set("origin", text: origin)
    }
  }
}

extension AgentMemory {
  fileprivate static let keys = [
    "mechanism", "mechanismReason", "mechanismAdvice", "contended", "undrained", "busy", "heldBack",
    "acceptsNoRules", "draining", "moved", "failures", "locked", "obstacle", "unreadable",
  ]

  fileprivate var json: JSONValue {
    JSONObject.make {
      $0.set("mechanism", text: choice?.mechanism.rawValue)
      $0.set("mechanismReason", text: choice?.reason)
      $0.set("mechanismAdvice", text: choice?.advice)
      $0.set(
        "contended",
        .array(
          fought.sorted { $0.key < $1.key }.map { apqn, times in
            JSONObject.make {
              $0.set("queue", text: apqn.description)
              $0.set("times", number: times)
            }
          }))
      $0.set("undrained", queues: undrained)
      $0.set("busy", queues: busy)
      $0.set("heldBack", texts: heldBack.map(\.word).sorted())
      $0.set("acceptsNoRules", flag: acceptsNoRules)
      $0.set("draining", queues: progress.draining)
      $0.set("moved", queues: progress.moved)
      $0.set(
        "failures",
        .array(
          progress.failures.sorted { $0.key < $1.key }.map { apqn, failure in
            JSONObject.make {
              $0.set("queue", text: apqn.description)
              $0.set("message", text: failure.message)
              $0.set("final", flag: failure.isFinal)
            }
          }))
      $0.set("locked", flag: progress.isLocked)
      $0.set("obstacle", text: progress.obstacle)
      $0.set("unreadable", text: unreadable)
    }
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
    for fields in try fields.objects("contended", keys: ["queue", "times"]) {
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
    for fields in try fields.objects("failures", keys: ["queue", "message", "final"]) {
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
