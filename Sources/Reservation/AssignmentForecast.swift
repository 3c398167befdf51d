package import APBus
package import ReservationRules

/// Foresees what the kernel answers when the attributes of a mediated device are written one after the other
/// (SimulatedBus documentation, "Mediated devices").
///
/// It objects to nothing that the kernel takes: an attribute that it does not know it leaves to the kernel.
package struct AssignmentForecast {
  /// The device after the writes.
  package private(set) var device: MediatedDevice
  /// Attributes whose values the kernel takes on no machine.
  package private(set) var invalid: [MdevctlDefinition.Attribute] = []
  /// Queues that the kernel does not assign, because they are the host's.
  package private(set) var hostOwned = APQNSet()
  /// Queues that other mediated devices have, by device.
  package private(set) var shared: [(device: MediatedDevice, queues: APQNSet)]

  private let unassignable: APQNSet

  /// Starts with a device that has nothing, such as a new one.
  package init(of uuid: String, on inventory: Inventory) {
    device = MediatedDevice(uuid: uuid.lowercased())
    unassignable = inventory.unassignable
    shared = inventory.mediatedDevices.filter { $0.uuid != uuid.lowercased() }
      .map { ($0, APQNSet()) }
  }

  /// Whether every write succeeds.
  package var isPossible: Bool {
    invalid.isEmpty && hostOwned.isEmpty && shared.allSatisfy(\.queues.isEmpty)
  }

  /// What mdevctl writes when it starts the device. What follows an objection is foreseen as if there were none, so
  /// that all objections are known at once.
  package mutating func write(_ attributes: [MdevctlDefinition.Attribute]) {
    for attribute in attributes { write(attribute) }
  }

  private mutating func write(_ attribute: MdevctlDefinition.Attribute) {
    // Such a write does not reach the driver.
    guard !attribute.value.isEmpty, let write = MatrixWrite(attribute) else { return }
    switch write {
    case .invalid: invalid.append(attribute)
    case .adapter(let adapter, isAssigned: true):
      device.adapters.insert(adapter)
      check([adapter], device.domains)
    case .domain(let domain, isAssigned: true):
      device.domains.insert(domain)
      check(device.adapters, [domain])
    case .controlDomain(let domain, isAssigned: true): device.controlDomains.insert(domain)
    case .adapter(let adapter, isAssigned: false): device.adapters.remove(adapter)
    case .domain(let domain, isAssigned: false): device.domains.remove(domain)
    case .controlDomain(let domain, isAssigned: false): device.controlDomains.remove(domain)
    case .everything(let adapters, let domains, let controlDomains):
      (device.adapters, device.domains) = (adapters, domains)
      device.controlDomains = controlDomains
      check(adapters, domains)
    }
  }

  /// The device as it will be, as one write of `ap_config` makes it.
  package mutating func writeAtOnce(_ attributes: [MdevctlDefinition.Attribute]) {
    write(attributes)
    hostOwned = APQNSet()
    for index in shared.indices { shared[index].queues = APQNSet() }
    check(device.adapters, device.domains)
  }

  private mutating func check(_ adapters: APMask, _ domains: APMask) {
    for adapter in adapters {
      hostOwned[adapter].formUnion(domains.intersection(unassignable[adapter]))
      for index in shared.indices where shared[index].device.adapters.contains(adapter) {
        shared[index].queues[adapter].formUnion(
          domains.intersection(shared[index].device.domains))
      }
    }
  }
}

extension MdevctlDefinition.Attribute {
  /// Whether the kernel takes the value on no machine.
  package var isInvalid: Bool { !value.isEmpty && MatrixWrite(self) == .invalid }

  /// Why the kernel does not take the value: a sentence.
  fileprivate var objection: String {
    let form =
      name == "ap_config"
      ? "three masks such as 0x0c00 with commas between them"
      : "a number from 0 to 255, decimal, or hexadecimal after 0x, or octal after 0"
    return
      "the attribute \(name.printable) is \"\(String(value.prefix(80)).printable)\", and the kernel takes only "
      + form
  }
}

/// What a write to one of the files of a mediated device does.
private enum MatrixWrite: Equatable {
  case adapter(UInt8, isAssigned: Bool)
  case domain(UInt8, isAssigned: Bool)
  case controlDomain(UInt8, isAssigned: Bool)
  case everything(adapters: APMask, domains: APMask, controlDomains: APMask)
  /// An error.
  case invalid

  /// Nil for a file that has nothing to do with the matrix.
  init?(_ attribute: MdevctlDefinition.Attribute) {
    let number = Self.number(attribute.value)
    switch attribute.name {
    case "assign_adapter": self = number.map { .adapter($0, isAssigned: true) } ?? .invalid
    case "unassign_adapter": self = number.map { .adapter($0, isAssigned: false) } ?? .invalid
    case "assign_domain": self = number.map { .domain($0, isAssigned: true) } ?? .invalid
    case "unassign_domain": self = number.map { .domain($0, isAssigned: false) } ?? .invalid
    case "assign_control_domain":
      self = number.map { .controlDomain($0, isAssigned: true) } ?? .invalid
    case "unassign_control_domain":
      self = number.map { .controlDomain($0, isAssigned: false) } ?? .invalid
    case "ap_config": self = Self.masks(attribute.value) ?? .invalid
    default: return nil
    }
  }

  /// A number as `kstrtoul` reads it with base 0, of those that an adapter or domain can have.
  private static func number(_ text: String) -> UInt8? {
    var digits = text.utf8[...]
    if digits.last == UInt8(ascii: "\n") { digits.removeLast() }
    if digits.first == UInt8(ascii: "+") { digits.removeFirst() }
    var radix = 10
    if digits.count > 2, digits.starts(with: "0x".utf8) || digits.starts(with: "0X".utf8) {
      radix = 16
      digits = digits.dropFirst(2)
    } else if digits.count > 1, digits.first == UInt8(ascii: "0") {
      radix = 8
    }
    // A second sign would be read below.
    guard let first = digits.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-"),
      let value = UInt64(Substring(digits), radix: radix)
    else { return nil }
    return UInt8(exactly: value)
  }

  private static func masks(_ text: String) -> MatrixWrite? {
    let line = text.utf8.last == UInt8(ascii: "\n") ? text.dropLast() : text[...]
    let parts = line.split(separator: ",", omittingEmptySubsequences: false)
    let masks = parts.compactMap { part in
      part.utf8.starts(with: "0x".utf8) ? APMask().writing(part.utf8) : nil
    }
    guard parts.count == 3, masks.count == 3 else { return nil }
    return .everything(adapters: masks[0], domains: masks[1], controlDomains: masks[2])
  }
}

extension Inventory {
  /// The APQNs that no mediated device can be given: an override decides for a bound queue that has one, else the masks
  /// do, whether or not the queue exists (`ap_apqn_in_matrix_owned_by_def_drv`, 7.2).
  fileprivate var unassignable: APQNSet {
    var apqns = APQNSet()
    for adapter in UInt8.min...UInt8.max {
      apqns[adapter] = bus.masks?.hostDomains(of: adapter) ?? []
    }
    for queue in queues where queue.driverOverride != nil && queue.driver != nil {
      if queue.owner == .vfioAP { apqns.remove(queue.apqn) } else { apqns.insert(queue.apqn) }
    }
    return apqns
  }

  /// Whether queues are reserved by overrides, or would be: the masks keep nothing from the host, or some queue has an
  /// override in spite of them.
  package var isInOverrideMode: Bool {
    bus.supportsOverride == true
      && (bus.masks == .all || queues.contains { $0.driverOverride != nil })
  }
}

extension AssignmentForecast {
  /// Why the device cannot be started, each a sentence: the queues, who has them, and what the rules say of them.
  /// Without decisions the rules are not known.
  package func objections(
    on inventory: Inventory, by decisions: DecisionTable?, configuration: HostConfiguration
  ) -> [String] {
    let name = configuration.mediatedDeviceName(of: device.uuid)
    let queues = Array(hostOwned).map { apqn in
      (
        apqn: apqn, holder: Holder(of: apqn, on: inventory),
        rule: decisions.map { RuleWord(of: apqn, by: $0) } ?? .unknown
      )
    }
    return invalid.map(\.objection)
      + queues.grouped { Reason(holder: $0.holder, rule: $0.rule) }.map { reason, queues in
        let apqns = queues.map(\.apqn)
        return apqns.shortList() + " " + reason.holder.clause(isOne: apqns.count == 1)
          + reason.rule.clause(guest: name, first: apqns[0], isOne: apqns.count == 1)
      }
      + shared.filter { !$0.queues.isEmpty }.map { other, queues in
        let apqns = Array(queues)
        return
          "\(apqns.shortList()) \(apqns.count == 1 ? "is" : "are") assigned to mediated device "
          + "\(configuration.name(ofMediatedDevice: other.uuid)), and only one device can have a queue"
      }
  }

  private struct Reason: Hashable {
    var holder: Holder
    var rule: RuleWord
  }

  /// Who has a queue that cannot be assigned.
  private enum Holder: Hashable {
    case absent
    case driver(String)
    case nobody
    /// `vfio_ap`, but not by an override.
    case unreserved

    init(of apqn: APQN, on inventory: Inventory) {
      guard let queue = inventory.queue(apqn) else {
        self = .absent
        return
      }
      switch queue.driver {
      case DriverName.vfioAP?: self = .unreserved
      case let driver?: self = .driver(driver)
      case nil: self = .nobody
      }
    }

    func clause(isOne: Bool) -> String {
      switch self {
      case .absent:
        (isOne ? "is absent" : "are absent")
          + ", and where queues are reserved by driver_override, only those that are present can be assigned"
      case .driver(let driver): (isOne ? "has" : "have") + " the driver \(driver.printable)"
      case .nobody: (isOne ? "has" : "have") + " no driver"
      case .unreserved:
        (isOne ? "is" : "are")
          + " on vfio_ap without a driver_override, so that the host could take "
          + (isOne ? "it" : "them") + " back"
      }
    }
  }

  /// What the rules say of a queue.
  private enum RuleWord: Hashable {
    case unknown
    case reserves(String)
    case keeps(String)
    case leaves(String)
    case nothing

    init(of apqn: APQN, by decisions: DecisionTable) {
      let decision = decisions.decision(for: apqn)
      let rule = decision.rule?.location.fileAndLine
      switch (decision.reserve, rule) {
      case (.vfioAP?, let rule?): self = .reserves(rule)
      case (.host?, let rule?): self = .keeps(rule)
      case (_, let rule?): self = .leaves(rule)
      case (_?, nil): self = .nothing
      case (nil, nil): self = .unknown
      }
    }

    func clause(guest: MediatedDeviceName, first: APQN, isOne: Bool) -> String {
      let them = isOne ? "it" : "them"
      return switch self {
      case .unknown: "; \"apreserve explain \(first)\" has more"
      case .reserves(let rule):
        ", although \(rule.printable) reserves \(them); \"apreserve explain \(first)\" says why"
      case .keeps(let rule): ": \(rule.printable) keeps \(them) for the host"
      case .leaves(let rule): ": \(rule.printable) does not reserve \(them)"
      case .nothing:
        ": no rule reserves \(them); \(guest.rule) does"
      }
    }
  }
}

/// A definition that mdevctl is to store.
package struct DefinitionChange {
  private let uuid: String
  private let definition: MdevctlDefinition
  private let before: MdevctlDefinition?

  /// `before` is what is stored already, if that can be read.
  package init(of uuid: String, to definition: MdevctlDefinition, before: MdevctlDefinition?) {
    self.uuid = uuid.lowercased()
    self.definition = definition
    self.before = before
  }

  /// What is wrong with the definition and was not before, so that a wrong one can be mended step by step: values that
  /// the kernel does not take, and queues that another device has which starts at boot, too.
  package func objections(in configuration: HostConfiguration) -> [String] {
    let known = Set(before?.attributes ?? [])
    let invalid = definition.attributes.filter { $0.isInvalid && !known.contains($0) }
    guard definition.startsAutomatically else { return invalid.map(\.objection) }
    let device = matrix(of: definition)
    let deviceBefore = before.flatMap { $0.startsAutomatically ? matrix(of: $0) : nil }
    return invalid.map(\.objection)
      + configuration.definitions.compactMap { other in
        guard other.startsAutomatically, other.device.uuid != uuid else { return nil }
        let apqns = device.queues(sharedWith: other.device).filter {
          deviceBefore?.holds($0) != true
        }
        guard !apqns.isEmpty else { return nil }
        return
          "\(apqns.shortList()) \(apqns.count == 1 ? "is" : "are") defined for mediated device "
          + "\(configuration.name(ofMediatedDevice: other.device.uuid)), which starts at boot, too, so that the second "
          + "of the two fails"
      }
  }

  private func matrix(of definition: MdevctlDefinition) -> MediatedDevice {
    var forecast = AssignmentForecast(of: uuid, on: .empty)
    forecast.write(definition.attributes)
    return forecast.device
  }
}
