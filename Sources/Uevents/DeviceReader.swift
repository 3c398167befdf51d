/// Reads devices in records of lines `X: value`: udev's database (`udevadm info --export-db`) and
/// umockdev's descriptions (`umockdev-record`). Both are alike but for the letters.
struct DeviceReader {
  private let name: String
  private let format: Capture.Format
  private var devices: [DeviceDescription] = []
  private var lines: [String: Int] = [:]
  private var open: DeviceRecord?
  private var ignored: Set<Character> = []
  private var notes: [String] = []

  /// Tells the two forms apart by the first letter that only one of them has.
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
    capture.notes = reader.notes
    return capture
  }

  private init(name: String, format: Capture.Format) {
    self.name = name
    self.format = format
  }

  private func damage(_ problem: CaptureError.Problem, _ line: Int) -> CaptureError {
    CaptureError(file: name, position: .line(line), problem: problem)
  }

  private mutating func take(_ line: TextLine) throws(CaptureError) {
    if line.isMark { return }
    guard line.isTerminated else {
      guard let device = open?.device else {
        throw damage(.cutOff("a device's first line"), line.number)
      }
      let path = Quotation.of(device.devicePath.utf8)
      throw damage(.cutOff("the device \(path) that begins here"), device.line)
    }
    if line.bytes.isEmpty { return try close() }
    let letter: Character?
    do {
      letter = try takeField(line)
    } catch {
      throw damage(.device(error), line.number)
    }
    if let letter, ignored.insert(letter).inserted {
      notes.append("\(name):\(line.number): lines \"\(letter):\" are not known and were ignored.")
    }
  }

  /// Takes a line `X: value`; returns the letter if nothing is known about it.
  private mutating func takeField(
    _ line: TextLine
  ) throws(DeviceDescription.Problem) -> Character? {
    let bytes = line.bytes
    guard let letter = bytes.first, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(letter),
      bytes.dropFirst().starts(with: ": ".utf8), !bytes.contains(0)
    else { throw .noLetter(Quotation.of(bytes)) }
    let value = bytes.dropFirst(3)
    let character = Character(UnicodeScalar(letter))
    guard character == "P" else {
      guard open != nil else { throw .noPath(character) }
      let isKnown = try open?.take(character, value, format: format) ?? true
      return isKnown ? nil : character
    }
    guard open == nil else { throw .secondPath }
    guard let path = String(validating: value, as: UTF8.self) else { throw .path(.notUTF8) }
    do {
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
      throw damage(.device(.noSubsystem(path)), device.line)
    }
    devices.append(device)
  }
}
