/// Builds an event from its header and its properties, whatever their form was.
struct UeventBuilder {
  /// What the header says happened.
  let action: Uevent.Action
  /// What the header says about the device's path.
  let devicePath: String
  /// What the header says about the subsystem, if it does.
  let headerSubsystem: String?
  /// Whether there was any property yet.
  private(set) var hasProperties = false
  /// Whether bytes that are not UTF-8 were replaced.
  private(set) var isRepaired: Bool

  private let isRepairable: Bool
  private var seen: Set<String> = []
  private var subsystem: String?
  private var sequenceNumber: UInt64?
  private var properties: [Uevent.Property] = []

  /// The properties that every event has.
  private static let mandatory = ["ACTION", "DEVPATH", "SUBSYSTEM", "SEQNUM"]

  /// An event of that header, without properties yet.
  ///
  /// With `repairsText`, bytes that are not UTF-8 are replaced in what is said of a device that does not
  /// concern AP queues: a partition's name may have any bytes (`PARTNAME`, block/partitions/efi.c).
  /// `isRepaired` says that the header was such a text.
  init(
    action: String, devicePath: String, subsystem: String?, repairsText: Bool = false,
    isRepaired: Bool = false
  ) throws(Uevent.Problem) {
    isRepairable = repairsText && !DevicePath.isOfAPBus(devicePath)
    guard !isRepaired || isRepairable else { throw .notUTF8 }
    self.isRepaired = isRepaired
    guard let known = Uevent.Action(rawValue: action) else {
      throw .unknownAction(Quotation.of(action.utf8))
    }
    try DevicePath.check(devicePath)
    self.action = known
    self.devicePath = devicePath
    self.headerSubsystem = subsystem
  }

  /// An event of the header `action@/path`.
  init(messageHeader: ArraySlice<UInt8>, repairsText: Bool) throws(Uevent.Problem) {
    let valid = String(validating: messageHeader, as: UTF8.self)
    let text = valid ?? String(decoding: messageHeader, as: UTF8.self)
    guard let at = text.utf8.firstIndex(of: UInt8(ascii: "@")) else {
      throw .noHeader(Quotation.of(messageHeader))
    }
    try self.init(
      action: String(text[..<at]), devicePath: String(text[text.utf8.index(after: at)...]),
      subsystem: nil, repairsText: repairsText, isRepaired: valid == nil)
  }

  /// Takes a string `KEY=VALUE` and returns its key.
  @discardableResult
  mutating func add(_ string: ArraySlice<UInt8>) throws(Uevent.Problem) -> String {
    guard let equals = string.firstIndex(of: UInt8(ascii: "=")), equals > string.startIndex else {
      throw .noProperty(Quotation.of(string))
    }
    let key = try text(string[..<equals])
    let value = try text(string[(equals + 1)...])
    // In a capture such a name would be taken for other lines than it is.
    guard !string[..<equals].contains(UInt8(ascii: "\n")) else {
      throw .newline(Quotation.of(string[..<equals]))
    }
    hasProperties = true
    guard Self.mandatory.contains(key) else {
      properties.append(Uevent.Property(key, value))
      return key
    }
    guard seen.insert(key).inserted else { throw .duplicate(key) }
    switch key {
    case "ACTION": try expect(key, header: action.rawValue, value: value)
    case "DEVPATH": try expect(key, header: devicePath, value: value)
    case "SUBSYSTEM":
      try expect(key, header: headerSubsystem ?? value, value: value)
      try Self.check(subsystem: value)
      subsystem = value
    default: sequenceNumber = try Self.sequenceNumber(value)
    }
    return key
  }

  /// Puts a newline at the end of the last value, unless it is one of those that every event has.
  mutating func addNewline() {
    guard !properties.isEmpty else { return }
    properties[properties.count - 1].value += "\n"
  }

  /// The properties that every event has and this one does not have yet.
  var missing: [String] { Self.mandatory.filter { !seen.contains($0) } }

  /// The event, from its properties, or from its header alone if it has none.
  func event() throws(Uevent.Problem) -> Uevent {
    if hasProperties, let key = missing.first { throw .missing(key) }
    guard let subsystem = subsystem ?? headerSubsystem else { throw .missing("SUBSYSTEM") }
    return Uevent(
      action, devicePath, subsystem: subsystem, properties: properties,
      sequenceNumber: sequenceNumber)
  }

  private mutating func text(_ bytes: ArraySlice<UInt8>) throws(Uevent.Problem) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    guard isRepairable else { throw .notUTF8 }
    isRepaired = true
    return String(decoding: bytes, as: UTF8.self)
  }

  private func expect(
    _ key: String, header: String, value: String
  ) throws(Uevent.Problem) {
    // Compared as bytes: strings that are canonically equivalent are different paths.
    guard header.utf8.elementsEqual(value.utf8) else {
      throw .mismatch(
        key: key, header: Quotation.of(header.utf8), property: Quotation.of(value.utf8))
    }
  }

  /// A subsystem is named by a word; a capture's header has it in parentheses.
  private static func check(subsystem: String) throws(Uevent.Problem) {
    let isWord = subsystem.utf8.allSatisfy {
      $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "(") && $0 != UInt8(ascii: ")")
    }
    guard isWord else { throw .unusualSubsystem(Quotation.of(subsystem.utf8)) }
  }

  private static func sequenceNumber(_ text: String) throws(Uevent.Problem) -> UInt64 {
    guard let first = text.utf8.first, first != UInt8(ascii: "0"), first != UInt8(ascii: "+"),
      let number = UInt64(text)
    else { throw .sequenceNumber(Quotation.of(text.utf8)) }
    return number
  }
}
