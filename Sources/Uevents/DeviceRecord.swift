/// A device whose lines are being read.
struct DeviceRecord {
  /// The device as far as it was read.
  private(set) var device: DeviceDescription
  private var attributeNames: Set<String> = []

  /// A device of which only the first line was read.
  init(device: DeviceDescription) {
    self.device = device
  }

  /// Takes a line's value; says whether the letter has a meaning in that form.
  mutating func take(
    _ letter: Character, _ value: ArraySlice<UInt8>, format: Capture.Format
  ) throws(DeviceDescription.Problem) -> Bool {
    switch letter {
    case "E":
      let (key, bytes) = try split(letter, value)
      device.properties.append(Uevent.Property(key, try text(bytes)))
    case "N":
      // umockdev appends the node's first content.
      device.node = try text(value.prefix { $0 != UInt8(ascii: "=") })
    case "S": _ = try text(value)
    case "A" where format == .descriptions:
      let (name, bytes) = try split(letter, value)
      try add(name, .content(AttributeText.unescape(bytes)))
    case "H" where format == .descriptions:
      let (name, bytes) = try split(letter, value)
      try add(name, .content(AttributeText.unhex(bytes)))
    case "L" where format == .descriptions:
      let (name, bytes) = try split(letter, value)
      try add(name, .link(text(bytes)))
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
    _ name: String, _ value: DeviceDescription.Value
  ) throws(DeviceDescription.Problem) {
    guard attributeNames.insert(name).inserted else {
      throw .duplicateAttribute(Quotation.of(name.utf8))
    }
    device.attributes.append(DeviceDescription.Attribute(name: name, value: value))
  }

  private func split(
    _ letter: Character, _ value: ArraySlice<UInt8>
  ) throws(DeviceDescription.Problem) -> (name: String, value: ArraySlice<UInt8>) {
    guard let equals = value.firstIndex(of: UInt8(ascii: "=")), equals > value.startIndex else {
      throw .noEquals(letter: letter, text: Quotation.of(value))
    }
    return (try text(value[..<equals]), value[(equals + 1)...])
  }

  private func text(_ bytes: ArraySlice<UInt8>) throws(DeviceDescription.Problem) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
    return text
  }
}
