package import Agent
import APBus
import Reservation
package import ReservationRules

/// What the agent does, as lines: a word for what it is, then the thing itself.
package struct ActivityReport {
  /// The decisions that the agent acts on; without them, moves are told without their rules.
  package var decisions: DecisionTable?
  /// Whether the agent goes on, so that it tries again what failed.
  package var goesOn = true
  private let style: TextStyle

  /// A report in that style.
  package init(decisions: DecisionTable? = nil, style: TextStyle) {
    self.decisions = decisions
    self.style = style
  }

  /// The lines of one activity. A plan has a line for each decision that it follows.
  package func lines(_ activity: Activity) -> [String] {
    switch activity {
    case .chose(let choice):
      [line("mechanism", "\(choice.mechanism.rawValue): \(choice.reason)")]
    case .planned(let plan):
      [line("plan", Self.summary(plan))] + changeLines("decide", plan.changes)
    case .wrote(let step, let error):
      [line("write", "\(step)   " + result(error), error == nil ? nil : .problem)]
    case .moved(let changes): changeLines("moved", changes)
    case .failed(let failure, let pause):
      [
        line(
          "failed",
          failure.description + (goesOn ? Self.outlook(pause) : ""),
          .problem)
      ]
    case .refused(let refusal):
      [line("refused", refusal.description, .problem)]
    case .waiting(let apqns, let driver):
      waitingLines(apqns, driver)
    case .movedByOthers(let changes): othersLines(changes)
    case .takenOnArrival(let changes): arrivalLines(changes)
    case .warned(let warning): [line("warning", warning.description)]
    case .draining(let apqn, let requests):
      [
        line(
          "draining",
          "\(apqn) has \(counted(requests, "pending request")); it is switched off until then")
      ]
    }
  }

  private func othersLines(_ changes: [OwnerChange]) -> [String] {
    let owners = Dictionary(grouping: changes, by: \.to)
    return [Owner.host, .none].flatMap { owner -> [String] in
      guard let moved = owners[owner] else { return [] }
      let queues = APQNRectangle.covering(moved.map(\.apqn)).map(\.description)
      return [
        line(
          "drift",
          "\(queues.joined(separator: ", ")) vfio_ap -> \(owner.rawValue), not by apreserve")
      ]
    }
  }

  private func arrivalLines(_ changes: [OwnerChange]) -> [String] {
    let owners = Dictionary(grouping: changes, by: \.to)
    return owners.sorted { $0.key.rawValue < $1.key.rawValue }.map { owner, changes in
      let queues = APQNRectangle.covering(changes.map(\.apqn)).map(\.description)
      return line(
        "arrival",
        "\(queues.joined(separator: ", ")) came and went to \(owner.rawValue) unasked", .problem)
    }
  }

  /// A line with its word in the first column, for callers that have more to tell than activities.
  package func line(_ word: String, _ text: String, _ ink: Ink? = nil) -> String {
    style.paint(word.padded(to: 9), ink ?? .faint) + "  " + text
  }

  private static func outlook(_ pause: Duration?) -> String {
    pause.map { "; next try in \($0.components.seconds) s" } ?? "; not tried again"
  }

  private static func summary(_ plan: Plan) -> String {
    let queues = counted(plan.changes.count, "queue")
    return "\(queues) by \(counted(plan.steps.count { $0.path != nil }, "write"))"
  }

  private func changeLines(_ word: String, _ changes: [OwnerChange]) -> [String] {
    ChangeList(changes, decisions: decisions, longest: 1).table().lines(style: style)
      .map { line(word, $0) }
  }

  /// A line for each rule whose request waits.
  private func waitingLines(_ apqns: [APQN], _ driver: String) -> [String] {
    let origins = Dictionary(grouping: apqns) { decisions?.decision(for: $0).origin ?? "" }
    return origins.sorted { $0.key < $1.key }.map { origin, apqns in
      let queues = APQNRectangle.covering(apqns).map(\.description).joined(separator: ", ")
      return line(
        "waiting", "\(queues)  until \(driver) is loaded" + (origin.isEmpty ? "" : "  \(origin)"))
    }
  }

  private func result(_ error: SysfsError?) -> String {
    guard let error else { return style.paint("ok", .faint) }
    return style.paint(error.errno.description, .problem)
  }
}
