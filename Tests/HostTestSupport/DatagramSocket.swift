import Glibc
import TestSupport

/// What the service manager and the journal listen on: whole messages, never waited for.
package final class DatagramSocket {
  /// The descriptor to wait on.
  package let descriptor: Int32

  /// Makes the socket file.
  package init(at path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    precondition(bytes.count < MemoryLayout.size(ofValue: address.sun_path))
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0 else { throw TemporaryTree.Failure(call: "bind", errno: errno) }
  }

  deinit {
    close(descriptor)
  }

  /// The bytes of the next message; nil if there is none.
  package func receiveBytes() -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    return count < 0 ? nil : Array(buffer[..<count])
  }

  /// The next message as text; nil if there is none.
  package func receive() -> String? { receiveBytes().map { String(decoding: $0, as: UTF8.self) } }

  /// Waits for a message, at most a minute.
  package func wait() -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&request, 1, 60_000) > 0
  }
}
