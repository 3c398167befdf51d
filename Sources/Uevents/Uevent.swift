/// One message of the kernel about a device: what happened, where, and the device's properties then.
public struct Uevent: Equatable, Sendable {
  /// What happened. The kernel knows no others (`kobject_actions` in lib/kobject_uevent.c).
  public enum Action: String, Hashable, Sendable, CaseIterable {
    /// A device appeared.
    case add
    /// A device went away.
    case remove
    /// A device's state changed.
    case change
    /// A device was renamed or re-parented.
    case move
    /// A device was switched on.
    case online
    /// A device was switched off.
    case offline
    /// A driver took the device.
    case bind
    /// A driver let go of the device.
    case unbind
  }

  /// A key with its value, such as `DRIVER=vfio_ap`.
  public struct Property: Hashable, Sendable {
    /// The key.
    public var key: String
    /// The value; it may contain `=`, and on some kernels a newline at its end.
    public var value: String

    /// A key with its value.
    public init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  /// ACTION.
  public var action: Action
  /// DEVPATH: the device's path below `/sys`, with a leading slash.
  public var devicePath: String
  /// SUBSYSTEM.
  public var subsystem: String
  /// The other properties in the message's order, without ACTION, DEVPATH, SUBSYSTEM and SEQNUM.
  public var properties: [Property]
  /// SEQNUM: counted over the whole system, from 1; nil before a kernel has sent the message.
  public var sequenceNumber: UInt64?

  /// An event with these parts.
  public init(
    _ action: Action, _ devicePath: String, subsystem: String, properties: [Property] = [],
    sequenceNumber: UInt64? = nil
  ) {
    self.action = action
    self.devicePath = devicePath
    self.subsystem = subsystem
    self.properties = properties
    self.sequenceNumber = sequenceNumber
  }

  /// The value of a property other than ACTION, DEVPATH, SUBSYSTEM and SEQNUM.
  public subscript(key: String) -> String? {
    properties.first { $0.key == key }?.value
  }
}
