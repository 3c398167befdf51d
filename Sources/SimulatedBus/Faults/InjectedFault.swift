public import APBus
public import Uevents

/// Something that goes wrong on purpose: at which calls or events, at which of them, and how.
///
/// The kernel behind it stays as it is. A fault stands between the simulated bus and the program under
/// test, so that a test can still ask the bus itself what is true.
public enum InjectedFault: Equatable, Sendable {
  /// A call on sysfs goes wrong.
  case call(CallPattern, Occurrence, CallEffect)
  /// An event goes wrong on its way.
  case event(EventPattern, Occurrence, EventEffect)

  /// The call of that index fails, whatever it is: what a sweep over all calls of a scenario needs.
  /// Indices count from 1 (`FaultInjector.callCount`).
  public static func call(_ index: UInt64, fails errno: Errno) -> InjectedFault {
    .call(.any, .number(index), .fail(errno))
  }
}

/// Which of the calls, or events, that fit a fault's pattern it strikes.
public enum Occurrence: Equatable, Sendable {
  /// Those of these numbers; the first that fits has number 1.
  case numbers(ClosedRange<UInt64>)
  /// Each by a chance of one in so many, thrown by the plan's seed.
  case chance(oneIn: UInt64)

  /// Every one.
  public static let every = Occurrence.numbers(1...UInt64.max)

  /// The one of that number.
  public static func number(_ number: UInt64) -> Occurrence { .numbers(number...number) }
}

/// How a call on sysfs goes wrong.
public enum CallEffect: Equatable, Sendable {
  /// The call fails with that error and does nothing.
  case fail(Errno)
  /// The call succeeds and does nothing: a write changes nothing, a read has the empty text, a list no
  /// names.
  case ignore
  /// The call does nothing, and a read or link has this text; a list the names in it. A driver's link
  /// of a refused probe is such an answer: it is there for an instant (`driver_sysfs_add` in
  /// drivers/base/dd.c).
  case answer(String)
  /// The call is done after a pause. Nothing sleeps: `FaultInjector.onDelay` is told.
  case delay(Duration)
  /// The device is unplugged, at that moment of the call.
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

/// How an event goes wrong on its way from the kernel.
public enum EventEffect: Equatable, Sendable {
  /// It never arrives.
  case lose
  /// It arrives twice.
  case duplicate
  /// It arrives after so many later events.
  case postpone(UInt64)
  /// The receiver's buffer is full: this event and those after it, so many in all, are lost, and the
  /// receiver is told once (ENOBUFS, `netlink_overrun` in net/netlink/af_netlink.c).
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

/// A pattern of bytes in which `*` stands for any of them and `?` for one.
struct Wildcard: Equatable, Sendable {
  private let pattern: [UInt8]

  /// The pattern of that text.
  init(_ text: String) {
    pattern = Array(text.utf8)
  }

  /// Whether it fits the whole text. Takes at most the product of both lengths.
  func matches(_ text: some StringProtocol) -> Bool {
    let text = Array(text.utf8)
    var position = 0
    var index = 0
    /// Where to go on when what follows the last star does not fit.
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
