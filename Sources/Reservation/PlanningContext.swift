package import APBus

/// What a plan depends on besides the machine and its rules: what the host's other files say, how
/// careful to be, and what experience has taught.
package struct PlanningContext: Equatable, Sendable {
  /// What the host's other files say.
  package var configuration: HostConfiguration
  /// How careful to be.
  package var policy: GuardPolicy
  /// Whether there are no rules at all, and nobody has said that this is intended.
  package var rulesAreMissing: Bool
  /// Queues that another process keeps moving back, with how often that was.
  package var fought: [APQN: Int]
  /// Queues that did not finish their pending requests in time.
  package var undrained: Set<APQN>
  /// Queues that were found busy when they were about to be taken, whatever they are now.
  package var busy: Set<APQN> = []

  /// PlanningContext; new ones are those of a machine of which nothing else is known.
  package init(
    configuration: HostConfiguration = HostConfiguration(), policy: GuardPolicy = GuardPolicy(),
    rulesAreMissing: Bool = false, fought: [APQN: Int] = [:], undrained: Set<APQN> = []
  ) {
    self.configuration = configuration
    self.policy = policy
    self.rulesAreMissing = rulesAreMissing
    self.fought = fought
    self.undrained = undrained
  }

  /// Whether a guard is on.
  package func isOn(_ rule: Guard) -> Bool { !policy.forced.contains(rule) }

  /// Whether the host's last queue with a master key is protected now.
  package var protectsHost: Bool { isOn(.protectHost) && needsKeys }

  /// Whether the host may need master keys, be it protected or not.
  var needsKeys: Bool {
    switch policy.protectHost {
    case .yes: true
    case .no: false
    case .auto: !configuration.secureKeyUsers.isEmpty
    }
  }
}
