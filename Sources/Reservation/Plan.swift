package import APBus

/// The ordered writes that turn an inventory into what the rules want, and the requests among them that
/// cannot be fulfilled, each with its reason.
package struct Plan: Equatable, Sendable {
  /// How queues are moved.
  package var mechanism: Mechanism
  /// What is done, in order.
  package var operations: [Operation]
  /// What would be done, but failed lately and is not to be tried again yet.
  package var heldBack: [Operation.Subject]
  /// Requests that are not fulfilled.
  package var refusals: [Refusal]
  /// Requests that wait for something that is expected to come.
  package var waiting: [Waiting]
  /// Queues that keep their owner because what decides about them cannot be read now.
  package var undecidable: [APQN]
  /// Queues on `vfio_ap` that the rules want elsewhere but that apreserve has not reserved, so that it does not give them back.
  package var adopted: [APQN]
  /// Where queues that are not here yet would be taken unasked; empty except for masks.
  package var latentCollateral: LatentCollateral
  /// What masks could do instead where they cannot do exactly what is requested.
  package var alternatives: [MaskAlternative]
  /// What keeps the masks from being set back when their write has to stop in the middle.
  package var undoVeto: MaskVeto?
  /// Whether the plan only undoes masks, and another one reserves by overrides once that is done.
  package var leavesMasks = false
  /// What a person should know of the plan, or of the machine as it is then.
  package var warnings: [PlanWarning]

  /// A request that waits.
  package struct Waiting: Hashable, Sendable {
    /// The queue.
    package var apqn: APQN
    /// The driver that must be registered first.
    package var driver: String

    /// A request that waits for a driver.
    package init(_ apqn: APQN, driver: String) {
      self.apqn = apqn
      self.driver = driver
    }
  }

  /// A plan; a new one does nothing.
  package init(mechanism: Mechanism) {
    self.mechanism = mechanism
    operations = []
    heldBack = []
    refusals = []
    waiting = []
    undecidable = []
    adopted = []
    latentCollateral = LatentCollateral()
    alternatives = []
    warnings = []
  }

  /// All queues that the plan moves, ascending.
  package var changes: [OwnerChange] {
    operations.flatMap(\.changes).sorted { $0.apqn < $1.apqn }
  }

  /// Queues that move when masks have to be set back in the middle.
  package var changesByUndoing: [OwnerChange] { operations.flatMap(\.changesByUndoing) }

  /// All writes in order.
  package var steps: [Step] { operations.flatMap(\.steps) }

  /// Whether there is nothing to write.
  package var isEmpty: Bool { operations.isEmpty }

  /// The masks after the plan; nil on a kernel without masks.
  package func masks(after bus: BusState) -> MaskPair? {
    bus.masks.map { steps.reduce($0) { $0.applying($1) } }
  }
}

/// Queues that are not here yet and that the masks of a plan would take although no rule asks for
/// them, as soon as their hardware comes.
package struct LatentCollateral: Equatable, Sendable {
  /// Adapters whose new domains would be taken.
  package var adapters: APMask
  /// Domains whose new adapters would be taken.
  package var domains: APMask
  /// How many APQNs that are.
  package var count: Int
  /// How many of them rules decide for the host: none, unless another process keeps them from it.
  package var hostCount: Int

  /// None, unless given.
  package init(
    adapters: APMask = [], domains: APMask = [], count: Int = 0, hostCount: Int = 0
  ) {
    self.adapters = adapters
    self.domains = domains
    self.count = count
    self.hostCount = hostCount
  }
}
