public import APBus
public import Uevents

/// A fault that is injected on purpose: into which calls or events, at which of them, and its effect.
///
/// It is injected between the simulated bus and the program under test, so that a test can still ask the
/// bus itself for the truth.
public enum InjectedFault: Equatable, Sendable {
  /// A fault of calls on sysfs.
  case call(CallPattern, Occurrence, CallEffect)
  /// A fault of events on their way.
  case event(EventPattern, Occurrence, EventEffect)

  /// The call of an index fails, whatever it is: for a sweep over all calls of a scenario.
  ///
  /// - Parameters:
  ///   - index: The call's number, from 1 (`FaultInjector.callCount`).
  ///   - errno: The error.
  /// - Returns: The fault.
  public static func call(_ index: UInt64, fails errno: Errno) -> InjectedFault {
    .call(.any, .number(index), .fail(errno))
  }
}

/// At which of the calls or events that match its pattern a fault occurs.
public enum Occurrence: Equatable, Sendable {
  /// Those of these numbers; the first match has number 1.
  case numbers(ClosedRange<UInt64>)
  /// Each with a chance of one in so many, by the plan's seed.
  case chance(oneIn: UInt64)

  /// At every match.
  public static let every = Occurrence.numbers(1...UInt64.max)

  /// At the match of a number.
  ///
  /// - Parameter number: The number, from 1.
  /// - Returns: The occurrence.
  public static func number(_ number: UInt64) -> Occurrence { .numbers(number...number) }
}

/// The effect of a fault on a call.
public enum CallEffect: Equatable, Sendable {
  /// The call fails with an error and does nothing.
  case fail(Errno)
  /// The call succeeds and does nothing: a write changes nothing, a read has the empty text, a list no
  /// names.
  case ignore
  /// The call does nothing, and a read or link has this text; a list the names in it. The driver's
  /// link of a refused probe is such an answer: it exists for an instant (`driver_sysfs_add` in
  /// drivers/base/dd.c).
  case answer(String)
  /// The call is done after a pause. Nothing sleeps: `FaultInjector.onDelay` is called.
  case delay(Duration)
  /// The device is unplugged, at some moment of the call.
  case vanish(Moment)
  /// The device is unplugged and another of the same name plugged: without its override, and bound to
  /// whatever driver takes it (SimulatedBus documentation, "Sequences").
  case replace(Moment)

  /// When in a call a device changes.
  public enum Moment: String, Sendable {
    /// Before the file is opened.
    case before
    /// Between opening the file and reading or writing it: a file of the device itself answers ENODEV
    /// then (`kernfs_get_active` in fs/kernfs/dir.c).
    case during
    /// After the call is done.
    case after
  }
}

/// The effect of a fault on an event on its way from the kernel.
public enum EventEffect: Equatable, Sendable {
  /// It never arrives.
  case lose
  /// It arrives twice.
  case duplicate
  /// It arrives after so many later events.
  case postpone(UInt64)
  /// The receiver's buffer is full: this event and those after it, so many in all, are lost, which
  /// is reported once (ENOBUFS, `netlink_overrun` in net/netlink/af_netlink.c).
  case overrun(UInt64)
}

extension CallEffect: CustomStringConvertible {
  /// As the text form of a plan has it, such as `fail EBUSY`.
  public var description: String {
    switch self {
    case .fail(let errno): "fail \(errno.name)"
    case .ignore: "ignore"
    case .answer(let text): "answer \(text)"
    case .delay(let duration): "delay \(duration.components.seconds)s"
    case .vanish(let moment): "vanish \(moment.rawValue)"
    case .replace(let moment): "replace \(moment.rawValue)"
    }
  }
}

/// The calls that a fault matches: by kind, by place, and by the text that is written.
///
/// Places and texts are patterns in which `*` matches any characters, including slashes, and `?` matches
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
  ///
  /// - Parameters:
  ///   - operations: The kinds of calls.
  ///   - path: A pattern of places.
  ///   - text: A pattern of the text of a write; nil for any.
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

  /// Writes to a place.
  ///
  /// - Parameters:
  ///   - text: A pattern of the text; nil for any.
  ///   - path: A pattern of places.
  /// - Returns: The pattern.
  public static func write(_ text: String? = nil, to path: String) -> CallPattern {
    CallPattern([.write], path: path, text: text)
  }

  /// Reads of a place.
  ///
  /// - Parameter path: A pattern of places.
  /// - Returns: The pattern.
  public static func read(_ path: String) -> CallPattern { CallPattern([.read], path: path) }

  /// Whether the pattern matches a call.
  func matches(_ call: SysfsCall) -> Bool {
    guard operations.contains(call.operation),
      path == "*" || pathPattern.matches(call.path.description)
    else { return false }
    guard let textPattern else { return true }
    return call.text.map { textPattern.matches(AttributeInput.name($0)) } ?? false
  }
}

/// The events that a fault matches: a pattern of the header, such as `bind@/devices/ap/card05/*`, in which
/// `*` matches any characters and `?` matches one.
public struct EventPattern: Equatable, Sendable {
  /// The pattern.
  public let header: String
  private let pattern: Wildcard

  /// Events with a header.
  ///
  /// - Parameter header: The pattern.
  public init(_ header: String) {
    self.header = header
    pattern = Wildcard(header)
  }

  /// Every event.
  public static let any = EventPattern("*")

  /// Whether the pattern matches an event.
  ///
  /// - Parameter event: Any event.
  /// - Returns: True if the event's action and path match.
  public func matches(_ event: Uevent) -> Bool {
    header == "*" || pattern.matches("\(event.action.rawValue)@\(event.devicePath)")
  }
}

/// A pattern of bytes in which `*` matches any of them and `?` matches one.
struct Wildcard: Equatable, Sendable {
  private let pattern: [UInt8]

  init(_ text: String) {
    pattern = Array(text.utf8)
  }

  /// Whether it matches the whole text. Takes at most the product of both lengths.
  func matches(_ text: some StringProtocol) -> Bool {
    let text = Array(text.utf8)
    var position = 0
    var index = 0
    /// Where to go on when what follows the last star does not match.
    var retry: (position: Int, index: Int)?
    while index < text.count || position < pattern.count {
      if position < pattern.count {
        if pattern[position] == UInt8(ascii: "*") {
          position += 1
          retry = (position, index)
          continue
        }
        if index < text.count,
          pattern[position] == UInt8(ascii: "?") || pattern[position] == text[index]
        {
          position += 1
          index += 1
          continue
        }
      }
      guard let last = retry, last.index < text.count else { return false }
      position = last.position
      index = last.index + 1
      retry = (position, index)
    }
    return true
  }
}
