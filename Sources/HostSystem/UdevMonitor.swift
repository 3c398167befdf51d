import CUdev
import Glibc
package import APBus
package import Uevents

/// Receives the kernel's uevents of AP devices, through libudev's monitor on the kernel group.
///
/// The kernel group works without udevd, and delivers before udevd has processed its rules. libudev filters
/// only the group of udevd (`sd_device_monitor_filter_update`, systemd 252), so the socket gets a filter here:
/// uevents of other devices neither wake the process nor fill the buffer.
package final class UdevMonitor {
  /// Readable while there are messages, or after some were lost.
  package let descriptor: Int32
  private let context: OpaquePointer
  private let monitor: OpaquePointer

  /// The result of draining the socket.
  package enum Outcome: Equatable, Sendable {
    /// All messages were delivered.
    case complete
    /// The limit was reached, and there are more.
    case partial
    /// The kernel dropped messages because the buffer was full. The others were delivered, and the kernel
    /// sends again: now all devices must be scanned.
    case overrun
  }

  package struct Counts: Equatable, Sendable {
    /// Messages that were delivered.
    package var events: UInt64 = 0
    /// Messages that are damaged or have an unknown action. libudev silently drops those that are not from
    /// the kernel.
    package var malformed: UInt64 = 0
    /// How often the kernel reported that it dropped messages.
    package var overruns: UInt64 = 0
    /// How often receiving failed and another monitor was opened.
    package var reopenings: UInt64 = 0

    package init() {}

    package static func + (left: Counts, right: Counts) -> Counts {
      var sum = left
      sum.events += right.events
      sum.malformed += right.malformed
      sum.overruns += right.overruns
      sum.reopenings += right.reopenings
      return sum
    }
  }

  package private(set) var counts = Counts()
  /// Whether there was an overrun that was not reported yet.
  private var isOverrun = false

  /// Opens the monitor. Messages are queued from now on, so open it before scanning the devices.
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
    // After enable_receiving, which would replace it. A message that arrived before does no harm: an event
    // only says which device to read.
    try SocketFilter.adjunctProcessor.attach(to: descriptor)
  }

  deinit {
    udev_monitor_unref(monitor)
    udev_unref(context)
  }

  /// Delivers the queued messages, at most `limit` of them, and does not wait for more.
  ///
  /// A message that libudev refuses (not from the kernel, or damaged) is skipped. An overrun is reported
  /// only when the queue is empty: until then the kernel drops all new messages (`netlink_rcv_wake`, 6.1).
  package func drain(
    limit: Int = .max, _ deliver: (Uevent) -> Void
  ) throws(UdevMonitorError) -> Outcome {
    try drainDevices(limit: limit) { device in
      guard let event = Uevent(device) else { return false }
      deliver(event)
      return true
    }
  }

  /// The same with only the path of the device and whether it was removed: reading the rest of a message
  /// costs more than all of libudev.
  package func drainPlaces(
    limit: Int = .max, _ deliver: (_ devicePath: String, _ isRemoval: Bool) -> Void
  ) throws(UdevMonitorError) -> Outcome {
    try drainDevices(limit: limit) { device in
      guard let action = udev_device_get_action(device), let path = udev_device_get_devpath(device)
      else { return false }
      deliver(String(cString: path), strcmp(action, "remove") == 0)
      return true
    }
  }

  /// Delivers the devices of libudev; `deliver` returns whether one is valid.
  private func drainDevices(
    limit: Int, _ deliver: (OpaquePointer) -> Bool
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
        // The result of libudev is the same for an empty socket and for a message that it does not trust.
        case 0, EAGAIN:
          guard try !hasMore() else { continue }
          defer { isOverrun = false }
          return isOverrun ? .overrun : .complete
        default: throw UdevMonitorError("receiving uevents")
        }
        continue
      }
      defer { udev_device_unref(device) }
      if deliver(device) { counts.events += 1 } else { counts.malformed += 1 }
    }
    return .partial
  }

  /// Whether an error of libudev is about a message, which it has removed from the socket, and not about
  /// the socket: `recvmsg` on netlink has none of these errors (netlink(7)).
  ///
  /// EINVAL: too short, cut off, without `ACTION=`, `DEVPATH=` or `SUBSYSTEM=`. ENODEV: a `DEVPATH=` that
  /// is empty or `/`. ERANGE: a number beyond 64 bits. The others come from the same readers of numbers,
  /// names and paths (device_new_from_nulstr of libsystemd 252).
  private static func isAboutMessage(_ number: Int32) -> Bool {
    [
      EINVAL, ENODEV, ERANGE, ENOENT, ENXIO, EBADMSG, EILSEQ, ENAMETOOLONG, EOVERFLOW, E2BIG, EDOM,
    ].contains(number)
  }

  /// All queued messages.
  package func receive() throws(UdevMonitorError) -> (events: [Uevent], outcome: Outcome) {
    var events: [Uevent] = []
    let outcome = try drain { events.append($0) }
    return (events, outcome)
  }

  /// Whether something is left in the socket, the report of a loss included.
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
  /// Such as "receiving uevents".
  package var attempt: String
  package var errno: Errno

  init(_ attempt: String, errno number: Int32 = Glibc.errno) {
    self.attempt = attempt
    errno = Errno(rawValue: number)
  }

  package var description: String { "\(attempt): \(errno)" }
}

extension Uevent {
  /// The message as libudev presents it: values end at a line break, and DEVNAME begins with `/dev/`. Nil
  /// for an unknown action.
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

/// A file to which received events are appended, in the format of `udevadm monitor`.
///
/// Each event is written with a single call, so that a recording that is killed ends between events.
package final class EventRecording {
  private let file: HostFile.Output

  package init(path: String) throws(FileError) {
    file = try HostFile.Output(path: path)
    try file.write(MonitorText.introduction)
  }

  /// Appends an event that was received at `time`.
  package func append(_ event: Uevent, at time: Instant) throws(FileError) {
    try file.write(MonitorText.record(event, at: time.sinceBoot))
  }
}
