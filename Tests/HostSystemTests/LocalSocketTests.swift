import Glibc
import HostSystem
import Testing

@Suite struct `A local socket` {
  /// Listens as the service manager does: so that accepting waits.
  private func blockingListener() -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // An address without a path: the kernel finds one (unix(7), autobind).
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sa_family_t>.size))
      }
    }
    listen(descriptor, 4)
    return descriptor
  }

  @Test func `that was passed on by the service manager does not wait for connections`() throws {
    let descriptor = blockingListener()
    try #require(fcntl(descriptor, F_GETFL) & O_NONBLOCK == 0)
    let socket = LocalSocket(listening: descriptor)
    // First, since the second would block.
    try #require(fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0)
    #expect(socket.accept() == nil)
  }
}
