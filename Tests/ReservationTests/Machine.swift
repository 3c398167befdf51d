import APBus
import Reservation
import ReservationRules
import Testing

/// A machine for planner tests: its inventory, changed step by step.
struct Machine {
  var inventory: Inventory
  var ownership = Ownership()
  var context = PlanningContext()

  /// Cards of type 13 in CCA mode, a queue of each in each domain, all on `cex4queue`.
  init(
    adapters: [UInt8] = [0, 1, 2, 3], domains: [UInt8] = [0, 1, 2, 3], type: UInt8 = 13,
    mechanism: Mechanism
  ) {
    inventory = .empty
    inventory.bus.drivers = [DriverName.cex4card, DriverName.cex4queue, DriverName.vfioAP]
    if mechanism != .bind {
      inventory.bus.masks = .all
      inventory.bus.scans = 1
    }
    inventory.bus.supportsOverride = mechanism == .override
    for adapter in adapters { plug(adapter, type: type, domains: domains) }
  }

  mutating func plug(_ adapter: UInt8, type: UInt8 = 13, domains: [UInt8]) {
    inventory.setCard(
      Card(
        adapter: adapter, hardwareType: HardwareType(rawValue: type),
        functions: QueueMode.cca.functions, driver: DriverName.cex4card), adapter: adapter)
    for domain in domains {
      let apqn = APQN(adapter: adapter, domain: domain)
      inventory.setQueue(Queue(apqn: apqn, driver: DriverName.cex4queue), apqn: apqn)
    }
  }

  mutating func set(_ name: String, driver: String?, driverOverride: String? = nil) throws {
    let apqn = try #require(APQN(name))
    var queue = try #require(inventory.queue(apqn))
    queue.driver = driver
    queue.driverOverride = driverOverride
    inventory.setQueue(queue, apqn: apqn)
  }

  /// Clears bits of the masks and moves the queues outside the pool to `vfio_ap`.
  mutating func clear(adapters: APMask = [], domains: APMask = []) {
    inventory.bus.masks?.adapters.subtract(adapters)
    inventory.bus.masks?.domains.subtract(domains)
    for var queue in inventory.queues where inventory.bus.masks?.isInHostPool(queue.apqn) == false {
      queue.driver = DriverName.vfioAP
      inventory.setQueue(queue, apqn: queue.apqn)
    }
  }

  func planner(_ rules: String, heldBack: Set<Operation.Subject> = []) throws -> Planner {
    Planner(
      inventory: inventory, decisions: try decisions(rules), ownership: ownership, context: context,
      heldBack: heldBack)
  }

  /// What rules decide about it.
  func decisions(_ rules: String) throws -> DecisionTable {
    let (set, diagnostics) = RuleSet.parse(files: [RuleFile(path: "test.rules", text: rules)])
    try #require(diagnostics.isEmpty, "\(diagnostics)")
    return DecisionTable(
      rules: set, inventory: inventory, host: HostIdentity(), guests: context.configuration.guests)
  }

  /// Changes one queue.
  mutating func change(_ name: String, _ change: (inout Queue) -> Void) throws {
    let apqn = try #require(APQN(name))
    var queue = try #require(inventory.queue(apqn))
    change(&queue)
    inventory.setQueue(queue, apqn: apqn)
  }

  /// Changes one card.
  mutating func change(card adapter: UInt8, _ change: (inout Card) -> Void) throws {
    var card = try #require(inventory.card(adapter))
    change(&card)
    inventory.setCard(card, adapter: adapter)
  }

  func assessment(_ rules: String, _ mechanism: Mechanism) throws -> Assessment {
    let (set, diagnostics) = RuleSet.parse(files: [RuleFile(path: "test.rules", text: rules)])
    try #require(diagnostics.isEmpty, "\(diagnostics)")
    return try Assessment(
      inventory: inventory, rules: set, mechanism: mechanism, ownership: ownership, context: context
    )
  }

  func plan(_ mechanism: Mechanism, _ rules: String) throws -> Plan {
    try planner(rules).plan(by: mechanism)
  }
}

extension Plan {
  /// The writes as a person would type them.
  var writes: [String] { steps.map(\.description) }

  /// The moves, such as `01.0002 host>vfio_ap wanted`.
  var moves: [String] {
    changes.map { "\($0.apqn) \($0.from.rawValue)>\($0.to.rawValue) \($0.cause)" }
  }
}

/// A full mask as text with some bits cleared.
func mask(without bits: APMask) -> String { bits.complement.description }
