import APBus

/// Reads devices in records of lines `X: value`: udev's database (`udevadm info --export-db`) and
/// umockdev's descriptions (`umockdev-record`). Both are alike but for the letters.
struct DeviceReader {
  private let name: String
  private let format: Capture.Format
  private var devices: [DeviceDescription] = []
  private var lines: [String: Int] = [:]
  private var open: DeviceRecord?
  private var ignored: Set<Character> = []
  private var hasForeignLines = false
  private var repairs = TextRepairs()
  private var notes: [String] = []

  /// Distinguishes the two forms by the first letter that only one of them has.
  static func format(of bytes: [UInt8]) -> Capture.Format {
    for line in TextLines(bytes) where line.bytes.dropFirst().starts(with: ": ".utf8) {
      switch line.bytes.first {
      case UInt8(ascii: "A"), UInt8(ascii: "H"): return .descriptions
      // The same letter is a link's priority, a bare number, in the database.
      case UInt8(ascii: "L") where line.bytes.contains(UInt8(ascii: "=")): return .descriptions
      case let letter? where "MRUTDIQVJB".utf8.contains(letter): return .database
      case UInt8(ascii: "E") where line.starts(with: "E: DEVPATH="): return .database
      default: continue
      }
    }
    return .database
  }

  /// Reads `bytes` until their end or the first damage.
  static func read(_ bytes: [UInt8], name: String, format: Capture.Format) -> Capture {
    var reader = DeviceReader(name: name, format: format)
    var capture = Capture(name: name, format: format)
    do throws(CaptureError) {
      for line in TextLines(bytes) { try reader.take(line) }
      if let open = reader.open {
        try reader.close()
        reader.notes.append(
          "\(name):\(open.device.line): no empty line follows this last device; it was taken as "
            + "complete.")
      }
    } catch {
      capture.damage = error
    }
    capture.devices = reader.devices
    capture.notes = reader.notes + reader.repairs.notes(name: name)
    return capture
  }

  private init(name: String, format: Capture.Format) {
    self.name = name
    self.format = format
  }

  private func damage(_ problem: CaptureError.Problem, at line: Int) -> CaptureError {
    CaptureError(file: name, position: .line(line), problem: problem)
  }

  private mutating func take(_ line: TextLine) throws(CaptureError) {
    if line.isMark || isForeign(line) { return }
    guard line.isTerminated else {
      guard let device = open?.device else {
        throw damage(.cutOff("a device's first line"), at: line.number)
      }
      let path = Quotation.of(device.devicePath.utf8)
      throw damage(.cutOff("the device \(path) that begins here"), at: device.line)
    }
    if line.bytes.isEmpty { return try close() }
    let letter: Character?
    do {
      letter = try takeField(line)
    } catch {
      throw damage(.device(error), at: line.number)
    }
    if let letter, ignored.insert(letter).inserted {
      notes.append("\(name):\(line.number): lines \"\(letter):\" are not known and were ignored.")
    }
  }

  /// Whether the line belongs to no device at all: a shell's prompt before one, with the command that
  /// printed it.
  private mutating func isForeign(_ line: TextLine) -> Bool {
    guard open == nil, !line.bytes.isEmpty, !line.bytes.contains(0), line.letter == nil,
      !line.starts(with: "P:"), !"P: ".utf8.starts(with: line.bytes)
    else { return false }
    if !hasForeignLines {
      notes.append("\(name):\(line.number): lines between devices were ignored.")
    }
    hasForeignLines = true
    return true
  }

  /// Takes a line `X: value`; returns the letter if nothing is known about it.
  private mutating func takeField(
    _ line: TextLine
  ) throws(DeviceDescription.Problem) -> Character? {
    let bytes = line.bytes
    guard let character = line.letter, !bytes.contains(0) else {
      throw .noLetter(Quotation.of(bytes))
    }
    let value = bytes.dropFirst(3)
    // A broken path could be another device's.
    let isUTF8 = line.isUTF8
    // An attribute's content stays as it is.
    if !isUTF8, character == "P" || (open?.isOfAPBus == false && character != "A") {
      repairs.note(.line(line.number))
    }
    guard character == "P" else {
      guard open != nil else { throw .noPath(character) }
      let isKnown = try open?.take(character, value: value, format: format) ?? true
      return isKnown ? nil : character
    }
    guard open == nil else { throw .secondPath }
    let path = String(decoding: value, as: UTF8.self)
    do throws(Uevent.Problem) {
      guard isUTF8 || !DevicePath.isOfAPBus(path) else { throw .notUTF8 }
      try DevicePath.check(path)
    } catch {
      throw .path(error)
    }
    if let earlier = lines.updateValue(line.number, forKey: path) {
      throw .duplicateDevice(Quotation.of(path.utf8), line: earlier)
    }
    open = DeviceRecord(device: DeviceDescription(devicePath: path, line: line.number))
    return nil
  }

  private mutating func close() throws(CaptureError) {
    guard let record = open else { return }
    open = nil
    let device = record.finished
    if format == .descriptions, device.subsystem == nil {
      let path = Quotation.of(device.devicePath.utf8)
      throw damage(.device(.noSubsystem(path)), at: device.line)
    }
    devices.append(device)
  }
}

/// A device whose lines are being read.
struct DeviceRecord {
  /// The device as far as it was read.
  private(set) var device: DeviceDescription
  /// Whether it concerns AP queues. Of any other device, bytes that are not UTF-8 are replaced.
  let isOfAPBus: Bool
  private var attributeNames: Set<String> = []

  /// A device of which only the first line was read.
  init(device: DeviceDescription) {
    self.device = device
    isOfAPBus = DevicePath.isOfAPBus(device.devicePath)
  }

  /// Takes a line's value; says whether the letter has a meaning in that form.
  mutating func take(
    _ letter: Character, value: ArraySlice<UInt8>, format: Capture.Format
  ) throws(DeviceDescription.Problem) -> Bool {
    switch letter {
    case "E":
      let (key, bytes) = try split(value, of: letter)
      device.properties.append(Uevent.Property(key, try text(bytes)))
    case "N":
      // umockdev appends the node's first content.
      device.node = try text(value.prefix { $0 != UInt8(ascii: "=") })
    case "S": _ = try text(value)
    case "A" where format == .descriptions:
      let (name, bytes) = try split(value, of: letter)
      try add(name, value: .content(AttributeText.unescape(bytes)))
    case "H" where format == .descriptions:
      let (name, bytes) = try split(value, of: letter)
      try add(name, value: .content(AttributeText.unhex(bytes)))
    case "L" where format == .descriptions:
      let (name, bytes) = try split(value, of: letter)
      try add(name, value: .link(text(bytes)))
    case "U" where format == .database: device.subsystem = try text(value)
    case "T" where format == .database: device.deviceType = try text(value)
    case "V" where format == .database: device.driver = try text(value)
    case "M", "R", "D", "I", "L", "Q", "J", "B": return format == .database
    default: return false
    }
    return true
  }

  /// The device with what its properties and links say about subsystem, type and driver, where no
  /// line of their own does: older versions of `udevadm info` print few letters.
  var finished: DeviceDescription {
    var device = device
    device.subsystem = device.subsystem ?? device["SUBSYSTEM"] ?? lastComponent(of: "subsystem")
    device.deviceType = device.deviceType ?? device["DEVTYPE"]
    device.driver = device.driver ?? device["DRIVER"] ?? lastComponent(of: "driver")
    return device
  }

  private func lastComponent(of link: String) -> String? {
    device.link(link)?.split(separator: "/").last.map(String.init)
  }

  private mutating func add(
    _ name: String, value: DeviceDescription.Value
  ) throws(DeviceDescription.Problem) {
    guard attributeNames.insert(name).inserted else {
      throw .duplicateAttribute(Quotation.of(name.utf8))
    }
    device.attributes.append(DeviceDescription.Attribute(name: name, value: value))
  }

  private func split(
    _ value: ArraySlice<UInt8>, of letter: Character
  ) throws(DeviceDescription.Problem) -> (name: String, value: ArraySlice<UInt8>) {
    guard let equals = value.firstIndex(of: UInt8(ascii: "=")), equals > value.startIndex else {
      throw .noEquals(letter: letter, text: Quotation.of(value))
    }
    return (try text(value[..<equals]), value[(equals + 1)...])
  }

  private func text(_ bytes: ArraySlice<UInt8>) throws(DeviceDescription.Problem) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    guard !isOfAPBus else { throw .notUTF8 }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// The two ways in which umockdev writes an attribute's content on one line
/// (`umockdev_testbed_add_from_string`).
enum AttributeText {
  private static let controls: [UInt8: UInt8] = [
    UInt8(ascii: "a"): 0x07, UInt8(ascii: "b"): 0x08, UInt8(ascii: "t"): 0x09,
    UInt8(ascii: "n"): 0x0a, UInt8(ascii: "v"): 0x0b, UInt8(ascii: "f"): 0x0c,
    UInt8(ascii: "r"): 0x0d,
  ]

  /// Decodes C escapes: `\n` and the like, up to three octal digits, any other byte for itself.
  static func unescape(_ text: ArraySlice<UInt8>) throws(DeviceDescription.Problem) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var rest = text
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        bytes.append(byte)
        continue
      }
      guard let next = rest.first else { throw .escape(Quotation.of(text)) }
      let octal = rest.prefix(3).prefix { (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }
      if octal.isEmpty {
        rest.removeFirst()
        bytes.append(controls[next] ?? next)
      } else {
        rest = rest.dropFirst(octal.count)
        let number = octal.reduce(0) { $0 << 3 | Int($1 & 7) }
        guard let value = UInt8(exactly: number) else { throw .escape(Quotation.of(text)) }
        bytes.append(value)
      }
    }
    return bytes
  }

  /// Decodes pairs of hex digits of either case.
  static func unhex(_ text: ArraySlice<UInt8>) throws(DeviceDescription.Problem) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2)
    var rest = text
    while let high = rest.popFirst() {
      guard let low = rest.popFirst(), let upper = Hex.value(ofAnyCase: high),
        let lower = Hex.value(ofAnyCase: low)
      else {
        throw .hex(Quotation.of(text))
      }
      bytes.append(upper << 4 | lower)
    }
    return bytes
  }
}
