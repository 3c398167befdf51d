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
