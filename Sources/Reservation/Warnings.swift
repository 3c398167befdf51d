package import APBus
import ReservationRules

/// Finds what a person should know of a plan.
struct Warnings {
  private(set) var warnings: [PlanWarning] = []

  private let inventory: Inventory
  private let decisions: DecisionTable
  private let context: PlanningContext
  /// Owners that the plan changes.
  private let owners: [APQN: Owner]

  init(
    of plan: Plan, inventory: Inventory, decisions: DecisionTable, context: PlanningContext,
    unserved: [KeyNeed]
  ) {
    self.inventory = inventory
    self.decisions = decisions
    self.context = context
    owners = plan.owners
    for card in inventory.cards {
      if let read = card.unanswered, !read.isAwaited {
        warnings.append(.unanswered(card.adapter, read))
      }
    }
    for definition in context.configuration.definitions {
      warnings += context.configuration.invalidDefinition(definition)
    }
    warnings += context.configuration.guestFindings(
      on: inventory, by: decisions, owners: owners
    ).map { .guest($0) }
    warnings += context.configuration.unreadable.filter { !$0.place.isEmpty }
      .map { .unreadableDefinitions($0) }
    warnOfHostLoss(unserved)
    warnings += KeyAlarm.alarms(on: inventory, by: decisions).map { .masterKey($0) }
    let unusable = inventory.queues.filter {
      owner($0) == .vfioAP && !$0.isWorking(on: inventory.card($0.apqn.adapter))
    }.map(\.apqn)
    if !unusable.isEmpty { warnings.append(.unusable(unusable)) }
    if plan.mechanism == .override, let callout = context.configuration.callout {
      warnings.append(.refusedByCallout(callout))
    }
    if plan.leavesMasks { warnings.append(.leavesMasks) }
    if let veto = plan.undoVeto {
      warnings.append(
        .cannotBeUndone(
          mediatedDevice: context.configuration.name(ofMediatedDevice: veto.holder)))
    }
    for owner in [Owner.host, .vfioAP] {
      let bound = plan.changesByUndoing.filter { $0.to == owner }.map(\.apqn)
      if !bound.isEmpty { warnings.append(.undoingBinds(bound, to: owner)) }
    }
    let adopted = plan.adopted.grouped { apqn -> String? in
      guard decisions.row(apqn.adapter).host.contains(apqn.domain) else { return nil }
      return decisions.decision(for: apqn).rule.map { $0.location.fileAndLine.printable }
    }
    warnings += adopted.map { .adopted($0.elements, rule: $0.value) }
    if plan.latentCollateral.hostCount > 0 {
      warnings.append(.keepsFromHost(plan.latentCollateral.hostCount))
    }
    warnOfMasksAtNextBoot(plan.mechanism)
    warnOfOverridesAtNextBoot(plan.mechanism)
  }

  /// Who will have the queue.
  private func owner(_ queue: Queue) -> Owner { owners[queue.apqn] ?? queue.owner }

  private mutating func warnOfHostLoss(_ unserved: [KeyNeed]) {
    guard owners.values.contains(where: { $0 != .host }) else { return }
    func loses(_ isMeant: (Queue) -> Bool) -> Bool {
      inventory.queues.contains { $0.owner == .host && isMeant($0) }
        && !inventory.queues.contains { owner($0) == .host && isMeant($0) }
    }
    if let domain = inventory.bus.defaultDomain, loses({ $0.apqn.domain == domain }) {
      warnings.append(.defaultDomainTaken(domain))
    }
    if loses({ inventory.card($0.apqn.adapter)?.mode == .cca }) {
      warnings.append(.lastCCAQueueTaken)
    }
    for user in context.configuration.secureKeyUsers { warnOfNamedQueues(user) }
    // Before the driver is loaded the host has no queues.
    guard inventory.bus.hasDriver(DriverName.cex4queue) else { return }
    for case .user(let user) in unserved {
      warnings.append(
        .keyWithoutQueue(MasterKeyPattern(registers: user.key.masterKeys), file: user.place))
    }
  }

  /// Programs of the host may insist on the queues that their files name, though others have the same keys.
  private mutating func warnOfNamedQueues(_ user: SecureKeyUser) {
    let named = user.apqns.sorted().compactMap(inventory.queue).filter { $0.owner == .host }
    let taken = named.filter { owner($0) != .host }.map(\.apqn)
    guard !taken.isEmpty else { return }
    let remaining = named.filter { owner($0) == .host }.map(\.apqn)
    warnings.append(.namedQueuesTaken(taken, remaining: remaining, file: user.listing))
  }

  // MARK: - The next boot

  /// Masks that are set before any override can be, and take what rules keep for the host.
  private mutating func warnOfMasksAtNextBoot(_ mechanism: Mechanism) {
    guard inventory.bus.masks != nil else { return }
    let configuration = context.configuration
    for (tool, masks) in [
      (NextBootConflict.Tool.kernelCommandLine, configuration.bootMasks),
      (.chzdev, configuration.persistentMasks),
    ] {
      guard let masks, masks.isRestricting else { continue }
      let taken = keptForHost(outside: masks)
      if !taken.isEmpty {
        warn(of: tool, sources: [masks.source], effect: .takes(taken, rules: rules(of: taken)))
      }
      if mechanism == .override { warn(of: tool, sources: [masks.source], effect: .setsMasks) }
    }
  }

  /// Overrides that driverctl sets whenever a queue is added, before any rules apply.
  private mutating func warnOfOverridesAtNextBoot(_ mechanism: Mechanism) {
    let overrides = context.configuration.overrides
    // A kernel without driver_override for queues leaves driverctl nothing to write.
    guard inventory.bus.supportsOverride != false else { return }
    for override in overrides {
      let row = decisions.row(override.apqn.adapter)
      let rule = rules(of: [override.apqn]).first ?? "the rules"
      if row.host.contains(override.apqn.domain), override.driver == DriverName.vfioAP {
        warn(
          of: .driverctl, sources: [override.source], effect: .takes([override.apqn], rules: [rule])
        )
      } else if row.vfioAP.contains(override.apqn.domain), override.driver != DriverName.vfioAP {
        warn(
          of: .driverctl, sources: [override.source],
          effect: .binds(override.apqn, driver: override.driver, rule: rule))
      }
    }
    if mechanism == .mask, !overrides.isEmpty {
      warn(of: .driverctl, sources: overrides.map(\.source), effect: .setsOverrides)
    }
  }

  private mutating func warn(
    of tool: NextBootConflict.Tool, sources: [String], effect: NextBootConflict.Effect
  ) {
    warnings.append(.nextBoot(NextBootConflict(tool: tool, sources: sources, effect: effect)))
  }

  /// The queues that rules keep for the host and these masks do not: those that are present, or those that may
  /// come where none is.
  private func keptForHost(outside masks: ConfiguredMasks) -> [APQN] {
    let adapters = masks.adapters ?? .all
    let outside = (masks.domains ?? .all).complement
    var present: [APQN] = []
    var absent: [APQN] = []
    for adapter in UInt8.min...UInt8.max {
      let host = decisions.row(adapter).host
      for domain in adapters.contains(adapter) ? host.intersection(outside) : host {
        let apqn = APQN(adapter: adapter, domain: domain)
        if inventory.queue(apqn) == nil { absent.append(apqn) } else { present.append(apqn) }
      }
    }
    return present.isEmpty ? absent : present
  }

  /// The rules that decide about queues, each once.
  private func rules(of apqns: [APQN]) -> [String] {
    var places: [String] = []
    for apqn in apqns {
      guard let place = decisions.decision(for: apqn).rule?.location.fileAndLine.printable,
        !places.contains(place)
      else { continue }
      places.append(place)
    }
    return places
  }
}

/// What another tool's configuration does at the next boot against the rules, or against the mechanism in
/// use: harmless today, and a guest or a disk lost after the reboot.
package struct NextBootConflict: Equatable, Sendable {
  /// Whose configuration it is, and so how it is removed.
  package enum Tool: Equatable, Sendable {
    /// `ap.apmask=` or `ap.aqmask=` on the kernel command line.
    case kernelCommandLine
    /// The udev rule of chzdev.
    case chzdev
    /// Files of driverctl, one a queue.
    case driverctl
  }

  package enum Effect: Equatable, Sendable {
    /// Takes queues from the host that these rules keep for it.
    case takes([APQN], rules: [String])
    /// Binds a queue to another driver than `vfio_ap`, for which this rule reserves it.
    case binds(APQN, driver: String, rule: String)
    /// Sets masks, while queues are reserved by overrides.
    case setsMasks
    /// Sets overrides, while queues are reserved by masks.
    case setsOverrides
  }

  package var tool: Tool
  /// The files, or what else has the configuration.
  package var sources: [String]
  package var effect: Effect

  /// The queues that it names.
  package var apqns: [APQN] {
    switch effect {
    case .takes(let apqns, rules: _): apqns
    case .binds(let apqn, driver: _, rule: _): [apqn]
    case .setsMasks, .setsOverrides: []
    }
  }

  /// What removes it, and acts on the next boot only: `driverctl unset-override` would move the queue now.
  private var remedy: String {
    switch tool {
    case .kernelCommandLine:
      "remove ap.apmask= and ap.aqmask= from the kernel parameters in the boot loader's configuration, and "
        + "run zipl"
    case .chzdev: "run chzdev --type ap --persistent --remove-all"
    case .driverctl: "run rm \(sources.joined(separator: " "))"
    }
  }
}

extension NextBootConflict: CustomStringConvertible {
  /// One sentence: who does what, against what, and what removes it.
  package var description: String {
    let source = sources.shortList(of: 3)
    let verb = sources.count == 1 ? "sets" : "set"
    let text =
      switch effect {
      case .takes(let apqns, let rules):
        "\(source) takes \(apqns.shortList()) from the host at the next boot, against "
          + rules.shortList(of: 3)
      case .binds(let apqn, let driver, let rule):
        "\(source) binds \(apqn) to \(driver) at the next boot, against \(rule)"
      case .setsMasks:
        "\(source) \(verb) masks at the next boot, and then the kernel takes no driver_override, so that "
          + "what is reserved by override now is lost"
      case .setsOverrides:
        "\(source) \(verb) driver_override at the next boot, and then the kernel takes no masks, so that "
          + "what is reserved by masks now is lost"
      }
    return "\(text); \(remedy)"
  }
}

extension HostConfiguration {
  /// What is to be said of a definition that cannot be started as it is meant to be.
  func invalidDefinition(_ definition: MediatedDeviceDefinition) -> [PlanWarning] {
    let name = name(ofMediatedDevice: definition.device.uuid)
    return definition.problems.map {
      .invalidDefinition(
        mediatedDevice: name, problem: $0.text, place: definition.place(of: $0))
    }
  }
}
