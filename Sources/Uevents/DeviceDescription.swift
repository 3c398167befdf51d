/// A device as a capture of a state describes it.
public struct DeviceDescription: Equatable, Sendable {
  /// A file of the device's directory in sysfs.
  public struct Attribute: Equatable, Sendable {
    /// The file's path below the device's directory.
    public var name: String
    /// What it holds: a text, or bytes.
    public var value: Value
  }

  /// What a file in sysfs holds.
  public enum Value: Equatable, Sendable {
    /// Its content.
    case content([UInt8])
    /// A symbolic link's target.
    case link(String)
  }

  /// The path below `/sys`, with a leading slash.
  public var devicePath: String
  /// The line at which the description begins.
  public var line: Int
  /// The subsystem, if the capture has it.
  public var subsystem: String?
  /// The kind of device within its subsystem, such as `ap_queue`.
  public var deviceType: String?
  /// The driver that had the device, if any.
  public var driver: String?
  /// The device's node below `/dev`, if it has one.
  public var node: String?
  /// udev's properties of the device, in the capture's order, SUBSYSTEM and DRIVER included.
  public var properties: [Uevent.Property] = []
  /// The files of its directory; only umockdev's descriptions have them.
  public var attributes: [Attribute] = []

  /// A device of which no more is known than its place.
  init(devicePath: String, line: Int) {
    self.devicePath = devicePath
    self.line = line
  }

  /// The value of a property.
  ///
  /// - Parameter key: The property's name.
  /// - Returns: Its value; nil if there is none.
  public subscript(key: String) -> String? {
    properties.first { $0.key == key }?.value
  }

  /// An attribute's text as in the file; nil if there is none or it is not UTF-8.
  ///
  /// - Parameter name: The file's path below the device's directory.
  /// - Returns: Its text.
  public func attribute(_ name: String) -> String? {
    guard case .content(let bytes) = attributes.first(where: { $0.name == name })?.value else {
      return nil
    }
    return String(validating: bytes, as: UTF8.self)
  }

  /// A symbolic link's target.
  ///
  /// - Parameter name: The link's path below the device's directory.
  /// - Returns: Its target; nil if there is no such link.
  public func link(_ name: String) -> String? {
    guard case .link(let target) = attributes.first(where: { $0.name == name })?.value else {
      return nil
    }
    return target
  }
}

extension DeviceDescription {
  /// Why a description of a device cannot be used.
  public enum Problem: Error, Equatable, Sendable {
    /// The line, quoted here, is not `X: value`.
    case noLetter(String)
    /// The value after the letter is not `NAME=VALUE`.
    case noEquals(letter: Character, text: String)
    /// A description begins with another letter than `P:`.
    case noPath(Character)
    /// A second `P:` without an empty line before it.
    case secondPath
    /// The path is not as the kernel writes it.
    case path(Uevent.Problem)
    /// This path was described before, at that line.
    case duplicateDevice(String, line: Int)
    /// This attribute was given before.
    case duplicateAttribute(String)
    /// The device of this path has no subsystem, which umockdev requires.
    case noSubsystem(String)
    /// A backslash is followed by nothing, or by a number over 377 octal.
    case escape(String)
    /// The text is not an even number of hex digits.
    case hex(String)
    /// The bytes are not UTF-8.
    case notUTF8
  }
}

extension DeviceDescription.Problem: CustomStringConvertible {
  /// One sentence without a full stop.
  public var description: String {
    switch self {
    case .noLetter(let text): "expected a letter, a colon and a blank, found \"\(text)\""
    case .noEquals(let letter, let text): "expected \"\(letter): NAME=VALUE\", found \"\(text)\""
    case .noPath(let letter): "a device begins with \"P: /path\", not with \"\(letter):\""
    case .secondPath: "a second \"P:\" in one device; put an empty line between devices"
    case .path(let problem): problem.description
    case .duplicateDevice(let path, let line):
      "the device \(path) was already described at line \(line)"
    case .duplicateAttribute(let name): "the attribute \"\(name)\" is given twice"
    case .noSubsystem(let path): "the device \(path) has no line \"E: SUBSYSTEM=...\""
    case .escape(let text):
      "a backslash in \"\(text)\" is not followed by a letter or an octal number up to 377"
    case .hex(let text): "\"\(text)\" is not an even number of hex digits"
    case .notUTF8: "the bytes are not UTF-8"
    }
  }
}
