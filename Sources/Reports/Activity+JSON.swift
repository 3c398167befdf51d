package import Agent
import APBus
import Reservation
package import ReservationRules
package import JSONText

extension Activity {
  /// For programs: an object whose `activity` says what it is.
  package func json(decisions: DecisionTable? = nil) -> JSONValue {
    JSONObject.make { object in
      object.set("activity", text: word)
      switch self {
      case .chose(let choice):
        object.set("mechanism", text: choice.mechanism.rawValue)
        object.set("reason", text: choice.reason)
      case .planned(let plan):
        object.set(
          "changes",
          .array(plan.changes.map { $0.json(decisions?.decision(for: $0.apqn)) }))
        object.set("steps", .array(plan.steps.map(\.json)))
      case .wrote(let step, let error):
        object.set("path", text: step.path?.description)
        object.set("text", text: step.text)
        object.set("errno", text: error?.errno.name)
      case .moved(let changes):
        object.set(
          "changes", .array(changes.map { $0.json(decisions?.decision(for: $0.apqn)) }))
      case .failed(let failure, let pause):
        object.set("message", text: failure.description)
        object.set("pauseSeconds", number: pause?.components.seconds)
      case .refused(let refusal):
        object.set("queue", text: refusal.apqn.description)
        object.set("reason", text: refusal.code)
        object.set("message", text: refusal.description)
      case .waiting(let apqns, let driver):
        object.set("queues", texts: apqns.map(\.description))
        object.set("driver", text: driver)
      case .movedByOthers(let changes), .takenOnArrival(let changes):
        object.set(
          "changes", .array(changes.map { $0.json(decisions?.decision(for: $0.apqn)) }))
      case .warned(let warning):
        object.set("warning", text: warning.code)
        object.set("message", text: warning.description)
      case .draining(let apqn, let requests):
        object.set("queue", text: apqn.description)
        object.set("requests", number: requests)
      }
    }
  }

  private var word: String {
    switch self {
    case .chose: "mechanism"
    case .planned: "plan"
    case .wrote: "write"
    case .moved: "moved"
    case .failed: "failed"
    case .refused: "refused"
    case .waiting: "waiting"
    case .movedByOthers: "moved-by-others"
    case .takenOnArrival: "taken-on-arrival"
    case .warned: "warning"
    case .draining: "draining"
    }
  }
}
