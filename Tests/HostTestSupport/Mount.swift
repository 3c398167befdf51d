import Glibc
import TestSupport

/// A file system that is mounted over a directory until this is released.
package final class Mount {
  private let path: String

  /// Whether this process may mount; only root tries.
  package static let isPossible: Bool = {
    guard geteuid() == 0, let tree = try? TemporaryTree(),
      let mount = try? Mount("tmpfs", at: tree.path)
    else { return false }
    mount.remove()
    return true
  }()

  package init(_ type: String, at path: String, options: String? = nil) throws {
    self.path = path
    guard mount("apreserve-test", path, type, 0, options) == 0 else {
      throw TemporaryTree.Failure(call: "mount", errno: errno)
    }
  }

  deinit {
    remove()
  }

  package func makeReadOnly() throws {
    guard mount(nil, path, nil, UInt(MS_REMOUNT | MS_RDONLY), nil) == 0 else {
      throw TemporaryTree.Failure(call: "mount", errno: errno)
    }
  }

  package func remove() {
    umount2(path, Int32(MNT_DETACH))
  }
}

/// A file system on which every call fails with EIO: the process that serves it is this one.
package enum BrokenFileSystem {
  package static var isPossible: Bool { access("/dev/fuse", R_OK | W_OK) == 0 && Mount.isPossible }

  /// Mounts it over a directory.
  package static func mount(at path: String) throws -> Mount {
    let device = open("/dev/fuse", O_RDWR | O_CLOEXEC)
    guard device >= 0 else { throw TemporaryTree.Failure(call: "open", errno: errno) }
    let mount = try Mount(
      "fuse", at: path, options: "fd=\(device),rootmode=40000,user_id=0,group_id=0")
    var thread = pthread_t()
    let argument = UnsafeMutableRawPointer(bitPattern: Int(device))
    guard
      pthread_create(
        &thread, nil,
        { argument in
          BrokenFileSystem.serve(Int32(Int(bitPattern: argument)))
          return nil
        }, argument) == 0
    else { throw TemporaryTree.Failure(call: "pthread_create", errno: errno) }
    pthread_detach(thread)
    return mount
  }

  // Of linux/fuse.h: requests without an answer, and the first one, which agrees on a version.
  private static let forget: UInt32 = 2
  private static let start: UInt32 = 26
  private static let batchForget: UInt32 = 42

  /// Answers until the file system is no longer mounted.
  private static func serve(_ device: Int32) {
    var request = [UInt8](repeating: 0, count: 1 << 17)
    while true {
      let count = read(device, &request, request.count)
      if count < 0 && (errno == EINTR || errno == ENOENT) { continue }
      guard count >= 40 else { break }
      let (operation, unique) = request.withUnsafeBytes {
        ($0.load(fromByteOffset: 4, as: UInt32.self), $0.load(fromByteOffset: 8, as: UInt64.self))
      }
      if operation == forget || operation == batchForget { continue }
      // struct fuse_init_out: version 7.23, and everything else 0, which is the least.
      let answer: [UInt32] =
        operation == start ? [7, 23] + [UInt32](repeating: 0, count: 14) : []
      let error = operation == start ? 0 : -EIO
      var bytes: [UInt8] = []
      withUnsafeBytes(of: UInt32(16 + 4 * answer.count)) { bytes += $0 }
      withUnsafeBytes(of: error) { bytes += $0 }
      withUnsafeBytes(of: unique) { bytes += $0 }
      for word in answer { withUnsafeBytes(of: word) { bytes += $0 } }
      _ = write(device, bytes, bytes.count)
    }
    close(device)
  }
}
