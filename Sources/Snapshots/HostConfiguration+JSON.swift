import APBus
import Reservation
import JSONText

extension HostConfiguration {
  var json: JSONValue {
    var members = Members()
    members.set("bootMasks", bootMasks?.json)
    members.set("persistentMasks", persistentMasks?.json)
    members.set("overrides", .array(overrides.map(\.json)))
    members.set("definitions", .array(definitions.map(\.json)))
    members.set("virtualMachines", .array(virtualMachines.map(\.json)))
    members.set("callout", text: callout)
    members.set("secureKeyUsers", .array(secureKeyUsers.map(\.json)))
    return members.object
  }

  init(_ value: JSONValue) throws(ValueFault) {
    let fields = try Fields(
      value, at: "configuration",
      keys: [
        "bootMasks", "persistentMasks", "overrides", "definitions", "virtualMachines", "callout",
        "secureKeyUsers",
      ])
    self.init(callout: try fields.text("callout"))
    if let value = fields["bootMasks"] {
      bootMasks = try ConfiguredMasks(value, at: fields.path("bootMasks"))
    }
    if let value = fields["persistentMasks"] {
      persistentMasks = try ConfiguredMasks(value, at: fields.path("persistentMasks"))
    }
    for fields in try fields.objects("overrides", keys: ["queue", "driver", "source"]) {
      overrides.append(try ConfiguredOverride(fields))
    }
    for fields in try fields.objects("definitions", keys: MediatedDevice.keys + ["start"]) {
      definitions.append(
        MediatedDeviceDefinition(
          device: try MediatedDevice(fields),
          startsAutomatically: try fields.text("start") == "auto"))
    }
    for fields in try fields.objects("virtualMachines", keys: ["name", "mediatedDevices"]) {
      virtualMachines.append(
        VirtualMachine(
          name: try fields.requiredText("name"),
          mediatedDevices: try fields.texts("mediatedDevices") ?? []))
    }
    for fields in try fields.objects("secureKeyUsers", keys: ["kind", "name"]) {
      secureKeyUsers.append(try SecureKeyUser(fields))
    }
  }
}

extension ConfiguredMasks {
  fileprivate var json: JSONValue {
    var members = Members()
    members.set("apmask", mask: adapters)
    members.set("aqmask", mask: domains)
    members.set("source", text: source)
    return members.object
  }

  fileprivate init(_ value: JSONValue, at path: String) throws(ValueFault) {
    let fields = try Fields(value, at: path, keys: ["apmask", "aqmask", "source"])
    self.init(
      adapters: try fields.mask("apmask"), domains: try fields.mask("aqmask"),
      source: try fields.requiredText("source"))
  }
}

extension ConfiguredOverride {
  fileprivate var json: JSONValue {
    var members = Members()
    members.set("queue", text: apqn.description)
    members.set("driver", text: driver)
    members.set("source", text: source)
    return members.object
  }

  fileprivate init(_ fields: Fields) throws(ValueFault) {
    guard let driver = try fields.driverName("driver") else {
      throw fields.fault("driver", not: "a driver's name")
    }
    self.init(
      apqn: try fields.apqn("queue"), driver: driver, source: try fields.requiredText("source"))
  }
}

extension MediatedDeviceDefinition {
  fileprivate var json: JSONValue {
    var members = device.members
    members.set("start", text: startsAutomatically ? "auto" : "manual")
    return members.object
  }
}

extension VirtualMachine {
  fileprivate var json: JSONValue {
    var members = Members()
    members.set("name", text: name)
    members.set("mediatedDevices", .array(mediatedDevices.map { .string($0) }))
    return members.object
  }
}

extension SecureKeyUser {
  fileprivate var json: JSONValue {
    var members = Members()
    switch self {
    case .cipherInUse: members.set("kind", text: "cipher")
    case .encryptedVolume(let name):
      members.set("kind", text: "volume")
      members.set("name", text: name)
    case .unreadable(let path):
      members.set("kind", text: "unreadable")
      members.set("name", text: path)
    case .repositoryKey(let name):
      members.set("kind", text: "key")
      members.set("name", text: name)
    }
    return members.object
  }

  fileprivate init(_ fields: Fields) throws(ValueFault) {
    switch try fields.text("kind") {
    case "cipher": self = .cipherInUse
    case "volume": self = .encryptedVolume(try fields.requiredText("name"))
    case "unreadable": self = .unreadable(try fields.requiredText("name"))
    case "key": self = .repositoryKey(try fields.requiredText("name"))
    default: throw fields.fault("kind", not: "\"cipher\", \"volume\", \"key\" or \"unreadable\"")
    }
  }
}
