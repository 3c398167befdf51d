import Glibc
import APBus

/// The lock that a daemon or `apply` holds while it writes to a machine. The kernel releases it when the
/// holder ends (flock(2)).
///
/// A process that can open a file can lock it, so other users cannot open this one, whatever the umask. If an
/// existing file is open to others and locked by one of them, it is replaced.
package final class InstanceLock {
  private let file: FileDescriptor
  /// What had to be repaired, each a sentence.
  package let repairs: [String]

  /// What holds the lock, as the file says for others.
  package enum Holder: String, Sendable {
    case daemon, command
  }

  /// Acquires the lock for a daemon, or for a command that ends by itself.
  ///
  /// - Throws: `InstanceLockHeld` if another process holds it, `FileError` if the file cannot be used.
  package init(path: String, as role: Holder) throws {
    var found = try Self.open(path)
    var repairs: [String] = []
    if !found.isLocked {
      let held = Self.held(found.file, path: path)
      guard found.wasOpenToOthers, Self.isHeldByStrangers(found.identity) else { throw held }
      // Others keep the file that they have open; its name becomes free.
      try systemCall("removing", on: path) { unlink(path) }
      found = try Self.open(path, flags: O_EXCL)
      guard found.isLocked else { throw InstanceLockHeld(path: path) }
      repairs.append(
        "\(path) was locked by a process of another user; it was replaced by a file that others cannot "
          + "open")
    }
    file = found.file
    let number = file.number
    self.repairs = repairs
    // Exactly this mode, whatever the umask is and whoever created the file.
    try systemCall("changing the mode of", on: path) { fchmod(number, 0o600) }
    let text = Array("\(getpid()) \(role.rawValue)\n".utf8)
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

  private static func open(_ path: String, flags: Int32 = 0) throws -> Found {
    let number = try systemCall("opening", on: path) {
      Glibc.open(
        path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0o600)
    }
    let file = FileDescriptor(number)
    let status = try file.status(path)
    guard status.st_mode & S_IFMT == S_IFREG else { throw FileError(path, .notRegular) }
    guard status.st_uid == geteuid() else { throw FileError(path, .foreignOwner(status.st_uid)) }
    var isLocked = true
    do throws(Errno) {
      _ = try retrying { flock(number, LOCK_EX | LOCK_NB) }
    } catch {
      guard error == .tryAgain else { throw FileError(path, .failed("locking", error)) }
      isLocked = false
    }
    return Found(
      file: file, identity: FileIdentity(status), wasOpenToOthers: status.st_mode & 0o077 != 0,
      isLocked: isLocked)
  }

  private static func held(_ file: borrowing FileDescriptor, path: String) -> InstanceLockHeld {
    var buffer = [UInt8](repeating: 0, count: 32)
    let count = max(0, pread(file.number, &buffer, buffer.count, 0))
    let words = String(decoding: buffer[..<count].prefix { $0 != 10 }, as: UTF8.self)
      .split(separator: " ")
    return InstanceLockHeld(
      path: path, process: words.first.flatMap { Int32($0) },
      holder: words.dropFirst().first.flatMap { Holder(rawValue: String($0)) })
  }

  /// Whether only processes of other users hold locks of the file, as far as the kernel knows
  /// (proc_locks(5)): `1: FLOCK  ADVISORY  WRITE 4711 00:19:1234 0 EOF`. A holder that has ended after
  /// passing the open file to another process is not listed.
  private static func isHeldByStrangers(_ file: FileIdentity) -> Bool {
    guard let bytes = try? HostFile.read("/proc/locks", sizeLimit: 16 << 20) else {
      return false
    }
    let text = String(decoding: bytes, as: UTF8.self)
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      // The device number is not compared: some file systems have a different one there.
      guard words.count > 5, words[1] == "FLOCK", words[5].hasSuffix(":\(file.inode)") else {
        continue
      }
      var status = stat()
      guard stat("/proc/\(words[4])", &status) == 0 else { continue }
      if status.st_uid == geteuid() || status.st_uid == 0 { return false }
    }
    return true
  }
}

/// Another apreserve process uses the same machine.
package struct InstanceLockHeld: Error, Equatable, CustomStringConvertible {
  package var path: String
  /// The number that the process has written into the lock.
  package var process: Int32?
  /// What it is; nil if the lock does not say.
  package var holder: InstanceLock.Holder?

  package var description: String {
    let name =
      switch holder {
      case .daemon: "the daemon"
      case .command: "another apreserve command"
      case nil: "another apreserve"
      }
    return name + (process.map { " (process \($0))" } ?? "")
      + " is using this machine and holds \(path)"
  }
}
