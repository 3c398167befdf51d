package import Agent
import CLinux
import Glibc
import APBus

/// The lock that chzdev, lszdev and ap-check take while they change crypto configuration: a file with
/// the owner's process number, made by link(2) so that it appears whole or not at all (libap/ap.c of
/// s390-tools 2.43).
///
/// The lock of an owner that has ended is taken; a living owner is waited for, and never for ever. Whoever
/// may change the configuration is root, so a file of another user is no lock: it is replaced, and that is
/// reported. What of root's is no lock stays, and is named with what to do about it.
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
  private let report: (String) -> Void
  private let time = HostTime()
  /// The file that we have made, while we hold the lock.
  private var own: FileIdentity?

  /// How long a lock may be without its owner's number before it counts as left behind; s390-tools use
  /// the same time.
  static let namelessTime = Duration.seconds(120)
  /// The pause between two tries; that of s390-tools is as long.
  static let pause = Duration.milliseconds(30)
  /// How long nothing is said of waiting.
  static let silence = Duration.seconds(1)

  /// What is at the lock's place.
  private enum Holder: Equatable {
    /// Nothing.
    case nobody
    /// A lock whose owner has ended, or that never got its owner's number.
    case left(FileIdentity)
    /// Something that another user than root has put there.
    case stranger(FileIdentity)
    /// A living process, nil if the lock does not say yet which.
    case living(Int32?)
    /// Something of root's that no tool makes: what it is.
    case noLock(String)
  }

  /// The lock at `path`. A living owner is waited for at most as long as `limit`, and not once
  /// `isInterrupted`; `report` is told once whom, if it takes long, and what was replaced.
  package init(
    path: String = S390ConfigurationLock.systemPath, limit: Duration,
    isInterrupted: @escaping () -> Bool = { false }, report: @escaping (String) -> Void
  ) {
    self.path = path
    self.limit = limit
    self.isInterrupted = isInterrupted
    self.report = report
  }

  package func acquire() throws(ConfigurationLockError) {
    let start = time.now
    var hasSpoken = false
    while true {
      if try make() { return }
      let waited = time.now - start
      switch holder() {
      case .nobody: break
      case .left(let identity):
        if try replace(identity) { return }
      case .stranger(let identity):
        guard try replace(identity) else { break }
        report(
          "\(path) did not belong to root and was no lock of the AP configuration; it has been replaced"
        )
        return
      case .noLock(let what):
        throw ConfigurationLockError(
          "\(path) is \(what), which is no lock of any tool, and nothing can be changed while it is there; "
            + "look at it with \"ls -ld \(path)\" and remove it")
      case .living(let process):
        guard !isInterrupted() else {
          throw ConfigurationLockError(
            "\(Self.name(process)) holds \(path), and it is no time to wait for that")
        }
        guard waited < limit else {
          throw ConfigurationLockError(
            "\(Self.name(process)) has held \(path) for more than \(limit.components.seconds) s; "
              + remedy(process))
        }
        if !hasSpoken, waited >= Self.silence {
          hasSpoken = true
          report("waiting for \(Self.name(process)), which holds \(path)")
        }
        HostTime.sleep(until: time.now + Self.pause)
      }
      // What is left behind again and again, or cannot be removed, must not be tried for ever either.
      guard waited < limit + Self.silence else {
        throw ConfigurationLockError(
          "\(path) cannot be taken: a file that is no lock of root's stays there or comes again; find out "
            + "with \"ls -l \(path)\" whose it is, and remove it")
      }
    }
  }

  /// What an administrator can do about a lock that does not go.
  private func remedy(_ process: Int32?) -> String {
    guard let process else {
      return "it names no process; if none configures AP devices now, remove it"
    }
    return
      "\"ps -fp \(process)\" shows what that is; if it does not configure AP devices, remove \(path)"
  }

  package func release() {
    defer { own = nil }
    var status = stat()
    // Whoever took our lock for one that was left behind has it now, maybe under the number that our
    // file had.
    guard lstat(path, &status) == 0, FileIdentity(status) == own,
      let text = try? HostFile.read(path, .init(sizeLimit: 64)), Self.process(text) == getpid()
    else { return }
    unlink(path)
  }

  /// Makes the lock; false when there is one.
  private func make() throws(ConfigurationLockError) -> Bool {
    try withDraft { draft, identity throws(FileError) in
      guard link(draft, path) == 0 else {
        guard errno != EEXIST else { return false }
        throw FileError(path, .failed("making", Errno(rawValue: errno)))
      }
      own = identity
      return true
    }
  }

  /// Lets a lock of ours take the place of what is no lock any more, or never was; false when something
  /// else was there by now. There is no moment without a file, so nobody else's lock is lost.
  private func replace(_ other: FileIdentity) throws(ConfigurationLockError) -> Bool {
    try withDraft { draft, identity throws(FileError) in
      switch apreserve_exchange(draft, path) {
      case 0: break
      case -ENOENT: return false
      case -EINVAL, -ENOSYS:
        remove(other)
        return false
      case let number: throw FileError(path, .failed("replacing", Errno(rawValue: -number)))
      }
      var status = stat()
      guard lstat(draft, &status) == 0, FileIdentity(status) == other else {
        _ = apreserve_exchange(draft, path)
        return false
      }
      own = identity
      // A directory of somebody's is not ours to empty; out of the way it is.
      if status.st_mode & S_IFMT == S_IFDIR { rmdir(draft) }
      return true
    }
  }

  /// Makes a file with our number beside the lock, and removes it, or what has changed places with it.
  private func withDraft(
    _ body: (_ draft: String, FileIdentity) throws(FileError) -> Bool
  ) throws(ConfigurationLockError) -> Bool {
    let draft = "\(path).\(getpid()).\(UInt64.random(in: 0...UInt64.max))"
    do throws(FileError) {
      let number = try FileError.wrap("making", draft) { () throws(Errno) in
        do throws(Errno) {
          return try Self.create(draft)
        } catch {
          guard error == .noSuchFile else { throw error }
          makeDirectory()
          return try Self.create(draft)
        }
      }
      defer { unlink(draft) }
      let file = FileDescriptor(number)
      let text = Array("\(getpid())\n".utf8)
      _ = try FileError.wrap("writing", draft) { () throws(Errno) in
        try retrying { write(number, text, text.count) }
      }
      let status = try HostFile.checkedStatus(file, draft, owner: nil)
      return try body(draft, FileIdentity(status))
    } catch {
      throw ConfigurationLockError("\(error)")
    }
  }

  private static func create(_ draft: String) throws(Errno) -> Int32 {
    try retrying { open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644) }
  }

  /// Makes the directory of the lock, which an initial RAM disk does not have; with the mode that
  /// systemd-tmpfiles gives it later.
  private func makeDirectory() {
    guard let slash = path.lastIndex(of: "/") else { return }
    mkdir(String(path[..<slash]), 0o755)
  }

  private func holder() -> Holder {
    var status = stat()
    guard lstat(path, &status) == 0 else { return .nobody }
    // Without root's rights we are in a test, or on a tree of our own.
    guard status.st_uid == 0 || status.st_uid == geteuid() else {
      return .stranger(FileIdentity(status))
    }
    guard status.st_mode & S_IFMT == S_IFREG else { return .noLock(Self.kind(status.st_mode)) }
    let number = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    guard number >= 0 else {
      return errno == ENOENT
        ? .nobody : .noLock("a file that cannot be read (\(Errno(rawValue: errno)))")
    }
    let file = FileDescriptor(number)
    guard fstat(file.number, &status) == 0 else { return .living(nil) }
    // Names are given and taken by tools for a moment, and that is seen again at the next try.
    var buffer = [UInt8](repeating: 0, count: 32)
    let count = max(0, read(file.number, &buffer, buffer.count))
    guard let process = Self.process(buffer[..<count]) else {
      let age = time.sinceEpoch - .seconds(status.st_mtim.tv_sec)
      return age > Self.namelessTime ? .left(FileIdentity(status)) : .living(nil)
    }
    // Our own number is that of a process before us: while we hold the lock we do not ask for it.
    if process == getpid() || kill(process, 0) != 0 && errno == ESRCH {
      return .left(FileIdentity(status))
    }
    return .living(process)
  }

  private static func kind(_ mode: UInt32) -> String {
    switch mode & S_IFMT {
    case S_IFDIR: "a directory"
    case S_IFLNK: "a symbolic link"
    case S_IFIFO: "a pipe"
    case S_IFSOCK: "a socket"
    default: "a device"
    }
  }

  /// Takes a file away where names cannot change places. Another process may do the same at this moment
  /// and have made its own already: so the file is moved aside first, looked at, and put back if it is
  /// not the one that was left.
  private func remove(_ left: FileIdentity) {
    let aside = "\(path).\(getpid()).\(UInt64.random(in: 0...UInt64.max))"
    guard rename(path, aside) == 0 else { return }
    var status = stat()
    if lstat(aside, &status) == 0, FileIdentity(status) != left { link(aside, path) }
    if unlink(aside) != 0 { rmdir(aside) }
  }

  /// The number in a lock; nil for none that is whole.
  package static func process(_ text: some Collection<UInt8>) -> Int32? {
    let digits = text.prefix { (0x30...0x39).contains($0) }
    guard !digits.isEmpty, let number = Int32(String(decoding: digits, as: UTF8.self)), number > 0
    else { return nil }
    return number
  }

  private static func name(_ process: Int32?) -> String {
    process.map(ProcessName.text) ?? "a process that does not say which"
  }
}
