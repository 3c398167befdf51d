package import APBus
package import JSONText
package import Reservation
import ReservationRules

/// How the plans of two sets of rules differ on the same machine, queue by queue.
package struct PlanDifference {
  private let before: Assessment
  private let after: Assessment
  private let changes: [Change]
  /// What only the second plan warns of.
  private let warnings: [PlanWarning]
  /// Queues of which the second set of rules cannot be decided now. Where the plans leave one with different owners, it
  /// is in a change as well.
  package let undecidable: [APQN]
  /// How many of these are not unreadable because of adapters that do not answer.
  package var undecidableCount: Int { undecidable.count { silence(over: $0) == nil } }

  /// A queue for which the plans differ. Where several of these hold, it is there several times, except that
  /// `otherRule` and `otherText` are only for a queue that is in no other.
  fileprivate struct Change {
    enum Kind: String, CaseIterable {
      /// Only the second plan has it reserved.
      case reserved
      /// The second plan takes it from `vfio_ap`.
      case givenBack
      /// Only the first plan has it reserved, and the second does not take it from `vfio_ap`.
      case noLongerReserved
      /// The second plan refuses what the first does not, or for another reason.
      case refused
      /// Only the first plan refuses something.
      case noLongerRefused
      /// The plans leave it with different owners, neither of which reserves it.
      case otherOwner
      /// The rule that decides requests something else, or has another label or other options.
      case otherRule
      /// The rule that decides has another text, and nothing else than its place differs.
      case otherText

      /// Whether the plans are not the same because of it.
      var isDifference: Bool { self != .otherText }
    }

    var apqn: APQN
    var kind: Kind
    var from: Effect
    var to: Effect
  }

  package enum Outcome: String, Sendable, CaseIterable {
    /// The plans are the same.
    case same
    /// They differ, and the second refuses nothing that the first does not.
    case changed
    /// The second plan has a refusal that the first has not.
    case refused
  }

  /// Compares two assessments of the same machine, of which only the queues of a selection count if there is one.
  package init(
    from before: Assessment, to after: Assessment, selecting selected: APQNSet? = nil
  ) {
    self.before = before
    self.after = after
    let (first, second) = (Effects(before), Effects(after))
    var queues = first.queues
    queues.formUnion(second.queues)
    changes = queues.filter { selected?.contains($0) != false }.flatMap {
      Change.changes(of: $0, from: first[$0], to: second[$0])
    }
    undecidable = after.plan.undecidable.filter { selected?.contains($0) != false }
    let known = Set(before.plan.warnings.map(\.withoutRulePlaces.description))
    warnings = after.plan.warnings.filter { !known.contains($0.withoutRulePlaces.description) }
  }

  package var outcome: Outcome {
    if changes.contains(where: { $0.kind == .refused }) { return .refused }
    let isSame =
      !changes.contains(where: \.kind.isDifference) && warnings.isEmpty && mechanisms == nil
      && masks == nil
    return isSame ? .same : .changed
  }

  private var mechanisms: (from: Mechanism, to: Mechanism)? {
    let (from, to) = (before.choice.mechanism, after.choice.mechanism)
    return from == to ? nil : (from, to)
  }

  /// The masks after either plan, if they differ.
  private var masks: (from: MaskPair, to: MaskPair)? {
    guard let from = before.plan.masks(after: before.inventory.bus),
      let to = after.plan.masks(after: after.inventory.bus), from != to
    else { return nil }
    return (from, to)
  }

  private func changes(_ kind: Change.Kind) -> [Change] { changes.filter { $0.kind == kind } }
}

// MARK: - The comparison

extension PlanWarning {
  /// The same without the places of rules, which a comment above a rule changes.
  fileprivate var withoutRulePlaces: Self {
    switch self {
    case .adopted(let apqns, .some): return .adopted(apqns, rule: "")
    case .guest(var finding):
      if case .keptForHost(let apqns, _) = finding.problem {
        finding.problem = .keptForHost(apqns, rule: "")
      }
      return .guest(finding)
    case .nextBoot(var conflict):
      switch conflict.effect {
      case .takes(let apqns, rules: _): conflict.effect = .takes(apqns, rules: [])
      case .binds(let apqn, let driver, rule: _):
        conflict.effect = .binds(apqn, driver: driver, rule: "")
      case .setsMasks, .setsOverrides: break
      }
      return .nextBoot(conflict)
    case .masterKey(var alarm):
      alarm.rule = RuleReference(file: "", line: 0)
      return .masterKey(alarm)
    case .defaultDomainTaken, .lastCCAQueueTaken, .unusable, .refusedByCallout, .leavesMasks,
      .cannotBeUndone, .undoingBinds, .adopted(_, nil), .keepsFromHost, .invalidDefinition,
      .unreadableDefinitions, .unanswered, .namedQueuesTaken, .keyWithoutQueue:
      return self
    }
  }
}

extension PlanDifference {
  /// What a plan makes of a queue.
  fileprivate struct Effect {
    var decision: Decision
    /// The owner after the plan; nil if the queue is absent.
    var owner: Owner?
    /// Whether it is on `vfio_ap`, or to be there, because of a rule or by a mask that a rule needs.
    var isReserved: Bool
    var isGivenBack: Bool
    /// Why it is moved to `vfio_ap` although no rule asks for that; nil if it is not.
    var unasked: OwnerChange.Cause?
    var refusal: Refusal?
    /// Whether it stays with its owner because the rules cannot be decided.
    var isUndecided: Bool
    /// The state of the request; nil if it will be fulfilled, or if there is none.
    var obstacle: Requests.State?
  }

  /// What a plan makes of all queues that it is about.
  fileprivate struct Effects {
    /// The queues of the machine, and those that are requested.
    let queues: APQNSet
    private let assessment: Assessment
    private let moves: [APQN: OwnerChange]
    private let refusals: [APQN: Refusal]
    private let awaiting: Set<APQN>
    private let undecidable: Set<APQN>

    init(_ assessment: Assessment) {
      self.assessment = assessment
      var queues = assessment.inventory.apqns
      queues.formUnion(assessment.requests.queues)
      self.queues = queues
      moves = Dictionary(assessment.plan.changes.map { ($0.apqn, $0) }) { $1 }
      refusals = Dictionary(assessment.plan.refusals.map { ($0.apqn, $0) }) { first, _ in first }
      awaiting = assessment.plan.awaitingVfioAP
      undecidable = Set(assessment.plan.undecidable)
    }

    subscript(apqn: APQN) -> Effect {
      let decision = assessment.decisions.decision(for: apqn)
      let move = moves[apqn]
      let refusal = refusals[apqn]
      let unasked = move.flatMap { $0.to == .vfioAP && $0.cause != .wanted ? $0.cause : nil }
      let owner =
        awaiting.contains(apqn)
        ? .vfioAP : move?.to ?? assessment.inventory.queue(apqn)?.owner
      let isWanted =
        decision.reserve == .vfioAP && refusal == nil
        && (owner != nil || assessment.requests.queues.contains(apqn))
      let state = assessment.requests.state(of: apqn)
      return Effect(
        decision: decision, owner: owner, isReserved: isWanted || unasked != nil,
        isGivenBack: move?.from == .vfioAP && owner != .vfioAP, unasked: unasked,
        refusal: refusal, isUndecided: undecidable.contains(apqn),
        obstacle: state == .reserved || state == .pending ? nil : state)
    }
  }
}

extension PlanDifference.Change {
  fileprivate static func changes(
    of apqn: APQN, from: PlanDifference.Effect, to: PlanDifference.Effect
  ) -> [Self] {
    // Both plans let it stay, one of them until the rules can be decided.
    if to.isUndecided, to.refusal == nil, from.owner == to.owner { return [] }
    var kinds: [Kind] = []
    if to.isGivenBack, !from.isGivenBack {
      kinds.append(.givenBack)
    } else if to.isReserved, !from.isReserved {
      kinds.append(.reserved)
    } else if from.isReserved, !to.isReserved, to.refusal == nil {
      kinds.append(.noLongerReserved)
    }
    switch (from.refusal, to.refusal) {
    case (let old, let new?) where old?.code != new.code: kinds.append(.refused)
    case (.some, nil): kinds.append(.noLongerRefused)
    default: break
    }
    if kinds.isEmpty, from.owner != to.owner { kinds.append(.otherOwner) }
    if kinds.isEmpty, !from.decision.isLike(to.decision) {
      kinds.append(from.isShown(as: to) ? .otherText : .otherRule)
    }
    return kinds.map { Self(apqn: apqn, kind: $0, from: from, to: to) }
  }
}

extension Decision {
  /// Whether it requests the same by a rule of the same text. The files of the rules are of different directories, or
  /// have different names.
  fileprivate func isLike(_ other: Decision) -> Bool {
    reserve == other.reserve && rule?.text == other.rule?.text
  }
}

extension PlanDifference.Effect {
  /// Whether nothing that is shown of a queue differs, whatever the rules' texts and places are. Neither its owner nor
  /// a refusal does.
  fileprivate func isShown(as other: Self) -> Bool {
    isReserved == other.isReserved && isGivenBack == other.isGivenBack && unasked == other.unasked
      && decision.request == other.decision.request && decision.name == other.decision.name
      && details == other.details
  }

  /// What the rule that decides requests, with all that it allows or expects, and what is in the way.
  fileprivate var ruleText: String { ([decision.shortText] + details).joined(separator: ", ") }

  /// What the rule that decides allows or expects, and what is in the way.
  fileprivate var details: [String] {
    decision.options + [obstacle?.rawValue].compactMap(\.self)
  }
}

extension Decision {
  /// What else than a label the rule that decides assigns to the queue, as rules have it.
  fileprivate var options: [String] {
    let keys = (rule?.expectedKeys ?? [:]).sorted { $0.key < $1.key }.map { kind, pattern in
      "EXPECT_MKVP{\(kind.rawValue)}=\(pattern.ignoresCase ? "i" : "")\"\(pattern.text.printable)\""
    }
    return (collateral == .accept ? ["COLLATERAL=\"accept\""] : []) + keys
  }
}

// MARK: - Text

extension PlanDifference {
  /// The difference as diff(1) has it, below headings: `+` for what only the plan by the rules `new` has, `-` for what
  /// only the one by the rules `old` has. The summary is the last line.
  package func text(from old: String, to new: String, style: TextStyle) -> String {
    guard outcome != .same || !changes.isEmpty || !undecidable.isEmpty else {
      return summary + "\n"
    }
    var lines = [
      style.paint("--- \(old.printable)", in: .problem),
      style.paint("+++ \(new.printable)", in: .heading),
    ]
    func add(_ title: String, _ content: [String], _ ink: Ink = .heading) {
      guard !content.isEmpty else { return }
      lines += ["", style.paint(title, in: ink)] + content
    }
    if let (from, to) = mechanisms {
      add(
        "mechanism",
        ["- \(from.rawValue)"]
          + style.lines("\(to.rawValue): \(after.choice.reason)", after: "+ "))
    }
    if let (from, to) = masks {
      add(
        "masks",
        Self.lines("apmask", from.adapters, to.adapters)
          + Self.lines("aqmask", from.domains, to.domains))
    }
    for kind in Change.Kind.allCases {
      add(kind.title, self.lines(kind, style), kind == .refused ? .problem : .heading)
    }
    let staying = onlyUndecidable.grouped { silence(over: $0) }
    for group in staying where group.value == nil {
      add("undecidable", style.lines(PlanReport.undecidableSentence(group.elements)))
    }
    add(
      "unreadable",
      staying.flatMap { group in
        group.value.map {
          style.lines("\(APQNRectangle.list(group.elements)): \($0); the owner stays")
        } ?? []
      })
    add("warnings", warnings.flatMap { style.lines("\($0)", after: "+ ") }, .problem)
    lines += [""] + style.lines(summary, after: "")
    return lines.map { $0 + "\n" }.joined()
  }

  private static func lines(_ name: String, _ from: APMask, _ to: APMask) -> [String] {
    from == to ? [] : ["- \(name)  \(from)", "+ \(name)  \(to)"]
  }

  private func lines(_ kind: Change.Kind, _ style: TextStyle) -> [String] {
    let changes = changes(kind)
    switch kind {
    case .refused, .noLongerRefused:
      let refusals = changes.compactMap { kind == .refused ? $0.to.refusal : $0.from.refusal }
      return Refusal.paragraphs(refusals).flatMap { sentence, others in
        style.lines(sentence, after: "\(kind.sign) ")
          + (others.map { style.lines($0, after: "\(kind.sign)   ", hanging: 6) } ?? [])
      }
    case .reserved, .givenBack, .noLongerReserved, .otherOwner, .otherRule, .otherText: break
    }
    var table = TextTable()
    for group in changes.grouped(by: \.note) {
      for rectangle in APQNRectangle.covering(group.elements.map(\.apqn)) {
        table.append([.init(kind.sign), .init(rectangle.description), .init(group.value)])
      }
    }
    return table.lines(gap: 1, fitting: style)
  }

  /// One line: how many queues are concerned by what.
  package var summary: String {
    var parts: [String] = []
    for kind in Change.Kind.allCases {
      let count = changes(kind).count
      if !kind.isDifference, parts.isEmpty {
        parts.append(outcome == .same ? "the plans are the same" : "no queue differs")
      }
      guard count > 0 else { continue }
      let isFirst = parts.isEmpty || !kind.isDifference
      parts.append((isFirst ? counted(count, "queue") : "\(count)") + " " + kind.words)
    }
    let staying = onlyUndecidable
    let unreadable = staying.count { silence(over: $0) != nil }
    for (count, word) in [
      (staying.count - unreadable, "undecidable"), (unreadable, "unreadable"),
    ] where count > 0 {
      parts.append("\(counted(count, "queue")) \(word)")
    }
    return parts.joined(separator: ", ")
  }

  /// Which adapter does not answer what a queue cannot be decided without; nil if it is something else.
  private func silence(over apqn: APQN) -> String? {
    if case .unreadable(let sentence) = after.requests.reason(for: apqn) { sentence } else { nil }
  }

  /// The undecidable queues that are in no change.
  private var onlyUndecidable: [APQN] {
    let changed = Set(changes.map(\.apqn))
    return undecidable.filter { !changed.contains($0) }
  }
}

extension PlanDifference.Change {
  /// By which rules, and what else there is to say of it, in a few words.
  fileprivate var note: String {
    let origin =
      switch kind {
      case .reserved:
        OwnerChange.reason(for: to.unasked ?? .wanted, origin: to.decision.origin)
      case .givenBack, .noLongerReserved:
        OwnerChange.reason(for: from.unasked ?? .wanted, origin: from.decision.origin)
      case .otherOwner: "\(from.ownerWord) -> \(to.ownerWord)"
      case .otherRule where from.details != to.details: "\(from.ruleText) -> \(to.ruleText)"
      case .refused, .noLongerRefused, .otherRule:
        "\(from.decision.shortText) -> \(to.decision.shortText)"
      case .otherText: to.decision.shortText
      }
    switch kind {
    case .reserved: return origin + (to.obstacle.map { ", \($0.rawValue)" } ?? "")
    case .noLongerReserved where to.owner == .vfioAP: return origin + ", stays on vfio_ap"
    case .noLongerReserved where to.isUndecided, .otherOwner where to.isUndecided:
      return origin + ", \(to.obstacle == .unreadable ? "unreadable" : "undecidable")"
    default: return origin
    }
  }
}

extension PlanDifference.Effect {
  fileprivate var ownerWord: String { owner?.rawValue ?? "absent" }
}

extension Decision {
  /// What is requested, and by which rule: `host, 50-db.rules:2 "db"`.
  fileprivate var shortText: String {
    origin.map { "\(request), \($0)" } ?? (reserve == nil ? request : "no rule")
  }
}

extension PlanDifference.Change.Kind {
  fileprivate var title: String {
    switch self {
    case .reserved: "reserved"
    case .givenBack: "given back"
    case .noLongerReserved: "no longer reserved"
    case .refused: "refused"
    case .noLongerRefused: "no longer refused"
    case .otherOwner: "other owner"
    case .otherRule: "other rule"
    case .otherText: "rule text changed, same result"
    }
  }

  /// The same after a number.
  fileprivate var words: String {
    switch self {
    case .otherOwner: "with another owner"
    case .otherRule: "by another rule"
    case .otherText: "with the same result of a changed rule"
    default: title
    }
  }

  fileprivate var sign: String {
    switch self {
    case .reserved, .refused: "+"
    case .givenBack, .noLongerReserved, .noLongerRefused: "-"
    case .otherOwner, .otherRule, .otherText: "~"
    }
  }
}

// MARK: - JSON

extension PlanDifference {
  /// For programs: an array of queues for each way to differ.
  package func json(
    from old: String, to new: String, under heading: MachineHeading? = nil
  ) -> JSONValue {
    Self.layout.json(Headed((self, old, new), under: heading))
  }

  package static let layout = JSONLayout<
    Headed<(difference: PlanDifference, from: String, to: String)>
  >.report(
    "plan-difference", "How the plans of two sets of rules differ on the same machine."
  ) {
    $0.add("outcome", .word, "Whether they differ, and whether the second refuses more.") {
      $0.report.difference.outcome
    }
    $0.add("from", .text, "Where the first set of rules is.") { $0.report.from }
    $0.add("to", .text, "Where the second set is.") { $0.report.to }
    $0.add("mechanism", .object(mechanismsLayout), "The mechanisms, if they differ.") {
      $0.report.difference.mechanisms
    }
    $0.add("masks", .object(masksLayout), "The masks after either plan, if they differ.") {
      $0.report.difference.masks
    }
    for kind in Change.Kind.allCases {
      $0.add(kind.rawValue, .list(of: .object(Change.layout)), kind.meaning) {
        $0.report.difference.changes(kind)
      }
    }
    $0.add(
      "undecidable", .queues, "Queues of which the second set of rules cannot be decided now."
    ) {
      $0.report.difference.undecidable
    }
    $0.add(
      "warnings", .list(of: .object(PlanWarning.layout)), "What only the second plan warns of."
    ) {
      $0.report.difference.warnings
    }
  }

  private static let mechanismsLayout = JSONLayout<(from: Mechanism, to: Mechanism)>(
    "Mechanisms", "The mechanisms of both plans."
  ) {
    $0.add("from", .word, "That of the first plan.") { $0.from }
    $0.add("to", .word, "That of the second.") { $0.to }
  }

  private static let masksLayout = JSONLayout<(from: MaskPair, to: MaskPair)>(
    "MasksOfBoth", "The masks after either plan."
  ) {
    $0.add("from", .object(MaskPair.layout), "After the first plan.") { $0.from }
    $0.add("to", .object(MaskPair.layout), "After the second.") { $0.to }
  }
}

extension PlanDifference.Change {
  fileprivate static let layout = JSONLayout<PlanDifference.Change>(
    "QueueDifference", "A queue for which the plans differ."
  ) {
    $0.add("queue", .queue, "The queue.", \.apqn)
    $0.add(
      "from", .object(PlanDifference.Effect.layout), "What the first plan makes of it.", \.from)
    $0.add("to", .object(PlanDifference.Effect.layout), "What the second makes of it.", \.to)
  }
}

extension PlanDifference.Change.Kind {
  fileprivate var meaning: String {
    switch self {
    case .reserved: "Queues that only the second plan has reserved."
    case .givenBack: "Queues that the second plan takes from vfio_ap."
    case .noLongerReserved:
      "Queues that only the first plan has reserved, and that the second does not take from vfio_ap."
    case .refused:
      "Queues that the second plan refuses, and the first does not, or for another reason."
    case .noLongerRefused: "Queues of which only the first plan refuses something."
    case .otherOwner: "Queues with different owners, of which neither plan has one reserved."
    case .otherRule:
      "Queues of which only what the rule that decides requests, allows or expects differs, or its label."
    case .otherText:
      "Queues of which only the text of the rule that decides differs, or its place as well, which does not count as a difference."
    }
  }
}

extension PlanDifference.Effect {
  fileprivate static let layout = JSONLayout<PlanDifference.Effect>(
    "Effect", "What a plan makes of a queue."
  ) {
    $0.add("owner", .word, "The owner after the plan; missing if the queue is absent.", \.owner)
    $0.include(Decision.layout, \.decision)
    $0.add(
      "request", .word, "The state of the request, if the plan does not fulfil it.", \.obstacle)
    $0.add("refusal", .object(Refusal.layout), "Why it is refused.", \.refusal)
  }
}
