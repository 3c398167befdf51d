package import APBus
package import Reservation
import ReservationRules

/// Rules for what is reserved on a machine now, by whatever means, so that apreserve can take over:
/// held against the same machine they give an empty plan.
///
/// What the configuration of other tools requests, but is not in effect now, is written as comments.
package struct RuleImport {
  private let inventory: Inventory
  private let host: HostIdentity
  private let configuration: HostConfiguration
  private let ownership: Ownership
  /// Queues that a rule would move.
  private var exceptions: Set<APQN> = []

  package init(
    inventory: Inventory, host: HostIdentity, configuration: HostConfiguration,
    ownership: Ownership = Ownership()
  ) {
    self.inventory = inventory
    self.host = host
    self.configuration = configuration
    self.ownership = ownership
  }

  /// The rule file.
  ///
  /// A queue is left out where its rule would have something written: one that is on its way between
  /// two drivers, or too old for `vfio_ap`. Leaving it out can show another one, so that is repeated.
  /// It has a rule of its own only if another one names it, so that no rule of the file is idle.
  package func text() -> String {
    var candidate = self
    while true {
      let rules = candidate.rules()
      let moved = candidate.moved(by: rules).subtracting(candidate.exceptions)
      guard !moved.isEmpty else { return candidate.header + rules + candidate.remarks }
      candidate.exceptions.formUnion(moved)
    }
  }

  /// The queues that a plan by these rules would touch, or would like to.
  private func moved(by rules: String) -> Set<APQN> {
    let (set, _) = RuleSet.parse(files: [RuleFile(path: "import", text: rules)])
    guard
      let assessment = try? Assessment(
        inventory: inventory, rules: set, host: host, ownership: ownership,
        context: PlanningContext(configuration: configuration))
    else { return [] }
    let plan = assessment.plan
    var moved = Set((plan.changes.map(\.apqn) + plan.refusals.map(\.apqn)))
    for operation in plan.operations {
      switch operation.subject {
      case .queue(let apqn), .online(let apqn): moved.insert(apqn)
      // Masks that move nothing follow a queue that is on vfio_ap although they give it to the host.
      case .masks: moved.formUnion(single)
      }
    }
    return moved
  }

  private var header: String {
    let name = host.name.map { " on \($0.printable)" } ?? ""
    return """
      # What was reserved for vfio_ap\(name) when "apreserve import" wrote this file.
      # With these rules, the plan for that machine is empty.

      """
  }

  private func rules() -> String {
    var lines: [String] = []
    if let masks = inventory.bus.masks { lines += Self.maskRules(masks) }
    for pattern in Self.patterns(single.filter { !exceptions.contains($0) }) {
      lines.append("APQN==\"\(pattern)\", RESERVE=\"vfio_ap\"")
    }
    let masked = exceptions.filter { inventory.bus.isKeptFromHost($0) }
    if !masked.isEmpty {
      lines += [
        "", "# Not bound to vfio_ap now although configured to be, or not able to stay there.",
      ]
      for pattern in Self.patterns(masked) {
        lines.append("APQN==\"\(pattern)\", RESERVE=\"unmanaged\"")
      }
    }
    if lines.isEmpty { lines = ["# Nothing is reserved."] }
    return lines.map { $0 + "\n" }.joined()
  }

  /// Queues that are reserved one by one: not by masks.
  private var single: [APQN] {
    inventory.queues.filter { queue in
      (queue.owner == .vfioAP || queue.driverOverride == DriverName.vfioAP)
        && !inventory.bus.isKeptFromHost(queue.apqn)
    }.map(\.apqn)
  }

  /// A rule for the adapters and one for the domains that masks keep from the host, present or not.
  private static func maskRules(_ masks: MaskPair) -> [String] {
    var lines: [String] = []
    if masks.adapters != .all {
      let adapters = APQNRectangle.numbers(
        masks.adapters.complement, digits: 2, separator: "|")
      lines.append("ADAPTER==\"\(adapters)\", RESERVE=\"vfio_ap\"")
    }
    if masks.domains != .all {
      let domains = APQNRectangle.numbers(
        masks.domains.complement, digits: 4, separator: "|")
      lines.append("DOMAIN==\"\(domains)\", RESERVE=\"vfio_ap\"")
    }
    return lines
  }

  /// What the configuration of other tools requests, but is not in effect.
  private var remarks: String {
    var lines: [String] = []
    let partial = exceptions.filter { single.contains($0) }
    if !partial.isEmpty {
      lines += [
        "",
        "# Not bound to vfio_ap now although driver_override requests it, or not able to stay there.",
        "# To reserve them, uncomment:",
      ]
      lines += Self.patterns(partial).map { "#APQN==\"\($0)\", RESERVE=\"vfio_ap\"" }
    }
    for masks in [configuration.bootMasks, configuration.persistentMasks].compactMap({ $0 }) {
      guard masks.isRestricting else { continue }
      let configured = MaskPair(
        adapters: masks.adapters ?? .all, domains: masks.domains ?? .all)
      lines += ["", "# \(masks.source) sets masks at every boot; remove them there."]
      guard configured != inventory.bus.masks else { continue }
      lines.append("# They differ from the masks in force. To reserve the same queues, uncomment:")
      lines += Self.maskRules(configured).map { "#" + $0 }
    }
    for override in configuration.overrides {
      lines += [
        "", "# \(override.source) sets driver_override \(override.driver.printable); remove it.",
      ]
      guard override.driver == DriverName.vfioAP, !isReserved(override.apqn) else { continue }
      lines.append("# The queue is not reserved now. To reserve it, uncomment:")
      lines.append("#APQN==\"\(override.apqn)\", RESERVE=\"vfio_ap\"")
    }
    for definition in configuration.definitions where definition.startsAutomatically {
      let device = definition.device
      let missing = device.adapters.flatMap { adapter in
        device.domains.map { APQN(adapter: adapter, domain: $0) }
      }.filter { !isReserved($0) }
      guard !missing.isEmpty else { continue }
      let name = configuration.name(ofMediatedDevice: device.uuid).printable
      lines += [
        "",
        "# Mediated device \(name) starts automatically, but some of its queues are not reserved.",
      ]
      lines.append("# To reserve them, uncomment:")
      for pattern in Self.patterns(missing) {
        lines.append("#APQN==\"\(pattern)\", RESERVE=\"vfio_ap\"")
      }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private func isReserved(_ apqn: APQN) -> Bool {
    inventory.queue(apqn)?.owner == .vfioAP || inventory.bus.isKeptFromHost(apqn)
  }

  private static func patterns(_ apqns: some Sequence<APQN>) -> [String] {
    APQNRectangle.covering(apqns).map(\.description)
  }
}
