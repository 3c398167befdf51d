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
  /// The subsystem, if the capture tells it.
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
  public subscript(key: String) -> String? {
    properties.first { $0.key == key }?.value
  }

  /// An attribute's text as it stands in the file; nil if there is none or it is not UTF-8.
  public func attribute(_ name: String) -> String? {
    guard case .content(let bytes) = attributes.first(where: { $0.name == name })?.value else {
      return nil
    }
    return String(validating: bytes, as: UTF8.self)
  }

  /// A symbolic link's target.
  public func link(_ name: String) -> String? {
    guard case .link(let target) = attributes.first(where: { $0.name == name })?.value else {
      return nil
    }
    return target
  }
}
