import Glibc
import Sysfs

/// The lock of everything of ours that writes to a machine: a daemon, or one `apply`. The kernel gives it
/// back when its holder ends, however it ends (flock(2)).
package final class InstanceLock {
  private let file: FileDescriptor

  /// Takes the lock, or says who has it.
  package init(path: String) throws {
    let number = try FileError.wrap("opening", path) { () throws(ErrorNumber) in
      try retrying { open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644) }
    }
    file = FileDescriptor(number)
    do throws(ErrorNumber) {
      _ = try retrying { flock(number, LOCK_EX | LOCK_NB) }
    } catch {
      guard error.value == EWOULDBLOCK else {
        throw FileError(path, .failed("locking", .init(rawValue: error.value)))
      }
      throw InstanceLockHeld(path: path, holder: Self.holder(number))
    }
    let text = Array("\(getpid())\n".utf8)
    _ = ftruncate(number, 0)
    _ = pwrite(number, text, text.count, 0)
  }

  private static func holder(_ number: Int32) -> Int32? {
    var buffer = [UInt8](repeating: 0, count: 16)
    let count = pread(number, &buffer, buffer.count, 0)
    guard count > 0 else { return nil }
    return Int32(String(decoding: buffer[..<count].prefix { $0 != 10 }, as: UTF8.self))
  }
}

/// Somebody else works on the same machine.
package struct InstanceLockHeld: Error, Equatable, CustomStringConvertible {
  /// The lock.
  package var path: String
  /// The process that has it, if it says so.
  package var holder: Int32?

  /// One sentence.
  package var description: String {
    "another apreserve works on this machine"
      + (holder.map { " (process \($0))" } ?? "") + ", since it holds \(path)"
  }
}
