import APBus
import CSystemd
import Glibc

/// The service manager that started this process, if it expects notifications (sd_notify(3)).
package struct ServiceManager: Sendable {
  package enum Notification: Equatable, Sendable {
    case ready
    case reloading
    case stopping
    /// A line for `systemctl status`.
    case status(String)
    /// From now on, starting or stopping may take that much longer.
    case extendTimeout(Duration)

    package var text: String {
      switch self {
      case .ready: "READY=1"
      case .reloading: "RELOADING=1"
      case .stopping: "STOPPING=1"
      case .status(let line): "STATUS=" + line.printable
      case .extendTimeout(let time): "EXTEND_TIMEOUT_USEC=\(time.microseconds)"
      }
    }
  }

  package init() {}

  package func notify(_ notifications: Notification...) {
    _ = sd_notify(0, notifications.map(\.text).joined(separator: "\n"))
  }

  /// The listening socket that the manager has passed with that name (sd_listen_fds(3)), or the only one
  /// if its name is different; nil if there is none.
  ///
  /// - Throws: if the descriptor is not a listening stream socket.
  package static func takeListeningSocket(
    named name: String
  ) throws(UnsuitableSocket) -> LocalSocket? {
    guard let descriptor = passedDescriptor(named: name) else { return nil }
    guard sd_is_socket_unix(descriptor, Int32(SOCK_STREAM.rawValue), 1, nil, 0) > 0 else {
      throw UnsuitableSocket(descriptor: descriptor)
    }
    return LocalSocket(listening: descriptor)
  }

  private static func passedDescriptor(named name: String) -> Int32? {
    var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    // This removes the variables from the environment, so that no child process uses them.
    let count = sd_listen_fds_with_names(1, &names)
    guard count > 0 else { return nil }
    defer {
      for index in 0..<Int(count) { free(names?[index]) }
      free(names)
    }
    let first: Int32 = 3  // SD_LISTEN_FDS_START
    for index in 0..<count {
      if let text = names?[Int(index)], String(cString: text) == name { return first + index }
    }
    return count == 1 ? first : nil
  }
}

/// The descriptor that the service manager passed is not a socket to listen on.
package struct UnsuitableSocket: Error, Equatable, Sendable, CustomStringConvertible {
  package var descriptor: Int32

  package var description: String {
    "descriptor \(descriptor), which the service manager passed (LISTEN_FDS=), is not a listening stream "
      + "socket of the family AF_UNIX and is not used; check apreserve.socket"
  }
}
