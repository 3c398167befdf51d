package import APBus
import ReservationRules

/// A guest: a mediated device of `vfio_ap`, active, defined or only named by a virtual machine, with what it is to
/// have and what has become of that.
package struct Guest: Equatable, Sendable {
  /// The UUID of the mediated device.
  package var uuid: String
  /// The virtual machines that use it.
  package var virtualMachines: [String]
  /// The device as it is; nil while it is not started.
  package var active: MediatedDevice?
  /// The device as it is defined; nil where mdevctl does not know it.
  package var definition: MediatedDeviceDefinition?
  /// Whether a virtual machine runs with it.
  package var isRunning: Bool
  /// What is or will be wrong with it.
  package var findings: [GuestFinding] = []
  /// The queues that it is to have, and why a guest cannot use them now.
  package var queues: [Queue] = []

  /// A queue of a guest.
  package struct Queue: Equatable, Sendable {
    package var apqn: APQN
    /// Why it cannot be used now; nil if it can.
    package var reason: OpenRequest.Reason?
    /// Other guests that are to have it, too.
    package var others: [String] = []
  }

  package enum State: String, Hashable, Sendable, CaseIterable {
    /// Not all that it is to have can be used, or it cannot be started at all.
    case incomplete
    /// Another guest is to have some of it, too, or its virtual machine has several devices.
    case conflicting
    /// It runs, and has everything.
    case running
    /// It can be started.
    case ready
  }

  package var state: State {
    if findings.contains(where: \.kind.isConflict) { return .conflicting }
    if queues.contains(where: { $0.reason != nil })
      || findings.contains(where: \.kind.isLack) || definition?.problems.isEmpty == false
    {
      return .incomplete
    }
    return isRunning ? .running : .ready
  }

  /// What it is to have: the device as it is defined, or as it is where it has no definition.
  package var device: MediatedDevice {
    definition?.device ?? active ?? MediatedDevice(uuid: uuid)
  }

  /// Its name for people: a virtual machine, or the UUID.
  package var name: String { virtualMachines.first ?? uuid }

  /// How sentences and rules name its device.
  package var deviceName: MediatedDeviceName {
    MediatedDeviceName(uuid: uuid, virtualMachine: virtualMachines.first)
  }
}

extension Guest {
  /// A guest that is to be, as it would be defined.
  package init(_ draft: GuestDraft) {
    self.init(
      uuid: draft.device.uuid, virtualMachines: [draft.name], active: nil,
      definition: draft.definition, isRunning: false)
  }
}

extension Assessment {
  /// The guests of the machine, those with names first.
  package var guests: [Guest] {
    let configuration = context.configuration
    let findings = configuration.guestFindings(on: inventory, by: decisions, owners: plan.owners)
    let devices = inventory.mediatedDevices + configuration.definitions.map(\.device)
    let named = configuration.virtualMachines.flatMap(\.mediatedDevices)
    let requests = Requests(
      inventory: inventory, decisions: decisions, ownership: ownership,
      configuration: configuration, plan: plan, progress: RequestProgress(), devices: devices)
    var guests: [Guest] = Set(devices.map(\.uuid) + named).map { uuid in
      let machines = configuration.virtualMachines.filter { $0.mediatedDevices.contains(uuid) }
      let active = inventory.mediatedDevices.first { $0.uuid == uuid }
      return Guest(
        uuid: uuid, virtualMachines: machines.map(\.name), active: active,
        definition: configuration.definitions.first { $0.device.uuid == uuid },
        isRunning: machines.contains { $0.liveDevices?.contains(uuid) == true }
          || active.map { device in
            inventory.queues.contains { $0.guestStatus == .inUse && device.holds($0.apqn) }
          } ?? false,
        findings: findings.filter { $0.devices.contains(uuid) })
    }
    let queues = guests.map { APQNSet($0.device.queues + ($0.active?.queues ?? [])) }
    for index in guests.indices {
      guests[index].queues = queues[index].map { apqn in
        Guest.Queue(
          apqn: apqn,
          // Only these know how far the agent has come.
          reason: (self.requests.queues.contains(apqn) ? self.requests : requests)
            .reason(for: apqn),
          others: guests.indices.filter { $0 != index && queues[$0].contains(apqn) }
            .map { guests[$0].name })
      }
    }
    return guests.sorted {
      ($0.virtualMachines.isEmpty ? 1 : 0, $0.name, $0.uuid)
        < ($1.virtualMachines.isEmpty ? 1 : 0, $1.name, $1.uuid)
    }
  }
}

extension Guest.Queue {
  /// What a person can do so that the guest can use the queue; nil if nothing needs to be done.
  package func remedy(for guest: Guest) -> String? {
    guard let reason else {
      return others.isEmpty
        ? nil : "take it out of the definition of one of the two guests; only one can have it"
    }
    let rule = "add the rule \(guest.deviceName.rule)"
    if case .notReserved(_, nil) = reason { return rule }
    return OpenRequest.remedy(for: [apqn], reason: reason)
      ?? {
        switch reason {
        case .planned, .unfinished: "run apreserve apply, or start apreserve.service"
        case .failed: "apreserve status has the failure; the daemon tries again"
        case .lock: "wait until the other process has ended"
        case .draining: "wait until the host's requests are finished"
        case .notRequested: rule
        default: "run apreserve explain \(apqn)"
        }
      }()
  }
}
