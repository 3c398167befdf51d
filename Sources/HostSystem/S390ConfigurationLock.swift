package import Agent
import CLinux
import CSystemd
import Glibc
import APBus

/// The lock that chzdev, lszdev and ap-check hold while they change the crypto configuration: a file with
/// the process number of its holder, created by link(2) so that it appears with its contents
/// (`ap_get_lock` of libap in s390-tools).
///
/// The lock of a process that has ended is replaced; a running process is waited for, up to a limit. Only
/// root may change the configuration, so a file of another user is not a lock: it is replaced, and that is
/// reported. Anything else of root's stays and is an error.
package final class S390ConfigurationLock: ConfigurationLock {
  /// The path that s390-tools use.
  package static let systemPath = ConfigurationLockPlace.path

  /// The lock of the system whose root directory is `root`; nil for another system than this host without
  /// a directory for it, where no process can hold it either.
  package static func path(root: String) -> String? {
    let prefix = HostFile.absolute(root)
    guard prefix != "/" else { return systemPath }
    let directory = prefix + "/run/lock"
    return access(directory, F_OK) == 0 ? prefix + systemPath : nil
  }

  private let path: String
  /// The process in whose name the lock is held.
  private let owner: Int32
  /// The longest wait for a running holder.
  package var limit: Duration
  private let isInterrupted: () -> Bool
  private let report: (Notice) -> Void
  private let clock = HostTime()
  /// The lock file, while this holds the lock.
  private var own: FileIdentity?

  /// The age from which a lock without a process number counts as stale, as in s390-tools.
  static let namelessTime = Duration.seconds(120)
  /// The pause between two attempts, as in s390-tools.
  static let pause = Duration.milliseconds(30)
  /// The time after which a wait is reported.
  static let silence = Duration.seconds(1)

  /// What there is to say of an attempt to acquire the lock.
  package enum Notice: Equatable {
    /// Another process holds the lock, and is waited for from now on.
    case waits(holder: String)
    /// The wait takes long: a sentence about it.
    case waitsLong(String)
    /// The wait has ended, with or without the lock.
    case waitEnded
    /// A file that was not a lock was replaced: a sentence about it.
    case replaced(String)

    /// The sentence; nil for what is over before anybody has read it.
    package var sentence: String? {
      switch self {
      case .waitsLong(let sentence), .replaced(let sentence): sentence
      case .waits, .waitEnded: nil
      }
    }
  }

  /// What is at the path of the lock.
  private enum Holder: Equatable {
    case none
    /// A lock whose process has ended, or that never got a process number.
    case stale(FileIdentity)
    /// A file of another user than root.
    case foreign(FileIdentity)
    /// A running process; nil if the lock does not have its number yet.
    case running(Int32?)
    /// Something of root's that is not a lock: a description of it.
    case notLock(String)
  }

  /// The lock at `path`. Acquiring it waits at most as long as `limit` for a running holder, and not once
  /// `isInterrupted`.
  ///
  /// A callout holds it in the name of the process that has called it, its `owner`: the lock is held until another
  /// callout of the same process releases it, and is stale once that process has ended.
  package init(
    path: String = S390ConfigurationLock.systemPath, limit: Duration, owner: Int32 = getpid(),
    isInterrupted: @escaping () -> Bool = { false }, report: @escaping (Notice) -> Void
  ) {
    self.path = path
    self.owner = owner
    self.limit = limit
    self.isInterrupted = isInterrupted
    self.report = report
  }

  package func acquire() throws(ConfigurationLockError) {
    let start = clock.now
    var isWaiting = false
    var hasReported = false
    defer { if isWaiting { report(.waitEnded) } }
    while true {
      if try create() { return }
      let waited = clock.now - start
      switch holder() {
      case .none: break
      case .stale(let identity):
        if try replace(identity) { return }
      case .foreign(let identity):
        guard try replace(identity) else { break }
        report(.replaced("\(path) did not belong to root and was not a lock; it was replaced"))
        return
      case .notLock(let what):
        throw ConfigurationLockError(
          "\(path) is \(what) and not a lock, and blocks every change of the AP configuration; examine "
            + "it with \"ls -ld \(path)\" and remove it")
      case .running(let process):
        guard !isInterrupted() else {
          throw ConfigurationLockError(
            "\(Self.name(process)) holds \(path), and the wait for it was interrupted")
        }
        guard waited < limit else {
          throw ConfigurationLockError(
            "\(Self.name(process)) has held \(path) for more than \(limit.components.seconds) s; "
              + remedy(for: process))
        }
        if !isWaiting {
          isWaiting = true
          report(.waits(holder: Self.name(process)))
        }
        if !hasReported, waited >= Self.silence {
          hasReported = true
          report(.waitsLong("waiting for \(Self.name(process)), which holds \(path)"))
        }
        Self.pause.sleep()
      }
      // A stale file that appears again and again, or cannot be removed, must not loop forever either.
      guard waited < limit + Self.silence else {
        throw ConfigurationLockError(
          "\(path) cannot be acquired: a file that is not a lock of root stays there or appears again; "
            + "check with \"ls -l \(path)\" whose it is, and remove it")
      }
    }
  }

  /// What an administrator can do about a lock that is not released.
  private func remedy(for process: Int32?) -> String {
    guard let process else {
      return "the file names no process; if none configures AP devices now, remove it"
    }
    return
      "\"ps -fp \(process)\" shows the process; if it does not configure AP devices, remove \(path)"
  }

  package func release() {
    defer { own = nil }
    var status = stat()
    // Another process that considered the lock stale may have replaced it, maybe with a file that has the
    // same inode number.
    guard lstat(path, &status) == 0, FileIdentity(status) == own,
      let text = try? HostFile.read(path, sizeLimit: 64), Self.process(text) == owner
    else { return }
    unlink(path)
  }

  /// Whether the lock is held in the name of the owner already, which is another process.
  package var isHeldByOwner: Bool { owner != getpid() && holder() == .running(owner) }

  /// Releases what another process has acquired in the name of the owner. The owner is running, so that no other process
  /// takes the lock for stale and replaces it meanwhile.
  package func releaseForOwner() {
    guard isHeldByOwner else { return }
    unlink(path)
  }

  /// Creates the lock; false if there is one.
  private func create() throws(ConfigurationLockError) -> Bool {
    try withDraft { draft, identity throws(FileError) in
      guard link(draft, path) == 0 else {
        guard errno != EEXIST else { return false }
        throw FileError(path, .failed("creating", Errno(rawValue: errno)))
      }
      own = identity
      return true
    }
  }

  /// Exchanges a new lock with a file that is not a lock, or not any more; false if a different file has
  /// taken its place. There is a file at every moment, so the lock of no other process is lost.
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
      // A directory that is not empty stays under its new name.
      if status.st_mode & S_IFMT == S_IFDIR { rmdir(draft) }
      return true
    }
  }

  /// Creates a file with the number of the owner beside the lock, and removes it afterwards, or the
  /// file that it was exchanged with.
  private func withDraft(
    _ body: (_ draft: String, FileIdentity) throws(FileError) -> Bool
  ) throws(ConfigurationLockError) -> Bool {
    let draft = "\(path).\(getpid()).\(UInt64.random(in: 0...UInt64.max))"
    do throws(FileError) {
      let file = try createDraft(draft)
      defer { unlink(draft) }
      let text = Array("\(owner)\n".utf8)
      try file.write(text, to: draft)
      return try body(draft, FileIdentity(file.status(draft)))
    } catch {
      throw ConfigurationLockError("\(error)")
    }
  }

  private func createDraft(_ draft: String) throws(FileError) -> FileDescriptor {
    let create = {
      open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
    }
    do throws(FileError) {
      return FileDescriptor(try systemCall("creating", on: draft, create))
    } catch {
      // An initial RAM disk does not have the directory.
      guard error.isAbsence, let slash = path.lastIndex(of: "/") else { throw error }
      try HostFile.makeDirectory(String(path[..<slash]))
      return FileDescriptor(try systemCall("creating", on: draft, create))
    }
  }

  private func holder() -> Holder {
    var status = stat()
    guard lstat(path, &status) == 0 else { return .none }
    // Another user's process uses a tree of that user.
    guard status.st_uid == 0 || status.st_uid == geteuid() else {
      return .foreign(FileIdentity(status))
    }
    guard status.st_mode & S_IFMT == S_IFREG else { return .notLock(Self.kind(status.st_mode)) }
    let number = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    guard number >= 0 else {
      return errno == ENOENT
        ? .none : .notLock("a file that cannot be read (\(Errno(rawValue: errno)))")
    }
    let file = FileDescriptor(number)
    guard fstat(file.number, &status) == 0 else { return .running(nil) }
    var buffer = [UInt8](repeating: 0, count: 32)
    let count = max(0, read(file.number, &buffer, buffer.count))
    guard let process = Self.process(buffer[..<count]) else {
      let age = clock.wallTime - status.modificationTime
      return age > Self.namelessTime ? .stale(FileIdentity(status)) : .running(nil)
    }
    // This process does not hold the lock, so its own number is that of an earlier process.
    if process == getpid() || kill(process, 0) != 0 && errno == ESRCH {
      return .stale(FileIdentity(status))
    }
    return .running(process)
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

  /// Removes a stale file on a file system that cannot exchange names. Another process may have removed it
  /// and created its own lock at this moment: so the file is renamed, examined, and renamed back if it is
  /// a different one.
  private func remove(_ stale: FileIdentity) {
    let aside = "\(path).\(getpid()).\(UInt64.random(in: 0...UInt64.max))"
    guard rename(path, aside) == 0 else { return }
    var status = stat()
    if lstat(aside, &status) == 0, FileIdentity(status) != stale { link(aside, path) }
    if unlink(aside) != 0 { rmdir(aside) }
  }

  /// The process number in a lock; nil if there is no complete one.
  package static func process(_ text: some Collection<UInt8>) -> Int32? {
    let digits = text.prefix { (0x30...0x39).contains($0) }
    guard !digits.isEmpty, let number = Int32(String(decoding: digits, as: UTF8.self)), number > 0
    else { return nil }
    return number
  }

  private static func name(_ process: Int32?) -> String {
    process.map(ProcessName.text) ?? "an unknown process"
  }
}
