package import APBus
package import ReservationRules

/// A machine assessed by rules: what they decide, the mechanism, and the plan.
///
/// The reports are views of this value.
package struct Assessment {
  package let inventory: Inventory
  /// The names of the host and its LPAR, as far as they are known.
  package let host: HostIdentity
  /// What the rules decide for each queue.
  package let decisions: DecisionTable
  /// The mechanism and why.
  package let choice: MechanismChoice
  /// What apreserve owns.
  package let ownership: Ownership
  /// What else the plan depends on.
  package let context: PlanningContext
  /// The settings in force and where they come from; empty where there are none.
  package let settings: [AppliedSetting]
  /// What would be written.
  package let plan: Plan
  /// The requests, and what becomes of each.
  package let requests: Requests

  /// Assesses a machine by rules.
  ///
  /// `mechanism` is the mechanism to use, nil lets the bus decide; `mechanismOrigin` says where it is set.
  /// - Throws: when the kernel does not have the mechanism.
  package init(
    inventory: Inventory, rules: RuleSet, host: HostIdentity = HostIdentity(),
    mechanism: Mechanism? = nil, mechanismOrigin: String? = nil,
    ownership: Ownership = Ownership(), context: PlanningContext = PlanningContext(),
    settings: [AppliedSetting] = []
  ) throws(MechanismChoice.Unavailable) {
    self.inventory = inventory
    self.host = host
    decisions = DecisionTable(rules: rules, inventory: inventory, host: host)
    self.ownership = ownership
    self.context = context
    var context = context
    context.rulesAreMissing = rules.rules.isEmpty
    let planner = Planner(
      inventory: inventory, decisions: decisions, ownership: ownership,
      context: context)
    choice = try MechanismChoice(
      requested: mechanism, origin: mechanismOrigin, planner: planner)
    self.settings = settings
    plan = planner.plan(by: choice.mechanism)
    requests = Requests(
      inventory: inventory, decisions: decisions, ownership: ownership,
      configuration: context.configuration, plan: plan)
  }

  /// A machine that was assessed elsewhere.
  package init(
    inventory: Inventory, decisions: DecisionTable, choice: MechanismChoice, plan: Plan,
    requests: Requests, ownership: Ownership, context: PlanningContext,
    host: HostIdentity = HostIdentity(),
    settings: [AppliedSetting] = []
  ) {
    self.settings = settings
    self.inventory = inventory
    self.host = host
    self.decisions = decisions
    self.choice = choice
    self.ownership = ownership
    self.context = context
    self.plan = plan
    self.requests = requests
  }
}

/// A setting in force and where it comes from.
package struct AppliedSetting: Equatable, Sendable {
  /// The setting, as apreserve.conf(5) names it.
  package var name: String
  /// The value as it is written.
  package var value: String
  /// `file:line`, `command line` or `default`.
  package var origin: String

  /// The `origin` of a setting that is not set.
  package static let defaultOrigin = "default"
  /// What `origin` is where an option of the command line has set it.
  package static let commandLineOrigin = "command line"

  package init(name: String, value: String, origin: String) {
    self.name = name
    self.value = value
    self.origin = origin
  }

  /// Whether a file or an option sets it.
  package var isSet: Bool { origin != Self.defaultOrigin }
  /// As it is written in a file.
  package var text: String { "\(name)=\(value)" }
}
