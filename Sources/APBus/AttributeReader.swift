/// Reads single attributes and turns their texts into values.
///
/// Nil always means that the kernel has no such file, or no longer: an unknown attribute and a removed
/// device answer alike.
struct AttributeReader {
  let sysfs: any Sysfs

  /// The text as read, including the newline.
  func rawText(_ path: SysfsPath) throws(InventoryReaderError) -> String? {
    try rawText(Result { () throws(SysfsError) in try sysfs.read(path) })
  }

  private func rawText(
    _ answer: Result<String, SysfsError>
  ) throws(InventoryReaderError) -> String? {
    do {
      return try answer.get()
    } catch {
      try absorb(error)
      return nil
    }
  }

  /// The texts of several files, in their order. A file whose adapter does not answer is without a text.
  ///
  /// - Returns: The texts as read, and the first read without an answer.
  func rawTexts(
    _ paths: [SysfsPath]
  ) throws(InventoryReaderError) -> (texts: [String?], unanswered: UnansweredRead?) {
    var texts: [String?] = []
    var unanswered: UnansweredRead?
    for answer in sysfs.read(paths) {
      do throws(InventoryReaderError) {
        texts.append(try rawText(answer))
      } catch {
        guard let read = error.unanswered else { throw error }
        unanswered = unanswered ?? read
        texts.append(nil)
      }
    }
    return (texts, unanswered)
  }

  /// The text as read, of a file that does not vanish with a device: nil only if there is no such file;
  /// any other failure is an error.
  func textOfFile(_ path: SysfsPath) throws(InventoryReaderError) -> String? {
    do {
      return try sysfs.read(path)
    } catch {
      guard error.errno == .noSuchFile else { throw .unreadable(error) }
      return nil
    }
  }

  /// The text of a file that a decision depends on: nil only if its device was removed, or, if
  /// `mayBeMissing`, if the kernel has no such file. A device that an error made seem absent would not be
  /// in the plan, and would be moved with the rest.
  func neededText(
    _ path: SysfsPath, mayBeMissing: Bool = false
  ) throws(InventoryReaderError) -> String? {
    do {
      return try sysfs.read(path)
    } catch {
      if !mayBeMissing, error.errno == .noSuchFile, try !hasGone(path.object) {
        throw .unreadable(error)
      }
      try requireAbsence(error)
      return nil
    }
  }

  /// The names in a directory that does not vanish with a device: nil only if there is none.
  func namesInDirectory(_ path: SysfsPath) throws(InventoryReaderError) -> [String]? {
    do {
      return try sysfs.list(path)
    } catch {
      guard error.errno == .noSuchFile else { throw .unreadable(error) }
      return nil
    }
  }

  /// Accepts an absence: ENOENT, or any answer of a device that is not listed any more.
  private func requireAbsence(_ error: SysfsError) throws(InventoryReaderError) {
    guard error.errno != .noSuchFile else { return }
    try absorb(error)
    guard try hasGone(error.path.object) else { throw .unreadable(error) }
  }

  /// Whether a device is not listed any more. Its link on the bus is removed first. A missing list proves
  /// nothing: the next scan shows whether the bus as a whole was removed.
  func hasGone(_ object: BusObject) throws(InventoryReaderError) -> Bool {
    let name: String
    switch object {
    case .card(let adapter): name = BusObject.cardName(adapter)
    case .queue(let apqn): name = apqn.description
    default: return false
    }
    let list = SysfsPath.bus("devices")
    guard let names = try names(list) else {
      throw .unreadable(SysfsError(.list, list, errno: .noSuchFile))
    }
    return !names.contains(name)
  }

  /// The text without its newline; nil also if the kernel prints that it has none, as an empty
  /// line or `-`.
  func text(_ path: SysfsPath) throws(InventoryReaderError) -> String? {
    try rawText(path).flatMap(Self.text)
  }

  /// A text without its newline; nil for an empty line and `-`.
  static func text(_ raw: String) -> String? {
    var text = raw
    if text.utf8.last == UInt8(ascii: "\n") { text.removeLast() }
    return text.isEmpty || text == "-" ? nil : text
  }

  /// A yes or no, `1` or `0`.
  func flag(_ path: SysfsPath) throws(InventoryReaderError) -> Bool? {
    try rawText(path).flatMap(Self.flag)
  }

  /// A yes or no of a text; nil for one that is neither, such as `-`.
  static func flag(_ text: String) -> Bool? {
    switch text {
    case "1\n", "1": true
    case "0\n", "0": false
    default: nil
    }
  }

  /// A decimal number of 0 to `limit`.
  func number(
    _ path: SysfsPath, upTo limit: UInt64 = .max
  ) throws(InventoryReaderError) -> UInt64? {
    try rawText(path).map { (raw) throws(InventoryReaderError) in
      try Self.number(raw, at: path, upTo: limit)
    }
  }

  /// A text as a decimal number of 0 to `limit`.
  static func number(
    _ raw: String, at path: SysfsPath, upTo limit: UInt64
  ) throws(InventoryReaderError) -> UInt64 {
    let digits = raw.utf8.last == UInt8(ascii: "\n") ? raw.dropLast() : raw[...]
    guard digits.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains),
      let number = UInt64(digits), number <= limit
    else {
      throw .unparsable(path: path, text: raw, expected: "a decimal number of 0 to \(limit)")
    }
    return number
  }

  /// The host's default domain; -1 means none (SimulatedBus documentation, "Bus attributes").
  func domain(_ path: SysfsPath) throws(InventoryReaderError) -> UInt8? {
    guard let raw = try rawText(path), raw != "-1\n", raw != "-1" else { return nil }
    return try number(path, upTo: UInt64(UInt8.max)).map { UInt8($0) }
  }

  /// The function bits of a card, `0x` and hex digits of either case.
  func functions(_ path: SysfsPath) throws(InventoryReaderError) -> UInt32? {
    guard let raw = try rawText(path) else { return nil }
    let line = raw.utf8.last == UInt8(ascii: "\n") ? raw.dropLast() : raw[...]
    let digits = line.dropFirst(2)
    guard line.hasPrefix("0x"), digits.first != "+", digits.first != "-",
      let bits = UInt32(digits, radix: 16)
    else {
      throw .unparsable(path: path, text: raw, expected: "0x and up to 8 hex digits")
    }
    return bits
  }

  /// `apmask` or `aqmask`. Only a missing file means that the kernel has no masks: any other reading
  /// of an odd text could choose the wrong mechanism.
  func poolMask(_ path: SysfsPath) throws(InventoryReaderError) -> APMask? {
    guard let raw = try textOfFile(path) else { return nil }
    guard let mask = APMask(raw) else {
      throw .unparsable(path: path, text: raw, expected: "0x and 64 lower-case hex digits")
    }
    return mask
  }

  /// One of the masks that the hardware's configuration query fills; machines without the query print
  /// `not supported` (SimulatedBus documentation, "Bus attributes").
  func configurationMask(_ path: SysfsPath) throws(InventoryReaderError) -> APMask? {
    guard let text = try text(path), text != "not supported" else { return nil }
    guard let mask = APMask(text) else {
      throw .unparsable(path: path, text: text, expected: "0x and 64 lower-case hex digits")
    }
    return mask
  }

  /// The driver that a device's link names; nil while there is no link. Its
  /// absence is read twice: a queue that only seems unbound would be moved by masks that no plan would
  /// write.
  func driver(_ path: SysfsPath) throws(InventoryReaderError) -> String? {
    if let name = try driverOnce(path) { return name }
    return try driverOnce(path)
  }

  private func driverOnce(_ path: SysfsPath) throws(InventoryReaderError) -> String? {
    let name: String
    do {
      name = try sysfs.readLink(path)
    } catch {
      try requireAbsence(error)
      return nil
    }
    // An empty name is not the host's: an owned queue would seem to be given back.
    guard !name.isEmpty else {
      throw .unparsable(path: path, text: name, expected: "a link to a driver")
    }
    return name
  }

  /// The names in a directory.
  func names(_ path: SysfsPath) throws(InventoryReaderError) -> [String]? {
    do {
      return try sysfs.list(path)
    } catch {
      try requireAbsence(error)
      return nil
    }
  }

  /// Accepts the answers of a missing file or a removed device: ENOENT before it is open, ENODEV or EIO
  /// afterwards. The bus itself is not removed.
  private func absorb(_ error: SysfsError) throws(InventoryReaderError) {
    switch (error.errno, error.path.object) {
    case (.noSuchFile, _): return
    case (.noSuchDevice, .card), (.noSuchDevice, .queue): return
    case (.inputOutput, .card), (.inputOutput, .queue): return
    default: throw .unreadable(error)
    }
  }
}

extension AttributeReader {
  /// A mediated device; nil when it is absent.
  ///
  /// `ap_config` holds all three masks in full. Kernels before it print the matrix queue by queue,
  /// and only as much as fits in a page: of a matrix of more than some 500 queues the last adapters
  /// are cut off (`MediatedDevice.hiddenAdapters`).
  ///
  /// - Throws: also when it is there and does not answer: it may have any queue.
  func mediatedDevice(_ uuid: String) throws(InventoryReaderError) -> MediatedDevice? {
    do throws(InventoryReaderError) {
      return try readMediatedDevice(uuid)
    } catch {
      guard case .unreadable = error,
        try namesInDirectory(SysfsPath(.matrix))?.contains(uuid) != true
      else { throw error }
      return nil
    }
  }

  private func readMediatedDevice(_ uuid: String) throws(InventoryReaderError) -> MediatedDevice? {
    let object = BusObject.mediatedDevice(uuid)
    let configurationPath = SysfsPath(object, "ap_config")
    if let text = try textOfFile(configurationPath) {
      guard let device = MediatedDevice(uuid: uuid, configuration: text) else {
        throw .unparsable(
          path: configurationPath, text: text,
          expected: "three masks of 0x and 64 lower-case hex digits with commas between them")
      }
      return device
    }
    let matrixPath = SysfsPath(object, "matrix")
    guard let matrix = try textOfFile(matrixPath) else { return nil }
    guard var device = MediatedDevice(uuid: uuid, matrix: matrix) else {
      throw .unparsable(path: matrixPath, text: matrix, expected: "a list of queues, one a line")
    }
    let controlPath = SysfsPath(object, "control_domains")
    guard let control = try textOfFile(controlPath) else { return nil }
    for line in control.split(separator: "\n") {
      guard let domain = Hex.byte(line.utf8, digits: 4) else {
        throw .unparsable(path: controlPath, text: control, expected: "a list of domains")
      }
      device.controlDomains.insert(domain)
    }
    return device
  }
}
