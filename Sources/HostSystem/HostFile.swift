import APBus
import CLinux
import Glibc

/// Whole files and directories of the host.
///
/// Reads are bounded and believe a file only from the right owner; replacing is atomic. Every error names
/// the path and the call.
package enum HostFile {
  /// The user that configuration files must belong to: root if this process runs as root, since it would
  /// otherwise act for another user with rights which that user lacks; nil if the owner does not matter.
  package static var trustedOwner: UInt32? { geteuid() == 0 ? 0 : nil }

  /// Reads a file of at most `sizeLimit` bytes.
  ///
  /// With an `owner` the file must belong to that user, who alone may write to it. Pipes and devices are
  /// read only with `allowsStreams`, as for a file that a person names.
  ///
  /// `isUnfinished` says of a file that a process is writing that it is not to be read. It gets whether one has it
  /// open for writing, or nil if the kernel does not say. If none has, none can open it while it is read.
  package static func read(
    _ path: String, sizeLimit: Int, owner: UInt32? = nil, allowsStreams: Bool = false,
    unless isUnfinished: ((Bool?) -> Bool)? = nil
  ) throws(FileError) -> [UInt8] {
    // Without O_NONBLOCK a pipe in a configuration directory would stop the program.
    let waiting = allowsStreams ? 0 : O_NONBLOCK
    let file = FileDescriptor(
      try systemCall("opening", on: path) {
        open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | waiting)
      } orIfAbsent: {
        absence(of: path)
      })
    let status = try file.status(path, owner: owner)
    if let owner, !allowsStreams { try requireTrustedLinks(in: path, owner: owner) }
    guard status.st_mode & S_IFMT == S_IFREG || allowsStreams else {
      throw FileError(path, .notRegular)
    }
    if let isUnfinished, isUnfinished(file.keepWritersOut()) {
      file.letWritersIn()
      throw FileError(path, .beingWritten)
    }
    // Closing would do it too, unless a child process has just inherited the descriptor.
    defer { if isUnfinished != nil { file.letWritersIn() } }
    return try contents(of: file.number, path, sizeLimit: sizeLimit)
  }

  /// Reads standard input to its end, whatever it is: a socket cannot be opened again as /dev/stdin.
  package static func standardInput(sizeLimit: Int) throws(FileError) -> [UInt8] {
    try contents(of: STDIN_FILENO, "standard input", sizeLimit: sizeLimit)
  }

  private static func contents(
    of file: Int32, _ path: String, sizeLimit: Int
  ) throws(FileError) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let count = try systemCall("reading", on: path) {
        Glibc.read(file, &chunk, chunk.count)
      }
      if count == 0 { return bytes }
      bytes.append(contentsOf: chunk[..<count])
      guard bytes.count <= sizeLimit else { throw FileError(path, .tooLarge(limit: sizeLimit)) }
    }
  }

  /// Whether a process has a file open for writing; nil if the kernel does not say.
  package static func isOpenForWriting(_ path: String) -> Bool? {
    let number = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW)
    guard number >= 0 else { return errno == ENOENT || errno == ENOTDIR ? false : nil }
    let file = FileDescriptor(number)
    defer { file.letWritersIn() }
    return file.keepWritersOut()
  }

  /// Writes a text to a file, which is created or overwritten.
  package static func write(_ text: String, to path: String) throws(FileError) {
    try Output(path: path).write(text)
  }

  /// A file that is created or overwritten and then written piece by piece.
  final class Output {
    private let path: String
    private let file: FileDescriptor

    init(path: String) throws(FileError) {
      self.path = path
      file = FileDescriptor(
        try systemCall("opening", on: path) {
          open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0o666)
        })
    }

    func write(_ text: String) throws(FileError) {
      try file.write(Array(text.utf8), to: path)
    }
  }

  /// Who may use a file.
  package struct Attributes: Equatable, Sendable {
    package var user: UInt32
    package var group: UInt32
    package var mode: UInt32

    init(_ status: stat) {
      user = status.st_uid
      group = status.st_gid
      mode = status.st_mode & 0o7777
    }
  }

  /// Replaces a file so that a reader sees the old contents or the new ones, whatever happens meanwhile.
  /// Once this returns, a power cut leaves the new ones.
  ///
  /// The new file belongs to this process's user, and everybody may read it, unless `attributes` say otherwise. In a
  /// directory that is shared with people, its name until it is whole is a hidden one that nobody else has.
  package static func replace(
    _ path: String, with bytes: [UInt8], like attributes: Attributes? = nil, isShared: Bool = false
  ) throws(FileError) {
    let draft = isShared ? hiddenName(besides: path) : path + ".new"
    if !isShared { unlink(draft) }
    let file = FileDescriptor(
      // A hidden name says nothing to a person.
      try systemCall("creating", on: isShared ? path : draft) {
        open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
      })
    do throws(FileError) {
      if let attributes {
        // The user first: a change of it takes bits of the mode away.
        try systemCall("changing the owner of", on: draft) {
          fchown(file.number, attributes.user, attributes.group)
        }
        try systemCall("changing the mode of", on: draft) {
          fchmod(file.number, attributes.mode)
        }
        // Access control lists, labels: without them, others might read it, or those who may could not.
        try systemCall("copying the extended attributes of \(path) to", on: draft) {
          let result = apreserve_copy_attributes(path, file.number)
          if result < 0 { errno = -result }
          return result < 0 ? -1 : 0
        }
      }
      try file.write(bytes, to: draft)
      try systemCall("writing", on: draft) { fsync(file.number) }
      try systemCall("replacing", on: path) { rename(draft, path) }
    } catch {
      // A part of it would only fill the file system.
      unlink(draft)
      throw error
    }
    try saveNames(besides: path)
  }

  private static func hiddenName(besides path: String) -> String {
    let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    let name = path[slash...].prefix(200)
    return path[..<slash] + ".\(name).\(Hex.text(UInt64.random(in: 0 ... .max), digits: 16))"
  }

  /// Removes a file, if it exists. Once this returns, a power cut does not bring it back.
  package static func remove(_ path: String) throws(FileError) {
    do throws(FileError) {
      try systemCall("removing", on: path) { unlink(path) }
    } catch {
      if error.isAbsence { return }
      throw error
    }
    try saveNames(besides: path)
  }

  /// Waits until the names in the directory of a path are on the disk, which writing the file does not do
  /// (fsync(2)).
  private static func saveNames(besides path: String) throws(FileError) {
    let parent = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./"
    let directory = FileDescriptor(
      try systemCall("opening", on: parent) {
        open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      })
    try systemCall("writing", on: parent) { fsync(directory.number) }
  }

  /// The most damaged files that are kept of one path: more of them would only fill the file system.
  private static let mostDamagedFiles = 10

  /// Renames a file whose contents are damaged, so that it can be examined and nothing replaces it:
  /// `.damaged`, or `.damaged-2` and so on if that exists. Returns the new path.
  package static func putAside(_ path: String) throws(FileError) -> String {
    var place = path + ".damaged"
    for number in 2...mostDamagedFiles {
      switch apreserve_rename_to_free(path, place) {
      case 0: return place
      case -EEXIST: place = path + ".damaged-\(number)"
      case let error: throw FileError(path, .failed("renaming", Errno(rawValue: -error)))
      }
    }
    try systemCall("renaming", on: path) { rename(path, place) }
    return place
  }

  /// Why a path that does not exist cannot be opened. A link that leads nowhere is no absence: what is at its end may
  /// only be missing for now.
  static func absence(of path: String) -> FileError {
    var place = ""
    for name in absolute(path).split(separator: "/") {
      place += "/\(name)"
      var status = stat()
      guard lstat(place, &status) == 0 else { break }
      if status.st_mode & S_IFMT == S_IFLNK, stat(place, &status) != 0 {
        return FileError(path, .danglingLink(place))
      }
    }
    return FileError(path, .failed("opening", .noSuchFile))
  }

  /// Requires that behind the first link of a path nobody but root and `owner` can change where it leads: whoever can
  /// write to a directory there can replace what is in it, or remove it. Of a sticky directory, that is only who owns
  /// the entry. The directories before the first link are the caller's choice.
  static func requireTrustedLinks(in path: String, owner: UInt32) throws(FileError) {
    var rest = Array(absolute(path).split(separator: "/").map(String.init).reversed())
    var directory = ""
    var links = 0
    while let name = rest.popLast() {
      if name == ".." {
        directory = String(directory[..<(directory.lastIndex(of: "/") ?? directory.startIndex)])
        continue
      }
      let place = "\(directory)/\(name)"
      let status = try status(of: place, followingLink: false)
      if links > 0 {
        try requireTrusted(directory.isEmpty ? "/" : directory, entryOf: status.st_uid, owner)
      }
      guard status.st_mode & S_IFMT == S_IFLNK else {
        directory = place
        continue
      }
      links += 1
      guard links <= mostLinks else {
        throw FileError(path, .failed("opening", Errno(rawValue: ELOOP)))
      }
      let target = try target(of: place)
      if target.hasPrefix("/") { directory = "" }
      rest += target.split(separator: "/").filter { $0 != "." }.reversed().map(String.init)
    }
  }

  /// The links of a path that the kernel follows (`MAXSYMLINKS` in include/linux/namei.h).
  private static let mostLinks = 40

  private static func requireTrusted(
    _ directory: String, entryOf user: UInt32, _ owner: UInt32
  ) throws(FileError) {
    let status = try status(of: directory, followingLink: true)
    let trusted = [0, owner]
    guard trusted.contains(status.st_uid) else {
      throw FileError(directory, .foreignOwner(status.st_uid))
    }
    let isKept = status.st_mode & S_ISVTX != 0 && trusted.contains(user)
    guard status.st_mode & (S_IWGRP | S_IWOTH) == 0 || isKept else {
      throw FileError(directory, .writable(mode: status.st_mode & 0o7777))
    }
  }

  private static func status(
    of path: String, followingLink: Bool
  ) throws(FileError) -> stat {
    var status = stat()
    try systemCall("examining", on: path) {
      fstatat(AT_FDCWD, path, &status, followingLink ? 0 : AT_SYMLINK_NOFOLLOW)
    }
    return status
  }

  private static func target(of link: String) throws(FileError) -> String {
    do throws(Errno) {
      return try linkTarget(link, in: AT_FDCWD)
    } catch {
      throw FileError(link, .failed("reading", error))
    }
  }

  /// The path of a file without any link; nil if there is none.
  package static func withoutLinks(_ path: String) -> String? {
    guard let text = realpath(path, nil) else { return nil }
    defer { free(text) }
    return String(cString: text)
  }

  /// The path from the root directory on, without `.` and without a slash at its end. `..` stays.
  package static func absolute(_ path: String) -> String {
    var parts = path.split(separator: "/").filter { $0 != "." }
    if !path.hasPrefix("/"), let directory = getcwd(nil, 0) {
      defer { free(directory) }
      parts = String(cString: directory).split(separator: "/").map { $0 } + parts
    }
    return "/" + parts.joined(separator: "/")
  }

  /// Creates a directory unless it exists; its parent must exist. Everybody may read it, and only its
  /// owner, the user of this process, may write to it, whatever the umask.
  ///
  /// - Returns: what was repaired of an existing one, a sentence.
  @discardableResult
  package static func makeDirectory(_ path: String) throws(FileError) -> String? {
    do throws(FileError) {
      try systemCall("creating", on: path) { mkdir(path, 0o700) }
      try systemCall("changing the mode of", on: path) { chmod(path, 0o755) }
      return nil
    } catch {
      guard case .failed("creating", .exists) = error.problem else { throw error }
    }
    var status = stat()
    try systemCall("examining", on: path) { stat(path, &status) }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw FileError(path, .notDirectory) }
    // Another user's process trusts nothing here that this user could not do anyway.
    guard geteuid() == 0 else { return nil }
    guard status.st_uid == 0 else { throw FileError(path, .foreignOwner(status.st_uid)) }
    // In a sticky directory such as /tmp others cannot replace files of root.
    guard status.st_mode & (S_IWGRP | S_IWOTH) != 0, status.st_mode & S_ISVTX == 0 else {
      return nil
    }
    let mode = status.st_mode & 0o7777
    guard ownDirectories.contains(path) else { throw FileError(path, .writable(mode: mode)) }
    try systemCall("changing the mode of", on: path) { chmod(path, 0o755) }
    return "others could write to \(path) (mode \(String(mode, radix: 8))); its mode is 755 now"
  }

  /// The directories that no other program uses, whose modes are repaired.
  private static let ownDirectories = ["/run/apreserve", "/var/lib/apreserve"]
}
