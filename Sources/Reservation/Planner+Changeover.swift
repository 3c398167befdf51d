package import APBus
import ReservationRules

extension Planner {
  /// The plan of a changeover that a person asks for: that of the new mechanism, which leaves the other one first. It
  /// is refused as a whole if any queue would be lost, be it for a moment to its guest, or could not be reserved any
  /// more; the plan has the reasons then, and nothing else.
  func changeover(to target: Mechanism) -> Plan {
    var context = context
    context.changeover = nil
    var changed = ownership
    for change in ownership.changes(toChangeOverTo: target, on: inventory, by: decisions) {
      changed.apply(change)
    }
    let before = Planner(
      inventory: inventory, decisions: decisions, ownership: ownership, context: context)
    let after = Planner(
      inventory: inventory, decisions: decisions, ownership: changed, context: context)
    let plan = after.plan(by: target)
    let present = (try? MechanismChoice(planner: before))?.mechanism ?? target
    let known = Set(before.plan(by: present).refusals.map(\.apqn))
    var refusals = target == .override ? before.obstaclesToOverrides : before.obstaclesToMasks
    if refusals.isEmpty {
      refusals = plan.refusals.filter { !known.contains($0.apqn) }
      // Those that block the others.
      let causes = refusals.filter { if case .overrideInUse = $0.reason { false } else { true } }
      if !causes.isEmpty { refusals = causes }
    }
    guard !refusals.isEmpty else { return plan }
    var refused = Plan(mechanism: target)
    refused.refusesChangeover = true
    refused.refusals = refusals.sorted { $0.apqn < $1.apqn }
    refused.alternatives = plan.alternatives
    refused.warnings = plan.warnings.filter { if case .nextBoot = $0 { true } else { false } }
    return refused
  }

  /// What keeps masks from giving way to overrides. The kernel takes no override before all bits are set, and gives to
  /// the host what the masks reserve; it refuses that while a mediated device has any of it (SimulatedBus
  /// documentation, "Masks").
  private var obstaclesToOverrides: [Refusal] {
    guard let masks = inventory.bus.masks, masks != .all else { return calloutRefusals }
    let reserved = inventory.queues.map(\.apqn).filter { !masks.isInHostPool($0) }
    var obstacles: [APQN: Refusal.Reason] = [:]
    for device in inventory.mediatedDevices
    where !device.possibleAdapters.isEmpty || !device.domains.isEmpty {
      let held = reserved.filter(device.holds)
      // One that has numbers of one kind only is about to be given the others.
      let first = APQN(
        adapter: device.possibleAdapters.first ?? 0, domain: device.domains.first ?? 0)
      for apqn in held.isEmpty ? [first] : held {
        obstacles[apqn] = .changeover(.held(.init(device.uuid, in: context.configuration)))
      }
    }
    for apqn in reserved where obstacles[apqn] == nil && inventory.hasGuest(apqn) {
      obstacles[apqn] = .changeover(.held(holder(of: apqn)))
    }
    for apqn in reserved where obstacles[apqn] == nil { obstacles[apqn] = unreserved(apqn) }
    let transition = MaskTransition(from: masks, to: .all, on: inventory)
    let goals = Goals(
      inventory: inventory, decisions: decisions, ownership: ownership, context: context, kept: [:])
    if let obstacle = obstacle(to: transition, among: goals.goals, leaving: []) {
      for apqn in reserved where obstacles[apqn] == nil { obstacles[apqn] = obstacle }
    }
    for definition in context.configuration.definitions {
      let holder = ChangeoverObstacle.Holder(definition.device.uuid, in: context.configuration)
      for adapter in definition.device.adapters {
        for domain in definition.device.domains {
          let apqn = APQN(adapter: adapter, domain: domain)
          if inventory.queue(apqn) == nil { obstacles[apqn] = .changeover(.absent(holder)) }
        }
      }
    }
    let callout = calloutRefusals.filter { obstacles[$0.apqn] == nil }
    return obstacles.map { Refusal($0.key, $0.value) } + callout
  }

  /// What mdevctl would not start any more.
  private var calloutRefusals: [Refusal] {
    guard let callout = context.configuration.callout, context.isOn(.callout) else { return [] }
    return inventory.queues.compactMap { queue in
      guard decisions.row(queue.apqn.adapter).vfioAP.contains(queue.apqn.domain),
        queue.driverOverride != DriverName.vfioAP
      else { return nil }
      return Refusal(queue.apqn, .guarded(.callout(callout)))
    }
  }

  /// What keeps overrides from giving way to masks: the kernel takes no mask before all overrides are cleared, and
  /// those that no rule asks for are not apreserve's to clear.
  private var obstaclesToMasks: [Refusal] {
    inventory.queues.compactMap { queue in
      guard let driver = queue.driverOverride else { return nil }
      guard driver == DriverName.vfioAP else {
        return Refusal(queue.apqn, .overriddenByOthers(driver: driver))
      }
      return unreserved(queue.apqn).map { Refusal(queue.apqn, $0) }
    }
  }

  /// Why a queue would be lost together with the mechanism that reserves it; nil for one that rules reserve, or
  /// that may be given back.
  private func unreserved(_ apqn: APQN) -> Refusal.Reason? {
    let row = decisions.row(apqn.adapter)
    if row.undecidable.contains(apqn.domain) { return .changeover(.undecidable) }
    if row.vfioAP.contains(apqn.domain) { return nil }
    if context.rulesAreMissing, context.isOn(.emptyRules) { return .guarded(.rulesMissing) }
    let mayBeGivenBack =
      ownership.covers(apqn, under: inventory.bus)
      || row.host.contains(apqn.domain) && inventory.bus.isKeptFromHost(apqn)
    return mayBeGivenBack && !inventory.hasGuest(apqn) ? nil : .changeover(.unreserved)
  }
}

/// Why a changeover is refused because of a queue.
package enum ChangeoverObstacle: Hashable, Sendable {
  /// A mediated device has the queue, and would lose it for a while.
  case held(Holder)
  /// A mediated device has this queue, which the first of two masks would give to the host.
  case heldBetweenMasks(APQN, Holder)
  /// The queue is absent, and assigned by a definition: overrides cannot prepare it.
  case absent(Holder)
  /// No rule reserves the queue, and apreserve may not give it back.
  case unreserved
  /// What decides about the queue cannot be read now.
  case undecidable

  /// A mediated device and what has to be stopped to take queues from it.
  package struct Holder: Hashable, Sendable {
    /// Its UUID; nil where that cannot be read.
    package var uuid: String?
    /// The virtual machine that has it.
    package var machine: String?

    init(_ uuid: String?, in configuration: HostConfiguration) {
      self.uuid = uuid
      machine = uuid.flatMap { uuid in
        configuration.virtualMachines.first { $0.mediatedDevices.contains(uuid) }?.name
      }
    }

    fileprivate var name: String {
      guard let uuid else { return "a mediated device" }
      return "mediated device \(uuid)"
        + (machine.map { " (virtual machine \($0.printable))" } ?? "")
    }

    fileprivate var stopping: String {
      let commands = [
        machine.map { "\"virsh shutdown \($0.printable)\"" },
        uuid.map { "\"mdevctl stop -u \($0)\"" }
          ?? "\"mdevctl list\", to find the device, and stop it",
      ]
      return "run \(commands.compactMap(\.self).joined(separator: " and ")), and try again"
    }
  }

  /// The reason in JSON.
  package var code: String {
    switch self {
    case .held: "changeover-held"
    case .heldBetweenMasks: "changeover-held-between-masks"
    case .absent: "changeover-absent"
    case .unreserved: "changeover-unreserved"
    case .undecidable: "changeover-undecidable"
    }
  }

  /// The refusal: which queue, why, and what to do.
  func refusal(of apqn: APQN) -> String {
    switch self {
    case .held(let holder):
      "\(apqn) stays reserved by masks: \(holder.name) has its adapter or domain, and the kernel does not set "
        + "masks back meanwhile; \(holder.stopping)"
    case .heldBetweenMasks(let other, let holder):
      "\(apqn) stays reserved by driver_override: apmask and aqmask are both needed and are written one after "
        + "the other, and \(other), which \(holder.name) has, would be the host's in between; "
        + "\(holder.stopping)"
    case .absent(let holder):
      "\(apqn) is absent and the definition of \(holder.name) has it, which could not be started any more: by "
        + "driver_override no queue is reserved before it is there; take it out of the definition"
    case .unreserved:
      "\(apqn) is on vfio_ap although no rule reserves it, and a changeover keeps there only what rules reserve; "
        + "write a rule for it, as \"apreserve import\" prints one, or give it to the host first"
    case .undecidable:
      "\(apqn) stays where it is, because a rule compares something of it that cannot be read now; try again "
        + "when \"apreserve explain \(apqn)\" shows a decision"
    }
  }
}
