import Glibc

/// Writes the datagrams that a socket receives to a file, each followed by a line `--`.
enum DatagramListener {
  static func run(socket path: String, file: String) {
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return fail("name") }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0, let output = fopen(file, "a") else { return fail("bind") }
    setvbuf(output, nil, _IONBF, 0)
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count >= 0 else { return fail("recv") }
      fwrite(buffer, 1, count, output)
      fputs("\n--\n", output)
    }
  }

  private static func fail(_ what: String) {
    perror("portability-check listen: \(what)")
  }
}
