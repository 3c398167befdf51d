package import Agent
import APBus
package import Reservation
import ReservationRules
package import JSONText

/// The result of one reconciliation.
package struct ApplyReport {
  private let status: Agent.Status

  /// The report on an agent's state after its reconciliation.
  package init(_ status: Agent.Status) {
    self.status = status
  }

  package enum Outcome: String, Sendable, CaseIterable {
    /// Everything is as the rules want it.
    case done
    /// Some requests wait for a driver.
    case waiting
    /// Some requests are refused.
    case refused
    /// Some writes failed.
    case failed
    /// The first scan of the bus is not done, so nothing was decided.
    case beforeFirstScan = "before-first-scan"
  }

  /// How this one ended; the worst counts.
  package var outcome: Outcome {
    switch status.phase {
    case .starting, .beforeFirstScan: return .beforeFirstScan
    case .blocked: return .failed
    case .withoutBus, .moving, .applying, .settled, .retrying: break
    }
    if !status.failures.isEmpty { return .failed }
    guard let plan = status.plan else { return .done }
    if !plan.refusals.isEmpty { return .refused }
    return plan.waiting.isEmpty ? .done : .waiting
  }

  /// The summary, one line.
  package var text: String { "\(status)\n" }

  /// For programs: everything that was done in order, and the outcome.
  package func json(
    events: [Agent.Event], settings: [AppliedSetting]
  ) -> JSONValue {
    JSONObject.document("apply") {
      $0.set("outcome", text: outcome.rawValue)
      $0.set("mechanism", text: status.mechanism?.mechanism.rawValue)
      $0.set("settings", .array(settings.map(\.json)))
      $0.set("requests", status.requests.json)
      $0.set("undecidable", texts: (status.plan?.undecidable ?? []).map(\.description))
      $0.set("adopted", texts: (status.plan?.adopted ?? []).map(\.description))
      $0.set("activities", .array(events.map(\.json)))
    }
  }
}
