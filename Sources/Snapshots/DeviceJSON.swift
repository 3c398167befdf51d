import APBus
import JSONText
import Reservation

// The JSON of what is on the bus.

extension HostIdentity {
  init(_ value: JSONValue) throws(ValueError) {
    let fields = try Fields(value, at: "host", keys: Self.layout.keys)
    self.init(name: try fields.text("name"), lpar: try fields.text("lpar"))
  }

  static let layout = JSONLayout<HostIdentity>("Host", "The names of the machine.") {
    $0.add("name", .text, "The name of the host.", \.name)
    $0.add("lpar", .text, "The name of the LPAR.", \.lpar)
  }
}

extension BusState {
  init(_ value: JSONValue) throws(ValueError) {
    let fields = try Fields(value, at: "bus", keys: Self.layout.keys)
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
    features = try fields.text("features")
    matrixFeatures = try fields.text("matrixFeatures")
  }

  static let layout = JSONLayout<BusState>("Bus", "What the bus itself says.") {
    $0.add("apmask", .mask, "The adapters in the host's pool.") { $0.masks?.adapters }
    $0.add("aqmask", .mask, "The domains in the host's pool.") { $0.masks?.domains }
    $0.add("scans", .count, "How often the kernel has scanned the bus.", \.scans)
    $0.add(
      "bindingsCompleteCount", .count, "How often all queues were bound after a scan.",
      \.bindingsCompleteCount)
    $0.add(
      "configuredAdapters", .mask, "The adapters that this system is configured for.",
      \.configuredAdapters)
    $0.add(
      "configuredDomains", .mask, "The usage domains that this system is configured for.",
      \.configuredDomains)
    $0.add(
      "controlDomains", .mask, "The control domains that this system is configured for.",
      \.controlDomains)
    $0.add("defaultDomain", .integer, "The kernel's default domain.", \.defaultDomain)
    $0.add(
      "driverOverride", .flag, "Whether queues have driver_override (Linux 6.19 and newer).",
      \.supportsOverride)
    $0.add("drivers", .list(of: .text), "The drivers on the bus.", \.drivers)
    $0.add("features", .text, "The features of the bus, where the kernel shows them.", \.features)
    $0.add(
      "matrixFeatures", .text, "The features of vfio_ap, where the kernel shows them.",
      \.matrixFeatures)
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
      let fields = try Fields(
        value, at: fields.path("unanswered"), keys: UnansweredRead.layout.keys)
      unanswered = try UnansweredRead(fields, adapter: adapter)
    }
    guard let value = fields["attributes"] else { return }
    let attributes = try Fields(
      value, at: fields.path("attributes"), keys: Self.attributesLayout.keys)
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

  /// A card and its queues.
  static let layout = JSONLayout<(card: Card, queues: [Queue])>("Card", "A card.") {
    $0.add("name", .card, "The card, as sysfs names it.") { $0.card.adapter }
    $0.add("hwtype", .integer, "The hardware type, such as 13 for CEX7.") {
      $0.card.hardwareType.rawValue
    }
    // As the kernel prints it (`ap_functions_show` in ap_card.c).
    $0.add("ap_functions", .text("^0x[0-9A-Fa-f]{1,8}$"), "The function bits.") {
      "0x" + Hex.text($0.card.functions, digits: 8, uppercase: true)
    }
    $0.add(
      read: "mode", JSONForm<QueueMode>.word,
      "In descriptions written by hand: the mode, instead of the function bits that mean it.")
    $0.add("driver", .text, "The driver that the card is bound to.") { $0.card.driver }
    $0.add("config", .flag, "Whether the card is configured.") { $0.card.isConfigured }
    $0.add("chkstop", .flag, "Whether the card is check-stopped.") { $0.card.isCheckStopped }
    $0.add("attributes", .object(attributesLayout), "What rules can match of the card.") {
      $0.card.attributes
    }
    $0.add(
      "unanswered", .object(UnansweredRead.layout), "The read that the adapter does not answer."
    ) {
      $0.card.unanswered
    }
    $0.add("queues", .list(of: .object(Queue.layout)), "The queues of the card.") { $0.queues }
  }

  private static let attributesLayout = JSONLayout<[String: String]>(
    "Attributes", "Files of a card."
  ) {
    for name in ruleAttributes.sorted() {
      $0.add(name, .text, "The text of the file \(name).") { $0[name] }
    }
  }
}

extension UnansweredRead {
  fileprivate static let layout = JSONLayout<UnansweredRead>(
    "UnansweredRead", "A read that an adapter has not answered."
  ) {
    $0.add("path", .text, "The file.", \.path.description)
    $0.add("milliseconds", .count, "How long an answer was waited for.", \.milliseconds)
    $0.add("awaited", .flag, "Whether that time is not over.") { $0.isAwaited ? true : nil }
  }

  fileprivate init(_ fields: Fields, adapter: UInt8) throws(ValueError) {
    guard let path = try fields.text("path").flatMap({ SysfsPath(text: $0) }),
      path.askedAdapter == adapter
    else {
      throw fields.error(
        at: "path", expecting: "a file that the adapter answers, such as its card's serialnr")
    }
    let milliseconds = try fields.number("milliseconds", as: UInt32.self)
    self.init(
      path, limit: milliseconds.map { .milliseconds($0) } ?? Self.usualLimit,
      isAwaited: try fields.flag("awaited") ?? false)
  }
}

extension Queue {
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
    let registers = try fields.texts("registers")?.joined(separator: "\n")
    self.init(
      apqn: apqn, driver: try fields.driverName("driver"),
      driverOverride: try fields.driverName("driver_override"),
      isConfigured: try fields.flag("config"), isCheckStopped: try fields.flag("chkstop"),
      isOnline: try fields.flag("online"), guestStatus: status,
      pendingRequests: try fields.number("pending", as: Int32.self).map { max(0, Int($0)) },
      masterKeys: try fields.texts("mkvps").map {
        MasterKeyPattern(registers: $0, old: old, new: new)
      } ?? registers.flatMap { MasterKeyPattern(attribute: $0) })
    keyRegisters = registers.map { KeyRegisters(attribute: $0) }
  }

  static let layout = JSONLayout<Queue>("Queue", "A queue.") {
    $0.add("name", .queue, "The queue, as sysfs names it.", \.apqn)
    $0.add("driver", .text, "The driver that the queue is bound to.", \.driver)
    $0.add("driver_override", .text, "The only driver that may have it.", \.driverOverride)
    $0.add("online", .flag, "Whether it is switched on, on the host.", \.isOnline)
    $0.add("config", .flag, "Whether it is configured.", \.isConfigured)
    $0.add("chkstop", .flag, "Whether it is check-stopped.", \.isCheckStopped)
    $0.add("status", .word, "What guests do with it, on vfio_ap.", \.guestStatus)
    $0.add("pending", .count, "How many requests it has not answered yet.", \.pendingRequests)
    $0.include(MasterKeyPattern.layout, \.masterKeys)
    $0.add(
      "registers", .list(of: .text),
      "The registers of its domain that can be read, as lines of mkvps."
    ) { $0.keyRegisters?.lines }
  }
}

extension MediatedDevice {
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

  static let layout = JSONLayout<MediatedDevice>("MediatedDevice", "A mediated device.") {
    $0.add("uuid", .text, "Its UUID.", \.uuid)
    $0.add("adapters", .numbers(as: .hexAdapter), "The adapters that are assigned.", \.adapters)
    $0.add("domains", .numbers(as: .hexDomain), "The usage domains that are assigned.", \.domains)
    $0.add(
      "controlDomains", .numbers(as: .hexDomain), "The control domains that are assigned.",
      \.controlDomains)
  }
}
