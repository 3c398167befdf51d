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
    /// Some requests are refused, or queues that rules keep for the host are not given back to it.
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
    if !plan.refusals.isEmpty || !plan.withheld.isEmpty { return .refused }
    return plan.waiting.isEmpty ? .done : .waiting
  }

  /// The summary, one line.
  package var text: String { "\(status)\n" }

  /// For programs: everything that was done in order, and the outcome.
  package func json(
    events: [Agent.Event], settings: [AppliedSetting]
  ) -> JSONValue {
    Self.layout.json((self, events, settings))
  }

  package static let layout = JSONLayout<
    (report: ApplyReport, events: [Agent.Event], settings: [AppliedSetting])
  >.document(
    "apply",
    "What a reconciliation without the daemon has done; with the daemon, its status is printed."
  ) {
    $0.add("outcome", .word, "How it ended; the worst counts.") { $0.report.outcome }
    $0.include(MechanismChoice.layout) { $0.report.status.mechanism }
    $0.add("settings", .list(of: .object(AppliedSetting.layout)), "The settings.") { $0.settings }
    $0.add("requests", .object(Requests.layout), "The requests by state.") {
      $0.report.status.requests
    }
    $0.add("undecidable", .queues, "Queues of which the rules cannot be decided now.") {
      $0.report.status.plan?.undecidable ?? []
    }
    $0.add("adopted", .queues, "Queues on vfio_ap that apreserve has not reserved.") {
      $0.report.status.plan?.adopted ?? []
    }
    $0.add("activities", .list(of: .union(Agent.Event.union)), "What was done, in order.") {
      $0.events
    }
  }
}
