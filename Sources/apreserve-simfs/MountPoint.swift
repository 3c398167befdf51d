import CFuse
import Glibc
import SimulatedBus

/// The directory that a bus is to be mounted on.
struct MountPoint {
  /// Why nothing is mounted there.
  struct Refused: Error, CustomStringConvertible {
    let description: String
  }

  private let path: String

  init(_ path: String) {
    self.path = path
  }

  /// Refuses what is no directory, and one that a bus is mounted on already: libfuse would mount on
  /// anything, and programs would see the last.
  func check() throws(Refused) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      let reason =
        switch errno {
        case ENOTCONN: "what was mounted on \(path) has died; remove it with: umount -l \(path)"
        case ENOENT: "\(path) is no directory to mount on: make it first"
        case let number: "\(path) cannot be mounted on: \(String(cString: strerror(number)))"
        }
      throw Refused(description: reason)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw Refused(description: "\(path) is a file, and a bus is mounted on a directory")
    }
    guard !isBus else {
      throw Refused(
        description: "a simulated bus is mounted on \(path) already: end it, or take another "
          + "directory")
    }
  }

  /// Whether the directory shows a simulated bus. Its control file, in a tree that a program serves, is
  /// in no other.
  private var isBus: Bool {
    let control = ([path] + SysfsTree.control).joined(separator: "/")
    return apreserve_is_served(path) && access(control, F_OK) == 0
  }
}
