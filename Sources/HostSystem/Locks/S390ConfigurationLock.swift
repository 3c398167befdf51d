package import Agent
import Glibc
import Sysfs

/// The lock that chzdev, lszdev and ap-check take while they change crypto configuration: a file with
/// the owner's process number, made by link(2) so that it appears whole or not at all (peers.md 1.4).
///
/// The lock of an owner that has ended is taken; a living owner is waited for, and never for ever.
package final class S390ConfigurationLock: ConfigurationLock {
  /// Where s390-tools have it.
  package static let systemPath = "/run/lock/s390apconfig.lock"

  /// The lock of the system whose root directory is `root`; nil for one that has no directory for it
  /// and is not this host, where nobody can take it either.
  package static func path(root: String) -> String? {
    let prefix = HostFile.absolute(root)
    guard prefix != "/" else { return systemPath }
    let directory = prefix + "/run/lock"
    return access(directory, F_OK) == 0 ? prefix + systemPath : nil
  }

  private let path: String
  /// How long a living owner is waited for at most.
  package var limit: Duration
  private let isInterrupted: () -> Bool
  private let onWait: (String) -> Void
  private let time = HostTime()
  /// The file that we have made, while we hold the lock.
  private var own: Identity?

  /// How long a lock may be without its owner's number before it counts as left behind; s390-tools use
  /// the same time.
  static let namelessTime = Duration.seconds(120)
  /// The pause between two tries; that of s390-tools is as long.
  static let pause = Duration.milliseconds(30)
  /// How long nothing is said of waiting.
  static let silence = Duration.seconds(1)

  private struct Identity: Equatable {
    var device: UInt64
    var file: UInt64

    init(_ status: stat) {
      device = UInt64(status.st_dev)
      file = UInt64(status.st_ino)
    }
  }

  /// What is known of the lock's owner.
  private enum Owner: Equatable {
    case nobody
    case left(Identity)
    case living(Int32?)
  }

  /// The lock at `path`. A living owner is waited for at most as long as `limit`, and not once
  /// `isInterrupted`; `onWait` is told once whom, if it takes long.
  package init(
    path: String = S390ConfigurationLock.systemPath, limit: Duration,
    isInterrupted: @escaping () -> Bool = { false }, onWait: @escaping (String) -> Void
  ) {
    self.path = path
    self.limit = limit
    self.isInterrupted = isInterrupted
    self.onWait = onWait
  }

  package func acquire() throws(ConfigurationLockError) {
    let start = time.now
    var hasSpoken = false
    while true {
      if try make() { return }
      let waited = time.now - start
      switch owner() {
      case .nobody: break
      case .left(let identity): remove(identity)
      case .living(let process):
        let name = Self.name(process)
        guard !isInterrupted() else {
          throw ConfigurationLockError("\(name) holds \(path), and it is no time to wait for that")
        }
        guard waited < limit else {
          throw ConfigurationLockError(
            "\(name) has held \(path) for more than \(limit.components.seconds) s")
        }
        if !hasSpoken, waited >= Self.silence {
          hasSpoken = true
          onWait("waiting for \(name), which holds \(path)")
        }
        HostTime.sleep(until: time.now + Self.pause)
      }
      // What is left behind again and again, or cannot be removed, must not be tried for ever either.
      guard waited < limit + Self.silence else {
        throw ConfigurationLockError("\(path) cannot be taken: a file that nobody owns stays there")
      }
    }
  }

  package func release() {
    defer { own = nil }
    var status = stat()
    // Whoever took our lock for one that was left behind has it now, maybe under the number that our
    // file had.
    guard lstat(path, &status) == 0, Identity(status) == own,
      let text = try? HostFile.read(path, .init(sizeLimit: 64)), Self.process(text) == getpid()
    else { return }
    unlink(path)
  }

  /// Makes the lock; false when there is one.
  private func make() throws(ConfigurationLockError) -> Bool {
    let draft = "\(path).\(getpid()).\(UInt16.random(in: 0...UInt16.max))"
    do throws(FileError) {
      let number = try FileError.wrap("making", draft) { () throws(ErrorNumber) in
        do throws(ErrorNumber) {
          return try Self.create(draft)
        } catch {
          guard error.value == ENOENT else { throw error }
          makeDirectory()
          return try Self.create(draft)
        }
      }
      defer { unlink(draft) }
      let file = FileDescriptor(number)
      let text = Array("\(getpid())\n".utf8)
      _ = try FileError.wrap("writing", draft) { () throws(ErrorNumber) in
        try retrying { write(number, text, text.count) }
      }
      var status = stat()
      _ = fstat(file.number, &status)
      guard link(draft, path) == 0 else {
        guard errno != EEXIST else { return false }
        throw FileError(path, .failed("making", Errno(rawValue: errno)))
      }
      own = Identity(status)
      return true
    } catch {
      throw ConfigurationLockError("\(error)")
    }
  }

  private static func create(_ draft: String) throws(ErrorNumber) -> Int32 {
    try retrying { open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644) }
  }

  /// Makes the directory of the lock, which an initial RAM disk does not have; with the mode that
  /// systemd-tmpfiles gives it later.
  private func makeDirectory() {
    guard let slash = path.lastIndex(of: "/") else { return }
    mkdir(String(path[..<slash]), 0o755)
  }

  private func owner() -> Owner {
    let number = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard number >= 0 else { return errno == ENOENT ? .nobody : .living(nil) }
    let file = FileDescriptor(number)
    var status = stat()
    guard fstat(file.number, &status) == 0 else { return .living(nil) }
    var buffer = [UInt8](repeating: 0, count: 32)
    let count = max(0, read(file.number, &buffer, buffer.count))
    guard let process = Self.process(buffer[..<count]) else {
      let age = time.sinceEpoch - .seconds(status.st_mtim.tv_sec)
      return age > Self.namelessTime ? .left(Identity(status)) : .living(nil)
    }
    // Our own number is that of a process before us: while we hold the lock we do not ask for it.
    if process == getpid() || kill(process, 0) != 0 && errno == ESRCH {
      return .left(Identity(status))
    }
    return .living(process)
  }

  /// Takes a lock away whose owner has ended. Another process may do the same at this moment and have
  /// made its own already: so the file is moved aside first, looked at, and put back if it is not the
  /// one that was left.
  private func remove(_ left: Identity) {
    let aside = "\(path).\(getpid()).left"
    guard rename(path, aside) == 0 else { return }
    var status = stat()
    if lstat(aside, &status) == 0, Identity(status) != left { link(aside, path) }
    unlink(aside)
  }

  /// The number in a lock; nil for none that is whole.
  package static func process(_ text: some Collection<UInt8>) -> Int32? {
    let digits = text.prefix { (0x30...0x39).contains($0) }
    guard !digits.isEmpty, let number = Int32(String(decoding: digits, as: UTF8.self)), number > 0
    else { return nil }
    return number
  }

  private static func name(_ process: Int32?) -> String {
    guard let process else { return "somebody" }
    let bytes = try? HostFile.read("/proc/\(process)/comm", .init(sizeLimit: 64))
    let name = bytes.map { String(decoding: $0.prefix { $0 > 0x20 && $0 < 0x7f }, as: UTF8.self) }
    return name.map { "\($0) (process \(process))" } ?? "process \(process)"
  }
}
