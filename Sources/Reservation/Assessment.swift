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
  /// Whether `ownership` is the record, and not only empty because that cannot be read.
  package var isOwnershipKnown = true
  /// What else the plan depends on.
  package let context: PlanningContext
  /// The settings in force and where they come from; empty where there are none.
  package let settings: [AppliedSetting]
  /// What would be written.
  package let plan: Plan
  /// The requests, and what becomes of each.
  package let requests: Requests
  /// How the machine differs from its LPAR as an HMC has it, if that is given.
  package var lpar: LPARComparison?

  /// Assesses a machine by rules.
  ///
  /// `mechanism` is the mechanism to use, nil lets the bus decide; `mechanismOrigin` says where it is set.
  /// `agent` is what an agent has seen before, if one looks after the machine.
  /// - Throws: when the kernel does not have the mechanism.
  package init(
    inventory: Inventory, rules: RuleSet, host: HostIdentity = HostIdentity(),
    mechanism: Mechanism? = nil, mechanismOrigin: String? = nil,
    ownership: Ownership = Ownership(), context: PlanningContext = PlanningContext(),
    agent: AgentMemory = AgentMemory(), settings: [AppliedSetting] = []
  ) throws(MechanismChoice.Unavailable) {
    self.inventory = inventory
    self.host = host
    decisions = DecisionTable(
      rules: rules, inventory: inventory, host: host, guests: context.configuration.guests)
    self.ownership = ownership
    var context = context
    context.rulesAreMissing = rules.rules.isEmpty && !agent.acceptsNoRules
    context.fought.merge(agent.fought) { _, fought in fought }
    context.undrained.formUnion(agent.undrained)
    context.busy.formUnion(agent.busy)
    self.context = context
    let planner = Planner(
      inventory: inventory, decisions: decisions, ownership: ownership,
      context: context, heldBack: agent.heldBack)
    choice = try MechanismChoice(
      requested: mechanism, origin: mechanismOrigin, kept: agent.choice, planner: planner)
    self.settings = settings
    plan = planner.plan(by: choice.mechanism)
    let requests = Requests(
      inventory: inventory, decisions: decisions, ownership: ownership,
      configuration: context.configuration, plan: plan, progress: agent.progress)
    self.requests = agent.unreadable.map { requests.unreadable(because: $0) } ?? requests
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

/// What an agent has seen and done before, which its plan depends on and the machine does not show.
package struct AgentMemory: Equatable, Sendable {
  /// The mechanism that is kept; nil before the first plan that writes anything.
  package var choice: MechanismChoice?
  /// Queues that another process keeps moving back, with how often that was.
  package var fought: [APQN: Int] = [:]
  /// Queues that did not finish their pending requests in time.
  package var undrained: Set<APQN> = []
  /// Queues that were found busy when they were about to be taken.
  package var busy: Set<APQN> = []
  /// What has failed and is not to be tried yet.
  package var heldBack: Set<Operation.Subject> = []
  /// Whether a person has confirmed that there are no rules, so that everything is given back.
  package var acceptsNoRules = false
  /// How far the agent has come with its plan.
  package var progress = RequestProgress()
  /// Why the bus cannot be read now, a sentence: the machine is as it was before that.
  package var unreadable: String?

  package init() {}
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
