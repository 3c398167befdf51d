public import APBus
public import Uevents

/// Which calls a fault is about: the kind, the place, and the text that is written.
///
/// Places and texts are patterns in which `*` stands for any characters, slashes among them, and `?` for
/// one. A place is a full path as `SysfsPath` prints it; `/sys/bus/ap/devices/NAME` names a device too.
public struct CallPattern: Equatable, Sendable {
  /// The kinds of calls: all but `open`, which is a part of each.
  public var operations: Set<SysfsError.Operation>
  /// The place.
  public let path: String
  /// The text of a write, without the newline at its end; nil for any.
  public let text: String?

  private let pathPattern: Wildcard
  private let textPattern: Wildcard?

  /// Calls of some kinds at a place.
  public init(_ operations: Set<SysfsError.Operation>, path: String, text: String? = nil) {
    self.operations = operations
    self.path = path
    self.text = text
    let links = "/sys/bus/ap/devices/"
    // A link leads to the device wherever it is, and two stars in a row are one.
    let place = path.hasPrefix(links) ? "/sys/devices/ap/*" + path.dropFirst(links.count) : path
    pathPattern = Wildcard(place)
    textPattern = text.map { Wildcard($0) }
  }

  /// Every call.
  public static let any = CallPattern([.read, .write, .readLink, .list], path: "*")

  /// Writes to a place, of any text or of one that fits a pattern.
  public static func write(_ text: String? = nil, to path: String) -> CallPattern {
    CallPattern([.write], path: path, text: text)
  }

  /// Reads of a place.
  public static func read(_ path: String) -> CallPattern { CallPattern([.read], path: path) }

  /// Whether the pattern fits a call.
  func matches(_ call: SysfsCall) -> Bool {
    guard operations.contains(call.operation),
      path == "*" || pathPattern.matches(call.path.description)
    else { return false }
    guard let textPattern else { return true }
    return call.text.map { textPattern.matches(AttributeInput.name($0)) } ?? false
  }
}

/// Which events a fault is about: a pattern of the header, such as `bind@/devices/ap/card05/*`, in which
/// `*` stands for any characters and `?` for one.
public struct EventPattern: Equatable, Sendable {
  /// The pattern.
  public let header: String
  private let pattern: Wildcard

  /// Events with that header.
  public init(_ header: String) {
    self.header = header
    pattern = Wildcard(header)
  }

  /// Every event.
  public static let any = EventPattern("*")

  /// Whether the pattern fits an event.
  public func matches(_ event: Uevent) -> Bool {
    header == "*" || pattern.matches("\(event.action.rawValue)@\(event.devicePath)")
  }
}
