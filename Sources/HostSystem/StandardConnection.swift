import APBus
import Glibc

/// The connection that is standard input and output of this process, as systemd with `Accept=yes` and inetd pass it, with
/// a limit for the time that all of it takes.
///
/// Whoever is at the other end can be slow: nothing is read or written before poll(2) says that it does not block.
package final class StandardConnection {
  private let time = HostTime()
  private let end: Instant

  /// A connection that ends after `limit`.
  package init(limit: Duration) {
    end = time.now + limit
  }

  /// Why nothing more is received.
  package enum Failure: Error, Equatable, Sendable {
    case timeout, tooLong
    /// The other end is closed, or is gone.
    case closed
  }

  /// Receives bytes until there are enough of them, at most about `limit`.
  package func receive(
    limit: Int, until isEnough: ([UInt8]) -> Bool
  ) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    repeat {
      bytes += try receive(before: end)
      if isEnough(bytes) { return bytes }
    } while bytes.count <= limit
    throw .tooLong
  }

  private func receive(before end: Instant) throws(Failure) -> ArraySlice<UInt8> {
    guard wait(POLLIN, on: STDIN_FILENO, before: end) else { throw .timeout }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = try call { read(STDIN_FILENO, &buffer, buffer.count) }
    guard count > 0 else { throw .closed }
    return buffer[..<count]
  }

  /// Sends all bytes, if the other end takes them in time.
  package func send(_ bytes: [UInt8]) throws(Failure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      guard wait(POLLOUT, on: STDOUT_FILENO, before: end) else { throw .timeout }
      // There is room for as much as a pipe takes at once (pipe(7)).
      let piece = rest.prefix(Int(PIPE_BUF))
      let count = try call {
        piece.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      }
      rest = rest.dropFirst(count)
    }
  }

  /// Ends the connection so that the other end gets all that was sent: what it still sends is read for a moment, since
  /// closing a socket with unread data discards what is on the way (RFC 9112, 9.6).
  package func finish() {
    guard shutdown(STDOUT_FILENO, Int32(SHUT_WR)) == 0 else { return }
    let end = min(end, time.now + .seconds(1))
    var count = 0
    while count < 1 << 16, let bytes = try? receive(before: end) { count += bytes.count }
  }

  private func wait(_ event: Int32, on file: Int32, before end: Instant) -> Bool {
    var request = pollfd(fd: file, events: Int16(event), revents: 0)
    while true {
      let rest = max(.zero, end - time.now)
      let count = poll(&request, 1, rest.pollTimeout)
      if count >= 0 || errno != EINTR { return count > 0 }
    }
  }

  private func call(_ body: () -> Int) throws(Failure) -> Int {
    do throws(Errno) {
      return try retrying(body)
    } catch {
      throw .closed
    }
  }
}
