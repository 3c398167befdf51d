package import APBus
package import Agent
package import JSONText
package import Reservation
package import ReservationRules

/// One entry of the history: what happened, and when.
///
/// It consists of plain values, since it outlives the rules that it names and the program that wrote it.
package struct HistoryEntry: Equatable, Sendable {
  package var time: WallTime
  package var fact: Fact
  /// What was done together in one operation has the same name of it; nil for what belongs to none.
  package var operation: String?

  package init(_ fact: Fact, at time: WallTime, operation: String? = nil) {
    self.time = time
    self.fact = fact
    self.operation = operation
  }

  package enum Fact: Equatable, Sendable {
    /// A program that moves queues has begun, or has ended.
    case started(Program, version: String, boot: String)
    case ended(Program)
    /// A queue was moved, or was to be moved.
    case moved(Agent.Move)
    /// A request, or giving a queue back, is refused.
    case refused(APQN, reason: String, message: String, rule: RuleReference?)
    /// That is over, without a request that is left.
    case refusalEnded(APQN)
    /// A request is in another state; `message` says why it is open.
    case requestChanged(
      APQN, from: Requests.State?, to: Requests.State, message: String?, rule: RuleReference?)
    /// A person or a program has asked for something, or a signal; the mechanism is that of a changeover.
    case asked(Action, by: Client?, mechanism: Mechanism? = nil)
    /// Rules were read; a sentence says what became of them.
    case rulesRead(String)
    /// A rule was added, removed or changed.
    case ruleChanged(RuleChange, RuleReference, text: String)
  }

  /// A program that moves queues.
  package enum Program: String, CaseIterable, Sendable {
    case daemon
    case apply
    case prepare
  }

  /// What can be asked for.
  package enum Action: String, CaseIterable, Sendable {
    case reload
    case apply
    case changeover
    case undo
    case edit
    /// A change of the rules that was on trial is taken back.
    case takeBack = "take-back"
  }

  /// The process that asks for something over the control socket.
  package struct Client: Equatable, Sendable {
    package var process: Int
    package var user: Int
    /// The user who has logged in, also where the process runs as another one; nil if that is not known.
    package var loginUser: Int?
    /// The name of its program; nil if it had ended.
    package var command: String?

    package init(process: Int, user: Int, loginUser: Int? = nil, command: String?) {
      self.process = process
      self.user = user
      self.loginUser = loginUser
      self.command = command
    }
  }

  package enum RuleChange: String, CaseIterable, Sendable {
    case added
    case removed
    case changed
  }

  /// The longest text in an entry, in bytes: a rule can have thousands, and the history is bounded.
  static let longestText = 1000
}

extension HistoryEntry {
  /// The entries of an event; none of what the moves that follow say, or of what is still to be done.
  /// `operation` is the name of what the agent is doing.
  package static func entries(
    of event: Agent.Event, at time: WallTime, operation: String? = nil
  ) -> [HistoryEntry] {
    switch event {
    case .moved, .movedByOthers, .boundAtLoading, .unboundAtUnloading, .takenOnArrival, .failed:
      event.moves.map {
        HistoryEntry(.moved($0), at: $0.time, operation: $0.cause == nil ? nil : operation)
      }
    case .refused(let refusal, let rule):
      [
        HistoryEntry(
          .refused(
            refusal.apqn, reason: refusal.code, message: refusal.description,
            rule: rule.map { RuleReference($0) }), at: time)
      ]
    case .refusalsEnded(let apqns): apqns.map { HistoryEntry(.refusalEnded($0), at: time) }
    case .requestsChanged(let changes):
      changes.map { change in
        HistoryEntry(
          .requestChanged(
            change.apqn, from: change.from, to: change.to,
            message: change.reason.map { OpenRequest.sentence(for: [change.apqn], reason: $0) },
            rule: change.rule.map { RuleReference($0) }), at: time)
      }
    case .entered, .chose, .planned, .wrote, .waiting, .warned, .draining, .answered,
      .keysChanged:
      []
    }
  }

  /// Whether a queue was moved, and not only to be moved.
  fileprivate var isMove: Bool {
    if case .moved(let move) = fact { move.failure == nil } else { false }
  }

  /// The entries of a change of the rules in force; of many changed rules, only the first.
  package static func entries(of changes: RuleChanges, at time: WallTime) -> [HistoryEntry] {
    let rules: [(RuleChange, Rule)] =
      changes.removed.map { (.removed, $0) } + changes.changed.map { (.changed, $0.to) }
      + changes.added.map { (.added, $0) }
    return rules.prefix(mostChangedRules).map { change, rule in
      HistoryEntry(.ruleChanged(change, RuleReference(rule), text: rule.text), at: time)
    }
  }

  /// The most rules of one change that have an entry.
  private static let mostChangedRules = 200
}

/// The last entries, the oldest first.
package struct History: Equatable, Sendable {
  /// How many are kept.
  package static let capacity = 5000

  private var ring: [HistoryEntry]
  private var start = 0

  /// A history that begins with the last of these.
  package init(_ entries: [HistoryEntry] = []) {
    ring = entries.suffix(Self.capacity)
    lastMove = ring.last(where: \.isMove)?.time
  }

  /// The entries, the oldest first.
  package var entries: [HistoryEntry] { Array(ring[start...] + ring[..<start]) }

  /// Those of them that are moves.
  package var moves: [Agent.Move] {
    entries.compactMap { entry in
      if case .moved(let move) = entry.fact { move } else { nil }
    }
  }

  /// When a queue was moved last; nil while none was.
  package private(set) var lastMove: WallTime?

  package mutating func append(_ entry: HistoryEntry) {
    if entry.isMove { lastMove = entry.time }
    guard ring.count == Self.capacity else {
      ring.append(entry)
      return
    }
    ring[start] = entry
    start = (start + 1) % Self.capacity
  }

  /// The entries since a moment. Since the boot means those from the first program on that was started in it, whatever
  /// has been done to the clock.
  package func entries(since: HistoryStart?, boot: String) -> [HistoryEntry] {
    switch since {
    case nil: return entries
    case .time(let time): return entries.filter { $0.time >= time }
    case .boot:
      let all = entries
      let first = all.firstIndex { entry in
        if case .started(_, _, boot) = entry.fact { true } else { false }
      }
      return first.map { Array(all[$0...]) } ?? []
    }
  }
}

// MARK: Text

extension HistoryEntry {
  /// The entry as a line, without its end.
  package var line: String {
    let columns =
      switch fact {
      case .started(let program, let version, _): ["\(program.title) \(version) started"]
      case .ended(let program): ["\(program.title) ended"]
      case .moved(let move): move.columns
      case .refused(let apqn, _, let message, let rule):
        ["\(apqn) refused", message] + [rule?.origin].compactMap(\.self)
      case .refusalEnded(let apqn): ["\(apqn) no longer refused"]
      case .requestChanged(let apqn, let from, let to, let message, let rule):
        ["\(apqn) \(from?.rawValue ?? "requested") -> \(to.rawValue)"]
          + [message, rule?.origin].compactMap(\.self)
      case .asked(let action, let client, let mechanism):
        [action.sentence(by: client, mechanism: mechanism)]
      case .rulesRead(let message): [message]
      case .ruleChanged(let change, let rule, let text):
        ["rule \(change.rawValue)", rule.fileAndLine, text]
      }
    return ([time.text + " " + columns[0]] + columns.dropFirst()).joined(separator: "  ").printable
  }
}

extension HistoryEntry.Program {
  fileprivate var title: String {
    switch self {
    case .daemon: "daemon"
    case .apply: "apply"
    case .prepare: "apply --prepare"
    }
  }
}

extension HistoryEntry.Action {
  /// Who has asked for it, such as `changeover to mask requested by apreserve (process 4711), user 0`.
  package func sentence(by client: HistoryEntry.Client?, mechanism: Mechanism?) -> String {
    rawValue + (mechanism.map { " to \($0.rawValue)" } ?? "")
      + " requested by \(client?.description ?? "SIGHUP")"
  }
}

extension HistoryEntry.Client: CustomStringConvertible {
  /// Such as `apreserve (process 4711), user 0, login user 1000`.
  package var description: String {
    (command.map { "\($0) (process \(process))" } ?? "process \(process)") + ", user \(user)"
      + (loginUser.map { ", login user \($0)" } ?? "")
  }
}

extension Agent.Move {
  fileprivate var columns: [String] {
    ["\(apqn) \(from.arrow(to: to))"]
      + [
        mechanism?.rawValue, reason + foreignClause, failure.map { "failed: \($0)" },
      ].compactMap(\.self)
  }

  /// What another process changed. The driver of an override is not kept.
  private var foreignClause: String {
    switch foreign {
    case .masks: ", which changed the masks"
    case .override: ", which changed driver_override"
    case .binding, .loading, .unloading, nil: ""
    }
  }
}

// MARK: JSON

extension HistoryEntry {
  package var json: JSONValue { Self.union.json(self) }

  /// The type `HistoryEntry` (`org.apreserve.varlink`).
  package static let union = JSONUnion<HistoryEntry, Kind>(
    "HistoryEntry", "Something that has happened.", tag: "entry",
    after: JSONLayout { $0.add("time", .time, "When it happened.", \.time) },
    kind: \.kind
  ) { kind in
    switch kind {
    case .started:
      .kind("A program that moves queues was started.") {
        entry -> (program: Program, version: String, boot: String)? in
        if case .started(let program, let version, let boot) = entry.fact {
          (program, version, boot)
        } else {
          nil
        }
      } _: {
        $0.add("program", .word, "The program.") { $0.program }
        $0.add("version", .text, "Its version.") { $0.version }
        $0.add("boot", .text, "The kernel's identifier of the boot.") { $0.boot }
      }
    case .ended:
      .kind("The program has ended.") { entry -> Program? in
        if case .ended(let program) = entry.fact { program } else { nil }
      } _: {
        $0.add("program", .word, "The program.") { $0 }
      }
    case .move:
      .kind("A queue was moved, or was to be moved.") {
        entry -> (move: Agent.Move, operation: String?)? in
        if case .moved(let move) = entry.fact { (move, entry.operation) } else { nil }
      } _: {
        $0.add("operation", .text, "The same for what was done together.") { $0.operation }
        $0.include(Agent.Move.members) { $0.move }
      }
    case .refused:
      .kind("A request, or giving a queue back, is refused.") {
        entry -> (apqn: APQN, reason: String, message: String, rule: RuleReference?)? in
        if case .refused(let apqn, let reason, let message, let rule) = entry.fact {
          (apqn, reason, message, rule)
        } else {
          nil
        }
      } _: {
        $0.add("queue", .queue, "The queue.") { $0.apqn }
        $0.add("reason", .text, "Why, in one word.") { $0.reason }
        $0.add("message", .text, "Why, a sentence.") { $0.message.bounded }
        $0.include(RuleReference.layout) { $0.rule }
      }
    case .refusalEnded:
      .kind("That is over, and nothing is requested any more.") { entry -> APQN? in
        if case .refusalEnded(let apqn) = entry.fact { apqn } else { nil }
      } _: {
        $0.add("queue", .queue, "The queue.") { $0 }
      }
    case .request:
      .kind("A request is in another state.") {
        entry -> (
          apqn: APQN, from: Requests.State?, to: Requests.State, message: String?,
          rule: RuleReference?
        )? in
        if case .requestChanged(let apqn, let from, let to, let message, let rule) = entry.fact {
          (apqn, from, to, message, rule)
        } else {
          nil
        }
      } _: {
        $0.add("queue", .queue, "The queue.") { $0.apqn }
        $0.add("from", .word, "The state before; missing for a new request.") { $0.from }
        $0.add("to", .word, "The state now.") { $0.to }
        $0.add("message", .text, "Why it is open, a sentence.") { $0.message?.bounded }
        $0.include(RuleReference.layout) { $0.rule }
      }
    case .asked:
      .kind("A person, a program or a signal has requested something.") {
        entry -> (action: Action, client: Client?, mechanism: Mechanism?)? in
        if case .asked(let action, let client, let mechanism) = entry.fact {
          (action, client, mechanism)
        } else {
          nil
        }
      } _: {
        $0.add("action", .word, "What was requested.") { $0.action }
        $0.add("mechanism", .word, "The mechanism to change over to.") { $0.mechanism }
        $0.add("pid", .integer, "The client's process.") { $0.client?.process }
        $0.add("uid", .integer, "The client's user.") { $0.client?.user }
        $0.add("loginuid", .integer, "The user who has logged in, if that is known.") {
          $0.client?.loginUser
        }
        $0.add("command", .text, "The client's program.") { $0.client?.command }
      }
    case .rules:
      .kind("Rules were read.") { entry -> String? in
        if case .rulesRead(let message) = entry.fact { message } else { nil }
      } _: {
        $0.add("message", .text, "What has become of them, a sentence.") { $0.bounded }
      }
    case .rule:
      .kind("A rule was added, removed or changed.") {
        entry -> (change: RuleChange, rule: RuleReference, text: String)? in
        if case .ruleChanged(let change, let rule, let text) = entry.fact {
          (change, rule, text)
        } else {
          nil
        }
      } _: {
        $0.add("change", .word, "What has become of it.") { $0.change }
        $0.include(RuleReference.layout) { $0.rule }
        $0.add("text", .text, "The rule.") { $0.text.bounded }
      }
    }
  }

  /// The word for each kind of entry.
  package enum Kind: String, CaseIterable, Sendable {
    case started, ended, move, refused, asked, rules, rule, request
    case refusalEnded = "refusal-ended"
  }

  private var kind: Kind {
    switch fact {
    case .started: .started
    case .ended: .ended
    case .moved: .move
    case .refused: .refused
    case .refusalEnded: .refusalEnded
    case .requestChanged: .request
    case .asked: .asked
    case .rulesRead: .rules
    case .ruleChanged: .rule
    }
  }

  /// The entry of such a value; nil where it is invalid.
  package init?(json: JSONValue) {
    guard let time = json["time"]?.text.flatMap({ WallTime(text: $0) }),
      let kind = json["entry"]?.text.flatMap({ Kind(rawValue: $0) }),
      let fact = Fact(kind, json, at: time)
    else { return nil }
    self.init(fact, at: time, operation: json["operation"]?.text)
  }
}

extension HistoryEntry.Fact {
  fileprivate init?(_ kind: HistoryEntry.Kind, _ json: JSONValue, at time: WallTime) {
    let rule = RuleReference(json: json)
    let message = json["message"]?.text
    let program = json.word("program", as: HistoryEntry.Program.self)
    let apqn = json["queue"]?.text.flatMap { APQN($0) }
    let fact: Self? =
      switch kind {
      case .started:
        program.map {
          .started(
            $0, version: json["version"]?.text ?? "", boot: json["boot"]?.text ?? "")
        }
      case .ended: program.map { .ended($0) }
      case .move: Agent.Move(json: json, at: time).map { .moved($0) }
      case .refused:
        apqn.map {
          .refused($0, reason: json["reason"]?.text ?? "", message: message ?? "", rule: rule)
        }
      case .refusalEnded: apqn.map { .refusalEnded($0) }
      case .request:
        apqn.flatMap { apqn in
          json.word("to", as: Requests.State.self).map {
            .requestChanged(
              apqn, from: json.word("from", as: Requests.State.self), to: $0, message: message,
              rule: rule)
          }
        }
      case .asked:
        json.word("action", as: HistoryEntry.Action.self).map {
          .asked(
            $0, by: HistoryEntry.Client(json: json),
            mechanism: json.word("mechanism", as: Mechanism.self))
        }
      case .rules: message.map { .rulesRead($0) }
      case .rule:
        rule.flatMap { rule in
          json.word("change", as: HistoryEntry.RuleChange.self).map {
            .ruleChanged($0, rule, text: json["text"]?.text ?? "")
          }
        }
      }
    guard let fact else { return nil }
    self = fact
  }
}

extension HistoryEntry.Client {
  fileprivate init?(json: JSONValue) {
    guard let process = json["pid"]?.integer, let user = json["uid"]?.integer else { return nil }
    self.init(
      process: process, user: user, loginUser: json["loginuid"]?.integer,
      command: json["command"]?.text)
  }
}

extension RuleReference {
  /// The rule of an entry; nil if it names none.
  fileprivate init?(json: JSONValue) {
    guard let rule = json["rule"], let file = rule["file"]?.text, let line = rule["line"]?.integer
    else { return nil }
    self.init(
      file: file, line: line, label: json["label"]?.text, textHash: json["ruleHash"]?.text)
  }
}

extension Agent.Move {
  package var json: JSONValue { Self.layout.json(self) }

  /// The type `Move` (`org.apreserve.varlink`).
  package static let layout = JSONLayout<Agent.Move>(
    "Move", "A queue that was moved, or was to be moved."
  ) {
    $0.add("time", .time, "When it was moved.", \.time)
    $0.include(members) { $0 }
  }

  fileprivate static let members = JSONLayout<Agent.Move> {
    $0.add("queue", .queue, "The queue.", \.apqn)
    $0.add("from", .word, "Who had it.", \.from)
    $0.add("to", .word, "Who has it, or was to have it.", \.to)
    $0.add(
      "cause",
      .text(of: causeWords),
      "Why it was moved; \"others\" if another process has moved it, and \"driver-loaded\" or \"driver-unloaded\" if the kernel has.",
      \.causeWord)
    $0.include(RuleReference.layout, \.rule)
    $0.add("mechanism", .word, "How it was moved.", \.mechanism)
    $0.add("failure", .text, "Why it was not moved.") { $0.failure?.bounded }
    $0.add(
      "changed", .text(of: [wordOfMasks, wordOfOverride]),
      "What another process has changed to move it.",
      \.changedWord)
  }

  private static let wordOfMasks = "masks"
  private static let wordOfOverride = "driver_override"

  private var changedWord: String? {
    switch foreign {
    case .masks: Self.wordOfMasks
    case .override: Self.wordOfOverride
    case .binding, .loading, .unloading, nil: nil
    }
  }

  /// Why it was moved, in one word.
  package var causeWord: String {
    if let cause { return cause.rawValue }
    return switch foreign {
    case .loading: Self.wordOfLoading
    case .unloading: Self.wordOfUnloading
    case .masks, .override, .binding, nil: Self.wordOfAnotherProcess
    }
  }

  /// All words for causes.
  package static let causeWords =
    OwnerChange.Cause.allCases.map(\.rawValue)
    + [wordOfAnotherProcess, wordOfLoading, wordOfUnloading]

  private static let wordOfAnotherProcess = "others"
  private static let wordOfLoading = "driver-loaded"
  private static let wordOfUnloading = "driver-unloaded"

  fileprivate init?(json: JSONValue, at time: WallTime) {
    guard let apqn = json["queue"]?.text.flatMap({ APQN($0) }),
      let from = json.word("from", as: Owner.self), let to = json.word("to", as: Owner.self),
      let word = json["cause"]?.text
    else { return nil }
    let cause = OwnerChange.Cause(rawValue: word)
    guard cause != nil || Self.causeWords.contains(word) else { return nil }
    let changed: ForeignChange? =
      switch json["changed"]?.text {
      case _ where word == Self.wordOfLoading: .loading
      case _ where word == Self.wordOfUnloading: .unloading
      case Self.wordOfMasks: .masks
      case Self.wordOfOverride: .override(nil)
      default: cause == nil ? .binding : nil
      }
    self.init(
      time: time, apqn: apqn, from: from, to: to, cause: cause, rule: RuleReference(json: json),
      mechanism: json.word("mechanism", as: Mechanism.self), failure: json["failure"]?.text,
      foreign: changed)
  }
}

extension JSONValue {
  /// The case that a member names; nil for none.
  fileprivate func word<Word: RawRepresentable<String>>(_ key: String, as _: Word.Type) -> Word? {
    self[key]?.text.flatMap { Word(rawValue: $0) }
  }
}

extension String {
  /// The text, or its beginning where it is longer than an entry of the history may have.
  fileprivate var bounded: String {
    guard utf8.count > HistoryEntry.longestText else { return self }
    return String(decoding: utf8.prefix(HistoryEntry.longestText), as: UTF8.self) + "..."
  }
}

/// The history as a file has it: one JSON object on each line.
package enum HistoryText {
  /// The lines that were not understood.
  package struct Damage: Equatable, Sendable, CustomStringConvertible {
    /// The first of them, from 1 on.
    package var line: Int
    package var count: Int

    package init(line: Int, count: Int) {
      self.line = line
      self.count = count
    }

    /// A clause without the name of the file.
    package var description: String {
      count == 1
        ? "line \(line) is invalid" : "line \(line) and \(count - 1) more are invalid"
    }
  }

  /// The line of an entry, with its end.
  package static func line(_ entry: HistoryEntry) -> [UInt8] {
    Array((entry.json.text() + "\n").utf8)
  }

  /// The entries of a file. Lines that are invalid are passed over. A last line without its end was not written
  /// whole, and is passed over without a word.
  package static func read(_ bytes: [UInt8]) -> (entries: [HistoryEntry], damage: Damage?) {
    var entries: [HistoryEntry] = []
    var damage: Damage?
    let end = bytes.lastIndex(of: UInt8(ascii: "\n")) ?? bytes.startIndex
    let lines = bytes[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where !bytes[..<end].isEmpty {
      if let json = try? JSONParser.parse(Array(line)), let entry = HistoryEntry(json: json) {
        entries.append(entry)
      } else {
        damage = Damage(line: damage?.line ?? index + 1, count: (damage?.count ?? 0) + 1)
      }
    }
    return (entries, damage)
  }
}
