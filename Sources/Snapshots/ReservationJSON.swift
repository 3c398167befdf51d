import APBus
import JSONText
import Reservation

// The JSON of what a reservation depends on beside the bus.

extension HostConfiguration {
  var json: JSONValue {
    var members = JSONObject()
    members.set("bootMasks", bootMasks?.json)
    members.set("persistentMasks", persistentMasks?.json)
    members.set("overrides", .array(overrides.map(\.json)))
    members.set("definitions", .array(definitions.map(\.json)))
    members.set("virtualMachines", .array(virtualMachines.map(\.json)))
    members.set("callout", text: callout)
    members.set("secureKeyUsers", .array(secureKeyUsers.map(\.json)))
    return members.value
  }

  init(_ value: JSONValue) throws(ValueError) {
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
    for fields in try fields.objects("secureKeyUsers", keys: SecureKeyUser.keys) {
      secureKeyUsers.append(try SecureKeyUser(fields))
    }
  }
}

extension ConfiguredMasks {
  fileprivate var json: JSONValue {
    var members = JSONObject()
    members.set("apmask", mask: adapters)
    members.set("aqmask", mask: domains)
    members.set("source", text: source)
    return members.value
  }

  fileprivate init(_ value: JSONValue, at path: String) throws(ValueError) {
    let fields = try Fields(value, at: path, keys: ["apmask", "aqmask", "source"])
    self.init(
      adapters: try fields.mask("apmask"), domains: try fields.mask("aqmask"),
      source: try fields.requiredText("source"))
  }
}

extension ConfiguredOverride {
  fileprivate var json: JSONValue {
    var members = JSONObject()
    members.set("queue", text: apqn.description)
    members.set("driver", text: driver)
    members.set("source", text: source)
    return members.value
  }

  fileprivate init(_ fields: Fields) throws(ValueError) {
    guard let driver = try fields.driverName("driver") else {
      throw fields.error(at: "driver", expecting: "a driver's name")
    }
    self.init(
      apqn: try fields.apqn("queue"), driver: driver, source: try fields.requiredText("source"))
  }
}

extension MediatedDeviceDefinition {
  fileprivate var json: JSONValue {
    var members = device.members
    members.set("start", text: startsAutomatically ? "auto" : "manual")
    return members.value
  }
}

extension VirtualMachine {
  fileprivate var json: JSONValue {
    var members = JSONObject()
    members.set("name", text: name)
    members.set("mediatedDevices", texts: mediatedDevices)
    return members.value
  }
}

extension SecureKeyUser {
  fileprivate static let keys = ["kind", "name", "key", "mkvps", "queues", "problem"]

  fileprivate var json: JSONValue {
    var members = JSONObject()
    switch origin {
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
    case .token(let file):
      members.set("kind", text: "token")
      members.set("name", text: file)
    }
    members.set("key", text: key.kind?.rawValue)
    if !key.masterKeys.isEmpty { members.set("mkvps", texts: key.masterKeys) }
    if !apqns.isEmpty { members.set("queues", queues: apqns) }
    members.set("problem", text: problem)
    return members.value
  }

  fileprivate init(_ fields: Fields) throws(ValueError) {
    let origin: Origin
    switch try fields.text("kind") {
    case "cipher": origin = .cipherInUse
    case "volume": origin = .encryptedVolume(try fields.requiredText("name"))
    case "unreadable": origin = .unreadable(try fields.requiredText("name"))
    case "key": origin = .repositoryKey(try fields.requiredText("name"))
    case "token": origin = .token(try fields.requiredText("name"))
    default:
      throw fields.error(
        at: "kind", expecting: "\"cipher\", \"volume\", \"key\", \"token\" or \"unreadable\"")
    }
    let word = try fields.text("key")
    let kind = word.flatMap(SecureKey.Kind.init(rawValue:))
    guard word == nil || kind != nil else {
      throw fields.error(
        at: "key",
        expecting: "\"cca-aesdata\", \"cca-aescipher\", \"ep11-aes\", \"cca\" or \"ep11\"")
    }
    self.init(
      origin, key: SecureKey(kind: kind, masterKeys: try fields.texts("mkvps") ?? []),
      apqns: try fields.apqns("queues"), problem: try fields.text("problem"))
  }
}

extension Ownership {
  var json: JSONValue {
    var members = JSONObject()
    members.set("mechanism", text: mechanism?.rawValue)
    if !adapters.isEmpty { members.set("adapters", mask: adapters) }
    if !domains.isEmpty { members.set("domains", mask: domains) }
    members.set("queues", queues: queues)
    members.set("offline", queues: offline)
    members.set(
      "seen",
      .array(
        seen.adapters.map { adapter in
          var members = JSONObject()
          members.set("card", text: BusObject.cardName(adapter))
          members.set("domains", mask: seen[adapter])
          members.set("reservable", flag: !olderAdapters.contains(adapter))
          return members.value
        }))
    for (name, queues) in [("requested", requested), ("reserved", reserved)] {
      members.set(
        name,
        .array(
          queues.adapters.map { adapter in
            var members = JSONObject()
            members.set("card", text: BusObject.cardName(adapter))
            members.set("domains", mask: queues[adapter])
            return members.value
          }))
    }
    return members.value
  }

  init(_ value: JSONValue) throws(ValueError) {
    let fields = try Fields(
      value, at: "ownership",
      keys: [
        "mechanism", "adapters", "domains", "queues", "offline", "seen", "requested", "reserved",
      ])
    let word = try fields.text("mechanism")
    let mechanism = word.flatMap(Mechanism.init(rawValue:))
    guard word == nil || mechanism != nil else {
      throw fields.error(
        at: "mechanism", expecting: "a mechanism: \"bind\", \"mask\" or \"override\"")
    }
    self.init(
      queues: try fields.apqns("queues"), adapters: try fields.mask("adapters") ?? [],
      domains: try fields.mask("domains") ?? [], offline: try fields.apqns("offline"),
      mechanism: mechanism)
    for fields in try fields.objects("seen", keys: ["card", "domains", "reservable"]) {
      apply(
        .seen(
          adapter: try Self.adapter(fields), domains: try fields.mask("domains") ?? [],
          isReservable: try fields.flag("reservable") ?? true))
    }
    for fields in try fields.objects("requested", keys: ["card", "domains"]) {
      apply(
        .requested(
          adapter: try Self.adapter(fields), domains: try fields.mask("domains") ?? []))
    }
    for fields in try fields.objects("reserved", keys: ["card", "domains"]) {
      apply(
        .reserved(
          adapter: try Self.adapter(fields), domains: try fields.mask("domains") ?? []))
    }
  }

  private static func adapter(_ fields: Fields) throws(ValueError) -> UInt8 {
    guard let adapter = BusObject.adapter(ofCardName: try fields.requiredText("card")) else {
      throw fields.error(at: "card", expecting: "a card's name, \"card00\" to \"cardff\"")
    }
    return adapter
  }
}
