import APBus
import JSONText

// The JSON of what is on the bus.

extension HostIdentity {
  init(_ value: JSONValue) throws(ValueError) {
    let fields = try Fields(value, at: "host", keys: ["name", "lpar"])
    self.init(name: try fields.text("name"), lpar: try fields.text("lpar"))
  }

  var json: JSONValue {
    var members = JSONObject()
    members.set("name", text: name)
    members.set("lpar", text: lpar)
    return members.value
  }
}

extension BusState {
  init(_ value: JSONValue) throws(ValueError) {
    let fields = try Fields(
      value, at: "bus",
      keys: [
        "apmask", "aqmask", "scans", "bindingsCompleteCount", "configuredAdapters",
        "configuredDomains", "controlDomains", "defaultDomain", "driverOverride", "drivers",
      ])
    self.init(
      masks: try fields.masks(), scans: try fields.number("scans"),
      bindingsCompleteCount: try fields.number("bindingsCompleteCount"),
      configuredAdapters: try fields.mask("configuredAdapters"),
      configuredDomains: try fields.mask("configuredDomains"),
      controlDomains: try fields.mask("controlDomains"),
      defaultDomain: try fields.number("defaultDomain"),
      supportsOverride: try fields.flag("driverOverride"))
    for (index, driver) in (try fields.list("drivers") ?? []).enumerated() {
      guard case .string(let name) = driver, isDriverName(name) else {
        throw ValueError("\(shown(driver)) is not a driver's name", at: "bus.drivers[\(index)]")
      }
      drivers.append(name)
    }
    drivers = Set(drivers).sorted()
  }

  var json: JSONValue {
    var members = JSONObject()
    members.set("apmask", mask: masks?.adapters)
    members.set("aqmask", mask: masks?.domains)
    members.set("scans", number: scans)
    members.set("bindingsCompleteCount", number: bindingsCompleteCount)
    members.set("configuredAdapters", mask: configuredAdapters)
    members.set("configuredDomains", mask: configuredDomains)
    members.set("controlDomains", mask: controlDomains)
    members.set("defaultDomain", number: defaultDomain)
    members.set("driverOverride", flag: supportsOverride)
    members.set("drivers", texts: drivers)
    return members.value
  }
}

extension Fields {
  /// Both masks; nil if the description is of a kernel without masks.
  fileprivate func masks() throws(ValueError) -> MaskPair? {
    let adapters = try mask("apmask")
    let domains = try mask("aqmask")
    if adapters == nil, domains == nil { return nil }
    guard let adapters, let domains else {
      throw error(
        "it is missing; a kernel has both apmask and aqmask, or neither",
        at: adapters == nil ? "apmask" : "aqmask")
    }
    return MaskPair(adapters: adapters, domains: domains)
  }
}

extension Card {
  static let keys = [
    "name", "hwtype", "ap_functions", "mode", "driver", "config", "chkstop", "attributes",
    "unanswered",
    "queues",
  ]

  init(_ fields: Fields) throws(ValueError) {
    guard let name = try fields.text("name"), let adapter = BusObject.adapter(ofCardName: name)
    else {
      throw fields.error(at: "name", expecting: "a card's name, \"card00\" to \"cardff\"")
    }
    guard let type = try fields.number("hwtype", as: UInt8.self) else {
      throw fields.error(at: "hwtype", expecting: "a hardware type, such as 13 for CEX7")
    }
    self.init(
      adapter: adapter, hardwareType: HardwareType(rawValue: type),
      functions: try Self.functions(fields), driver: try fields.driverName("driver"),
      isConfigured: try fields.flag("config"), isCheckStopped: try fields.flag("chkstop"))
    if let value = fields["unanswered"] {
      let fields = try Fields(value, at: fields.path("unanswered"), keys: ["path", "milliseconds"])
      unanswered = try UnansweredRead(fields, adapter: adapter)
    }
    guard let value = fields["attributes"] else { return }
    let attributes = try Fields(value, at: fields.path("attributes"), keys: Self.ruleAttributes)
    for name in Self.ruleAttributes { self.attributes[name] = try attributes.text(name) }
  }

  /// The function bits, given as the kernel prints them or by the mode that they mean.
  private static func functions(_ fields: Fields) throws(ValueError) -> UInt32 {
    let word = try fields.text("mode")
    let mode = word.flatMap(QueueMode.init(rawValue:))
    guard word == nil || mode != nil else {
      throw fields.error(at: "mode", expecting: "a mode: \"accel\", \"cca\" or \"ep11\"")
    }
    guard let text = try fields.text("ap_functions") else { return mode?.functions ?? 0 }
    let digits = text.utf8.dropFirst(2)
    guard text.hasPrefix("0x"), (1...8).contains(digits.count),
      digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-"),
      let functions = UInt32(text.dropFirst(2), radix: 16)
    else {
      throw fields.error(at: "ap_functions", expecting: "0x and up to 8 hex digits in quotes")
    }
    guard mode == nil || mode == QueueMode(functions: functions) else {
      throw fields.error("ap_functions contradicts mode; remove one of them", at: "mode")
    }
    return functions
  }

  func json(queues: ArraySlice<Queue>) -> JSONValue {
    var members = JSONObject()
    members.set("name", text: name)
    members.set("hwtype", number: hardwareType.rawValue)
    // As the kernel prints it (`ap_functions_show` in ap_card.c).
    members.set("ap_functions", text: "0x" + Hex.text(functions, digits: 8, uppercase: true))
    members.set("driver", text: driver)
    members.set("config", flag: isConfigured)
    members.set("chkstop", flag: isCheckStopped)
    let attributes = attributes.sorted { $0.key < $1.key }
    members.set(
      "attributes", .object(attributes.map { JSONValue.Member($0.key, .string($0.value)) }))
    members.set(
      "unanswered",
      unanswered.map { read in
        JSONObject.make {
          $0.set("path", text: read.path.description)
          $0.set("milliseconds", number: read.milliseconds)
        }
      })
    members.set("queues", .array(queues.map(\.json)))
    return members.value
  }
}

extension UnansweredRead {
  fileprivate init(_ fields: Fields, adapter: UInt8) throws(ValueError) {
    guard let path = try fields.text("path").flatMap({ SysfsPath(text: $0) }),
      path.askedAdapter == adapter
    else {
      throw fields.error(
        at: "path", expecting: "a file that the adapter answers, such as its card's serialnr")
    }
    let milliseconds = try fields.number("milliseconds", as: UInt32.self)
    self.init(path, limit: milliseconds.map { .milliseconds($0) } ?? Self.usualLimit)
  }
}

extension Queue {
  static let keys = [
    "name", "driver", "driver_override", "online", "config", "chkstop", "status", "pending",
    "mkvps", "oldMkvps", "newMkvps",
  ]

  init(_ fields: Fields) throws(ValueError) {
    guard let name = try fields.text("name"), let apqn = APQN(name) else {
      throw fields.error(at: "name", expecting: "a queue's name, \"00.0000\" to \"ff.00ff\"")
    }
    let word = try fields.text("status")
    let status = word.flatMap(GuestStatus.init(rawValue:))
    guard word == nil || status != nil else {
      throw fields.error(
        at: "status", expecting: "a status: \"unassigned\", \"assigned\" or \"in use\"")
    }
    let old = try fields.texts("oldMkvps") ?? []
    let new = try fields.texts("newMkvps") ?? []
    self.init(
      apqn: apqn, driver: try fields.driverName("driver"),
      driverOverride: try fields.driverName("driver_override"),
      isConfigured: try fields.flag("config"), isCheckStopped: try fields.flag("chkstop"),
      isOnline: try fields.flag("online"), guestStatus: status,
      pendingRequests: try fields.number("pending", as: Int32.self).map { max(0, Int($0)) },
      masterKeys: try fields.texts("mkvps").map {
        MasterKeyPattern(registers: $0, old: old, new: new)
      })
  }

  var json: JSONValue {
    var members = JSONObject()
    members.set("name", text: apqn.description)
    members.set("driver", text: driver)
    members.set("driver_override", text: driverOverride)
    members.set("online", flag: isOnline)
    members.set("config", flag: isConfigured)
    members.set("chkstop", flag: isCheckStopped)
    members.set("status", text: guestStatus?.rawValue)
    members.set("pending", number: pendingRequests)
    members.set("mkvps", masterKeys.map { .array($0.registers.map { .string($0) }) })
    for (name, keys) in [("oldMkvps", masterKeys?.old), ("newMkvps", masterKeys?.new)] {
      if let keys, !keys.isEmpty { members.set(name, texts: keys) }
    }
    return members.value
  }
}

extension MediatedDevice {
  static let keys = ["uuid", "adapters", "domains", "controlDomains"]

  init(_ fields: Fields) throws(ValueError) {
    guard let uuid = try fields.text("uuid"), BusObject.isUUID(uuid) else {
      throw fields.error(at: "uuid", expecting: "a UUID")
    }
    self.init(
      uuid: uuid,
      adapters: try Self.numbers("adapters", of: fields, noun: "an adapter", last: "0xff"),
      domains: try Self.numbers("domains", of: fields, noun: "a domain", last: "0x00ff"),
      controlDomains: try Self.numbers(
        "controlDomains", of: fields, noun: "a domain", last: "0x00ff"))
  }

  private static func numbers(
    _ key: String, of fields: Fields, noun: String, last: String
  ) throws(ValueError) -> APMask {
    var mask = APMask()
    for (index, element) in (try fields.list(key) ?? []).enumerated() {
      guard let number = number(element) else {
        throw ValueError(
          "\(shown(element)) is not \(noun); write 0 to 255, or \"0x0\" to \"\(last)\"",
          at: "\(fields.path(key))[\(index)]")
      }
      mask.insert(number)
    }
    return mask
  }

  /// A number in decimal, or a string of `0x` and hex digits.
  private static func number(_ value: JSONValue) -> UInt8? {
    switch value {
    case .number(let digits): return UInt8(digits)
    case .string(let text):
      let digits = text.dropFirst(2)
      guard text.hasPrefix("0x"), digits.first != "+", digits.first != "-" else { return nil }
      return UInt8(digits, radix: 16)
    default: return nil
    }
  }

  var json: JSONValue { members.value }

  var members: JSONObject {
    var members = JSONObject()
    members.set("uuid", text: uuid)
    members.set("adapters", texts: adapters.map { "0x" + Hex.text($0, digits: 2) })
    members.set("domains", texts: domains.map { "0x" + Hex.text($0, digits: 4) })
    members.set("controlDomains", texts: controlDomains.map { "0x" + Hex.text($0, digits: 4) })
    return members
  }
}

extension JSONObject {
  mutating func set(_ key: String, mask: APMask?) {
    set(key, text: mask?.description)
  }

  mutating func set(_ key: String, queues: some Sequence<APQN>) {
    set(key, texts: queues.sorted().map(\.description))
  }
}
