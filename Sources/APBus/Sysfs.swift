/// The port through which an AP bus is read and written: real files below `/sys`, or a simulated bus.
///
/// Every call is one system call's worth of work and answers as the kernel does, error number
/// included. An implementation keeps no state of its own about the devices.
public protocol Sysfs: AnyObject {
  /// The text of an attribute, as read with one `read(2)`, its newline included.
  func read(_ path: SysfsPath) throws(SysfsError) -> String

  /// The texts of several attributes, each as `read(_:)` gives it. A port that reads on another thread does
  /// them all in one turn.
  func read(_ paths: [SysfsPath]) -> [Result<String, SysfsError>]

  /// Writes an attribute with one `write(2)`. A write that the kernel took is taken whole
  /// (SimulatedBus documentation, "Results of writes").
  func write(_ text: String, to path: SysfsPath) throws(SysfsError)

  /// The last component of a link's target: the driver's name for `driver`.
  func readLink(_ path: SysfsPath) throws(SysfsError) -> String

  /// The names in a directory, in no particular order. `devices` and `drivers` of `BusObject.bus` are
  /// directories.
  func list(_ path: SysfsPath) throws(SysfsError) -> [String]
}

extension Sysfs {
  /// Reads one attribute after the other.
  public func read(_ paths: [SysfsPath]) -> [Result<String, SysfsError>] {
    paths.map { path in
      Result { () throws(SysfsError) in try read(path) }
    }
  }
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
  /// How long an adapter was waited for, where it did not answer and nobody waits any longer; nil for an
  /// answer of the kernel.
  public var limit: Duration?
  /// Whether the adapter is still waited for, by somebody else, and the time is not over.
  public var isAwaited = false

  /// A failed call.
  ///
  /// - Parameters:
  ///   - operation: The call.
  ///   - path: Where.
  ///   - text: The text that was to be written.
  ///   - errno: The kernel's answer.
  public init(_ operation: Operation, _ path: SysfsPath, text: String? = nil, errno: Errno) {
    self.operation = operation
    self.path = path
    self.text = text
    self.errno = errno
  }

  /// A read that is not waited for any longer.
  ///
  /// - Parameter read: The read.
  public init(_ read: UnansweredRead) {
    self.init(.read, read.path, errno: .timedOut)
    limit = read.limit
    isAwaited = read.isAwaited
  }

  /// The read that the adapter has not answered; nil for an answer of the kernel.
  public var unanswered: UnansweredRead? {
    limit.map { UnansweredRead(path, limit: $0, isAwaited: isAwaited) }
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
    return "\(attempt) \(path): " + (unanswered?.clause ?? "\(errno)")
  }
}

/// A read that an adapter has not answered within a time. The adapter may never answer; all else that the
/// kernel knows of it can be read as ever.
public struct UnansweredRead: Hashable, Sendable {
  /// The file.
  public var path: SysfsPath
  /// How long it was waited for.
  public var limit: Duration
  /// Whether that time is not over: the read may still be answered, and nothing else waits for it.
  public var isAwaited: Bool

  /// How long an adapter is waited for. One that works answers within a fraction of a second.
  public static let usualLimit = Duration.seconds(5)

  /// A read without an answer.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - limit: How long it was waited for.
  ///   - isAwaited: Whether that time is not over.
  public init(_ path: SysfsPath, limit: Duration = usualLimit, isAwaited: Bool = false) {
    self.path = path
    self.limit = limit
    self.isAwaited = isAwaited
  }

  /// The time in whole milliseconds.
  package var milliseconds: Int64 { limit.wholeMilliseconds }

  /// What is wrong, without the file: `no answer within 5 s`.
  package var clause: String {
    guard !isAwaited else { return "no answer yet" }
    return "no answer within "
      + (milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms")
  }
}

extension UnansweredRead: CustomStringConvertible {
  /// One clause, such as `reading /sys/devices/ap/card05/serialnr: no answer within 5 s`.
  public var description: String { "reading \(path): \(clause)" }
}

/// A place below `/sys`: an object of the AP bus, and the name of a file, link or directory in it.
///
/// A path can only be built from these parts, so that nothing outside the AP bus can be named.
public struct SysfsPath: Hashable, Sendable {
  /// The directory.
  public let object: BusObject
  /// The name in it; empty for the directory itself.
  public let name: String

  /// The file, link or directory `name` of `object`; without a name, the object's directory.
  ///
  /// - Parameters:
  ///   - object: The object.
  ///   - name: A name in its directory.
  public init(_ object: BusObject, _ name: String = "") {
    self.object = object
    self.name = name
  }

  /// An attribute of the bus, such as `apmask`.
  ///
  /// - Parameter name: The attribute's name.
  /// - Returns: Its place.
  public static func bus(_ name: String) -> SysfsPath { SysfsPath(.bus, name) }

  /// An attribute of a card, such as `hwtype`.
  ///
  /// - Parameters:
  ///   - adapter: The adapter's number.
  ///   - name: The attribute's name.
  /// - Returns: Its place.
  public static func card(_ adapter: UInt8, _ name: String) -> SysfsPath {
    SysfsPath(.card(adapter), name)
  }

  /// An attribute of a queue, such as `driver_override`.
  ///
  /// - Parameters:
  ///   - apqn: The queue.
  ///   - name: The attribute's name.
  /// - Returns: Its place.
  public static func queue(_ apqn: APQN, _ name: String) -> SysfsPath {
    SysfsPath(.queue(apqn), name)
  }

  /// A driver's file, such as `unbind`.
  ///
  /// - Parameters:
  ///   - driver: The driver's name.
  ///   - name: The file's name.
  /// - Returns: Its place.
  public static func driver(_ driver: String, _ name: String) -> SysfsPath {
    SysfsPath(.driver(driver), name)
  }

  /// The adapter that a read of the file sends a request to, so that its answer may never come; nil where the
  /// kernel answers by itself (`cca_serialnr_show`, `cca_mkvps_show`, `ep11_api_ordinalnr_show` and the like
  /// in zcrypt_cex4.c).
  public var askedAdapter: UInt8? {
    switch object {
    case .card(let adapter) where Self.askingCardFiles.contains(name): adapter
    case .queue(let apqn) where Self.askingQueueFiles.contains(name): apqn.adapter
    default: nil
    }
  }

  private static let askingCardFiles = ["serialnr", "API_ordinalnr", "FW_version", "op_modes"]
  private static let askingQueueFiles = ["mkvps", "op_modes"]

  /// Reads a path below `/sys`, given from `/sys` on or relative to it; devices may be named through
  /// the bus's links, `bus/ap/devices/05.0004/...`.
  ///
  /// Nil for a place that does not concern AP queues.
  ///
  /// - Parameter text: Such as `/sys/bus/ap/apmask`.
  public init?(text: some StringProtocol) {
    var text = String(text)
    if text.hasPrefix("/sys/") { text.removeFirst(5) }
    while text.hasSuffix("/") { text.removeLast() }
    let links = "bus/ap/devices/"
    if text.hasPrefix(links) {
      let rest = text.dropFirst(links.count)
      let device = rest.prefix { $0 != "/" }
      let below = rest.dropFirst(device.count)
      if BusObject.adapter(ofCardName: device) != nil {
        text = "devices/ap/\(device)\(below)"
      } else if let apqn = APQN(device) {
        text = "devices/ap/\(apqn.cardName)/\(device)\(below)"
      } else {
        return nil
      }
    }
    if let object = BusObject(path: text) {
      self.init(object)
    } else if let slash = text.lastIndex(of: "/"), let object = BusObject(path: text[..<slash]) {
      let name = String(text[text.index(after: slash)...])
      // These would name another directory than the path says.
      guard name != ".", name != ".." else { return nil }
      self.init(object, name)
    } else {
      return nil
    }
  }
}

extension SysfsPath: CustomStringConvertible {
  /// The full path, `/sys/bus/ap/apmask`.
  public var description: String {
    "/sys" + object.path + (name.isEmpty ? "" : "/" + name)
  }
}
