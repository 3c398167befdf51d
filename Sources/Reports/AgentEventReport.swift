import APBus
package import Agent
package import JSONText
import Reservation
import ReservationRules

/// The agent's events as lines: a word for the kind, then what happened.
package struct AgentEventReport {
  /// Whether the agent continues, so that it tries again what failed.
  package var goesOn = true
  private let style: TextStyle

  package init(style: TextStyle) {
    self.style = style
  }

  /// The lines of an event. A plan has a line for each decision that it follows.
  package func lines(_ event: Agent.Event) -> [String] {
    switch event {
    case .entered(.blocked(let obstacle), _): [line("blocked", "\(obstacle)", .problem)]
    case .entered: []
    case .chose(let choice):
      [line("mechanism", "\(choice.mechanism.rawValue): \(choice.reason)")]
    case .planned(let plan, let moves):
      [line("plan", Self.summary(plan))] + lines("decide", of: moves)
    case .wrote(let step, let error):
      [line("write", "\(step)   " + result(error), error == nil ? nil : .problem)]
    case .moved(let moves), .boundAtLoading(let moves): lines("moved", of: moves)
    case .failed(let failure, _, let pause):
      [line("failed", failure.description + (goesOn ? Self.outlook(pause) : ""), .problem)]
    case .refused(let refusal, _): [line("refused", refusal.description, .problem)]
    // The plan that follows says what is done instead.
    case .refusalsEnded: []
    case .waiting(let requests, let driver): waitingLines(requests, driver: driver)
    case .requestsChanged(let changes):
      RequestChangeGroup.groups(of: changes).map { group in
        line("request", group.sentence, group.isStuck ? .problem : nil)
      }
    case .movedByOthers(let moves): lines("drift", of: moves)
    case .takenOnArrival(let moves): [line("arrival", moves.arrivalSentence, .problem)]
    case .warned(let warning): [line("warning", warning.description)]
    case .draining(let apqn, let requests):
      [
        line(
          "draining",
          "\(apqn) has \(counted(requests, "pending request")); it is switched off until they are done"
        )
      ]
    case .answered(let adapters): [line("answer", Self.sentence(ofAnswering: adapters))]
    }
  }

  /// The sentence of adapters that answer again.
  package static func sentence(ofAnswering adapters: [UInt8]) -> String {
    let names = adapters.map(BusObject.cardName).shortList()
    return "\(names) \(adapters.count == 1 ? "answers" : "answer") again"
  }

  /// A line with its word in the first column, for callers that have more to print than events.
  package func line(_ word: String, _ text: String, _ ink: Ink? = nil) -> String {
    style.paint(word.padded(to: 9), in: ink ?? .faint) + "  " + text
  }

  private func lines(_ word: String, of moves: [Agent.Move]) -> [String] {
    ChangeList(moves, longest: 1).table().lines(style: style).map { line(word, $0) }
  }

  /// A line for each rule whose request waits.
  private func waitingLines(_ requests: [Agent.RequestedQueue], driver: String) -> [String] {
    let origins = Dictionary(grouping: requests) { $0.rule?.origin ?? "" }
    return origins.sorted { $0.key < $1.key }.map { origin, requests in
      let queues = APQNRectangle.names(of: requests.map(\.apqn))
      return line(
        "waiting", "\(queues)  until \(driver) is loaded" + (origin.isEmpty ? "" : "  \(origin)"))
    }
  }

  private static func outlook(_ pause: Duration?) -> String {
    pause.map { "; next try in \($0.components.seconds) s" } ?? "; not tried again"
  }

  private static func summary(_ plan: Plan) -> String {
    let queues = counted(plan.changes.count, "queue")
    return "\(queues) by \(counted(plan.steps.count { $0.path != nil }, "write"))"
  }

  private func result(_ error: SysfsError?) -> String {
    guard let error else { return style.paint("ok", in: .faint) }
    return style.paint(error.errno.description, in: .problem)
  }
}

extension Agent.Event {
  /// For programs: an object whose `activity` names the kind.
  package var json: JSONValue {
    JSONObject.make { object in
      object.set("activity", text: word)
      switch self {
      case .entered(let phase, _):
        object.set("phase", text: phase.word.rawValue)
        if case .blocked(let obstacle) = phase { object.set("message", text: "\(obstacle)") }
      case .chose(let choice):
        object.set("mechanism", text: choice.mechanism.rawValue)
        object.set("reason", text: choice.reason)
      case .planned(let plan, let moves):
        object.set("changes", .array(moves.map(\.json)))
        object.set("steps", .array(plan.steps.map(\.json)))
      case .wrote(let step, let error):
        object.set("path", text: step.path?.description)
        object.set("text", text: step.text)
        object.set("errno", text: error?.errno.name)
      case .moved(let moves), .movedByOthers(let moves), .boundAtLoading(let moves),
        .takenOnArrival(let moves):
        object.set("changes", .array(moves.map(\.json)))
      case .failed(let failure, _, let pause):
        object.set("message", text: failure.description)
        object.set("pauseSeconds", number: pause?.components.seconds)
      case .refused(let refusal, let rule):
        object.set("queue", text: refusal.apqn.description)
        object.set("reason", text: refusal.code)
        object.set("message", text: refusal.description)
        rule.map { RuleReference($0) }?.write(to: &object)
      case .refusalsEnded(let apqns): object.set("queues", texts: apqns.map(\.description))
      case .waiting(let requests, let driver):
        object.set("queues", texts: requests.map(\.apqn.description))
        object.set("driver", text: driver)
      case .requestsChanged(let changes): object.set("requests", .array(changes.map(\.json)))
      case .warned(let warning):
        object.set("warning", text: warning.code)
        object.set("message", text: warning.description)
      case .draining(let apqn, let requests):
        object.set("queue", text: apqn.description)
        object.set("requests", number: requests)
      case .answered(let adapters):
        object.set("cards", texts: adapters.map(BusObject.cardName))
      }
    }
  }

  private var word: String {
    switch self {
    case .entered: "phase"
    case .chose: "mechanism"
    case .planned: "plan"
    case .wrote: "write"
    case .moved: "moved"
    case .failed: "failed"
    case .refused: "refused"
    case .refusalsEnded: "refusals-ended"
    case .waiting: "waiting"
    case .requestsChanged: "requests"
    case .movedByOthers: "moved-by-others"
    case .boundAtLoading: "bound-at-loading"
    case .takenOnArrival: "taken-on-arrival"
    case .warned: "warning"
    case .draining: "draining"
    case .answered: "answered"
    }
  }
}
