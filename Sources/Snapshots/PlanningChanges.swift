import APBus
import Reservation
import ReservationRules

/// What has changed of all that a plan depends on, between two moments.
///
/// What one of the two has not read, such as master keys that no guard needs, does not differ. Nor do requests that are
/// under way in a queue.
package struct PlanningChanges: Equatable, Sendable {
  /// A clause for each change, those of many queues or cards in one.
  package private(set) var lines: [String] = []

  package init(from before: PlanningState, to after: PlanningState) {
    let (old, new) = (before.machine, after.machine)
    compare("host", old.host.name, new.host.name)
    compare("LPAR", old.host.lpar, new.host.lpar)
    compare(old.inventory.bus, new.inventory.bus)
    compareCards(old.inventory, new.inventory)
    compareQueues(old.inventory, new.inventory)
    compareMediatedDevices(old.inventory, new.inventory)
    compare(old.ownership, new.ownership)
    if old.configuration != new.configuration {
      lines.append("other files of the host that concern crypto queues have changed")
    }
    for line in RuleChanges(from: before.rules.rules, to: after.rules.rules).lines {
      lines.append("rule \(line.printable)")
    }
    compare(before.settings, after.settings)
  }

  private mutating func compare(_ subject: String, _ old: String?, _ new: String?) {
    if let change = Self.change(old, new) { lines.append("\(subject.printable)  \(change)") }
  }

  fileprivate static func change(_ old: String?, _ new: String?) -> String? {
    old == new ? nil : "\((old ?? "none").printable) -> \((new ?? "none").printable)"
  }

  private mutating func compare(_ old: BusState, _ new: BusState) {
    compare("apmask", old.masks?.adapters.description, new.masks?.adapters.description)
    compare("aqmask", old.masks?.domains.description, new.masks?.domains.description)
    compare(
      "default domain", old.defaultDomain.map { "\($0)" }, new.defaultDomain.map { "\($0)" })
    compare("drivers", old.drivers.joined(separator: " "), new.drivers.joined(separator: " "))
    if old.configuredAdapters != new.configuredAdapters
      || old.configuredDomains != new.configuredDomains
    {
      lines.append("this system is configured for other adapters or domains")
    }
  }

  private mutating func compareCards(_ old: Inventory, _ new: Inventory) {
    let adapters = old.adapters.union(new.adapters)
    let changes = adapters.flatMap { adapter in
      Self.changes(old.card(adapter), new.card(adapter)).map {
        (name: BusObject.cardName(adapter), text: $0)
      }
    }
    for group in changes.grouped(by: \.text) {
      lines.append("\(group.elements.map(\.name).shortList())  \(group.value)")
    }
  }

  private static func changes(_ old: Card?, _ new: Card?) -> [String] {
    guard let old else { return ["added"] }
    guard let new else { return ["removed"] }
    let shared = Set(old.attributes.keys).intersection(new.attributes.keys).sorted()
    return [
      named("hwtype", "\(old.hardwareType.rawValue)", "\(new.hardwareType.rawValue)"),
      named("mode", old.mode?.rawValue, new.mode?.rawValue),
      named("driver", old.driver, new.driver),
      named("config", digit(old.isConfigured), digit(new.isConfigured)),
      named("chkstop", digit(old.isCheckStopped), digit(new.isCheckStopped)),
    ].compactMap(\.self)
      + shared.compactMap { named($0, old.attributes[$0], new.attributes[$0]) }
  }

  private mutating func compareQueues(_ old: Inventory, _ new: Inventory) {
    var apqns = old.apqns
    apqns.formUnion(new.apqns)
    let changes = apqns.flatMap { apqn in
      Self.changes(old.queue(apqn), new.queue(apqn)).map { (apqn: apqn, text: $0) }
    }
    for group in changes.grouped(by: \.text) {
      lines.append("\(group.elements.map(\.apqn).shortList())  \(group.value)")
    }
  }

  private static func changes(_ old: Queue?, _ new: Queue?) -> [String] {
    guard let old else { return ["added, with \(new?.owner.rawValue ?? "no owner")"] }
    guard let new else { return ["removed"] }
    var changes = [
      named("driver", old.driver, new.driver),
      named("driver_override", old.driverOverride, new.driverOverride),
      named("config", digit(old.isConfigured), digit(new.isConfigured)),
      named("chkstop", digit(old.isCheckStopped), digit(new.isCheckStopped)),
    ]
    // Another driver has other files.
    if old.driver == new.driver {
      changes += [
        named("online", digit(old.isOnline), digit(new.isOnline)),
        named("status", old.guestStatus?.rawValue, new.guestStatus?.rawValue),
      ]
      if let keys = old.masterKeys, let others = new.masterKeys, keys != others {
        changes.append("other master keys")
      }
    }
    return changes.compactMap(\.self)
  }

  /// How an attribute has changed; nil if it has not.
  private static func named(_ name: String, _ old: String?, _ new: String?) -> String? {
    change(old, new).map { "\(name) \($0)" }
  }

  private static func digit(_ flag: Bool?) -> String? { flag.map { $0 ? "1" : "0" } }

  private mutating func compareMediatedDevices(_ old: Inventory, _ new: Inventory) {
    let before = Dictionary(old.mediatedDevices.map { ($0.uuid, $0) }) { $1 }
    let after = Dictionary(new.mediatedDevices.map { ($0.uuid, $0) }) { $1 }
    for uuid in Set(before.keys).union(after.keys).sorted() where before[uuid] != after[uuid] {
      let change =
        before[uuid] == nil ? "added" : after[uuid] == nil ? "removed" : "has another matrix"
      lines.append("mediated device \(uuid.printable)  \(change)")
    }
  }

  private mutating func compare(_ old: Ownership, _ new: Ownership) {
    let (more, less) = (new.queues.subtracting(old.queues), old.queues.subtracting(new.queues))
    if !more.isEmpty { lines.append("\(more.sorted().shortList())  now reserved by apreserve") }
    if !less.isEmpty {
      lines.append("\(less.sorted().shortList())  not reserved by apreserve any more")
    }
    if old.masks != new.masks { lines.append("apreserve has cleared other bits of the masks") }
    compare("mechanism on record", old.mechanism?.rawValue, new.mechanism?.rawValue)
    compare("mechanism changed over to", old.changeover?.rawValue, new.changeover?.rawValue)
  }

  private mutating func compare(_ old: [AppliedSetting], _ new: [AppliedSetting]) {
    let before = Dictionary(old.map { ($0.name, $0.value) }) { $1 }
    let after = Dictionary(new.map { ($0.name, $0.value) }) { $1 }
    for name in Set(before.keys).union(after.keys).sorted() {
      compare(name, before[name], after[name])
    }
  }
}
