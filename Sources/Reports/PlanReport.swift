import APBus
package import Reservation
import ReservationRules

/// What would be written and why.
package struct PlanReport {
  let bus: BusState
  let inventory: Inventory
  let decisions: DecisionTable
  let choice: MechanismChoice
  let plan: Plan
  let settings: [AppliedSetting]

  /// The report on an assessed machine.
  package init(_ assessment: Assessment) {
    bus = assessment.inventory.bus
    inventory = assessment.inventory
    decisions = assessment.decisions
    choice = assessment.choice
    plan = assessment.plan
    settings = assessment.settings
  }

  /// What a plan comes to.
  package enum Outcome: String, Sendable, CaseIterable {
    /// Everything is as the rules want it.
    case nothingToDo = "nothing-to-do"
    /// There is something to do or to wait for, and nothing is refused.
    case pending
    /// Some requests are refused.
    case refused
  }

  /// What this plan comes to.
  package var outcome: Outcome {
    if !plan.refusals.isEmpty { return .refused }
    return plan.isEmpty && plan.waiting.isEmpty ? .nothingToDo : .pending
  }

  /// How many queues that are here the rules want on `vfio_ap`, and how many of them are there.
  var reserved: (wanted: Int, present: Int) {
    var count = (wanted: 0, present: 0)
    for queue in inventory.queues
    where decisions.row(queue.apqn.adapter).vfioAP.contains(queue.apqn.domain) {
      count.wanted += 1
      if queue.owner == .vfioAP { count.present += 1 }
    }
    return count
  }
}
