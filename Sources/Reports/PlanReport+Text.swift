import APBus
import Reservation

extension PlanReport {
  /// The report for people; the summary is its last line.
  package func text(style: TextStyle) -> String {
    var lines = [
      style.paint("mechanism", .heading) + "  \(choice.mechanism.rawValue): \(choice.reason)"
    ]
    lines += section("settings", settingLines, style)
    lines += section("masks", maskLines, style)
    lines += section("owners", changeLines(style), style)
    lines += section("writes", writeLines, style)
    lines += section("refused", Refusal.sentences(plan.refusals), style, ink: .problem)
    lines += section("alternatives", alternativeLines, style)
    lines += section("warnings", plan.warnings.map(\.description), style, ink: .problem)
    lines += section("waiting", waitingLines, style)
    lines += section("undecidable", undecidableLines, style)
    lines += section("adopted", adoptedLines, style)
    lines += section("latent collateral", latentLines, style)
    lines += ["", summary]
    return lines.map { $0 + "\n" }.joined()
  }

  private func section(
    _ title: String, _ content: [String], _ style: TextStyle, ink: Ink = .heading
  ) -> [String] {
    guard !content.isEmpty else { return [] }
    return ["", style.paint(title, ink)] + content.map { "  " + $0 }
  }

  /// What somebody has set, and where.
  private var settingLines: [String] {
    settings.filter(\.isSet).map { "\($0.text)  (\($0.origin))" }
  }

  private var maskLines: [String] {
    guard let before = bus.masks, let after = plan.masks(after: bus) else { return [] }
    return Self.lines("apmask", before.adapters, after.adapters)
      + Self.lines("aqmask", before.domains, after.domains)
  }

  private static func lines(_ name: String, _ before: APMask, _ after: APMask) -> [String] {
    guard before != after else { return ["\(name)  \(before)  unchanged"] }
    return ["\(name)  \(before)  now", "        \(after)  then"]
  }

  private func changeLines(_ style: TextStyle) -> [String] {
    ChangeList(plan.changes, decisions: decisions).table().lines(style: style)
  }

  private var writeLines: [String] {
    let steps = plan.steps
    let width = String(steps.count).count
    return steps.enumerated().map { "\(String($0 + 1).aligned(to: width))  \($1.commandLine)" }
  }

  private var waitingLines: [String] {
    var order: [String] = []
    var queues: [String: [APQN]] = [:]
    for waiting in plan.waiting {
      if queues[waiting.driver] == nil { order.append(waiting.driver) }
      queues[waiting.driver, default: []].append(waiting.apqn)
    }
    return order.map { driver in
      "\(Self.list(queues[driver] ?? [])) until \(driver) is loaded"
    }
  }

  private var undecidableLines: [String] {
    guard !plan.undecidable.isEmpty else { return [] }
    return [
      "\(Self.list(plan.undecidable)): a rule asks for something that cannot be read now; "
        + "the owner stays"
    ]
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
        + (taken.isEmpty ? "nothing else" : "\(counted(taken.count, "queue")): \(Self.list(taken))")
    }
    if !plan.refusals.isEmpty, let advice = choice.advice { lines.append(advice) }
    return lines
  }

  private var adoptedLines: [String] {
    guard !plan.adopted.isEmpty else { return [] }
    return [
      "\(Self.list(plan.adopted)): on vfio_ap, although no rule reserves \(plan.adopted.count == 1 ? "it" : "them"), "
        + "and not reserved by apreserve; left there"
    ]
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
      "would go to vfio_ap unasked when they come: "
        + counted(latent.count, "queue that is not here", plural: "queues that are not here")
        + (latent.hostCount == 0
          ? "; none of them is reserved for the host"
          : "; \(latent.hostCount) of them the rules reserve for the host, and another process keeps "
            + "from it"))
    return lines
  }

  private static func list(_ apqns: [APQN]) -> String {
    APQNRectangle.covering(apqns).map(\.description).joined(separator: ", ")
  }

  private static func numbers(_ mask: APMask, digits: Int) -> String {
    APQNRectangle.runs(mask).map { run in
      let first = "0x" + Hex.text(run.lowerBound, digits: digits)
      guard run.count > 1 else { return first }
      return first + "-0x" + Hex.text(run.upperBound, digits: digits)
    }.joined(separator: ", ")
  }

  /// One line: what is to do, and what cannot be done.
  package var summary: String {
    let changes = plan.changes
    var parts: [String] = []
    let reserved = reserved
    if plan.isEmpty {
      let isDone = plan.refusals.isEmpty && plan.waiting.isEmpty
      parts.append(
        "nothing to \(isDone ? "do" : "write"): \(reserved.present) of \(reserved.wanted) requested queues on vfio_ap"
      )
    } else {
      for owner in [Owner.vfioAP, .host, .none] {
        let count = changes.count { $0.to == owner }
        guard count > 0 else { continue }
        let way = owner == .none ? "left unbound" : "to \(owner.rawValue)"
        parts.append("\(counted(count, "queue")) \(way)")
      }
      parts.append(counted(plan.steps.count { $0.path != nil }, "write"))
    }
    for (count, word) in [
      (plan.refusals.count, "refused"), (plan.waiting.count, "waiting"),
      (plan.undecidable.count, "undecidable"), (plan.adopted.count, "adopted"),
    ] where count > 0 {
      parts.append("\(count) \(word)")
    }
    return parts.joined(separator: ", ")
  }
}
