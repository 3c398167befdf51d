import CLinux
import Glibc
import APBus

/// A connection between processes of this host (unix(7)), closed when its owner lets go of it.
package final class LocalSocket {
  /// The kernel's number for it.
  package let descriptor: Int32

  /// Takes over an open socket.
  package init(_ descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// Takes over a listening socket that somebody else has opened. The service manager passes it on so that
  /// accepting waits (NonBlocking= in systemd.service(5)), and there is nothing here that may wait.
  package init(listening descriptor: Int32) {
    self.descriptor = descriptor
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
  }

  deinit {
    close(descriptor)
  }

  /// Who is at the other end.
  package struct Peer: Equatable, Sendable {
    /// The process, when the connection was made.
    package var process: Int32
    /// Its user.
    package var user: UInt32

    /// A peer.
    package init(process: Int32, user: UInt32) {
      self.process = process
      self.user = user
    }
  }

  /// What the kernel says of the other end; it cannot be forged.
  package var peer: Peer? {
    var peer = apreserve_peer()
    guard apreserve_peer(descriptor, &peer) == 0 else { return nil }
    return Peer(process: peer.process, user: peer.user)
  }

  /// What became of sending or receiving.
  package enum Outcome: Equatable, Sendable {
    /// So many bytes went through.
    case count(Int)
    /// There is no room, or nothing to read, now.
    case notNow
    /// The other end has gone.
    case closed
  }

  /// Sends as much as there is room for.
  package func send(_ bytes: ArraySlice<UInt8>) -> Outcome {
    let count = bytes.withUnsafeBytes {
      apreserve_send(descriptor, $0.baseAddress, UInt64($0.count))
    }
    if count >= 0 { return .count(Int(count)) }
    return count == -Int64(EAGAIN) ? .notNow : .closed
  }

  /// Receives into `buffer`, whose size is the most that is taken at once.
  package func receive(_ buffer: inout [UInt8]) -> Outcome {
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count > 0 { return .count(count) }
      if count == 0 { return .closed }
      if errno == EINTR { continue }
      return errno == EAGAIN ? .notNow : .closed
    }
  }

  /// Waits until something can be received, at most that long; false when the time is over.
  package func waitForBytes(_ timeout: Duration?) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let milliseconds = timeout.map { Int32(clamping: ($0.microseconds + 999) / 1000) }
    return poll(&request, 1, milliseconds ?? -1) != 0
  }

  /// Connects to the socket file at `path`.
  package static func connect(to path: String) throws(FileError) -> LocalSocket {
    let number = apreserve_connect(path, 1)
    guard number >= 0 else {
      throw FileError(path, .failed("connecting to", Errno(rawValue: -number)))
    }
    return LocalSocket(number)
  }

  /// Makes a socket file and listens on it; one that a dead process has left is replaced, and one on which
  /// somebody listens is not. For root's daemon the file belongs to `group`, if there is such a group, and its members may connect.
  ///
  /// It gets its name when all of that is done, so that whoever sees it can connect.
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

  /// Throws unless there is nothing at `path`, or a socket that nobody listens on.
  private static func requireFree(_ path: String) throws(FileError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw FileError(path, .notSocket) }
    // Without waiting: a listener that does not accept is one as well.
    let number = apreserve_connect(path, 0)
    switch number {
    case 0...:
      throw FileError(path, .inUse(LocalSocket(number).peer?.process))
    case -ECONNREFUSED, -ENOENT: return
    default: throw FileError(path, .inUse(nil))
    }
  }

  /// The next connection that waits; nil when none does.
  package func accept() -> LocalSocket? {
    let number = apreserve_accept(descriptor)
    return number >= 0 ? LocalSocket(number) : nil
  }
}
