package import APBus
package import ReservationRules

/// Something that is or will be wrong with a guest, or that a person should know of it.
package struct GuestFinding: Equatable, Sendable {
  /// The UUIDs of the mediated devices that it is about.
  package var devices: [String]
  /// The guest, as sentences name it.
  package var name: String
  /// The file that has its definition, or that names it; empty for a device without either.
  package var place: String
  package var problem: Problem

  package enum Severity: String, Hashable, Sendable, CaseIterable {
    case error, warning, note
  }

  package enum Problem: Equatable, Sendable {
    /// Another guest is to have these, too, and both start at boot.
    case conflict([APQN], with: String)
    /// Another guest is to have these, too, so that only one of the two can be active.
    case overlap([APQN], with: String)
    /// Its virtual machine has several devices, of which libvirt accepts one.
    case severalDevices(count: Int)
    /// Its virtual machine has a device that is neither active nor defined. Another program may have removed it.
    case vanishedDevice(suspect: QueueManager?)
    /// It has no adapter, or no domain.
    case emptyMatrix
    /// What this system is not configured for.
    case notConfigured(adapters: APMask, domains: APMask, controlDomains: APMask)
    /// No rule reserves these, and they are not reserved otherwise.
    case notReserved([APQN])
    /// This rule, `FILE:LINE`, keeps these for the host.
    case keptForHost([APQN], rule: String)
    /// `vfio_ap` does not take adapters of their types.
    case oldHardware(APMask)
    /// Adapters do not answer what only they know.
    case silentAdapters(APMask)
    /// These adapters are not there.
    case absentAdapters(APMask)
    /// Of the queues of this adapter one will not be on `vfio_ap`, so that the guest gets no queue of the adapter at all
    /// (SimulatedBus documentation, "Guests").
    case losesAdapter(UInt8, missing: APQN)
    /// Its device is active without these, which its definition assigns.
    case activeWithout([APQN])
    /// Its device is active with these, which its definition does not assign.
    case activeBeyond([APQN])
    /// It has adapters of several modes.
    case mixedModes([QueueMode: APMask])
  }
}

extension GuestFinding {
  /// What a finding is about, in one word.
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    case conflict = "guest-conflict"
    case overlap = "guest-overlap"
    case severalDevices = "guest-several-devices"
    case vanishedDevice = "guest-vanished-device"
    case emptyMatrix = "guest-empty-matrix"
    case notConfigured = "guest-not-configured"
    case notReserved = "guest-not-reserved"
    case keptForHost = "guest-kept-for-host"
    case oldHardware = "guest-old-hardware"
    case silentAdapters = "guest-silent-adapters"
    case absentAdapters = "guest-absent-adapters"
    case losesAdapter = "guest-loses-adapter"
    case activeWithout = "guest-active-without"
    case activeBeyond = "guest-active-beyond"
    case mixedModes = "guest-mixed-modes"

    package var severity: Severity {
      switch self {
      case .conflict, .severalDevices: .error
      case .mixedModes, .activeBeyond: .note
      default: .warning
      }
    }

    /// Whether it is about more than one device.
    var isConflict: Bool {
      switch self {
      case .conflict, .overlap, .severalDevices: true
      default: false
      }
    }

    /// Whether the guest does not get all that it is to have.
    var isLack: Bool {
      switch self {
      case .vanishedDevice, .emptyMatrix, .notConfigured, .oldHardware, .absentAdapters,
        .losesAdapter, .activeWithout:
        true
      default: false
      }
    }

    /// Whether its virtual machine cannot be started with all its queues, although each of them may be usable.
    package var preventsStart: Bool {
      switch self {
      case .vanishedDevice, .losesAdapter, .activeWithout: true
      default: false
      }
    }
  }

  package var kind: Kind {
    switch problem {
    case .conflict: .conflict
    case .overlap: .overlap
    case .severalDevices: .severalDevices
    case .vanishedDevice: .vanishedDevice
    case .emptyMatrix: .emptyMatrix
    case .notConfigured: .notConfigured
    case .notReserved: .notReserved
    case .keptForHost: .keptForHost
    case .oldHardware: .oldHardware
    case .silentAdapters: .silentAdapters
    case .absentAdapters: .absentAdapters
    case .losesAdapter: .losesAdapter
    case .activeWithout: .activeWithout
    case .activeBeyond: .activeBeyond
    case .mixedModes: .mixedModes
    }
  }

  /// The queue for which the guest loses an adapter.
  var missing: APQN? {
    if case .losesAdapter(_, let missing) = problem { missing } else { nil }
  }
}

extension GuestFinding: CustomStringConvertible {
  /// One sentence: which guest, what, and what to do.
  package var description: String {
    switch problem {
    case .conflict(let apqns, let other):
      "\(name) and \(other) are both to have \(apqns.shortList()), and both start at boot, where the second of "
        + "them fails; take \(apqns.count == 1 ? "it" : "them") out of one definition"
    case .overlap(let apqns, let other):
      "\(name) and \(other) are both to have \(apqns.shortList()), so that only one of them can be active"
    case .severalDevices(let count):
      "\(name) has \(count) devices of vfio_ap, \(devices.joined(separator: " and ")), and libvirt starts no "
        + "virtual machine with more than one; assign all queues to one of them"
    case .vanishedDevice(let suspect):
      "\(name) has the mediated device \(devices.joined()), which is neither active nor defined; "
        + (suspect.map {
          "\($0) removes devices whose type its configuration does not list as externally provided; "
        } ?? "") + "define it, or remove it from the virtual machine"
    case .emptyMatrix:
      "the definition of \(name) has no queue, because it has no adapter or no domain"
    case .notConfigured(let adapters, let domains, let controlDomains):
      "\(name) is to have "
        + [
          Self.numbers(adapters, "adapter", digits: 2), Self.numbers(domains, "domain", digits: 4),
          Self.numbers(controlDomains, "control domain", digits: 4),
        ].compactMap(\.self).joined(separator: ", ")
        + ", which this system is not configured for; assign that to the LPAR on the HMC, or take it out of the "
        + "definition"
    case .notReserved(let apqns):
      "\(name) is to have \(apqns.shortList()), which no rule reserves; a rule with GUEST does"
    case .keptForHost(let apqns, let rule):
      "\(name) is to have \(apqns.shortList()), which \(rule) keeps for the host"
    case .oldHardware(let adapters):
      "\(name) is to have \(Self.numbers(adapters, "adapter", digits: 2) ?? ""), and vfio_ap takes only type 10 "
        + "(CEX4) and newer"
    case .silentAdapters(let adapters):
      "\(name) is to have \(Self.numbers(adapters, "adapter", digits: 2) ?? ""), which "
        + (adapters.count == 1 ? "does" : "do")
        + " not answer; check with \"lszcrypt -V\" and on the HMC"
    case .absentAdapters(let adapters):
      "\(name) is to have \(Self.numbers(adapters, "adapter", digits: 2) ?? ""), which "
        + (adapters.count == 1 ? "is" : "are") + " absent"
    case .losesAdapter(let adapter, let missing):
      "\(name) gets no queue of adapter 0x\(Hex.text(adapter, digits: 2)) at all: \(missing) is assigned to it and "
        + "not on vfio_ap"
    case .activeWithout(let apqns):
      "\(name) is active without \(apqns.shortList()), which its definition assigns; stop its guest, then run "
        + "\"mdevctl stop\" and \"mdevctl start\" with --uuid \(devices.joined())"
    case .activeBeyond(let apqns):
      "\(name) is active with \(apqns.shortList()), which its definition does not assign, so that it has "
        + (apqns.count == 1 ? "it" : "them") + " only until the device is stopped"
    case .mixedModes(let modes):
      "\(name) is to have adapters of several modes: "
        + QueueMode.allCases.compactMap { mode in
          modes[mode].flatMap { Self.numbers($0, "", digits: 2) }.map { "\(mode.rawValue)\($0)" }
        }.joined(separator: ", ")
    }
  }

  /// `adapters 0x05, 0x06`; nil for none.
  private static func numbers(_ mask: APMask, _ noun: String, digits: Int) -> String? {
    guard !mask.isEmpty else { return nil }
    let plural = noun.isEmpty || mask.count == 1 ? noun : noun + "s"
    return plural + " " + mask.map { "0x" + Hex.text($0, digits: digits) }.shortList()
  }
}

extension HostConfiguration {
  /// What is or will be wrong with guests, as they are defined and as they are. `owners` are those that queues will
  /// have, where they have others now.
  package func guestFindings(
    on inventory: Inventory, by decisions: DecisionTable, owners: [APQN: Owner]
  ) -> [GuestFinding] {
    let owner = { (queue: Queue) in owners[queue.apqn] ?? queue.owner }
    return definitions.flatMap { findings(of: $0, on: inventory, by: decisions, owner: owner) }
      + inventory.mediatedDevices.flatMap { findings(of: $0, on: inventory, owner: owner) }
      + overlaps(on: inventory) + virtualMachines.flatMap { findings(of: $0, on: inventory) }
  }

  private func finding(
    _ definition: MediatedDeviceDefinition, _ problem: GuestFinding.Problem
  ) -> GuestFinding {
    GuestFinding(
      devices: [definition.device.uuid], name: guestName(of: definition.device.uuid),
      place: definition.path, problem: problem)
  }

  /// A virtual machine, or a mediated device that none uses.
  package func guestName(of uuid: String) -> String {
    virtualMachines.first { $0.mediatedDevices.contains(uuid) }.map { $0.name.printable }
      ?? "mediated device \(uuid)"
  }

  // MARK: - A definition by itself

  private func findings(
    of definition: MediatedDeviceDefinition, on inventory: Inventory, by decisions: DecisionTable,
    owner: (Queue) -> Owner
  ) -> [GuestFinding] {
    let device = definition.device
    guard definition.problems.isEmpty else { return [] }
    guard !device.adapters.isEmpty, !device.domains.isEmpty else {
      return [finding(definition, .emptyMatrix)]
    }
    var problems: [GuestFinding.Problem] = []
    let bus = inventory.bus
    let adapters = bus.configuredAdapters.map(device.adapters.subtracting) ?? []
    let domains = bus.configuredDomains.map(device.domains.subtracting) ?? []
    let control = bus.controlDomains.map(device.controlDomains.subtracting) ?? []
    if !adapters.isEmpty || !domains.isEmpty || !control.isEmpty {
      problems.append(
        .notConfigured(adapters: adapters, domains: domains, controlDomains: control))
    }
    let (requests, named) = requests(of: device, on: inventory, by: decisions)
    problems += requests
    let absent = device.adapters.subtracting(adapters).filter { inventory.card($0) == nil }
    if !absent.isEmpty { problems.append(.absentAdapters(APMask(absent))) }
    if !inventory.mediatedDevices.contains(where: { $0.uuid == device.uuid }) {
      // At boot nobody is there to add a rule.
      problems += lostAdapters(of: device, on: inventory, owner: owner) {
        definition.startsAutomatically || !named.contains($0)
      }
    }
    let cards = device.adapters.compactMap(inventory.card)
    let old = APMask(cards.filter { !$0.hardwareType.isReservable }.map(\.adapter))
    if !old.isEmpty { problems.append(.oldHardware(old)) }
    let silent = APMask(cards.filter { $0.unanswered?.isAwaited == false }.map(\.adapter))
    if !silent.isEmpty { problems.append(.silentAdapters(silent)) }
    let modes = Dictionary(grouping: cards.filter { $0.mode != nil }, by: \.mode)
    if modes.count > 1 {
      var adapters: [QueueMode: APMask] = [:]
      for case (let mode?, let cards) in modes { adapters[mode] = APMask(cards.map(\.adapter)) }
      problems.append(.mixedModes(adapters))
    }
    return problems.map { finding(definition, $0) }
  }

  /// What rules want for the queues of a device, of those that can exist on this system, and the queues that are named
  /// there.
  private func requests(
    of device: MediatedDevice, on inventory: Inventory, by decisions: DecisionTable
  ) -> (problems: [GuestFinding.Problem], apqns: Set<APQN>) {
    var unreserved: [APQN] = []
    var kept: [APQN] = []
    let bus = inventory.bus
    for adapter in device.adapters where bus.configuredAdapters?.contains(adapter) != false {
      let row = decisions.row(adapter)
      for domain in device.domains.subtracting(row.vfioAP).subtracting(row.undecidable)
      where bus.configuredDomains?.contains(domain) != false {
        let apqn = APQN(adapter: adapter, domain: domain)
        if row.host.contains(domain) {
          kept.append(apqn)
        } else if inventory.queue(apqn)?.owner != .vfioAP {
          unreserved.append(apqn)
        }
      }
    }
    let byRule = kept.grouped { decisions.decision(for: $0).rule?.location.fileAndLine ?? "" }
    let problems: [GuestFinding.Problem] =
      (unreserved.isEmpty ? [] : [.notReserved(unreserved)])
      + byRule.map { .keptForHost($0.elements, rule: $0.value) }
    return (problems, Set(unreserved + kept))
  }

  /// The kernel drops an adapter from a guest for any of its APQNs that the machine is configured for and that is not on
  /// `vfio_ap`, also for one that does not exist here (SimulatedBus documentation, "Guests"). Of an adapter without any
  /// queue the guest can lose nothing.
  private func lostAdapters(
    of device: MediatedDevice, on inventory: Inventory, owner: (Queue) -> Owner,
    where isMeant: (APQN) -> Bool = { _ in true }
  ) -> [GuestFinding.Problem] {
    device.adapters.compactMap { adapter in
      let queues = inventory.queues(ofCard: adapter).filter {
        device.domains.contains($0.apqn.domain)
      }
      guard !queues.isEmpty else { return nil }
      let reserved = APMask(queues.filter { owner($0) == .vfioAP }.map(\.apqn.domain))
      let needed =
        inventory.bus.configuredDomains.map(device.domains.intersection)
        ?? APMask(queues.map(\.apqn.domain))
      return needed.subtracting(reserved).lazy.map { APQN(adapter: adapter, domain: $0) }
        .first(where: isMeant).map { .losesAdapter(adapter, missing: $0) }
    }
  }

  // MARK: - An active device

  /// What an active device lacks, also against its definition.
  private func findings(
    of device: MediatedDevice, on inventory: Inventory, owner: (Queue) -> Owner
  ) -> [GuestFinding] {
    let definition = definitions.first { $0.device.uuid == device.uuid }
    var problems = lostAdapters(of: device, on: inventory, owner: owner)
    if let definition, definition.problems.isEmpty {
      let without = definition.device.queues(beyond: device)
      let beyond = device.queues(beyond: definition.device)
      if !without.isEmpty { problems.append(.activeWithout(without)) }
      if !beyond.isEmpty { problems.append(.activeBeyond(beyond)) }
    }
    return problems.map {
      GuestFinding(
        devices: [device.uuid], name: guestName(of: device.uuid), place: definition?.path ?? "",
        problem: $0)
    }
  }

  // MARK: - Guests and their virtual machines among each other

  /// Guests that are to have the same queues, each pair once.
  private func overlaps(on inventory: Inventory) -> [GuestFinding] {
    var findings: [GuestFinding] = []
    for (index, definition) in definitions.enumerated() {
      let device = definition.device
      for other in definitions[(index + 1)...] {
        let common = device.queues(sharedWith: other.device)
        guard !common.isEmpty else { continue }
        let name = guestName(of: other.device.uuid)
        var found = finding(
          definition,
          definition.startsAutomatically && other.startsAutomatically
            ? .conflict(common, with: name) : .overlap(common, with: name))
        found.devices.append(other.device.uuid)
        findings.append(found)
      }
      // What an active device has beyond its definition, or without one.
      for active in inventory.mediatedDevices where active.uuid != device.uuid {
        let known = definitions.first { $0.device.uuid == active.uuid }?.device
        let common = device.queues(sharedWith: active).filter { known?.holds($0) != true }
        guard !common.isEmpty else { continue }
        var found = finding(definition, .overlap(common, with: guestName(of: active.uuid)))
        found.devices.append(active.uuid)
        findings.append(found)
      }
    }
    return findings
  }

  private func findings(of machine: VirtualMachine, on inventory: Inventory) -> [GuestFinding] {
    let known = Set(inventory.mediatedDevices.map(\.uuid) + definitions.map(\.device.uuid))
    func finding(_ devices: [String], _ problem: GuestFinding.Problem) -> GuestFinding {
      let directory =
        machine.definedDevices.contains(where: devices.contains)
        ? VirtualMachine.definedDirectory : VirtualMachine.liveDirectory
      return GuestFinding(
        devices: devices, name: "virtual machine \(machine.name.printable)",
        place: "\(directory)/\(machine.name).xml", problem: problem)
    }
    var findings = [machine.definedDevices, machine.liveDevices ?? []].filter { $0.count > 1 }
      .prefix(1).map { finding($0, .severalDevices(count: $0.count)) }
    findings += machine.mediatedDevices.filter { !known.contains($0) }
      .map {
        finding([$0], .vanishedDevice(suspect: managers.first(where: \.removesMediatedDevices)))
      }
    return findings
  }
}

extension MediatedDevice {
  /// The queues of its matrix.
  package var queues: [APQN] {
    adapters.flatMap { adapter in domains.map { APQN(adapter: adapter, domain: $0) } }
  }

  /// The queues of its matrix that another device does not have.
  func queues(beyond other: MediatedDevice) -> [APQN] {
    queues.filter { !other.holds($0) }
  }

  /// The queues that both have in their matrices.
  func queues(sharedWith other: MediatedDevice) -> [APQN] {
    MediatedDevice(
      uuid: uuid, adapters: adapters.intersection(other.adapters),
      domains: domains.intersection(other.domains)
    ).queues
  }
}
