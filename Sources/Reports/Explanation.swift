import Agent
package import APBus
package import JSONText
package import Reservation
import ReservationRules

/// Everything that is known of one queue.
package struct Explanation {
  let apqn: APQN
  let assessment: Assessment
  let verdicts: [RuleVerdict]

  /// Explains a queue of an assessed machine; it need not be there.
  package init(_ apqn: APQN, in assessment: Assessment) {
    self.apqn = apqn
    self.assessment = assessment
    verdicts = assessment.decisions.explanation(for: apqn)
  }

  var card: Card? { assessment.inventory.card(apqn.adapter) }
  var queue: Queue? { assessment.inventory.queue(apqn) }
  /// Whether it is reserved by anybody.
  private var isReserved: Bool {
    queue?.owner == .vfioAP || queue?.driverOverride == DriverName.vfioAP
  }

  /// Whether it is owned; nil while it is not reserved at all, and if that is not known.
  var isOwned: Bool? {
    guard isReserved, assessment.isOwnershipKnown else { return nil }
    return assessment.ownership.covers(apqn, under: assessment.inventory.bus)
  }

  var holder: MediatedDevice? { assessment.inventory.mediatedDevice(holding: apqn) }
  var decision: Decision { assessment.decisions.decision(for: apqn) }

  /// The change of owner that the plan has for the queue.
  var change: OwnerChange? { assessment.plan.changes.first { $0.apqn == apqn } }

  /// The writes that concern the queue: those of the operation that moves it.
  var steps: [Step] {
    assessment.plan.operations
      .filter { operation in
        operation.subject == .queue(apqn) || operation.changes.contains { $0.apqn == apqn }
      }
      .flatMap(\.steps)
  }

  /// What the plan warns of for this queue.
  var warnings: [PlanWarning] {
    assessment.plan.warnings.filter { $0.isAboutNextBoot(of: apqn) }
  }

  /// Why the queue cannot be used as the rules request.
  private var reason: OpenRequest.Reason? {
    let isReservedInVain = queue == nil && decision.reserve == .vfioAP
    return assessment.requests.reason(for: apqn)
      ?? (isReservedInVain ? assessment.inventory.absence(of: apqn) : nil)
  }

  /// What a person can do about that, as a clause; nil where it depends on the rules, which are shown.
  var remedy: String? {
    if assessment.plan.withheld.contains(apqn) { return handingBack }
    let refusal = assessment.plan.refusals.first { $0.apqn == apqn }
    if let holder, refusal?.reason.isHeldByGuest == true {
      return "run apreserve guest show \(holder.uuid)"
    }
    switch reason {
    case .refusal(let refusal) where refusal.isContention:
      return
        "find the process with journalctl -u apreserve AP_QUEUE=\(apqn), and run apreserve reload when it "
        + "has ended"
    default:
      return reason.flatMap { OpenRequest.remedy(for: [apqn], reason: $0) }
        ?? card?.unanswered.map { _ in
          "check the adapter with \"lszcrypt -V\" and on the HMC; it is asked again by itself"
        }
    }
  }

  /// How a person gives the queue back to the host, which apreserve does not do with what it has not reserved.
  private var handingBack: String? {
    guard let queue, let driver = queue.driver else { return nil }
    if let holder {
      return "take it from its guest first: run apreserve guest show \(holder.uuid)"
    }
    let bus = assessment.inventory.bus
    var commands: [String] = []
    if let masks = bus.masks, bus.isKeptFromHost(apqn), queue.driverOverride == nil {
      // The kernel moves the queue itself.
      if !masks.adapters.contains(apqn.adapter) {
        commands.append("echo +\(apqn.adapter) > \(SysfsPath.bus("apmask"))")
      }
      if !masks.domains.contains(apqn.domain) {
        commands.append("echo +\(apqn.domain) > \(SysfsPath.bus("aqmask"))")
      }
      return
        "if no other program needs it there: \(commands.joined(separator: "; ")), which also moves what else "
        + "these bits keep from the host"
    }
    var steps: [Step] = []
    if queue.driverOverride != nil { steps.append(.setOverride(apqn, driver: nil)) }
    steps.append(.unbind(apqn, from: driver))
    steps.append(bus.masks == nil ? .bind(apqn, to: DriverName.cex4queue) : .probe(apqn))
    return "if no other program needs it there: "
      + steps.map(\.commandLine).joined(separator: "; ")
  }

  /// What blocks what the rules want, a sentence each.
  var obstacles: [String] {
    let plan = assessment.plan
    var sentences = plan.refusals.filter { $0.apqn == apqn }.map(\.description)
    for waiting in plan.waiting where waiting.apqn == apqn {
      sentences.append("\(waiting.driver) is not loaded; the plan waits for it")
    }
    if plan.undecidable.contains(apqn), reason?.state != .unreadable {
      sentences.append("a rule compares something that cannot be read now; the owner stays")
    }
    if plan.adopted.contains(apqn) {
      let rule = plan.withheld.contains(apqn) ? decision.rule : nil
      sentences.append(
        (rule.map { "\($0.location.fileAndLine.printable) keeps it for the host; " } ?? "")
          + "apreserve did not reserve it, so it does not give it back")
    }
    switch reason {
    case .some where queue == nil:
      sentences += [reason?.clause.map { "\($0); the queue is reserved when it is added" }]
        .compactMap(\.self)
    case .notReserved?: sentences += [reason?.clause].compactMap(\.self)
    case .lock?:
      sentences += [reason?.clause].compactMap(\.self).map {
        "\($0), \(ConfigurationLockPlace.path); the plan waits for it"
      }
    case .deconfigured?: sentences.append("deconfigured, so that no guest can use it")
    case .checkStopped?: sentences.append("check-stopped, so that no guest can use it")
    case .unreadable(let sentence)?: sentences.append("\(sentence); the owner stays")
    default:
      if queue == nil, decision.reserve == nil {
        sentences.append("absent; the rules are decided when it is added")
      }
    }
    return sentences
  }
}

extension Explanation {
  /// The explanation for people, in lines as wide as the terminal, at most 100 characters, or 80.
  package func text(style: TextStyle) -> String {
    let decimal = "adapter \(apqn.adapter), domain \(apqn.domain) on the HMC"
    var lines = [style.paint(apqn.description, in: .heading) + "  (\(decimal))", ""]
    var facts = TextTable()
    facts.append([.init("card"), .init(cardText)])
    facts.append([.init("queue"), .init(queueText, queue.map { Ink($0.owner) })])
    if let holder {
      let name = assessment.context.configuration.name(ofMediatedDevice: holder.uuid)
      facts.append([.init("guest"), .init("mediated device \(name.printable)")])
    }
    if let isOwned {
      facts.append([
        .init("owned"),
        .init("\(isOwned ? "yes, apreserve has" : "no, apreserve has not") reserved it"),
      ])
    } else if isReserved {
      facts.append([.init("owned"), .init("unknown, the record cannot be read", .problem)])
    }
    facts.append([.init("request"), .init(requestText)])
    if let state = assessment.requests.state(of: apqn) {
      let detail = assessment.requests.reason(for: apqn)?.clause
      facts.append([
        .init("state"),
        .init(state.rawValue + (detail.map { ": \($0)" } ?? ""), state.isStuck ? .problem : nil),
      ])
    }
    lines += facts.lines(indentation: "  ", width: Self.width(style), style: style)
    lines += keyLines(style)
    lines += ["", style.paint("rules", in: .heading)]
    lines += verdicts.isEmpty ? ["  none"] : verdictLines(style)
    lines += ["", style.paint("plan", in: .heading)] + planLines(style)
    let obstacles = obstacles
    if !obstacles.isEmpty {
      lines +=
        ["", style.paint("blocked by", in: .problem)]
        + obstacles.flatMap { Self.paragraph($0, style) }
    }
    if let remedy {
      lines += ["", style.paint("remedy", in: .heading)] + Self.paragraph(remedy, style)
    }
    if !warnings.isEmpty {
      lines +=
        ["", style.paint("warnings", in: .problem)]
        + warnings.flatMap { Self.paragraph($0.description, style) }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  /// Wider lines would be hard to read.
  private static func width(_ style: TextStyle) -> Int { min(style.columns, 100) }

  /// A sentence, indented by two blanks and its further lines by four.
  private static func paragraph(_ text: String, _ style: TextStyle) -> [String] {
    TextStyle(isColored: style.isColored, width: width(style)).lines(text)
  }

  private var cardText: String {
    guard let card else { return "\(apqn.cardName) is not there" }
    var parts = [
      card.name, card.typeName ?? "unknown type", "hwtype \(card.hardwareType.rawValue)",
    ]
    if let mode = card.mode { parts.append("mode \(mode.rawValue)") }
    parts.append(card.driver.map { "bound to \($0.printable)" } ?? "unbound")
    if card.isConfigured == false { parts.append("deconfigured") }
    if card.isCheckStopped == true { parts.append("check-stopped") }
    if let unanswered = card.unanswered {
      let verb = unanswered.isAwaited ? "has not answered" : "does not answer"
      parts.append("\(verb) (\(unanswered))")
    }
    return parts.joined(separator: ", ")
  }

  private var queueText: String {
    guard let queue else { return "is not there" }
    let state = QueueState(queue, in: assessment.inventory)
    var parts = [queue.driver.map { "on \($0.printable)" } ?? "without a driver"]
    if state != .unknown, state != .unbound { parts.append(state.rawValue) }
    if let driver = queue.driverOverride { parts.append("driver_override \(driver.printable)") }
    return parts.joined(separator: ", ")
  }

  /// What is known of the master keys; nothing of a queue that has none.
  private func keyLines(_ style: TextStyle) -> [String] {
    let registers = assessment.inventory.keys(of: apqn).registers
    guard !registers.isEmpty else { return [] }
    let heading = ["", style.paint("master keys", in: .heading)]
    guard registers.contains(where: { $0.source != .unknown }) else {
      // Of one that the host has, they were not asked for.
      guard let queue, queue.owner != .host else { return [] }
      return heading
        + Self.paragraph("unknown; they can be read only while the host has the queue", style)
    }
    var table = TextTable()
    for register in registers {
      let change = register.change
      table.append([
        .init(register.name.description), .init(register.content?.description ?? "-"),
        .init(
          register.source.text + (change.map { ", \($0.text)" } ?? ""), change.map { _ in .problem }
        ),
      ])
    }
    return heading
      + table.lines(indentation: "  ", width: Self.width(style), style: style)
  }

  private var requestText: String {
    let decision = decision
    guard decision.reserve != nil else { return "undecidable" }
    guard let origin = decision.origin else { return "unmanaged: no rule names it" }
    let collateral = decision.collateral == .accept ? ", accepts collateral" : ""
    return "\(decision.request), by \(origin)\(collateral)"
  }

  private func verdictLines(_ style: TextStyle) -> [String] {
    var table = TextTable()
    for verdict in verdicts {
      let decides = verdict.outcome == .decides
      table.append([
        .init(verdict.rule.location.shortFileAndLine),
        .init(verdict.word, decides ? .heading : nil),
        .init(verdict.detail ?? verdict.rule.text.printable),
      ])
    }
    return table.lines(indentation: "  ", width: Self.width(style), style: style)
  }

  private func planLines(_ style: TextStyle) -> [String] {
    let mechanism = "\(assessment.choice.mechanism.rawValue), \(assessment.choice.reason)"
    guard let change else { return Self.paragraph("nothing to write (\(mechanism))", style) }
    let way = "\(change.from.arrow(to: change.to)) by \(mechanism)"
    let steps = steps
    let digits = String(steps.count).count
    return Self.paragraph(way, style)
      + steps.enumerated().flatMap { number, step -> [String] in
        let start = "  \(String(number + 1).aligned(to: digits))  "
        let lines = step.commandLines(room: Self.width(style) - start.count)
        let below = String(repeating: " ", count: start.count)
        return lines.enumerated().map { ($0 == 0 ? start : below) + $1 }
      }
  }
}

extension Explanation {
  package var json: JSONValue { Self.layout.json(Headed(self)) }

  package static let layout = JSONLayout<Headed<Explanation>>.report(
    "explain", "Everything that is known of one queue."
  ) {
    $0.include(members, \.report)
  }

  fileprivate static let members = JSONLayout<Explanation> {
    $0.include(QueueRow.layout) { QueueRow($0.apqn, in: $0.assessment) }
    $0.add("present", .flag, "Whether it is there.") { $0.queue != nil }
    $0.add(
      "owned", .flag,
      "Whether apreserve has reserved it; missing if nobody has, or if that is unknown.",
      \.isOwned)
    $0.add("collateral", .word, "Whether it may be taken along.", \.decision.collateral)
    $0.add(
      "rules", .list(of: .object(RuleVerdict.layout)), "What becomes of each rule.", \.verdicts)
    $0.include(MechanismChoice.layout, \.assessment.choice)
    $0.add("change", .object(OwnerChange.layout), "The move that is planned.") { explanation in
      explanation.change.map { ($0, explanation.decision) }
    }
    $0.add("steps", .list(of: .union(Step.union)), "The writes that move it, in order.") {
      $0.change == nil ? [] : $0.steps
    }
    $0.add(
      "blockedBy", .list(of: .text), "What blocks what the rules request, a sentence each.",
      \.obstacles)
    $0.add("remedy", .text, "What to do, if that does not depend on the rules.", \.remedy)
    $0.add(
      "warnings", .list(of: .object(PlanWarning.layout)), "What the plan warns of.", \.warnings)
  }
}

/// Explanations as one document: of one queue by itself, of more in an array.
package enum Explanations {
  private enum Number: String, CaseIterable {
    case one, more
  }

  package static func json(
    _ explanations: [Explanation], under heading: MachineHeading?
  ) -> JSONValue {
    guard let first = explanations.first else { return .null }
    return union.json(Headed((first, Array(explanations.dropFirst())), under: heading))
  }

  package static var schema: JSONSchema { union.schema }

  /// The schema of these documents as a file.
  package static func schemaFile(_ name: String, title: String) -> JSONValue {
    union.schemaFile(name, title: title)
  }

  private static let union = JSONUnion<
    Headed<(first: Explanation, others: [Explanation])>, Number
  >(
    "explain", "Everything that is known of one queue, or of several.",
    kind: { $0.report.others.isEmpty ? .one : .more }
  ) { number in
    .report("explain", "What is known of \(number == .one ? "one queue" : "several queues").") {
      switch number {
      case .one: $0.include(Explanation.members) { $0.report.first }
      case .more:
        $0.add("explanations", .list(of: .object(Explanation.layout)), "The explanations.") {
          ([$0.report.first] + $0.report.others).map { Headed($0) }
        }
      }
    }
  }
}
