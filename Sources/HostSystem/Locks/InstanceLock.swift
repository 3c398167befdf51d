import Glibc
import APBus

/// The lock of everything of ours that writes to a machine: a daemon, or one `apply`. The kernel gives it
/// back when its holder ends, however it ends (flock(2)).
///
/// Whoever may read a file may lock it, so nobody else may read this one, whatever the umask. A file that
/// others could open before may be held by one of them: then another takes its place.
package final class InstanceLock {
  private let file: FileDescriptor
  /// What was mended on the way, each a sentence.
  package let repairs: [String]

  /// Takes the lock, or says who has it.
  package init(path: String) throws {
    var found = try Self.open(path, 0)
    var repairs: [String] = []
    if !found.isLocked {
      let holder = Self.holder(found.file)
      guard found.wasOpenToOthers, Self.isHeldByStrangers(found.identity) else {
        throw InstanceLockHeld(path: path, holder: holder)
      }
      // Who has the old file open keeps it, and its name is free.
      _ = try FileError.wrap("removing", path) { () throws(Errno) in
        try retrying { unlink(path) }
      }
      found = try Self.open(path, O_EXCL)
      guard found.isLocked else { throw InstanceLockHeld(path: path, holder: nil) }
      repairs.append(
        "\(path) was locked by a process of another user, and has been replaced by a file that others "
          + "cannot open")
    }
    file = found.file
    let number = file.number
    self.repairs = repairs
    // Exactly this mode, whatever the umask took away or an earlier version has given.
    _ = try FileError.wrap("changing the mode of", path) { () throws(Errno) in
      try retrying { fchmod(number, 0o600) }
    }
    let text = Array("\(getpid())\n".utf8)
    _ = ftruncate(number, 0)
    _ = pwrite(number, text, text.count, 0)
  }

  /// An open lock file, locked if that was possible.
  private struct Found: ~Copyable {
    let file: FileDescriptor
    let identity: FileIdentity
    let wasOpenToOthers: Bool
    let isLocked: Bool
  }

  private static func open(_ path: String, _ flags: Int32) throws -> Found {
    let number = try FileError.wrap("opening", path) { () throws(Errno) in
      try retrying {
        Glibc.open(
          path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0o600)
      }
    }
    let file = FileDescriptor(number)
    let status = try HostFile.checkedStatus(file, path, owner: nil)
    guard status.st_mode & S_IFMT == S_IFREG else { throw FileError(path, .notRegular) }
    guard status.st_uid == geteuid() else { throw FileError(path, .foreignOwner(status.st_uid)) }
    var isLocked = true
    do throws(Errno) {
      _ = try retrying { flock(number, LOCK_EX | LOCK_NB) }
    } catch {
      guard error == .tryAgain else {
        throw FileError(path, .failed("locking", error))
      }
      isLocked = false
    }
    return Found(
      file: file, identity: FileIdentity(status), wasOpenToOthers: status.st_mode & 0o077 != 0,
      isLocked: isLocked)
  }

  private static func holder(_ file: borrowing FileDescriptor) -> Int32? {
    var buffer = [UInt8](repeating: 0, count: 16)
    let count = pread(file.number, &buffer, buffer.count, 0)
    guard count > 0 else { return nil }
    return Int32(String(decoding: buffer[..<count].prefix { $0 != 10 }, as: UTF8.self))
  }

  /// Whether the kernel knows who holds locks of the file, and nobody of our user is among them
  /// (proc_locks(5)): `1: FLOCK  ADVISORY  WRITE 4711 00:19:1234 0 EOF`. A holder that has ended, and
  /// has left the open file to another process, is not listed.
  private static func isHeldByStrangers(_ file: FileIdentity) -> Bool {
    guard let bytes = try? HostFile.read("/proc/locks", .init(sizeLimit: 16 << 20)) else {
      return false
    }
    let text = String(decoding: bytes, as: UTF8.self)
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      // The device's number is not compared: some file systems tell another one there.
      guard words.count > 5, words[1] == "FLOCK", words[5].hasSuffix(":\(file.file)") else {
        continue
      }
      var status = stat()
      guard stat("/proc/\(words[4])", &status) == 0 else { continue }
      if status.st_uid == geteuid() || status.st_uid == 0 { return false }
    }
    return true
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
