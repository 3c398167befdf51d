package import APBus
import CLinux
import Glibc

/// An open file, closed when its owner is destroyed.
struct FileDescriptor: ~Copyable {
  /// The kernel's number for it.
  let number: Int32

  /// Takes over an open file.
  init(_ number: Int32) {
    self.number = number
  }

  deinit {
    close(number)
  }

  /// The status of the file. With an `owner` it must belong to that user, who alone may write to it.
  borrowing func status(_ path: String, owner: UInt32? = nil) throws(FileError) -> stat {
    let number = number
    var status = stat()
    try systemCall("examining", on: path) { fstat(number, &status) }
    guard let owner else { return status }
    guard status.st_uid == owner else { throw FileError(path, .foreignOwner(status.st_uid)) }
    guard status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
      throw FileError(path, .writable(mode: status.st_mode & 0o7777))
    }
    return status
  }

  /// Keeps every process from opening the file for writing until writers are let in, unless one has it open:
  /// whether one has, or nil if the kernel does not say.
  borrowing func keepWritersOut() -> Bool? {
    switch apreserve_keep_writers_out(number) {
    case 0: false
    case 1: true
    default: nil
    }
  }

  /// Lets writers in again.
  borrowing func letWritersIn() {
    apreserve_let_writers_in(number)
  }

  /// Writes all bytes, in as many calls as it takes.
  borrowing func write(_ bytes: [UInt8], to path: String) throws(FileError) {
    let number = number
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = try systemCall("writing", on: path) {
        rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
      }
      rest = rest.dropFirst(count)
    }
  }

  /// The names in the directory without `.` and `..`. With a `limit` at most one more than that.
  borrowing func directoryNames(limit: Int? = nil) throws(Errno) -> [String] {
    let number = number
    // The stream takes over the descriptor and closes it, so it gets a duplicate.
    let copy = try retrying { fcntl(number, F_DUPFD_CLOEXEC, 0) }
    guard let stream = fdopendir(copy) else {
      let error = Errno(rawValue: errno)
      close(copy)
      throw error
    }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno == 0 { return names }
        throw Errno(rawValue: errno)
      }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
      if let limit, names.count > limit { return names }
    }
  }
}

/// What distinguishes a file from all others, whatever its names are.
struct FileIdentity: Equatable {
  let device: UInt64
  let inode: UInt64

  init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
  }
}

/// Repeats a system call as long as a signal interrupts it.
func retrying<Result: SignedInteger>(_ call: () -> Result) throws(Errno) -> Result {
  while true {
    let result = call()
    if result >= 0 { return result }
    if errno != EINTR { throw Errno(rawValue: errno) }
  }
}

/// Makes a system call on a file, again as long as a signal interrupts it. A failure names the path and
/// the call, as in "opening PATH".
@discardableResult
func systemCall<Result: SignedInteger>(
  _ verb: String, on path: String, _ call: () -> Result
) throws(FileError) -> Result {
  do throws(Errno) {
    return try retrying(call)
  } catch {
    throw FileError(path, .failed(verb, error))
  }
}

/// The same for a call that opens a file; `absence` is the error where it does not exist.
func systemCall<Result: SignedInteger>(
  _ verb: String, on path: String, _ call: () -> Result, orIfAbsent absence: () -> FileError
) throws(FileError) -> Result {
  do throws(Errno) {
    return try retrying(call)
  } catch {
    if error == .noSuchFile { throw absence() }
    throw FileError(path, .failed(verb, error))
  }
}

/// The target of the link `name` in an open directory. It need not exist.
func linkTarget(_ name: String, in directory: Int32) throws(Errno) -> String {
  var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
  let count = try retrying {
    target.withUnsafeMutableBytes { buffer -> Int in
      guard let start = buffer.baseAddress?.assumingMemoryBound(to: CChar.self) else { return 0 }
      return readlinkat(directory, name, start, buffer.count)
    }
  }
  return String(decoding: target[..<count], as: UTF8.self)
}

/// A file or directory of the host that cannot be used: which, and why.
package struct FileError: Error, Equatable, Sendable {
  /// The path as it was given.
  package let path: String
  package let problem: Problem

  package enum Problem: Equatable, Sendable {
    /// A call on the file failed. The word says which, such as `opening`.
    case failed(String, Errno)
    /// This is a link on the way to it, or it is one itself, and there is nothing at the end.
    case danglingLink(String)
    /// It is a directory, a pipe or a device.
    case notRegular
    case notDirectory
    case notSocket
    /// A process listens on this socket; its number, if the kernel knows it.
    case inUse(Int32?)
    case tooLarge(limit: Int)
    case tooManyEntries(limit: Int)
    /// A process has it open for writing, so that it may not be complete.
    case beingWritten
    /// It belongs to this user, who could change it.
    case foreignOwner(UInt32)
    /// Others than its owner may write to it.
    case writable(mode: UInt32)
  }

  package init(_ path: String, _ problem: Problem) {
    self.path = path
    self.problem = problem
  }

  /// Whether the file does not exist.
  package var isAbsence: Bool {
    if case .failed(_, .noSuchFile) = problem { true } else { false }
  }

  /// Whether another user could change it.
  var isDistrust: Bool {
    switch problem {
    case .foreignOwner, .writable: true
    default: false
    }
  }

  /// Whether this user may not do it.
  package var isDenied: Bool {
    if case .failed(_, let errno) = problem {
      [EACCES, EPERM].contains(errno.rawValue)
    } else {
      false
    }
  }

  /// The directory of the file, if its file system is full.
  package var fullDirectory: String? {
    guard case .failed(_, .noSpace) = problem else { return nil }
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Whether no process answers.
  package var isRefusal: Bool {
    if case .failed(_, .connectionRefused) = problem { true } else { false }
  }

  /// Whether another attempt would most likely fail in the same way: the file is at fault, and not a
  /// passing lack of memory or descriptors.
  var isLasting: Bool {
    guard case .failed(_, let errno) = problem else { return true }
    return [ELOOP, ENXIO, EIO, EISDIR].contains(errno.rawValue)
  }
}

extension FileError: CustomStringConvertible {
  package var description: String { text(calling: path.printable) }

  /// A sentence that calls the file as the reader does who knows already which one it is.
  func text(calling name: String) -> String {
    let path = path.printable
    return switch problem {
    case .failed(let verb, let errno): "\(verb) \(path): \(errno)"
    case .danglingLink(let link):
      "\(link.printable) is a link to nothing; restore what it leads to, or remove it"
    case .notRegular: "\(path) is not a regular file"
    case .notDirectory: "\(path) is not a directory"
    case .notSocket: "\(path) exists and is not a socket; remove it, or use another path"
    case .inUse(let process):
      "\(path) is in use: \(process.map(ProcessName.text) ?? "another process") listens on it; "
        + "use another path for the control socket of a second daemon"
    case .tooLarge(let limit): "\(path) has more than \(limit) bytes and is not read"
    case .tooManyEntries(let limit): "\(path) has more than \(limit) entries and is not read"
    case .beingWritten:
      "\(path) is being written by another process; wait until that process has closed it"
    case .foreignOwner(let user):
      "\(name) is not trusted: it belongs to user \(user); it must belong to root: run \"chown root "
        + "\(path)\""
    case .writable(let mode):
      "\(name) is not trusted: other users may write to it (mode \(String(mode, radix: 8))); run "
        + "\"chmod go-w \(path)\""
    }
  }
}

/// The name of a process for a person.
package enum ProcessName {
  /// Such as `chzdev (process 4711)`.
  static func text(_ process: Int32) -> String {
    command(process).map { "\($0) (process \(process))" } ?? "process \(process)"
  }

  /// The name alone; nil if the process has ended. A process can have any name, so it is made printable.
  package static func command(_ process: Int32) -> String? {
    guard let bytes = try? HostFile.read("/proc/\(process)/comm", sizeLimit: 64) else { return nil }
    return String(decoding: bytes.last == 10 ? bytes.dropLast() : bytes[...], as: UTF8.self)
      .printable
  }

  /// The user who has logged in, whom sudo(8) does not change; nil for a process of no login, and if it has ended
  /// (`audit_get_loginuid`, proc_pid_loginuid(5)).
  package static func loginUser(_ process: Int32) -> UInt32? {
    guard let bytes = try? HostFile.read("/proc/\(process)/loginuid", sizeLimit: 64) else {
      return nil
    }
    let none = UInt32.max
    return UInt32(String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self))
      .flatMap { $0 == none ? nil : $0 }
  }
}
