package import AdjunctProcessor
package import Reservation
package import ReservationRules

/// A machine held against rules: what they decide, which mechanism serves, and the plan.
///
/// The reports are views of this value.
package struct Assessment {
  /// The machine.
  package let inventory: Inventory
  /// What the rules decide for each queue.
  package let decisions: DecisionTable
  /// The mechanism and why.
  package let choice: MechanismChoice
  /// What would be written.
  package let plan: Plan

  /// Holds a machine against rules.
  ///
  /// `mechanism` is the mechanism to use; nil lets the bus decide.
  /// - Throws: when the kernel does not have the mechanism asked for.
  package init(
    inventory: Inventory, rules: RuleSet, host: HostIdentity = HostIdentity(),
    mechanism: Mechanism? = nil, ownership: Ownership = Ownership()
  ) throws(MechanismChoice.Unavailable) {
    self.inventory = inventory
    decisions = DecisionTable(rules: rules, inventory: inventory, host: host)
    let planner = Planner(inventory: inventory, decisions: decisions, ownership: ownership)
    choice = try MechanismChoice(requested: mechanism, planner: planner)
    plan = planner.plan(by: choice.mechanism)
  }
}
