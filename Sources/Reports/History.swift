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

  package init(_ fact: Fact, at time: WallTime) {
    self.time = time
    self.fact = fact
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
    /// A person or a program has asked for something; nil for a client that is not known.
    case asked(Action, by: Client?)
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
  }

  /// The process that asks for something over the control socket.
  package struct Client: Equatable, Sendable {
    package var process: Int
    package var user: Int
    /// The name of its program; nil if it had ended.
    package var command: String?

    package init(process: Int, user: Int, command: String?) {
      self.process = process
      self.user = user
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
  package static func entries(of event: Agent.Event, at time: WallTime) -> [HistoryEntry] {
    switch event {
    case .moved, .movedByOthers, .boundAtLoading, .takenOnArrival, .failed:
      event.moves.map { HistoryEntry(.moved($0), at: $0.time) }
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
    case .entered, .chose, .planned, .wrote, .waiting, .warned, .draining, .answered: []
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
      case .asked(let action, let client):
        ["\(action.rawValue) requested by \(client?.description ?? "SIGHUP")"]
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

extension HistoryEntry.Client: CustomStringConvertible {
  /// Such as `apreserve (process 4711), user 0`.
  package var description: String {
    (command.map { "\($0) (process \(process))" } ?? "process \(process)") + ", user \(user)"
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
    case .binding, .loading, nil: ""
    }
  }
}

// MARK: JSON

extension HistoryEntry {
  /// A value of the type `HistoryEntry` (`org.apreserve.varlink`).
  package var json: JSONValue {
    JSONObject.make { object in
      object.set("time", text: time.text)
      object.set("entry", text: kind.rawValue)
      switch fact {
      case .started(let program, let version, let boot):
        object.set("program", text: program.rawValue)
        object.set("version", text: version)
        object.set("boot", text: boot)
      case .ended(let program): object.set("program", text: program.rawValue)
      case .moved(let move): move.write(to: &object)
      case .refused(let apqn, let reason, let message, let rule):
        object.set("queue", text: apqn.description)
        object.set("reason", text: reason)
        object.set("message", text: message.bounded)
        rule?.write(to: &object)
      case .refusalEnded(let apqn): object.set("queue", text: apqn.description)
      case .requestChanged(let apqn, let from, let to, let message, let rule):
        object.set("queue", text: apqn.description)
        object.set("from", text: from?.rawValue)
        object.set("to", text: to.rawValue)
        object.set("message", text: message?.bounded)
        rule?.write(to: &object)
      case .asked(let action, let client):
        object.set("action", text: action.rawValue)
        object.set("pid", number: client?.process)
        object.set("uid", number: client?.user)
        object.set("command", text: client?.command)
      case .rulesRead(let message): object.set("message", text: message.bounded)
      case .ruleChanged(let change, let rule, let text):
        object.set("change", text: change.rawValue)
        rule.write(to: &object)
        object.set("text", text: text.bounded)
      }
    }
  }

  /// The word for each kind of entry.
  fileprivate enum Kind: String {
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
    self.init(fact, at: time)
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
          .asked($0, by: HistoryEntry.Client(json: json))
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
    self.init(process: process, user: user, command: json["command"]?.text)
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
  /// A value of the type `Move` (`org.apreserve.varlink`).
  package var json: JSONValue {
    JSONObject.make {
      $0.set("time", text: time.text)
      write(to: &$0)
    }
  }

  fileprivate func write(to object: inout JSONObject) {
    object.set("queue", text: apqn.description)
    object.set("from", text: from.rawValue)
    object.set("to", text: to.rawValue)
    object.set("cause", text: causeWord)
    rule?.write(to: &object)
    object.set("mechanism", text: mechanism?.rawValue)
    object.set("failure", text: failure?.bounded)
    switch foreign {
    case .masks: object.set("changed", text: "masks")
    case .override: object.set("changed", text: "driver_override")
    case .binding, .loading, nil: break
    }
  }

  private var causeWord: String {
    cause?.rawValue ?? (foreign == .loading ? Self.wordOfLoading : Self.wordOfAnotherProcess)
  }

  private static let wordOfAnotherProcess = "others"
  private static let wordOfLoading = "driver-loaded"

  fileprivate init?(json: JSONValue, at time: WallTime) {
    guard let apqn = json["queue"]?.text.flatMap({ APQN($0) }),
      let from = json.word("from", as: Owner.self), let to = json.word("to", as: Owner.self),
      let word = json["cause"]?.text
    else { return nil }
    let cause = OwnerChange.Cause(rawValue: word)
    guard cause != nil || [Self.wordOfAnotherProcess, Self.wordOfLoading].contains(word) else {
      return nil
    }
    let changed: ForeignChange? =
      switch json["changed"]?.text {
      case _ where word == Self.wordOfLoading: .loading
      case "masks": .masks
      case "driver_override": .override(nil)
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
