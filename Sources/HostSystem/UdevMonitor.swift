import CUdev
import Glibc
package import APBus
package import Uevents

/// The kernel's messages about AP devices as they come, through libudev's monitor on the kernel group.
///
/// The kernel group works where no udevd runs, and tells before udevd's rules have run.
/// libudev puts no filter before that group (`sd_device_monitor_filter_update`, systemd 252), so it
/// gets one of ours: other devices' messages neither wake anybody nor take room.
package final class UdevMonitor {
  /// The descriptor to wait on: readable while there are messages, or after some were lost.
  package let descriptor: Int32
  private let context: OpaquePointer
  private let monitor: OpaquePointer

  /// What became of the messages that had come.
  package enum Outcome: Equatable, Sendable {
    /// All have been handed on.
    case complete
    /// The limit is reached and more are there.
    case partial
    /// The kernel dropped some for want of room. The rest has been handed on, and the kernel delivers
    /// again: now is the time to look at all devices (`netlink_overrun` in net/netlink/af_netlink.c).
    case overrun
  }

  /// What has come so far.
  package struct Counts: Equatable, Sendable {
    /// Messages that were handed on.
    package var events: UInt64 = 0
    /// Messages that were not: damaged, or with an action that no kernel sends. What does not come
    /// from the kernel is dropped by libudev without a word.
    package var malformed: UInt64 = 0
    /// How often the kernel said that it dropped some.
    package var overruns: UInt64 = 0
    /// How often receiving failed, so that another monitor was opened.
    package var reopenings: UInt64 = 0

    /// Nothing yet.
    package init() {}

    /// What two monitors have counted one after the other.
    package static func + (left: Counts, right: Counts) -> Counts {
      var sum = left
      sum.events += right.events
      sum.malformed += right.malformed
      sum.overruns += right.overruns
      sum.reopenings += right.reopenings
      return sum
    }
  }

  /// What has come so far.
  package private(set) var counts = Counts()
  /// Whether there was an overrun that the caller was not told of yet.
  private var isOverrun = false

  /// Opens the monitor. Messages queue up from here on, so open it before looking at the devices.
  package init() throws(UdevMonitorError) {
    guard let context = udev_new() else { throw UdevMonitorError("starting libudev") }
    guard let monitor = udev_monitor_new_from_netlink(context, "kernel") else {
      let error = UdevMonitorError("opening the kernel's uevent socket")
      udev_unref(context)
      throw error
    }
    let result = udev_monitor_enable_receiving(monitor)
    guard result >= 0 else {
      let error = UdevMonitorError("listening to the kernel's uevents", errno: -result)
      udev_monitor_unref(monitor)
      udev_unref(context)
      throw error
    }
    self.context = context
    self.monitor = monitor
    descriptor = udev_monitor_get_fd(monitor)
    // After enable_receiving, which would replace it. What slipped in before is no harm: an event only
    // says where to look.
    try SocketFilter.adjunctProcessor.attach(to: descriptor)
  }

  deinit {
    udev_monitor_unref(monitor)
    udev_unref(context)
  }

  /// Hands on the messages that have come, at most `limit` of them, and does not wait for more.
  ///
  /// A message that libudev refuses (not from the kernel, or damaged) is passed over. An overrun is
  /// told only when all that had come is handed on: before, the kernel drops whatever is sent
  /// (`netlink_overrun` in net/netlink/af_netlink.c).
  package func drain(
    limit: Int = .max, _ take: (Uevent) -> Void
  ) throws(UdevMonitorError) -> Outcome {
    try drainDevices(limit: limit) { device in
      guard let event = Uevent(device) else { return false }
      take(event)
      return true
    }
  }

  /// The same for who only wants to know where something happened, and whether a device went: the rest of
  /// a message costs more than all of libudev.
  package func drainPlaces(
    limit: Int = .max, _ take: (_ devicePath: String, _ isRemoval: Bool) -> Void
  ) throws(UdevMonitorError) -> Outcome {
    try drainDevices(limit: limit) { device in
      guard let action = udev_device_get_action(device), let path = udev_device_get_devpath(device)
      else { return false }
      take(String(cString: path), strcmp(action, "remove") == 0)
      return true
    }
  }

  /// Hands on devices as libudev has them; `take` says whether one makes sense.
  private func drainDevices(
    limit: Int, _ take: (OpaquePointer) -> Bool
  ) throws(UdevMonitorError) -> Outcome {
    var left = limit
    while left > 0 {
      left -= 1
      errno = 0
      guard let device = udev_monitor_receive_device(monitor) else {
        switch errno {
        case ENOBUFS:
          isOverrun = true
          counts.overruns += 1
        case EINTR: break
        case let number where Self.isAboutMessage(number): counts.malformed += 1
        // libudev answers alike for an empty socket and for a message that it does not trust.
        case 0, EAGAIN:
          guard try !hasMore() else { continue }
          defer { isOverrun = false }
          return isOverrun ? .overrun : .complete
        default: throw UdevMonitorError("receiving uevents")
        }
        continue
      }
      defer { udev_device_unref(device) }
      if take(device) { counts.events += 1 } else { counts.malformed += 1 }
    }
    return .partial
  }

  /// Whether libudev's answer is about one message, which it has taken out of the socket, and not about
  /// the socket: `recvmsg` on netlink has none of these (netlink(7)).
  ///
  /// EINVAL: too short, cut off, without `ACTION=`, `DEVPATH=` or `SUBSYSTEM=`. ENODEV: a `DEVPATH=` that
  /// is empty or `/`. ERANGE: a number beyond 64 bits. The others come from the same readers of numbers,
  /// names and paths (device_new_from_nulstr of libsystemd 252).
  private static func isAboutMessage(_ number: Int32) -> Bool {
    [
      EINVAL, ENODEV, ERANGE, ENOENT, ENXIO, EBADMSG, EILSEQ, ENAMETOOLONG, EOVERFLOW, E2BIG, EDOM,
    ].contains(number)
  }

  /// All messages that have come.
  package func receive() throws(UdevMonitorError) -> (events: [Uevent], outcome: Outcome) {
    var events: [Uevent] = []
    let outcome = try drain { events.append($0) }
    return (events, outcome)
  }

  /// Whether something is left in the socket, a loss that is yet to be told included.
  private func hasMore() throws(UdevMonitorError) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    while true {
      let count = poll(&request, 1, 0)
      if count >= 0 { break }
      if errno != EINTR { throw UdevMonitorError("looking for uevents") }
    }
    return request.revents & Int16(POLLIN | POLLERR) != 0
  }
}

/// A failed call on the monitor.
package struct UdevMonitorError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What was tried.
  package var attempt: String
  /// The kernel's answer.
  package var errno: Errno

  /// A failure with the C library's current error number, or with a given one.
  init(_ attempt: String, errno number: Int32 = Glibc.errno) {
    self.attempt = attempt
    errno = Errno(rawValue: number)
  }

  /// One sentence.
  package var description: String { "\(attempt): \(errno)" }
}

extension Uevent {
  /// The message as libudev gives it: values end at a line break, and DEVNAME has `/dev/` in front.
  /// Nil for an action that no kernel sends.
  fileprivate init?(_ device: OpaquePointer) {
    guard let word = udev_device_get_action(device).map({ String(cString: $0) }),
      let action = Action(rawValue: word),
      let path = udev_device_get_devpath(device).map({ String(cString: $0) }),
      let subsystem = udev_device_get_subsystem(device).map({ String(cString: $0) })
    else { return nil }
    let number = udev_device_get_seqnum(device)
    self.init(
      action, path, subsystem: subsystem, sequenceNumber: number == 0 ? nil : UInt64(number))
    var entry = udev_device_get_properties_list_entry(device)
    while let current = entry {
      let key = String(cString: udev_list_entry_get_name(current))
      if !["ACTION", "DEVPATH", "SUBSYSTEM", "SEQNUM"].contains(key) {
        let value = udev_list_entry_get_value(current).map { String(cString: $0) }
        properties.append(Property(key, value ?? ""))
      }
      entry = udev_list_entry_get_next(current)
    }
  }
}
