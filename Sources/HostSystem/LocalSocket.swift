import CLinux
import Glibc
import APBus

/// A socket between processes of this host (unix(7)), closed when it is released.
package final class LocalSocket {
  /// The kernel's number for it.
  package let descriptor: Int32

  /// Takes over an open socket.
  package init(_ descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// Takes over a listening socket that another process has opened. The service manager passes it in
  /// blocking mode (NonBlocking= in systemd.service(5)), but nothing here may block.
  package init(listening descriptor: Int32) {
    self.descriptor = descriptor
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
  }

  deinit {
    close(descriptor)
  }

  /// The process at the other end.
  package struct Peer: Equatable, Sendable, CustomStringConvertible {
    /// The process that made the connection.
    package var process: Int32
    package var user: UInt32

    /// The name of its program, without control characters; nil if it has ended.
    package var command: String? { ProcessName.command(process) }

    /// The user who has logged in and started it; nil if that is not known.
    package var loginUser: UInt32? { ProcessName.loginUser(process) }

    /// Its name and number, `apreserve (process 4711)`.
    package var description: String { ProcessName.text(process) }
  }

  /// The other end as the kernel reports it, which cannot be forged (SO_PEERCRED in unix(7)).
  package var peer: Peer? {
    var peer = apreserve_peer()
    guard apreserve_peer(descriptor, &peer) == 0 else { return nil }
    return Peer(process: peer.process, user: peer.user)
  }

  /// The result of sending or receiving.
  package enum Outcome: Equatable, Sendable {
    /// The number of bytes.
    case count(Int)
    /// There is no room, or nothing to read, now.
    case notNow
    /// The other end is closed.
    case closed
  }

  /// Sends as many bytes as there is room for.
  package func send(_ bytes: ArraySlice<UInt8>) -> Outcome {
    let count = bytes.withUnsafeBytes {
      apreserve_send(descriptor, $0.baseAddress, UInt64($0.count))
    }
    if count >= 0 { return .count(Int(count)) }
    return count == -Int64(EAGAIN) ? .notNow : .closed
  }

  /// Receives into `buffer`, at most as many bytes as it has.
  package func receive(_ buffer: inout [UInt8]) -> Outcome {
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count > 0 { return .count(count) }
      if count == 0 { return .closed }
      if errno == EINTR { continue }
      return errno == EAGAIN ? .notNow : .closed
    }
  }

  /// Waits until something can be received; false when the time is over, nil waits without limit.
  package func waitForBytes(_ timeout: Duration?) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&request, 1, timeout?.pollTimeout ?? -1) != 0
  }

  package static func connect(to path: String) throws(FileError) -> LocalSocket {
    let number = apreserve_connect(path, 1)
    guard number >= 0 else {
      throw FileError(path, .failed("connecting to", Errno(rawValue: -number)))
    }
    return LocalSocket(number)
  }

  /// Creates a socket file and listens on it. A file on which no process listens any more is replaced. The
  /// members of `group`, if it exists and this process is root, may connect.
  ///
  /// The file gets its name last, so that every process that sees it can connect.
  package static func listen(at path: String, group: String?) throws(FileError) -> LocalSocket {
    try requireFree(path)
    let draft = path + ".new"
    unlink(draft)
    let number = apreserve_listen(draft, 0o600, 64)
    guard number >= 0 else {
      throw FileError(path, .failed("listening on", Errno(rawValue: -number)))
    }
    if let group, let entry = getgrnam(group), chown(draft, ~0, entry.pointee.gr_gid) == 0 {
      chmod(draft, 0o660)
    }
    let socket = LocalSocket(number)
    guard rename(draft, path) == 0 else {
      let error = Errno(rawValue: errno)
      unlink(draft)
      throw FileError(path, .failed("listening on", error))
    }
    return socket
  }

  /// Throws unless `path` does not exist or is a socket on which no process listens.
  private static func requireFree(_ path: String) throws(FileError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw FileError(path, .notSocket) }
    // Without waiting: a process that does not accept counts, too.
    let number = apreserve_connect(path, 0)
    switch number {
    case 0...:
      throw FileError(path, .inUse(LocalSocket(number).peer?.process))
    case -ECONNREFUSED, -ENOENT: return
    default: throw FileError(path, .inUse(nil))
    }
  }

  /// The next pending connection; nil if there is none.
  package func accept() -> LocalSocket? {
    let number = apreserve_accept(descriptor)
    return number >= 0 ? LocalSocket(number) : nil
  }
}
