package import AdjunctProcessor

/// Which mechanism is used on a machine, and why.
package struct MechanismChoice: Equatable, Sendable {
  /// The mechanism.
  package var mechanism: Mechanism
  /// One clause that says why.
  package var reason: String

  /// Why a mechanism that was asked for cannot be used.
  package struct Unavailable: Error, Equatable, CustomStringConvertible {
    /// The mechanism that was asked for.
    package var mechanism: Mechanism

    /// One sentence.
    package var description: String {
      switch mechanism {
      case .bind:
        "mechanism bind cannot be used here: this kernel has masks, which gate every bind; use mask"
      case .mask: "mechanism mask cannot be used here: this kernel has no apmask; use bind"
      case .override:
        "mechanism override cannot be used here: this kernel has no driver_override for AP queues; "
          + "use mask"
      }
    }
  }

  /// Chooses from what the bus shows, never from a version: what is in use already wins; otherwise
  /// masks if they express the rules exactly, else overrides if the kernel has them.
  ///
  /// - Parameters:
  ///   - requested: the mechanism to use, where a person has chosen one.
  ///   - planner: makes the plans that tell whether masks express the rules.
  /// - Throws: `Unavailable` when the kernel does not have the requested one.
  package init(requested: Mechanism? = nil, planner: Planner) throws(Unavailable) {
    let inventory = planner.inventory
    let bus = inventory.bus
    if let requested {
      let isAvailable =
        switch requested {
        case .bind: !bus.hasMasks
        case .mask: bus.hasMasks
        case .override: bus.supportsOverride == true
        }
      guard isAvailable else { throw Unavailable(mechanism: requested) }
      self.init(requested, "asked for")
    } else if !bus.hasMasks {
      self.init(.bind, "this kernel has no masks")
    } else if let queue = inventory.queues.first(where: { $0.driverOverride != nil }) {
      self.init(.override, "driver_override is in use, on \(queue.apqn)")
    } else if !bus.masksAreDefault {
      self.init(.mask, "apmask or aqmask is in use")
    } else if bus.supportsOverride != true {
      self.init(.mask, "this kernel has masks and no driver_override")
    } else if planner.plan(by: .mask).expressesEveryWish {
      self.init(.mask, "masks express the rules exactly")
    } else {
      self.init(.override, "masks cannot express the rules, and this kernel has driver_override")
    }
  }

  private init(_ mechanism: Mechanism, _ reason: String) {
    self.mechanism = mechanism
    self.reason = reason
  }
}

extension Plan {
  /// Whether masks do all that is wished and move nothing else.
  fileprivate var expressesEveryWish: Bool {
    let inexpressible = refusals.contains { refusal in
      switch refusal.reason {
      case .inexpressible, .releaseInexpressible: true
      default: false
      }
    }
    return !inexpressible && !changes.contains { $0.cause == .collateral }
  }
}
