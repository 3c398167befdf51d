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
    ///
    /// - Parameters:
    ///   - key: Such as `MODE`.
    ///   - value: Such as `cca`.
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
  ///
  /// - Parameters:
  ///   - action: What happened.
  ///   - devicePath: Where, below `/sys`, with a leading slash.
  ///   - subsystem: The subsystem of the device.
  ///   - properties: The other properties, in order.
  ///   - sequenceNumber: SEQNUM; nil for an event that no kernel has sent.
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
  ///
  /// - Parameter key: The property's name.
  /// - Returns: Its value; nil if there is none.
  public subscript(key: String) -> String? {
    properties.first { $0.key == key }?.value
  }
}

extension Uevent {
  /// Why bytes are not an event that a kernel would send (libudev lets most of it pass).
  public enum Problem: Error, Equatable, Sendable {
    /// The strings after the header have this many bytes, more than the kernel's buffer.
    case tooLong(Int)
    /// The last string has no NUL at its end.
    case notTerminated
    /// The first string, quoted here, is not `action@/path`.
    case noHeader(String)
    /// No action of this name exists.
    case unknownAction(String)
    /// The path does not start with a slash.
    case relativePath(String)
    /// The path has an empty, `.` or `..` component.
    case unusualPath(String)
    /// The path, or a property's name, quoted here, has more than one line.
    case newline(String)
    /// The subsystem is not a word, and could be mistaken for the end of a line or for several lines.
    case unusualSubsystem(String)
    /// A string that should be `KEY=VALUE` has no key or no `=`.
    case noProperty(String)
    /// A property that every event has is missing.
    case missing(String)
    /// A property that every event has once is given twice.
    case duplicate(String)
    /// The header says something else than the property of this key.
    case mismatch(key: String, header: String, property: String)
    /// A property that every event has is not where the kernel puts it.
    case outOfOrder(String)
    /// SEQNUM is not a decimal number from 1 on.
    case sequenceNumber(String)
    /// The bytes are not UTF-8.
    case notUTF8
  }
}

extension Uevent.Problem: CustomStringConvertible {
  /// One sentence without a full stop.
  public var description: String {
    switch self {
    case .tooLong(let count):
      "the properties have \(count) bytes, a kernel sends at most \(KernelMessage.propertyLimit)"
    case .notTerminated: "the last property has no NUL byte at its end"
    case .noHeader(let text): "expected \"action@/path\", found \"\(text)\""
    case .unknownAction(let name):
      "unknown action \"\(name)\"; a kernel sends "
        + Uevent.Action.allCases.map(\.rawValue).joined(separator: ", ")
    case .relativePath(let path): "the device path \"\(path)\" does not start with \"/\""
    case .unusualPath(let path):
      "the device path \"\(path)\" has an empty, \".\" or \"..\" component"
    case .newline(let text): "\"\(text)\" has a newline in it"
    case .unusualSubsystem(let name): "the subsystem \"\(name)\" is not one word"
    case .noProperty(let text): "expected KEY=VALUE, found \"\(text)\""
    case .missing(let key): "\(key) is missing"
    case .duplicate(let key): "\(key) is given twice"
    case .mismatch(let key, let header, let property):
      "\(key) is \"\(property)\", but the event's first line says \"\(header)\""
    case .outOfOrder(let key):
      "\(key) is not where a kernel puts it (ACTION, DEVPATH, SUBSYSTEM first, SEQNUM last)"
    case .sequenceNumber(let text): "SEQNUM is \"\(text)\", not a decimal number from 1 on"
    case .notUTF8: "the bytes are not UTF-8"
    }
  }
}

/// The rules for a device's path as the kernel writes it.
enum DevicePath {
  /// Whether the device concerns AP queues, by the beginning of its path.
  static func isOfAPBus(_ path: String) -> Bool {
    ["/devices/ap", "/devices/vfio_ap", "/bus/ap"].contains { path.utf8.starts(with: $0.utf8) }
  }

  /// Refuses a path that is not absolute, or could lead elsewhere than it seems to: a `DEVPATH` with
  /// `/../../etc` passes libudev (`device_new_from_nulstr`, systemd 252).
  static func check(_ path: String) throws(Uevent.Problem) {
    let bytes = path.utf8
    guard !bytes.contains(UInt8(ascii: "\n")) else { throw .newline(Quotation.of(bytes)) }
    guard bytes.first == UInt8(ascii: "/") else { throw .relativePath(Quotation.of(bytes)) }
    for part in bytes.dropFirst().split(
      separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    where part.isEmpty || part.elementsEqual(".".utf8) || part.elementsEqual("..".utf8) {
      throw .unusualPath(Quotation.of(bytes))
    }
  }
}
