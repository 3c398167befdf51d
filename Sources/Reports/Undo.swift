package import APBus
import Agent
package import JSONText
package import Reservation
package import ReservationRules

/// Takes moves of the history back, by rules that lock the queues where they were: a file of rules whose name makes it
/// the first, so that planner and guards decide as about every rule.
package struct Undo {
  /// The name of the file.
  package static let fileName = "00-undo.rules"

  /// What each queue is to be again.
  package private(set) var goals: [APQN: Reserve] = [:]
  /// Queues that stay, with the reason, a sentence for each.
  package private(set) var staying: [APQN: String] = [:]
  /// When the first of the moves was made.
  package let time: WallTime

  /// Which moves to take back: those of the last operation, or of the one with a move at this time, as far as they
  /// concern these queues.
  package struct Selection {
    package var time: WallTime?
    package var queues: [APQNPattern]

    package init(time: WallTime? = nil, queues: [APQNPattern] = []) {
      self.time = time
      self.queues = queues
    }
  }

  /// - Throws: where the history has no such move, or where several operations have moves at the time.
  package init(
    _ selection: Selection, in entries: [HistoryEntry], on inventory: Inventory
  ) throws(UndoError) {
    let moves = entries.compactMap { entry -> (operation: String, move: Agent.Move)? in
      guard case .moved(let move) = entry.fact, move.cause != nil, move.failure == nil,
        selection.queues.isEmpty || selection.queues.contains(where: { $0.contains(move.apqn) })
      else { return nil }
      // Entries of earlier versions name no operation.
      return (entry.operation ?? move.time.text, move)
    }
    let candidates = moves.filter { _, move in
      selection.time == nil || move.time.text == selection.time?.text
    }
    guard let last = candidates.last else { throw UndoError(nothingAt: selection) }
    if let time = selection.time, candidates.contains(where: { $0.operation != last.operation }) {
      throw UndoError(
        description:
          "at \(time.text) more than one operation was done; name the queues instead of the time, or as well"
      )
    }
    let operation = moves.filter { $0.operation == last.operation }
    time = operation.map(\.move.time).min() ?? last.move.time
    var paths: [APQN: (from: Owner, to: Owner)] = [:]
    for (_, move) in operation {
      paths[move.apqn] = (paths[move.apqn]?.from ?? move.from, move.to)
    }
    for (apqn, path) in paths where path.from != path.to {
      switch inventory.queue(apqn)?.owner {
      case nil: staying[apqn] = "\(apqn) is not there any more"
      case path.to:
        goals[apqn] =
          switch path.from {
          case .host: .host
          case .vfioAP: .vfioAP
          // It had no driver; to be given back is the nearest that a rule can request.
          case .none: .unmanaged
          }
      case .some(let owner):
        staying[apqn] =
          "\(apqn) was moved again since: it is with \(owner.rawValue), and not with \(path.to.rawValue)"
      }
    }
  }

  /// Leaves out queues that rules keep from being moved back, also by a lock that the file would precede.
  ///
  /// `assessment` is by the rules with the file, `others` by those without it.
  package mutating func leaveOut(notDoneBy assessment: Assessment, others: Assessment) {
    let refusals = Dictionary(assessment.plan.refusals.map { ($0.apqn, $0.description) }) {
      first, _ in first
    }
    for (apqn, goal) in goals {
      let decision = assessment.decisions.decision(for: apqn)
      let other = others.decisions.decision(for: apqn)
      if let rule = other.rule, rule.reserve.locks, rule.reserve.value == .host, goal == .vfioAP {
        staying[apqn] = "\(apqn) is locked to the host by \(other.origin ?? "a rule")"
      } else if decision.reserve != goal {
        staying[apqn] = "\(apqn) is locked by \(decision.origin ?? "another rule")"
      } else if let refusal = refusals[apqn] {
        staying[apqn] = refusal
      } else {
        continue
      }
      goals[apqn] = nil
    }
  }

  /// What the plan with the file would do to other queues than those of this, and the plan without it does not: a
  /// sentence for each.
  package func sideEffects(on assessment: Assessment, before: Assessment) -> [String] {
    let refused = Set(before.plan.refusals.map(\.apqn))
    let moved = Set(before.plan.changes.map(\.apqn))
    let plan = assessment.plan
    return plan.changes.filter { change in
      // Masks that give way to overrides let go of what is reserved again right after that.
      let isReservedAgain =
        plan.leavesMasks
        && assessment.decisions.compactDecision(for: change.apqn).reserve == .vfioAP
      return goals[change.apqn] == nil && !moved.contains(change.apqn) && !isReservedAgain
    }.map { "\($0.apqn) would be moved to \($0.to.rawValue) as well" }
      + plan.refusals.filter { goals[$0.apqn] == nil && !refused.contains($0.apqn) }
      .map { "\($0.apqn) would be refused: \($0)" }
  }

  /// Whether a queue is where it was.
  package func isDone(_ apqn: APQN, on inventory: Inventory) -> Bool {
    guard let owner = inventory.queue(apqn)?.owner else { return false }
    return (owner == .vfioAP) == (goals[apqn] == .vfioAP)
  }
}

// MARK: The rules

extension Undo {
  /// The rules without the file.
  package static func others(_ rules: RuleSet) -> RuleSet {
    RuleSet(
      rules: rules.rules.filter { !isFile($0.location.file) },
      files: rules.files.filter { !isFile($0) })
  }

  private static func isFile(_ path: String) -> Bool {
    RuleFileSelection.baseName(path) == fileName
  }

  /// The file as it is to be, and the rules with it; the file is nil if nothing is left in it. Lines that no undo has
  /// written stay as they are, after the others.
  package func change(
    _ file: RuleFile, in rules: RuleSet, on inventory: Inventory, host: HostIdentity
  ) -> (file: RuleFile?, rules: RuleSet) {
    let base = Self.others(rules)
    var (requests, rest) = Self.parts(of: file)
    let decisions = DecisionTable(rules: base, inventory: inventory, host: host)
    for (apqn, goal) in goals {
      // Without the earlier undo the queue is where it was.
      let isNeedless = requests[apqn] != nil && decisions.decision(for: apqn).reserve == goal
      requests[apqn] = isNeedless ? nil : goal
    }
    guard !requests.isEmpty || !rest.isEmpty else { return (nil, base) }
    let changed = RuleFile(
      path: file.path, bytes: Array((Self.text(requests)).utf8) + rest)
    let first = RuleSet.parse(files: [changed]).0
    let isBefore = { (path: String) in
      RuleFileSelection.precedes(RuleFileSelection.baseName(path), Self.fileName)
    }
    let set = RuleSet(
      rules: base.rules.filter { isBefore($0.location.file) } + first.rules
        + base.rules.filter { !isBefore($0.location.file) },
      files: base.files.filter(isBefore) + [file.path] + base.files.filter { !isBefore($0) })
    return (changed, set)
  }

  private static let header = """
    # Written by "apreserve undo": these queues stay where they were, whatever later files request.
    # Remove a line, or the file, to follow the other rules again.

    """

  private static func line(_ queues: String, _ reserve: Reserve) -> String {
    "APQN==\"\(queues)\", RESERVE:=\"\(reserve.rawValue)\"\n"
  }

  private static func text(_ requests: [APQN: Reserve]) -> String {
    guard !requests.isEmpty else { return "" }
    return header
      + Reserve.allCases.flatMap { reserve in
        APQNRectangle.covering(requests.filter { $0.value == reserve }.map(\.key))
          .map { line($0.description, reserve) }
      }.joined()
  }

  /// What earlier undos have requested by a file, and the lines of it that are not theirs.
  private static func parts(of file: RuleFile) -> (requests: [APQN: Reserve], rest: [UInt8]) {
    var requests: [APQN: Reserve] = [:]
    var rest: [UInt8] = []
    let own = Set(header.split(separator: "\n").map { "\($0)\n" })
    var lines = file.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    for bytes in lines {
      let text = String(decoding: bytes, as: UTF8.self) + "\n"
      if own.contains(text) { continue }
      if let (pattern, reserve) = request(of: text) {
        for apqn in pattern.queues where requests[apqn] == nil { requests[apqn] = reserve }
      } else {
        rest += bytes + [UInt8(ascii: "\n")]
      }
    }
    if rest.allSatisfy({ $0 == UInt8(ascii: "\n") }) { rest = [] }
    return (requests, rest)
  }

  private static func request(of text: String) -> (APQNPattern, Reserve)? {
    guard let start = text.firstIndex(of: "\""),
      let end = text[text.index(after: start)...].firstIndex(of: "\"")
    else { return nil }
    let queues = String(text[text.index(after: start)..<end])
    guard let reserve = Reserve.allCases.first(where: { text == line(queues, $0) }),
      let pattern = try? APQNPattern(queues)
    else { return nil }
    return (pattern, reserve)
  }
}

extension APQNPattern {
  /// All queues that the pattern matches, present or not.
  fileprivate var queues: [APQN] {
    (UInt8.min...UInt8.max).flatMap { adapter in
      (UInt8.min...UInt8.max).map { APQN(adapter: adapter, domain: $0) }.filter(contains)
    }
  }
}

extension Undo {
  package static let layout = JSONLayout<(undo: Undo, outcome: Outcome)>.document(
    "undo", "What undo has moved back, or would."
  ) {
    $0.add("outcome", .word, "Whether all is done, would be, or something stays.") { $0.outcome }
    $0.add("time", .time, "When the first of the moves was made.") { $0.undo.time }
    $0.add("queues", .list(of: .object(queueLayout)), "What is moved back.") { subject in
      subject.undo.goals.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
    $0.add("staying", .list(of: .object(stayingLayout)), "What stays.") { subject in
      subject.undo.staying.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
  }

  private static let queueLayout = JSONLayout<(apqn: APQN, reserve: Reserve)> {
    $0.add("queue", .queue, "The queue.") { $0.apqn }
    $0.add("reserve", .word, "What is requested for it now.") { $0.reserve }
  }

  private static let stayingLayout = JSONLayout<(apqn: APQN, reason: String)> {
    $0.add("queue", .queue, "The queue.") { $0.apqn }
    $0.add("message", .text, "Why, a sentence.") { $0.reason }
  }

  package func json(_ outcome: Outcome) -> JSONValue { Self.layout.json((self, outcome)) }

  package enum Outcome: String, CaseIterable, Sendable {
    /// All queues are where they were.
    case done
    /// They would be.
    case pending
    /// At least one stays.
    case refused
  }

  /// Notes that a queue was not moved back after all.
  package mutating func note(_ apqn: APQN, staysBecause reason: String) {
    goals[apqn] = nil
    staying[apqn] = reason
  }
}

/// Why there is nothing to take back: a sentence.
package struct UndoError: Error, Equatable, CustomStringConvertible {
  package var description: String

  fileprivate init(description: String) {
    self.description = description
  }

  fileprivate init(nothingAt selection: Undo.Selection) {
    let queues = selection.queues.isEmpty ? "" : " of these queues"
    let time = selection.time.map { " at \($0.text)" } ?? ""
    description =
      "the history has no move\(queues) by apreserve\(time); \"apreserve status --history\" shows what it has"
  }
}
