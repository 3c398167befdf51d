import AdjunctProcessor
import Reservation
import ReservationRules

extension Explanation {
  /// The explanation for people.
  package func text(style: TextStyle) -> String {
    let decimal = "adapter \(apqn.adapter), domain \(apqn.domain) on the HMC"
    var lines = [style.paint(apqn.description, .heading) + "  (\(decimal))", ""]
    var facts = TextTable()
    facts.append([.init("card"), .init(cardText)])
    facts.append([.init("queue"), .init(queueText, queue.map { Ink($0.owner) })])
    if let holder { facts.append([.init("guest"), .init("mediated device \(holder.uuid)")]) }
    facts.append([.init("wish"), .init(wishText)])
    lines += facts.lines(indentation: "  ", style: style)
    lines += ["", style.paint("rules", .heading)]
    lines += verdicts.isEmpty ? ["  none"] : verdictLines(style)
    lines += ["", style.paint("plan", .heading)] + planLines(style)
    let obstacles = obstacles
    if !obstacles.isEmpty {
      lines += ["", style.paint("in the way", .problem)] + obstacles.map { "  " + $0 }
    }
    return lines.map { $0 + "\n" }.joined()
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

  private var wishText: String {
    let decision = decision
    guard decision.reserve != nil else { return "undecidable" }
    guard let origin = decision.origin else { return "unmanaged: no rule names it" }
    let collateral = decision.collateral == .accept ? ", accepts collateral" : ""
    return "\(decision.wish), by \(origin)\(collateral)"
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
    return table.lines(indentation: "  ", style: style)
  }

  private func planLines(_ style: TextStyle) -> [String] {
    let mechanism = "\(assessment.choice.mechanism.rawValue), \(assessment.choice.reason)"
    guard let change else { return ["  nothing to write (\(mechanism))"] }
    let way = "  \(change.from.rawValue) -> \(change.to.rawValue) by \(mechanism)"
    let steps = steps
    let width = String(steps.count).count
    return [way]
      + steps.enumerated().map { "  \(String($0 + 1).aligned(to: width))  \($1.commandLine)" }
  }
}
