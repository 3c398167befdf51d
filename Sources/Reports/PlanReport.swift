import Agent
import APBus
package import JSONText
package import Reservation
import ReservationRules

/// What would be written and why.
package struct PlanReport {
  let bus: BusState
  let decisions: DecisionTable
  let choice: MechanismChoice
  let plan: Plan
  let requests: Requests
  let settings: [AppliedSetting]
  /// The mechanism that the plan changes over to; nil for a plan that nobody has asked to do that.
  let changeover: Mechanism?
  /// The LPAR as an HMC has it; nil if that is not given.
  let lpar: LPARComparison?
  /// Rules without an effect on this machine, a sentence each.
  private var idleRules: [String] = []

  /// The report on an assessed machine.
  package init(_ assessment: Assessment) {
    bus = assessment.inventory.bus
    decisions = assessment.decisions
    choice = assessment.choice
    plan = assessment.plan
    requests = assessment.requests
    settings = assessment.settings
    changeover = assessment.context.changeover
    lpar = assessment.lpar
  }

  /// Adds to the text which rules ask for queues and decide none that is there. A rule for another host, and one whose
  /// queues are named by the text as missing, is none of them.
  package mutating func addIdleRules(of assessment: Assessment) {
    let missing = Set(
      requests.open.compactMap { decisions.compactDecision(for: $0.apqn).ruleIndex })
    var rules = IdleRules(decisions, present: assessment.inventory.queues.lazy.map(\.apqn))
    idleRules = rules.findings().compactMap { index, reason in
      let rule = decisions.rules.rules[index]
      guard rule.reserve.value == .vfioAP, !missing.contains(index), !reason.isOtherHost else {
        return nil
      }
      return
        "\(rule.location.shortFileAndLine) decides no queue of this machine: \(reason.sentence)"
    }
  }

  /// Why a changeover is refused, one or more sentences; nil if it is not.
  package var changeoverRefusal: String? {
    guard let changeover, plan.refusesChangeover else { return nil }
    let reasons = Refusal.paragraphs(plan.refusals).map { sentence, others in
      sentence + (others.map { "; \($0)" } ?? "")
    }
    return "the changeover to \(changeover.rawValue) is refused, and nothing is written for it:"
      + reasons.map { "\n  \($0)" }.joined()
  }

  package enum Outcome: String, Sendable, CaseIterable {
    /// Everything is as the rules want it.
    case nothingToDo = "nothing-to-do"
    /// There is something to do or to wait for, and nothing is refused.
    case pending
    /// Some requests are refused, or queues that rules keep for the host are not given back to it.
    case refused
  }

  package var outcome: Outcome {
    if !plan.refusals.isEmpty || !plan.withheld.isEmpty
      || unplanned.contains(where: { $0.state == .refused })
    {
      return .refused
    }
    return plan.isEmpty && plan.waiting.isEmpty && locked.isEmpty ? .nothingToDo : .pending
  }

  /// How many queues stay with their owners because the rules cannot be decided, without those that are unreadable
  /// because an adapter does not answer.
  package var undecidableCount: Int { undecidable.count }

  private var undecidable: [APQN] {
    plan.undecidable.filter { requests.state(of: $0) != .unreadable }
  }

  /// The open requests that the plan itself says nothing of.
  fileprivate var unplanned: [OpenRequest] {
    requests.open.filter { request in
      switch request.reason {
      case .planned, .refusal, .driver, .lock, .undecidable: false
      default: true
      }
    }
  }
}

extension PlanReport {
  /// The report for people; the summary is its last line. `hasAllWrites` shows each write as a command, also where a
  /// line a queue says the same.
  package func text(hasAllWrites: Bool = false, style: TextStyle) -> String {
    let title = "mechanism"
    var lines = sentences(
      ["\(title)  \(choice.mechanism.rawValue): \(choice.reason)"], indentation: 0, style: style)
    lines[0] = style.paint(title, in: .heading) + lines[0].dropFirst(title.count)
    lines += section("settings", lines: sentences(settingLines, style: style), style: style)
    lines += section("masks", lines: maskLines(style), style: style)
    lines += section("owners", lines: changeLines(style), style: style)
    lines += section("writes", lines: writeLines(all: hasAllWrites, style), style: style)
    lines += section(
      "alternatives", lines: sentences(alternativeLines, style: style), style: style)
    lines += section("refused", lines: refusedLines(style), style: style, ink: .problem)
    for (title, content, ink) in [
      ("warnings", plan.warnings.map(\.description), .problem), ("waiting", waitingLines, .heading),
      ("requests", OpenRequest.groups(of: unplanned).map(\.sentence), .problem),
      ("rules without queues", idleRules, .problem),
      ("undecidable", undecidableLines, .heading), ("latent collateral", latentLines, .heading),
    ] as [(String, [String], Ink)] {
      lines += section(title, lines: sentences(content, style: style), style: style, ink: ink)
    }
    if let lpar {
      lines += section(
        "LPAR", lines: sentences(lpar.lines, style: style), style: style,
        ink: lpar.findings.isEmpty ? .heading : .problem)
    }
    lines += [""] + summary.wrapped(to: style.width ?? .max)
    return lines.map { $0 + "\n" }.joined()
  }

  private func section(
    _ title: String, lines content: [String], style: TextStyle, ink: Ink = .heading
  ) -> [String] {
    guard !content.isEmpty else { return [] }
    return ["", style.paint(title, in: ink)] + content
  }

  /// Sentences, each indented by two blanks, or more, and its further lines on a terminal by four more.
  private func sentences(
    _ texts: [String], indentation: Int = 2, style: TextStyle
  ) -> [String] {
    let indent = String(repeating: " ", count: indentation)
    return texts.flatMap { style.lines($0, after: indent, hanging: indentation + 2) }
  }

  /// What is set, and where.
  private var settingLines: [String] {
    settings.filter(\.isSet).map { "\($0.text)  (\($0.origin))" }
  }

  /// The masks, if one of them changes.
  private func maskLines(_ style: TextStyle) -> [String] {
    guard let before = bus.masks, let after = plan.masks(after: bus), before != after else {
      return []
    }
    // The masks also cover adapters and domains that are not there.
    let note = "no queue that is there changes its owner; the masks are for those that are added"
    return Self.lines("apmask", from: before.adapters, to: after.adapters, digits: 2, style)
      + Self.lines("aqmask", from: before.domains, to: after.domains, digits: 4, style)
      + sentences(plan.changes.isEmpty ? [note] : [], style: style)
  }

  private static func lines(
    _ name: String, from before: APMask, to after: APMask, digits: Int, _ style: TextStyle
  ) -> [String] {
    guard before != after else { return ["  \(name)  unchanged"] }
    let lines = ["  \(name)  \(before)  now", "          \(after)  then"]
    guard let width = style.width, lines.contains(where: { $0.count > width }) else { return lines }
    // A mask has 64 digits, which a narrow terminal would break.
    let changes = [("clears", before.subtracting(after)), ("sets", after.subtracting(before))]
    return changes.filter { !$0.1.isEmpty }.flatMap { word, numbers in
      style.lines("\(name) \(word) \(Self.numbers(numbers, digits: digits))")
    }
  }

  private func changeLines(_ style: TextStyle) -> [String] {
    let table = ChangeList(plan, decisions: decisions).table()
    guard let width = style.width else { return table.lines(indentation: "  ", style: style) }
    return table.lines(indentation: "  ", width: width, style: style)
  }

  /// The writes as commands with their numbers; the ones to files of single queues, where nobody asks for `all`, as a
  /// line a queue or, as the owners, a rectangle of many.
  private func writeLines(all: Bool, _ style: TextStyle) -> [String] {
    let foldedCount = all ? 0 : plan.operations.count { $0.queue != nil }
    let digits = String(plan.steps.count).count
    var number = 0
    var lines: [String] = []
    var folded: [(apqn: APQN, clauses: String)] = []
    func unfold() {
      if foldedCount > ChangeList.longest {
        for group in folded.grouped(by: \.clauses) {
          for rectangle in APQNRectangle.covering(group.elements.map(\.apqn)) {
            lines += sentences(["\(rectangle)  \(group.value)"], style: style)
          }
        }
      } else {
        lines += sentences(folded.map { "\($0.apqn)  \($0.clauses)" }, style: style)
      }
      folded = []
    }
    for operation in plan.operations {
      if let apqn = operation.queue, !all {
        folded.append((apqn, operation.steps.map(\.clause).joined(separator: ", ")))
        continue
      }
      unfold()
      for step in operation.steps {
        number += 1
        let start = foldedCount > 0 ? "  " : "  \(String(number).aligned(to: digits))  "
        let commands = step.commandLines(room: (style.width ?? .max) - start.count)
        let below = String(repeating: " ", count: start.count)
        lines += commands.enumerated().map { ($0 == 0 ? start : below) + $1 }
      }
    }
    unfold()
    return lines
  }

  /// The refusals by rule; of many for the same kind of reason, the first stands for all.
  private func refusedLines(_ style: TextStyle) -> [String] {
    let groups = plan.refusals.grouped { decisions.decision(for: $0.apqn).rule }
    return groups.flatMap { rule, refusals -> [String] in
      let origin = plan.refusals.count > 1 ? rule.map { [$0.origin] } ?? [] : []
      let heading = sentences(origin, style: style)
      let indentation = heading.isEmpty ? 2 : 4
      return heading
        + Refusal.paragraphs(refusals).flatMap { sentence, others in
          sentences([sentence], indentation: indentation, style: style)
            + sentences(
              others.map { [$0] } ?? [], indentation: indentation + 2, style: style)
        }
    }
  }

  private var waitingLines: [String] {
    var order: [String] = []
    var queues: [String: [APQN]] = [:]
    for waiting in plan.waiting {
      if queues[waiting.driver] == nil { order.append(waiting.driver) }
      queues[waiting.driver, default: []].append(waiting.apqn)
    }
    let lines = order.map { driver in
      "\(APQNRectangle.list(queues[driver] ?? [])) until \(driver) is loaded"
    }
    guard !locked.isEmpty else { return lines }
    return lines + [
      "\(APQNRectangle.list(locked)) until another process releases \(ConfigurationLockPlace.path)"
    ]
  }

  /// Queues that wait for the lock for the configuration of the bus, as the daemon does.
  private var locked: [APQN] { requests.open.filter { $0.reason == .lock }.map(\.apqn) }

  private var undecidableLines: [String] {
    guard !undecidable.isEmpty else { return [] }
    return [Self.undecidableSentence(undecidable)]
  }

  static func undecidableSentence(_ apqns: [APQN]) -> String {
    "\(APQNRectangle.list(apqns)): a rule compares something that cannot be read now; the owner stays"
  }

  /// What could be done instead of what is refused. The sentence of a single refusal says it already.
  private var alternativeLines: [String] {
    let isSaid = plan.refusals.count == 1
    var lines = (isSaid ? [] : plan.alternatives).map { alternative in
      var bits: [String] = []
      if !alternative.adapters.isEmpty {
        bits.append("apmask without adapter \(Self.numbers(alternative.adapters, digits: 2))")
      }
      if !alternative.domains.isEmpty {
        bits.append("aqmask without domain \(Self.numbers(alternative.domains, digits: 4))")
      }
      let taken = alternative.alsoTaken
      return bits.joined(separator: " and ") + " would do it, and also take "
        + (taken.isEmpty
          ? "nothing else" : "\(counted(taken.count, "queue")): \(APQNRectangle.list(taken))")
    }
    if !plan.refusals.isEmpty, let advice = choice.advice { lines.append(advice) }
    return lines
  }

  private var latentLines: [String] {
    let latent = plan.latentCollateral
    guard latent.count > 0 else { return [] }
    var lines: [String] = []
    if !latent.adapters.isEmpty {
      lines.append("new domains of adapter \(Self.numbers(latent.adapters, digits: 2))")
    }
    if !latent.domains.isEmpty {
      lines.append("new adapters in domain \(Self.numbers(latent.domains, digits: 4))")
    }
    lines.append(
      "would be taken by vfio_ap without a request when they are added: "
        + counted(latent.count, "absent queue")
        + (latent.hostCount == 0
          ? "; none of them is reserved for the host"
          : "; \(latent.hostCount) of them are reserved for the host, and the masks keep them from it")
    )
    return lines
  }

  private static func numbers(_ mask: APMask, digits: Int) -> String {
    APQNRectangle.numbers(mask, digits: digits, separator: ", ")
  }

  /// One line: what is to do, and what cannot be done.
  package var summary: String {
    let changes = plan.changes
    var parts: [String] = []
    if plan.isEmpty {
      let isDone =
        plan.refusals.isEmpty && plan.waiting.isEmpty && plan.withheld.isEmpty && locked.isEmpty
        && plan.undecidable.isEmpty
      parts.append(
        "nothing to \(isDone ? "do" : "write"): \(requests.reserved) of \(requests.count) requested queues on vfio_ap"
      )
    } else {
      let awaiting = plan.awaitingVfioAP
      for (way, count) in [
        ("to vfio_ap", changes.count { $0.to == .vfioAP }),
        ("to host", changes.count { $0.to == .host }),
        (
          "to vfio_ap when it is loaded",
          changes.count { $0.to == .none && awaiting.contains($0.apqn) }
        ),
        ("left unbound", changes.count { $0.to == .none && !awaiting.contains($0.apqn) }),
      ] where count > 0 {
        parts.append("\(counted(count, "queue")) \(way)")
      }
      parts.append(counted(plan.steps.count { $0.path != nil }, "write"))
    }
    // Refusals and waiting queues of the plan count although no guest requests them: those that are to be
    // given back.
    let contended = requests.counts[.contended] ?? 0
    let unplannedRefusals = unplanned.count { $0.state == .refused }
    for (count, word) in [
      (plan.refusals.count - contended + unplannedRefusals, Requests.State.refused.rawValue),
      (contended, Requests.State.contended.rawValue),
      (plan.waiting.count + locked.count, Requests.State.waiting.rawValue),
      (requests.counts[.missing] ?? 0, Requests.State.missing.rawValue),
      (requests.counts[.unusable] ?? 0, Requests.State.unusable.rawValue),
      (undecidableCount, Requests.State.undecidable.rawValue),
      (requests.counts[.unreadable] ?? 0, Requests.State.unreadable.rawValue),
      (plan.adopted.count, "on vfio_ap and not reserved by apreserve"),
    ] where count > 0 {
      parts.append("\(count) \(word)")
    }
    if let lpar, !lpar.findings.isEmpty {
      parts.append(counted(lpar.findings.count, "difference") + " from the HMC")
    }
    return parts.joined(separator: ", ")
  }
}

extension PlanReport {
  package var json: JSONValue { Self.layout.json(Headed(self)) }

  package func json(under heading: MachineHeading?) -> JSONValue {
    Self.layout.json(Headed(self, under: heading))
  }

  package static let layout = JSONLayout<Headed<PlanReport>>.report(
    "plan", "What would be written, and why."
  ) {
    $0.include(members, \.report)
  }

  private static let members = JSONLayout<PlanReport> {
    $0.add(
      "outcome", .word, "Whether there is something to do, and whether something is refused.",
      \.outcome)
    $0.include(MechanismChoice.layout, \.choice)
    $0.add(
      "changeoverRefused", .flag,
      "Whether the changeover that the plan is for is refused; absent in a plan for none."
    ) { $0.changeover == nil ? nil : $0.plan.refusesChangeover }
    $0.add("settings", .list(of: .object(AppliedSetting.layout)), "The settings.", \.settings)
    $0.add("requests", .object(Requests.layout), "The requests by state.", \.requests)
    $0.add(
      "openRequests", .list(of: .object(OpenRequest.Group.layout())),
      "The requests that are not fulfilled, by reason."
    ) { OpenRequest.groups(of: $0.requests.open) }
    $0.add("masks", .object(masksLayout), "The masks, on a kernel that has them.", \.masks)
    $0.add("changes", .list(of: .object(OwnerChange.layout)), "The queues that are moved.") {
      report in
      report.plan.changes.map { ($0, report.decisions.decision(for: $0.apqn)) }
    }
    $0.add("steps", .list(of: .union(Step.union)), "The writes, in order.", \.plan.steps)
    $0.add("refusals", .list(of: .object(Refusal.layout)), "What is refused.", \.plan.refusals)
    $0.add(
      "alternatives", .list(of: .object(MaskAlternative.layout)),
      "Masks that would do what is refused, and more.", \.plan.alternatives)
    $0.add(
      "waiting", .list(of: .object(Plan.Waiting.layout)), "Queues that wait for a driver.",
      \.plan.waiting)
    $0.add(
      "undecidable", .queues, "Queues of which the rules cannot be decided now.", \.plan.undecidable
    )
    $0.add(
      "adopted", .queues,
      "Queues on vfio_ap that apreserve has not reserved, and so does not give back.",
      \.plan.adopted)
    $0.add(
      "warnings", .list(of: .object(PlanWarning.layout)), "What the plan warns of.", \.plan.warnings
    )
    $0.add(
      "latentCollateral", .object(LatentCollateral.layout),
      "Absent queues that vfio_ap would get without a request.", \.plan.latentCollateral)
    $0.add("lpar", .object(LPARComparison.layout), "The LPAR as --lpar describes it.", \.lpar)
  }

  private var masks: (before: MaskPair, after: MaskPair)? {
    guard let before = bus.masks, let after = plan.masks(after: bus) else { return nil }
    return (before, after)
  }

  private static let masksLayout = JSONLayout<(before: MaskPair, after: MaskPair)>(
    "MasksOfPlan", "The masks before and after the plan."
  ) {
    $0.add("before", .object(MaskPair.layout), "Now.") { $0.before }
    $0.add("after", .object(MaskPair.layout), "Then.") { $0.after }
  }
}

extension MaskPair {
  static let layout = JSONLayout<MaskPair>("Masks", "Both masks.") {
    $0.add("apmask", .mask, "The adapters of the host's pool.", \.adapters)
    $0.add("aqmask", .mask, "The domains of the host's pool.", \.domains)
  }
}

extension MaskAlternative {
  fileprivate static let layout = JSONLayout<MaskAlternative>(
    "Alternative", "Bits to clear in the masks, which would also take other queues."
  ) {
    $0.add("adapters", .numbers, "The adapters.", \.adapters)
    $0.add("domains", .numbers, "The domains.", \.domains)
    $0.add("alsoTaken", .queues, "The other queues.", \.alsoTaken)
  }
}

extension Operation {
  /// The queue to whose own files it writes; nil for the masks.
  fileprivate var queue: APQN? {
    switch subject {
    case .queue(let apqn), .online(let apqn): apqn
    case .masks: nil
    }
  }
}

extension LatentCollateral {
  fileprivate static let layout = JSONLayout<LatentCollateral>(
    "LatentCollateral", "Absent queues that vfio_ap would get without a request."
  ) {
    $0.add("adapters", .numbers, "Adapters of which new domains are taken.", \.adapters)
    $0.add("domains", .numbers, "Domains of which new adapters are taken.", \.domains)
    $0.add("count", .count, "How many absent queues these are.", \.count)
    $0.add("hostCount", .count, "How many of them are reserved for the host.", \.hostCount)
  }
}

extension Plan.Waiting {
  fileprivate static let layout = JSONLayout<Plan.Waiting>(
    "Waiting", "A queue that waits for a driver."
  ) {
    $0.add("queue", .queue, "The queue.", \.apqn)
    $0.add("driver", .text, "The driver.", \.driver)
  }
}

extension Refusal {
  /// The reason in one word.
  var code: String {
    switch reason {
    case .hardwareTooOld: "hardware-too-old"
    case .inexpressible: "inexpressible"
    case .besideContended: "beside-contended"
    case .releaseInexpressible: "release-inexpressible"
    case .vetoed: "vetoed"
    case .masksInUse: "masks-in-use"
    case .overrideInUse: "override-in-use"
    case .strandedInHostPool: "stranded-in-host-pool"
    case .wouldBindBelowUnboundCard: "would-bind-below-unbound-card"
    case .wouldTakeEverything: "would-take-everything"
    case .maskChangeUnderWay: "mask-change-under-way"
    case .cardUnbound: "card-unbound"
    case .guarded(let finding): finding.code
    case .changeover(let obstacle): obstacle.code
    case .overriddenByOthers: "overridden-by-others"
    }
  }

  /// Sentences about refusals. Of more than three for the same kind of reason the first is followed by the others'
  /// names.
  static func paragraphs(_ refusals: [Refusal]) -> [(sentence: String, others: String?)] {
    refusals.grouped(by: \.code).map(\.elements).flatMap { kind -> [(String, String?)] in
      guard kind.count > 3, let first = kind.first else {
        return kind.map { ($0.description, nil) }
      }
      let queues = APQNRectangle.list(kind.dropFirst().map(\.apqn))
      let isSame = kind.allSatisfy { $0.reason == first.reason }
      let others =
        isSame
        ? "likewise \(queues)"
        : "similarly \(queues); \"apreserve explain QUEUE\" has each reason"
      return [(first.description, others)]
    }
  }

  package static let layout = JSONLayout<Refusal>("Refusal", "A request that cannot be fulfilled.")
  {
    $0.add("queue", .queue, "The queue.", \.apqn)
    $0.add("reason", .text, "Why, in one word.", \.code)
    $0.add("message", .text, "Why, and what to do, a sentence.", \.description)
  }
}

extension PlanWarning {
  /// The warning in one word.
  var code: String {
    switch self {
    case .defaultDomainTaken: "default-domain-taken"
    case .lastCCAQueueTaken: "last-cca-queue-taken"
    case .unusable: "unusable"
    case .refusedByCallout: "refused-by-callout"
    case .leavesMasks: "leaves-masks"
    case .cannotBeUndone: "cannot-be-undone"
    case .undoingBinds: "undoing-binds"
    case .adopted: "adopted"
    case .keepsFromHost: "keeps-from-host"
    case .invalidDefinition: "invalid-definition"
    case .guest(let finding): finding.kind.rawValue
    case .unreadableDefinitions: "unreadable-definitions"
    case .unanswered: "unanswered"
    case .namedQueuesTaken: "named-queues-taken"
    case .keyWithoutQueue: "key-without-queue"
    case .masterKey(let alarm): alarm.cause.rawValue
    case .nextBoot(let conflict):
      switch conflict.effect {
      case .takes: "next-boot-takes"
      case .binds: "next-boot-binds"
      case .setsMasks: "next-boot-sets-masks"
      case .setsOverrides: "next-boot-sets-overrides"
      }
    }
  }

  package static let layout = JSONLayout<PlanWarning>(
    "Warning", "Something that a person should know of."
  ) {
    $0.add("warning", .text, "What it is, in one word.", \.code)
    $0.add("message", .text, "A sentence about it.", \.description)
  }
}

extension Step {
  /// The write as a person would type it into a shell; a step that only reads, in words.
  var commandLine: String {
    guard let path else { return "(\(self))" }
    let words = text.filter { $0 != "\n" }
    return "echo \(words.isEmpty ? "" : words + " ")> \(path)"
  }

  /// The same in lines of at most so many characters, two where one is too long: a mask has 64 digits.
  func commandLines(room: Int) -> [String] {
    let line = commandLine
    guard line.count > room, let arrow = line.firstRange(of: " > ") else {
      return line.wrapped(to: room)
    }
    return [line[..<arrow.lowerBound] + " \\", "  " + line[arrow.lowerBound...].dropFirst()]
  }

  /// What it does to its queue, without the queue's name.
  var clause: String {
    switch self {
    case .setAdapterMask, .setDomainMask: commandLine
    case .setOverride(_, let driver?): "driver_override \(driver)"
    case .setOverride(_, nil): "no driver_override"
    case .unbind(_, let driver): "unbind from \(driver)"
    case .bind(_, let driver): "bind to \(driver)"
    case .probe: "let the bus bind it"
    case .requireUnassigned: "if no mediated device has it"
    case .setOnline(_, let isOnline): isOnline ? "switch on" : "switch off"
    case .awaitIdle: "wait for its pending requests"
    }
  }

  enum Kind: String, CaseIterable {
    case write, requireUnassigned, awaitIdle
  }

  private var kind: Kind {
    switch self {
    case .requireUnassigned: .requireUnassigned
    case .awaitIdle: .awaitIdle
    case .setAdapterMask, .setDomainMask, .setOverride, .unbind, .bind, .probe, .setOnline: .write
    }
  }

  static let union = JSONUnion<Step, Kind>(
    "Step", "A single write, or a read that guards the writes after it.", kind: \.kind
  ) { kind in
    switch kind {
    case .write:
      JSONLayout(nil, "A write.") {
        $0.add("path", .text, "The file.") { $0.path?.description ?? "" }
        $0.add("text", .text, "The exact text that is written.", \.text)
      }
    case .requireUnassigned:
      .kind("A read: go on only if no mediated device has the queue.", \.unassignedQueue) {
        $0.add(kind.rawValue, .queue, "The queue.") { $0 }
      }
    case .awaitIdle:
      .kind("A read: go on when the queue has no pending requests.", \.idleQueue) {
        $0.add(kind.rawValue, .queue, "The queue.") { $0 }
      }
    }
  }

  private var unassignedQueue: APQN? {
    if case .requireUnassigned(let apqn) = self { apqn } else { nil }
  }

  private var idleQueue: APQN? {
    if case .awaitIdle(let apqn) = self { apqn } else { nil }
  }
}
