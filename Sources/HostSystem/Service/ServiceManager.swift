import APBus
import CSystemd
import Glibc

/// The service manager that started this process, as far as it wants to be told anything
/// (sd_notify(3)). Without one nothing is told.
package struct ServiceManager: Sendable {
  /// What the manager can be told.
  package enum Notification: Equatable, Sendable {
    /// What the service was started for is done.
    case ready
    /// The configuration is being read again.
    case reloading
    /// The service ends.
    case stopping
    /// A line for `systemctl status`.
    case status(String)
    /// Starting or stopping may take that much longer, from now on.
    case extendTimeout(Duration)

    /// The assignments of the protocol.
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

  /// The manager of this process.
  package init() {}

  /// Tells the manager.
  package func notify(_ notifications: Notification...) {
    _ = sd_notify(0, notifications.map(\.text).joined(separator: "\n"))
  }

  /// A listening socket that the manager has opened for us, and passes on with that name; else the
  /// only one without a name that says otherwise. Nil where none is passed on.
  ///
  /// - Throws: when what is passed on is something else.
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
    // The variables are taken out of the environment: they are not for anybody else.
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

/// What the service manager passed on as control socket is none.
package struct UnsuitableSocket: Error, Equatable, Sendable, CustomStringConvertible {
  /// Its number.
  package var descriptor: Int32

  /// One sentence.
  package var description: String {
    "descriptor \(descriptor), which the service manager has passed on (LISTEN_FDS=), is not a listening "
      + "stream socket of the family AF_UNIX, and is not used; look at apreserve.socket"
  }
}
