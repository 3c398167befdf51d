package import APBus
package import Reservation

/// How far the agent has come with holding the rules.
package struct AgentStatus: Equatable, Sendable {
  /// What the agent waits for before it decides anything.
  package enum Phase: Equatable, Sendable {
    /// There is no AP bus.
    case withoutBus
    /// The first scan of the bus is not done: what would be decided now would be decided on half a
    /// machine (SimulatedBus documentation, "Scans").
    case beforeFirstScan
    /// The kernel is moving queues for another process's write of masks.
    case moving
    /// Everything that can be done is done.
    case settled
    /// Something failed and is tried again later.
    case retrying
  }

  /// What the agent waits for.
  package var phase: Phase
  /// The mechanism in use, once it was chosen.
  package var mechanism: MechanismChoice?
  /// How many queues that are here the rules want on `vfio_ap`.
  package var wanted: Int
  /// How many of these are there.
  package var reserved: Int
  /// What the rules want and cannot have, as of the last plan.
  package var plan: Plan?
  /// What failed at the last try.
  package var failures: [Failure]
  /// Queues whose pending requests are waited for.
  package var draining: [APQN]

  /// Whether the rules have been held against a whole machine.
  package var isDecided: Bool {
    switch phase {
    case .withoutBus, .beforeFirstScan: false
    case .moving, .settled, .retrying: true
    }
  }

  /// The state of an agent that has not looked yet.
  package init(phase: Phase = .withoutBus) {
    self.phase = phase
    wanted = 0
    reserved = 0
    failures = []
    draining = []
  }
}

extension AgentStatus: CustomStringConvertible {
  /// One line, such as `24 of 24 queues reserved`.
  package var description: String {
    switch phase {
    case .withoutBus: return "waiting for an AP bus"
    case .beforeFirstScan: return "waiting for the first scan of the AP bus"
    case .moving, .settled, .retrying: break
    }
    var parts = ["\(reserved) of \(wanted) queues reserved"]
    if phase == .moving { parts.append("waiting for another process's change of the masks") }
    if let plan {
      if !plan.refusals.isEmpty { parts.append("\(plan.refusals.count) refused") }
      if !plan.waiting.isEmpty { parts.append("\(plan.waiting.count) waiting for a driver") }
      if !plan.undecidable.isEmpty { parts.append("\(plan.undecidable.count) undecidable") }
    }
    if !draining.isEmpty { parts.append("\(draining.count) draining") }
    if !failures.isEmpty { parts.append("\(failures.count) failed") }
    return parts.joined(separator: ", ")
  }
}
