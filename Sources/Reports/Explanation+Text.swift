import APBus
import Reservation
import ReservationRules

extension Explanation {
  /// The explanation for people, in lines of 80 characters.
  package func text(style: TextStyle) -> String {
    let decimal = "adapter \(apqn.adapter), domain \(apqn.domain) on the HMC"
    var lines = [style.paint(apqn.description, .heading) + "  (\(decimal))", ""]
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
    }
    facts.append([.init("request"), .init(requestText)])
    lines += facts.lines(indentation: "  ", width: Self.width, style: style)
    lines += ["", style.paint("rules", .heading)]
    lines += verdicts.isEmpty ? ["  none"] : verdictLines(style)
    lines += ["", style.paint("plan", .heading)] + planLines(style)
    let obstacles = obstacles
    if !obstacles.isEmpty {
      lines += ["", style.paint("blocked by", .problem)] + obstacles.flatMap(Self.paragraph)
    }
    if !warnings.isEmpty {
      lines += ["", style.paint("warnings", .problem)] + warnings.flatMap(Self.paragraph)
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static let width = 80

  /// A sentence behind two blanks, its further lines behind four.
  private static func paragraph(_ text: String) -> [String] {
    text.wrapped(to: width - 4).enumerated().map { ($0 == 0 ? "  " : "    ") + $1 }
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
    return table.lines(indentation: "  ", width: Self.width, style: style)
  }

  private func planLines(_ style: TextStyle) -> [String] {
    let mechanism = "\(assessment.choice.mechanism.rawValue), \(assessment.choice.reason)"
    guard let change else { return Self.paragraph("nothing to write (\(mechanism))") }
    let way = "\(change.from.rawValue) -> \(change.to.rawValue) by \(mechanism)"
    let steps = steps
    let digits = String(steps.count).count
    return Self.paragraph(way)
      + steps.enumerated().flatMap { number, step -> [String] in
        let start = "  \(String(number + 1).aligned(to: digits))  "
        let lines = Self.commandLines(step, room: Self.width - start.count)
        let below = String(repeating: " ", count: start.count)
        return lines.enumerated().map { ($0 == 0 ? start : below) + $1 }
      }
  }

  /// The write as a person would type it, on two lines where one is too long: a mask has 64 digits.
  private static func commandLines(_ step: Step, room: Int) -> [String] {
    let line = step.commandLine
    guard line.count > room, let arrow = line.firstRange(of: " > ") else {
      return line.wrapped(to: room)
    }
    return [line[..<arrow.lowerBound] + " \\", "  " + line[arrow.lowerBound...].dropFirst()]
  }
}
