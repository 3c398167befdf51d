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
    case .moved(let moves), .boundAtLoading(let moves), .unboundAtUnloading(let moves):
      lines("moved", of: moves)
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
    case .keysChanged(let changes):
      KeyChangeGroup.groups(of: changes).map { line("keys", $0.sentence, .problem) }
    }
  }

  /// The sentence of adapters that answer again.
  package static func sentence(ofAnswering adapters: [UInt8]) -> String {
    let names = adapters.map(BusObject.cardName).shortList()
    return "\(names) \(adapters.count == 1 ? "answers" : "answer") again"
  }

  /// A line with its word in the first column, for callers that have more to print than events. On a terminal it
  /// continues below its text.
  package func line(_ word: String, _ text: String, _ ink: Ink? = nil) -> String {
    let first = style.paint(word.padded(to: 9), in: ink ?? .faint) + "  "
    return style.lines(text, after: first, hanging: 11).joined(separator: "\n")
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

  private func result(_ error: SysfsError?) -> String {
    guard let error else { return style.paint("ok", in: .faint) }
    return style.paint(error.errno.description, in: .problem)
  }

  private static func outlook(_ pause: Duration?) -> String {
    pause.map { "; next try in \($0.components.seconds) s" } ?? "; not tried again"
  }

  private static func summary(_ plan: Plan) -> String {
    let queues = counted(plan.changes.count, "queue")
    return "\(queues) by \(counted(plan.steps.count { $0.path != nil }, "write"))"
  }
}

extension Agent.Event {
  /// For programs.
  package var json: JSONValue { Self.union.json(self) }

  package static let union = JSONUnion<Agent.Event, Kind>(
    "Activity", "Something that the agent has done or found out.", tag: "activity", kind: \.kind
  ) { kind in
    switch kind {
    case .phase:
      .kind("The agent is in another phase.") { event -> Agent.Status.Phase? in
        if case .entered(let phase, _) = event { phase } else { nil }
      } _: {
        $0.add("phase", .word, "The phase.", \.word)
        $0.add("message", .text, "If it is blocked: why nothing can be decided or done.") {
          if case .blocked(let obstacle) = $0 { "\(obstacle)" } else { nil }
        }
      }
    case .mechanism:
      .kind("A mechanism was chosen.") { event -> MechanismChoice? in
        if case .chose(let choice) = event { choice } else { nil }
      } _: {
        $0.include(MechanismChoice.layout) { $0 }
      }
    case .plan:
      .kind("A plan was made that has something to write.") {
        event -> (plan: Plan, moves: [Agent.Move])? in
        if case .planned(let plan, let moves) = event { (plan, moves) } else { nil }
      } _: {
        $0.add("changes", .list(of: .object(Agent.Move.layout)), "The moves that it announces.") {
          $0.moves
        }
        $0.add("steps", .list(of: .union(Step.union)), "The writes, in order.") { $0.plan.steps }
      }
    case .write:
      .kind("A write was done, or refused by the kernel.") {
        event -> (step: Step, error: SysfsError?)? in
        if case .wrote(let step, let error) = event { (step, error) } else { nil }
      } _: {
        $0.add("path", .text, "The file.") { $0.step.path?.description }
        $0.add("text", .text, "The text.") { $0.step.text }
        $0.add("errno", .text, "The error number by its name, if it was refused.") {
          $0.error?.errno.name
        }
      }
    case .moved: moves("Queues were moved.")
    case .movedByOthers: moves("Another process moved queues.")
    case .boundAtLoading: moves("The kernel bound requested queues when vfio_ap was loaded.")
    case .unboundAtUnloading: moves("The kernel unbound queues when vfio_ap was unloaded.")
    case .takenOnArrival:
      moves("Queues were added, and are kept from the host although no rule reserves them.")
    case .failed:
      .kind("An operation failed.") { event -> (failure: Failure, pause: Duration?)? in
        if case .failed(let failure, _, let pause) = event { (failure, pause) } else { nil }
      } _: {
        $0.add("message", .text, "What failed.") { $0.failure.description }
        $0.add("pauseSeconds", .count, "The seconds until the next try; missing if there is none.")
        {
          $0.pause?.components.seconds
        }
      }
    case .refused:
      .kind("A request is refused.") { event -> (refusal: Refusal, rule: Rule?)? in
        if case .refused(let refusal, let rule) = event { (refusal, rule) } else { nil }
      } _: {
        $0.include(Refusal.layout) { $0.refusal }
        $0.include(RuleReference.layout) { $0.rule.map { RuleReference($0) } }
      }
    case .refusalsEnded:
      .kind("What was refused is not any more, and nothing is requested there.") {
        event -> [APQN]? in
        if case .refusalsEnded(let apqns) = event { apqns } else { nil }
      } _: {
        $0.add("queues", .queues, "The queues.") { $0 }
      }
    case .waiting:
      .kind("Requests wait for a driver.") {
        event -> (requests: [Agent.RequestedQueue], driver: String)? in
        if case .waiting(let requests, let driver) = event { (requests, driver) } else { nil }
      } _: {
        $0.add("queues", .queues, "The queues.") { $0.requests.map(\.apqn) }
        $0.add("driver", .text, "The driver.") { $0.driver }
      }
    case .requests:
      .kind("Requests are in another state.") { event -> [Agent.RequestChange]? in
        if case .requestsChanged(let changes) = event { changes } else { nil }
      } _: {
        $0.add("requests", .list(of: .object(Agent.RequestChange.layout)), "The requests.") { $0 }
      }
    case .warning:
      .kind("A plan warns of something.") { event -> PlanWarning? in
        if case .warned(let warning) = event { warning } else { nil }
      } _: {
        $0.include(PlanWarning.layout) { $0 }
      }
    case .draining:
      .kind("A queue finishes its requests before it is moved.") {
        event -> (apqn: APQN, requests: Int)? in
        if case .draining(let apqn, let requests) = event { (apqn, requests) } else { nil }
      } _: {
        $0.add("queue", .queue, "The queue.") { $0.apqn }
        $0.add("pending", .count, "How many requests it has not answered yet.") { $0.requests }
      }
    case .answered:
      .kind("Adapters that did not answer answer again.") { event -> [UInt8]? in
        if case .answered(let adapters) = event { adapters } else { nil }
      } _: {
        $0.add("cards", .list(of: .card), "Their cards.") { $0 }
      }
    case .keysChanged:
      .kind("Registers for master keys hold something else than when they were read before.") {
        event -> [Agent.FoundKeyChange]? in
        if case .keysChanged(let changes) = event { changes } else { nil }
      } _: {
        $0.add("changes", .list(of: .object(Agent.FoundKeyChange.layout)), "The changes.") { $0 }
      }
    }
  }

  private static func moves(_ description: String) -> JSONLayout<Agent.Event> {
    .kind(description) { event -> [Agent.Move]? in
      switch event {
      case .moved(let moves), .movedByOthers(let moves), .boundAtLoading(let moves),
        .unboundAtUnloading(let moves), .takenOnArrival(let moves):
        moves
      default: nil
      }
    } _: {
      $0.add("changes", .list(of: .object(Agent.Move.layout)), "The moves.") { $0 }
    }
  }

  /// The word for each kind of event.
  package enum Kind: String, CaseIterable, Sendable {
    case phase, mechanism, plan, write, moved, failed, refused
    case refusalsEnded = "refusals-ended"
    case waiting, requests
    case movedByOthers = "moved-by-others"
    case boundAtLoading = "bound-at-loading"
    case unboundAtUnloading = "unbound-at-unloading"
    case takenOnArrival = "taken-on-arrival"
    case warning, draining, answered
    case keysChanged = "keys-changed"
  }

  private var kind: Kind {
    switch self {
    case .entered: .phase
    case .chose: .mechanism
    case .planned: .plan
    case .wrote: .write
    case .moved: .moved
    case .failed: .failed
    case .refused: .refused
    case .refusalsEnded: .refusalsEnded
    case .waiting: .waiting
    case .requestsChanged: .requests
    case .movedByOthers: .movedByOthers
    case .boundAtLoading: .boundAtLoading
    case .unboundAtUnloading: .unboundAtUnloading
    case .takenOnArrival: .takenOnArrival
    case .warned: .warning
    case .draining: .draining
    case .answered: .answered
    case .keysChanged: .keysChanged
    }
  }
}
