/// The port through which an AP bus is read and written: real files below `/sys`, or a simulated bus.
///
/// Every call is one system call's worth of work and answers as the kernel does, error number
/// included. An implementation keeps no state of its own about the devices.
public protocol Sysfs: AnyObject {
  /// The text of an attribute, as read with one `read(2)`, its newline included.
  func read(_ path: SysfsPath) throws(SysfsError) -> String

  /// Writes an attribute with one `write(2)`. A write that the kernel took is taken whole
  /// (SimulatedBus documentation, "Results of writes").
  func write(_ text: String, to path: SysfsPath) throws(SysfsError)

  /// The last component of a link's target: the driver's name for `driver`.
  func readLink(_ path: SysfsPath) throws(SysfsError) -> String

  /// The names in a directory, in no particular order. `devices` and `drivers` of `BusObject.bus` are
  /// directories.
  func list(_ path: SysfsPath) throws(SysfsError) -> [String]
}

/// A failed call on sysfs: what was tried, where, and the kernel's answer.
public struct SysfsError: Error, Equatable, Sendable {
  /// The call that failed.
  public enum Operation: String, Sendable {
    /// Opening the file or directory.
    case open
    /// Reading the text.
    case read
    /// Writing the text.
    case write
    /// Reading a link's target.
    case readLink = "readlink"
    /// Reading a directory's names.
    case list
  }

  /// The call that failed.
  public var operation: Operation
  /// Where.
  public var path: SysfsPath
  /// The text that was to be written.
  public var text: String?
  /// The kernel's answer.
  public var errno: Errno

  /// A failed call.
  public init(_ operation: Operation, _ path: SysfsPath, text: String? = nil, errno: Errno) {
    self.operation = operation
    self.path = path
    self.text = text
    self.errno = errno
  }
}

extension SysfsError: CustomStringConvertible {
  /// One line, such as `writing "05.0004" to /sys/bus/ap/drivers/vfio_ap/bind: ENODEV (no such
  /// device)`.
  public var description: String {
    let attempt =
      switch operation {
      case .open: text == nil ? "opening" : "opening for writing"
      case .read: "reading"
      case .write: "writing \"\(text ?? "")\" to"
      case .readLink: "reading the link"
      case .list: "listing"
      }
    return "\(attempt) \(path): \(errno)"
  }
}
