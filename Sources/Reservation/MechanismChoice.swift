package import APBus
import ReservationRules

/// Which mechanism is used on a machine, and why.
package struct MechanismChoice: Equatable, Sendable {
  package var mechanism: Mechanism
  /// One clause that says why.
  package var reason: String
  /// What to do where the rules cannot be met with this mechanism, and another tool's configuration
  /// is why it was chosen; nil where it was not.
  package var advice: String?

  /// Why a mechanism that was asked for cannot be used.
  package struct Unavailable: Error, Equatable, CustomStringConvertible {
    /// The mechanism that was asked for.
    package var mechanism: Mechanism

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

  /// Chooses from what the bus and the host's files show, never from a version: what a person has changed over to
  /// stays, as long as nothing else uses the other mechanism at the boot; else what was chosen before stays, unless
  /// that were masks that are not exact any more and that nobody needs; what is in use already, or will be at the next
  /// boot, wins; otherwise masks if they express the rules exactly, else overrides if the kernel has them and nothing
  /// refuses their queues.
  ///
  /// What the guard of the host's keys refuses because keys are not known now, it may allow a moment later, so that
  /// this has no say in it. What it keeps for keys that are known counts as a queue that rules decide for the host.
  ///
  /// - Parameters:
  ///   - requested: the mechanism to use, where a person has chosen one.
  ///   - origin: where that was chosen, `file:line` or `command line`.
  ///   - kept: the choice before.
  ///   - planner: makes the plans that show whether masks express the rules.
  /// - Throws: `Unavailable` when the kernel does not have the requested one.
  package init(
    requested: Mechanism? = nil, origin: String? = nil, kept: MechanismChoice? = nil,
    planner: Planner
  ) throws(Unavailable) {
    let target = planner.context.changeover
    let guarded = planner
    let planner = planner.without(.protectHost)
    let bus = planner.inventory.bus
    if let target {
      guard target.isAvailable(on: bus) else { throw Unavailable(mechanism: target) }
      self.init(target, because: "requested by the changeover")
    } else if let requested {
      guard requested.isAvailable(on: bus) else { throw Unavailable(mechanism: requested) }
      let file = origin.flatMap { $0 == AppliedSetting.commandLineOrigin ? nil : $0 }
      let source = file.map { "set by \($0)" } ?? "set on the command line"
      if requested == .override, planner.ownMasksAreHeld {
        // Masks still give to the host what rules lock to it; overrides could do nothing.
        self.init(
          .mask,
          because: "override, \(source), must wait until no mediated device has a queue and all "
            + "bits of other tools are set: before, the kernel accepts no override")
      } else {
        self.init(requested, because: source)
      }
    } else if let choice = Self(changedOver: planner) {
      self = choice
    } else if let kept, kept.mechanism.isAvailable(on: bus), !planner.canLeaveMasks {
      self = kept
      if reason == Self.exactness, !planner.masksAreExact { reason = Self.constancy }
    } else if bus.masks == nil {
      self.init(.bind, because: "this kernel has no masks")
    } else if let recorded = planner.ownership.mechanism, recorded.isAvailable(on: bus),
      !(recorded == .mask && planner.canLeaveMasks)
    {
      self.init(recorded, because: Self.constancy)
    } else if planner.canLeaveMasks {
      self.init(
        .override,
        because: "masks do not express the rules any more, and this kernel has driver_override")
    } else if let choice = Self(inUseOn: planner.inventory) {
      self = choice
    } else if let choice = Self(
      configuredIn: planner.context.configuration,
      overridesExist: bus.supportsOverride == true)
    {
      self = choice
    } else if bus.supportsOverride != true {
      self.init(.mask, because: "this kernel has masks and no driver_override")
    } else {
      self.init(by: planner, guarded: guarded)
    }
  }

  /// Masks if they can do it, on a kernel that has both.
  private init(by planner: Planner, guarded: Planner) {
    let areExact = planner.masksAreExact
    if areExact, !guarded.masksFailBesideKeys {
      self.init(.mask, because: Self.exactness)
    } else if let callout = planner.context.configuration.callout,
      planner.context.isOn(.callout)
    {
      self.init(
        .mask,
        because:
          "overrides are not used while \(callout) is installed, which refuses their mediated devices",
        advice:
          "\(callout) knows masks only and refuses to start a mediated device whose queues are "
          + "reserved by driver_override; where no mediated device is started by mdevctl or libvirt, "
          + "\(Guard.callout.remedy), chooses overrides anyway")
    } else {
      let lack =
        areExact
        ? "masks cannot reserve everything beside what stays with the host because of its master keys"
        : "masks cannot express the rules"
      self.init(.override, because: "\(lack), and this kernel has driver_override")
    }
  }

  private static let exactness = "masks express the rules exactly"
  private static let constancy = "chosen before, in this boot"

  /// What a person has changed over to, or what is left of the other mechanism while that cannot be left.
  private init?(changedOver planner: Planner) {
    let inventory = planner.inventory
    guard let target = planner.ownership.changeover, target.isAvailable(on: inventory.bus),
      inventory.bus.masks != nil
    else { return nil }
    // At a boot, what others use comes first.
    let others =
      Self(inUseOn: inventory)
      ?? Self(
        configuredIn: planner.context.configuration,
        overridesExist: inventory.bus.supportsOverride == true)
    if planner.ownership.mechanism == nil, others != nil { return nil }
    switch target {
    case .override where planner.ownMasksAreHeld || planner.masksAreStuck:
      self.init(
        .mask,
        because: "the changeover to override must wait until no mediated device has a queue and "
          + "all bits of other tools are set: before, the kernel accepts no override")
    case .mask where planner.overridesAreHeld:
      self.init(
        .override,
        because: "the changeover to mask must wait until masks can take the place of every "
          + "driver_override: before, the kernel accepts no masks")
    default:
      guard target == .mask || inventory.bus.masks == .all || planner.ownMasksAreFree else {
        return nil
      }
      self.init(target, because: "changed over to it")
    }
  }

  /// The mechanism that the bus shows to be in use.
  private init?(inUseOn inventory: Inventory) {
    if let queue = inventory.queues.first(where: { $0.driverOverride != nil }) {
      self.init(.override, because: "driver_override is in use, on \(queue.apqn)")
    } else if inventory.bus.masks != .all {
      self.init(.mask, because: "apmask or aqmask is in use")
    } else {
      return nil
    }
  }

  /// The mechanism that other tools will use from the next boot on. Masks come first, since the kernel
  /// or udev sets them before anything can set an override.
  private init?(configuredIn configuration: HostConfiguration, overridesExist: Bool) {
    let masks = [configuration.bootMasks, configuration.persistentMasks].compactMap { $0 }
      .filter(\.isRestricting)
    if let source = masks.first?.source {
      self.init(
        .mask, because: "\(source) sets masks",
        advice:
          "masks are used because \(source) sets them; to stop using them, write its settings as "
          + "rules with \"apreserve import\", remove them there, and boot again")
    } else if overridesExist, let override = configuration.overrides.first {
      self.init(
        .override, because: "\(override.source) sets driver_override",
        advice:
          "overrides are used because \(override.source) sets one; to stop using it, write its "
          + "setting as a rule with \"apreserve import\", remove it with \"driverctl -b ap "
          + "unset-override \(override.apqn)\", and boot again")
    } else {
      return nil
    }
  }

  /// A choice that was made before.
  package init(_ mechanism: Mechanism, because reason: String, advice: String? = nil) {
    self.mechanism = mechanism
    self.reason = reason
    self.advice = advice
  }
}

extension Mechanism {
  /// Whether the kernel of that bus has it.
  package func isAvailable(on bus: BusState) -> Bool {
    switch self {
    case .bind: bus.masks == nil
    case .mask: bus.masks != nil
    case .override: bus.supportsOverride == true
    }
  }
}

extension Planner {
  /// Whether masks do all that is requested and take nothing else: no queue that is present, no APQN that rules
  /// may decide for the host, and none that no rule wants of the adapters and domains that this system is
  /// configured for, whether it is present or not. It must be possible to reserve absent queues that rules
  /// request when they are added.
  var masksAreExact: Bool {
    let present = inventory.apqns
    let adapters = inventory.bus.configuredAdapters ?? inventory.adapters
    let domains = inventory.bus.configuredDomains ?? present.domains
    var hosts = APQNSet()
    var wanted = APQNSet()
    for adapter in UInt8.min...UInt8.max {
      let row = decisions.row(adapter)
      let isReservable = inventory.card(adapter)?.hardwareType.isReservable ?? true
      wanted[adapter] = isReservable ? row.vfioAP : row.vfioAP.subtracting(present[adapter])
      let expected = present[adapter].union(adapters.contains(adapter) ? domains : [])
      hosts[adapter] = expected.subtracting(wanted[adapter])
        .union(row.possiblyHost.subtracting(present[adapter]))
    }
    let hostAdapters = hosts.adapters
    let hostDomains = hosts.domains
    guard hostAdapters.allSatisfy({ wanted[$0].isDisjoint(with: hostDomains) }) else {
      return false
    }
    let plan = plan(by: .mask)
    return !plan.refusals.contains(where: \.isOfMasks)
      && !plan.changes.contains { $0.cause == .collateral }
  }

  /// Whether masks cannot do what is requested beside queues that stay with the host for master keys that are known.
  fileprivate var masksFailBesideKeys: Bool {
    let refusals = plan(by: .mask).refusals
    let areKept = refusals.contains {
      switch $0.reason {
      case .guarded(.lastWithMasterKeys), .guarded(.lastNamed): true
      default: false
      }
    }
    return areKept && refusals.contains(where: \.isOfMasks)
  }

  /// Whether overrides can take the place of masks that were chosen before and are not exact any more: the
  /// masks are the default, or all that they keep from the host is owned and no mediated device has any of it.
  ///
  /// Not while what they keep cannot be decided about, which may be so for a moment only; not where the host
  /// may need the keys of what would be its own meanwhile; and not while a device is defined with a
  /// queue that is absent, which a guest can have by masks only (SimulatedBus documentation,
  /// "Overrides").
  package var canLeaveMasks: Bool {
    guard ownership.mechanism == .mask, inventory.bus.supportsOverride == true,
      !context.configuration.setsMasks,
      context.configuration.callout == nil || !context.isOn(.callout)
    else { return false }
    let isUndecided = inventory.queues.contains { queue in
      decisions.row(queue.apqn.adapter).undecidable.contains(queue.apqn.domain)
        && inventory.bus.isKeptFromHost(queue.apqn)
    }
    let present = inventory.apqns
    let namesAbsent = context.configuration.definitions.contains { definition in
      definition.device.adapters.contains {
        !definition.device.domains.isSubset(of: present[$0])
      }
    }
    guard !isUndecided, !namesAbsent else { return false }
    let isFree = ownMasksAreFree && !context.needsKeys
    return (inventory.bus.masks == .all || isFree) && !masksAreExact
  }

  /// Whether there are overrides, or queues whose override was just cleared, that masks cannot take the place of now.
  fileprivate var overridesAreHeld: Bool {
    guard inventory.bus.supportsOverride == true, inventory.bus.masks == .all,
      inventory.queues.contains(where: { $0.driverOverride != nil || $0.owner == .vfioAP })
    else { return false }
    return !plan(by: .mask).leavesOverrides
  }

  /// Whether the masks may be set back, and something blocks that.
  fileprivate var masksAreStuck: Bool {
    inventory.bus.masks != .all && ownMasksAreFree && !plan(by: .override).leavesMasks
  }

  /// Whether the masks have owned bits that cannot all be set now.
  var ownMasksAreHeld: Bool {
    guard let masks = inventory.bus.masks, !ownMasksAreFree else { return false }
    return !ownership.adapters.isSubset(of: masks.adapters)
      || !ownership.domains.isSubset(of: masks.domains)
  }

  /// Whether every cleared bit of the masks is owned and no mediated device has a queue.
  var ownMasksAreFree: Bool {
    guard let masks = inventory.bus.masks else { return false }
    return masks.adapters.union(ownership.adapters) == .all
      && masks.domains.union(ownership.domains) == .all
      && inventory.mediatedDevices.allSatisfy { $0.adapters.isEmpty && $0.domains.isEmpty }
      && !inventory.queues.contains(where: \.isAssigned)
  }
}

extension Refusal {
  /// Whether masks are the reason.
  fileprivate var isOfMasks: Bool {
    switch reason {
    case .inexpressible, .besideContended, .releaseInexpressible: true
    default: false
    }
  }
}

extension HostConfiguration {
  /// Whether another tool, or the kernel's command line, sets masks at the next boot.
  fileprivate var setsMasks: Bool {
    [bootMasks, persistentMasks].contains { $0?.isRestricting == true }
  }
}
