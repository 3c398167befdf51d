public import APBus

/// Something that goes wrong on purpose: at which calls or events, at which of them, and how.
///
/// The kernel behind it stays as it is. A fault stands between the simulated bus and the program under
/// test, so that a test can still ask the bus itself what is true.
public enum Fault: Equatable, Sendable {
  /// A call on sysfs goes wrong.
  case call(CallPattern, Occurrence, CallEffect)
  /// An event goes wrong on its way.
  case event(EventPattern, Occurrence, EventEffect)

  /// The call of that index fails, whatever it is: what a sweep over all calls of a scenario needs.
  /// Indices count from 1 (`FaultInjector.callCount`).
  public static func call(_ index: UInt64, fails errno: Errno) -> Fault {
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
