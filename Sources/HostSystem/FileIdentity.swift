import Glibc

/// What tells a file from all others, whatever its names are.
struct FileIdentity: Equatable {
  var device: UInt64
  var file: UInt64

  init(_ status: stat) {
    device = UInt64(status.st_dev)
    file = UInt64(status.st_ino)
  }
}
