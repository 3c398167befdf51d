import CUdev
import Glibc
package import Sysfs
package import Uevents

/// The kernel's messages about devices as they come, through libudev's monitor on the kernel group.
///
/// The kernel group works where no udevd runs, and tells before udevd's rules have run (udev.md 0).
package final class UdevMonitor {
  /// The descriptor to wait on: readable while there are messages, or after some were lost.
  package let descriptor: Int32
  private let context: OpaquePointer
  private let monitor: OpaquePointer

  /// What became of the messages that had come.
  package enum Outcome: Equatable, Sendable {
    /// All have been handed on.
    case complete
    /// The kernel dropped some for want of room. The rest has been handed on, and the kernel delivers
    /// again: now is the time to look at all devices (udev.md 1.5).
    case overrun
  }

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
  }

  deinit {
    udev_monitor_unref(monitor)
    udev_unref(context)
  }

  /// Hands on every message that has come, and does not wait for more.
  ///
  /// A message that libudev refuses (not from the kernel, or damaged) is passed over.
  package func drain(_ take: (Uevent) -> Void) throws(UdevMonitorError) -> Outcome {
    var outcome = Outcome.complete
    while true {
      errno = 0
      guard let device = udev_monitor_receive_device(monitor) else {
        switch errno {
        case ENOBUFS: outcome = .overrun
        case EINTR, EINVAL: break
        // libudev answers alike for an empty socket and for a message that it does not trust.
        case 0, EAGAIN: if try !hasMore() { return outcome }
        default: throw UdevMonitorError("receiving uevents")
        }
        continue
      }
      defer { udev_device_unref(device) }
      if let event = Uevent(device) { take(event) }
    }
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
