import APBus
import JSONText

extension HostIdentity {
  init(_ value: JSONValue) throws(ValueFault) {
    let fields = try Fields(value, at: "host", keys: ["name", "lpar"])
    self.init(name: try fields.text("name"), lpar: try fields.text("lpar"))
  }
}

extension BusState {
  init(_ value: JSONValue) throws(ValueFault) {
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
        throw ValueFault("bus.drivers[\(index)]", "\(shown(driver)) is not a driver's name")
      }
      drivers.append(name)
    }
    drivers = Set(drivers).sorted()
  }
}

extension Fields {
  /// Both masks; nil where the snapshot is of a kernel without masks.
  fileprivate func masks() throws(ValueFault) -> MaskPair? {
    let adapters = try mask("apmask")
    let domains = try mask("aqmask")
    if adapters == nil, domains == nil { return nil }
    guard let adapters, let domains else {
      throw fault(
        adapters == nil ? "apmask" : "aqmask",
        "it is missing; a kernel has both apmask and aqmask, or neither")
    }
    return MaskPair(adapters: adapters, domains: domains)
  }
}

extension Card {
  static let keys = [
    "name", "hwtype", "ap_functions", "mode", "driver", "config", "chkstop", "attributes", "queues",
  ]

  init(_ fields: Fields) throws(ValueFault) {
    guard let name = try fields.text("name"), let adapter = BusObject.adapter(ofCardName: name)
    else {
      throw fields.fault("name", not: "a card's name, \"card00\" to \"cardff\"")
    }
    guard let type = try fields.number("hwtype", as: UInt8.self) else {
      throw fields.fault("hwtype", not: "a hardware type, such as 13 for CEX7")
    }
    self.init(
      adapter: adapter, hardwareType: HardwareType(rawValue: type),
      functions: try Self.functions(fields), driver: try fields.driverName("driver"),
      isConfigured: try fields.flag("config"), isCheckStopped: try fields.flag("chkstop"))
    guard let value = fields["attributes"] else { return }
    let attributes = try Fields(value, at: fields.path("attributes"), keys: Self.ruleAttributes)
    for name in Self.ruleAttributes { self.attributes[name] = try attributes.text(name) }
  }

  /// The function bits, given as the kernel prints them or by the mode that they mean.
  private static func functions(_ fields: Fields) throws(ValueFault) -> UInt32 {
    let word = try fields.text("mode")
    let mode = word.flatMap(QueueMode.init(rawValue:))
    guard word == nil || mode != nil else {
      throw fields.fault("mode", not: "a mode: \"accel\", \"cca\" or \"ep11\"")
    }
    guard let text = try fields.text("ap_functions") else { return mode?.functions ?? 0 }
    let digits = text.utf8.dropFirst(2)
    guard text.hasPrefix("0x"), (1...8).contains(digits.count),
      digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-"),
      let functions = UInt32(text.dropFirst(2), radix: 16)
    else {
      throw fields.fault("ap_functions", not: "0x and up to 8 hex digits in quotes")
    }
    guard mode == nil || mode == QueueMode(functions: functions) else {
      throw fields.fault("mode", "ap_functions says another mode; leave one of the two out")
    }
    return functions
  }
}

extension Queue {
  static let keys = [
    "name", "driver", "driver_override", "online", "config", "chkstop", "status", "pending",
    "mkvps",
  ]

  init(_ fields: Fields) throws(ValueFault) {
    guard let name = try fields.text("name"), let apqn = APQN(name) else {
      throw fields.fault("name", not: "a queue's name, \"00.0000\" to \"ff.00ff\"")
    }
    let word = try fields.text("status")
    let status = word.flatMap(GuestStatus.init(rawValue:))
    guard word == nil || status != nil else {
      throw fields.fault("status", not: "a status: \"unassigned\", \"assigned\" or \"in use\"")
    }
    self.init(
      apqn: apqn, driver: try fields.driverName("driver"),
      driverOverride: try fields.driverName("driver_override"),
      isConfigured: try fields.flag("config"), isCheckStopped: try fields.flag("chkstop"),
      isOnline: try fields.flag("online"), guestStatus: status,
      pendingRequests: try fields.number("pending", as: Int32.self).map { max(0, Int($0)) },
      masterKeys: try fields.texts("mkvps").map { MasterKeyPattern(registers: $0) })
  }
}

extension MediatedDevice {
  static let keys = ["uuid", "adapters", "domains", "controlDomains"]

  init(_ fields: Fields) throws(ValueFault) {
    guard let uuid = try fields.text("uuid"), BusObject.isUUID(uuid) else {
      throw fields.fault("uuid", not: "a UUID")
    }
    self.init(
      uuid: uuid, adapters: try Self.numbers(fields, "adapters", "an adapter", last: "0xff"),
      domains: try Self.numbers(fields, "domains", "a domain", last: "0x00ff"),
      controlDomains: try Self.numbers(fields, "controlDomains", "a domain", last: "0x00ff"))
  }

  private static func numbers(
    _ fields: Fields, _ key: String, _ noun: String, last: String
  ) throws(ValueFault) -> APMask {
    var mask = APMask()
    for (index, element) in (try fields.list(key) ?? []).enumerated() {
      guard let number = number(element) else {
        throw ValueFault(
          "\(fields.path(key))[\(index)]",
          "\(shown(element)) is not \(noun); write 0 to 255, or \"0x0\" to \"\(last)\"")
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
}
