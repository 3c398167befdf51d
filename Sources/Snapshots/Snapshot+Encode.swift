import APBus
import Reservation
package import JSONText

extension Snapshot {
  /// The version of the description that this program writes and reads.
  package static let version = 1

  /// The description as text, a line for each queue. The same machine gives the same bytes everywhere.
  package func encoded() -> String {
    json.text(width: 160) + "\n"
  }

  /// The description as a JSON value.
  package var json: JSONValue {
    var members = Members()
    members.set("apreserve", "snapshot")
    members.set("version", .integer(Self.version))
    members.set("host", host.json)
    members.set("bus", inventory.bus.json)
    members.set(
      "cards", .array(inventory.cards.map { $0.json(queues: inventory.queues(ofCard: $0.adapter)) })
    )
    members.set("mediatedDevices", .array(inventory.mediatedDevices.map(\.json)))
    if configuration != HostConfiguration() { members.set("configuration", configuration.json) }
    if ownership != Ownership() { members.set("ownership", ownership.json) }
    return members.object
  }
}

/// Collects an object's members; what is nil is left out.
struct Members {
  private var members: [JSONValue.Member] = []

  /// The object.
  var object: JSONValue { .object(members) }

  mutating func set(_ key: String, _ value: JSONValue?) {
    guard let value else { return }
    members.append(JSONValue.Member(key, value))
  }

  mutating func set(_ key: String, text: String?) {
    set(key, text.map { .string($0) })
  }

  mutating func set(_ key: String, flag: Bool?) {
    set(key, flag.map { .bool($0) })
  }

  mutating func set(_ key: String, mask: APMask?) {
    set(key, text: mask?.description)
  }
}

extension HostIdentity {
  fileprivate var json: JSONValue {
    var members = Members()
    members.set("name", text: name)
    members.set("lpar", text: lpar)
    return members.object
  }
}

extension BusState {
  fileprivate var json: JSONValue {
    var members = Members()
    members.set("apmask", mask: masks?.adapters)
    members.set("aqmask", mask: masks?.domains)
    members.set("scans", scans.map { .integer($0) })
    members.set("bindingsCompleteCount", bindingsCompleteCount.map { .integer($0) })
    members.set("configuredAdapters", mask: configuredAdapters)
    members.set("configuredDomains", mask: configuredDomains)
    members.set("controlDomains", mask: controlDomains)
    members.set("defaultDomain", defaultDomain.map { .integer($0) })
    members.set("driverOverride", flag: supportsOverride)
    members.set("drivers", .array(drivers.map { .string($0) }))
    return members.object
  }
}

extension Card {
  fileprivate func json(queues: ArraySlice<Queue>) -> JSONValue {
    var members = Members()
    members.set("name", text: name)
    members.set("hwtype", .integer(hardwareType.rawValue))
    // As the kernel prints it (`ap_functions_show` in ap_card.c).
    members.set("ap_functions", text: "0x" + Hex.text(functions, digits: 8, uppercase: true))
    members.set("driver", text: driver)
    members.set("config", flag: isConfigured)
    members.set("chkstop", flag: isCheckStopped)
    let attributes = attributes.sorted { $0.key < $1.key }
    members.set(
      "attributes", .object(attributes.map { JSONValue.Member($0.key, .string($0.value)) }))
    members.set("queues", .array(queues.map(\.json)))
    return members.object
  }
}

extension Queue {
  fileprivate var json: JSONValue {
    var members = Members()
    members.set("name", text: apqn.description)
    members.set("driver", text: driver)
    members.set("driver_override", text: driverOverride)
    members.set("online", flag: isOnline)
    members.set("config", flag: isConfigured)
    members.set("chkstop", flag: isCheckStopped)
    members.set("status", text: guestStatus?.rawValue)
    members.set("pending", pendingRequests.map { .integer($0) })
    members.set("mkvps", masterKeys.map { .array($0.registers.map { .string($0) }) })
    return members.object
  }
}

extension MediatedDevice {
  var json: JSONValue { members.object }

  var members: Members {
    var members = Members()
    members.set("uuid", text: uuid)
    members.set("adapters", .array(adapters.map { .string("0x" + Hex.text($0, digits: 2)) }))
    members.set("domains", .array(domains.map { .string("0x" + Hex.text($0, digits: 4)) }))
    members.set(
      "controlDomains", .array(controlDomains.map { .string("0x" + Hex.text($0, digits: 4)) }))
    return members
  }
}
