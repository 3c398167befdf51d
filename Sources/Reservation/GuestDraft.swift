package import APBus
import ReservationRules

/// A guest as it is to be defined.
package struct GuestDraft: Equatable, Sendable {
  package var name: String
  package var device: MediatedDevice
  package var startsAutomatically: Bool

  /// Without a `uuid` it is the one that stands for the name, by which `GUEST` finds the definition.
  package init(
    name: String, uuid: String? = nil, matrix: QueueMatrix, controlDomains: APMask = [],
    startsAutomatically: Bool
  ) {
    self.name = name
    self.startsAutomatically = startsAutomatically
    device = MediatedDevice(
      uuid: uuid?.lowercased() ?? GuestAssignments.uuid(forLabel: name), adapters: matrix.adapters,
      domains: matrix.domains, controlDomains: controlDomains)
  }

  package var definition: MediatedDeviceDefinition {
    MediatedDeviceDefinition(device: device, startsAutomatically: startsAutomatically)
  }

  /// What would be wrong with it beside the guests of a machine.
  package func findings(on assessment: Assessment) -> [GuestFinding] {
    var configuration = assessment.context.configuration
    configuration.definitions.removeAll { $0.device.uuid == device.uuid }
    configuration.definitions.append(definition)
    let isUsed = configuration.virtualMachines.contains { $0.mediatedDevices.contains(device.uuid) }
    if !isUsed {
      configuration.virtualMachines.append(
        VirtualMachine(name: name, mediatedDevices: [device.uuid]))
    }
    let inventory = assessment.inventory
    let decisions = DecisionTable(
      rules: assessment.decisions.rules, inventory: inventory, host: assessment.host,
      guests: configuration.guests)
    // The rules decide about the guest as soon as it is defined.
    let reserved = device.queues.filter { decisions.row($0.adapter).vfioAP.contains($0.domain) }
    return configuration.guestFindings(
      on: inventory, by: decisions,
      owners: Dictionary(reserved.map { ($0, .vfioAP) }) { first, _ in first }
    ).filter { $0.devices.contains(device.uuid) }
  }
}

extension APMask {
  /// The numbers as rules have them, such as `5` and `0x0a`, with a separator between them.
  package func ruleNumbers(_ separator: String) -> String {
    map { $0 < 10 ? "\($0)" : "0x" + Hex.text($0, digits: 2) }.joined(separator: separator)
  }
}

/// The queues of some adapters in some domains: all that a mediated device can have.
package struct QueueMatrix: Hashable, Sendable {
  package var adapters: APMask
  package var domains: APMask

  package init(adapters: APMask, domains: APMask) {
    self.adapters = adapters
    self.domains = domains
  }

  /// The matrix with exactly these queues; nil where there is none.
  package init?(_ queues: APQNSet) {
    let around = QueueMatrix(around: queues)
    guard around.queues == queues else { return nil }
    self = around
  }

  /// The smallest one with all these queues.
  package init(around queues: APQNSet) {
    self.init(adapters: queues.adapters, domains: queues.domains)
  }

  /// A large one of these queues only: the largest in which some adapters have all domains that two of them share.
  package init(within queues: APQNSet) {
    let adapters = Array(queues.adapters)
    var best = QueueMatrix(adapters: [], domains: [])
    for (index, first) in adapters.enumerated() {
      for second in adapters[index...] {
        let domains = queues[first].intersection(queues[second])
        let rows = APMask(adapters.filter { domains.isSubset(of: queues[$0]) })
        let candidate = QueueMatrix(adapters: rows, domains: domains)
        if candidate.count > best.count { best = candidate }
      }
    }
    self = best
  }

  package var count: Int { adapters.count * domains.count }

  package var queues: APQNSet {
    var queues = APQNSet()
    for adapter in adapters { queues[adapter] = domains }
    return queues
  }
}
