import Glibc
import APBus

/// The names in a directory of configuration files such as `rules.d`, and what each one is.
///
/// Which of them count, and in which order, is not decided here.
package struct ConfigurationDirectory: Equatable, Sendable {
  /// The directory's path as it was given.
  package var path: String
  /// What is in it, ascending by name, byte by byte.
  package var entries: [Entry]

  /// A name in a directory.
  package struct Entry: Equatable, Sendable {
    /// The name.
    package var name: String
    /// What it is.
    package var kind: Kind
  }

  /// What a name can be; links are followed but for the one to `/dev/null`.
  package enum Kind: String, Hashable, Sendable {
    /// A file with something in it. Whether it can be read shows when it is.
    case file
    /// A file of no bytes.
    case emptyFile
    /// A link to `/dev/null`, by which administrators mask a file of that name elsewhere.
    case linkToNull
    /// A link to nothing, or to itself.
    case danglingLink
    /// A directory.
    case directory
    /// A device, a pipe or a socket.
    case other
  }

  /// Reads a directory; nil when there is none. With an `owner` it must belong to that user, who
  /// alone may write to it: whoever can put a name into it can replace or mask the others. With a
  /// `limit` it has at most so many entries, and is not listed further.
  package static func read(
    _ path: String, owner: UInt32? = HostFile.trustedOwner, limit: Int? = nil
  ) throws(FileError) -> ConfigurationDirectory? {
    let number: Int32
    do throws(Errno) {
      number = try retrying { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    } catch {
      if error == .noSuchFile { return nil }
      throw FileError(path, .failed("opening", error))
    }
    let directory = FileDescriptor(number)
    _ = try HostFile.checkedStatus(directory, path, owner: owner)
    let names = try FileError.wrap("listing", path) { () throws(Errno) in
      try directory.directoryNames(limit: limit)
    }
    if let limit, names.count > limit { throw FileError(path, .tooManyEntries(limit: limit)) }
    var entries: [Entry] = []
    for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      guard let kind = try kind(of: name, in: directory.number, path) else { continue }
      entries.append(Entry(name: name, kind: kind))
    }
    return ConfigurationDirectory(path: path, entries: entries)
  }

  /// What a name is; nil when it has gone since the directory was listed.
  private static func kind(
    of name: String, in directory: Int32, _ path: String
  ) throws(FileError) -> Kind? {
    var status = stat()
    guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      if errno == ENOENT { return nil }
      throw FileError("\(path)/\(name)", .failed("examining", Errno(rawValue: errno)))
    }
    if status.st_mode & S_IFMT == S_IFLNK {
      // The text of the link counts, so that it means the same below another root.
      if (try? linkTarget(name, in: directory)) == "/dev/null" { return .linkToNull }
      guard fstatat(directory, name, &status, 0) == 0 else {
        // A target that may not be looked at is named by the error when the file is read.
        return errno == ENOENT || errno == ELOOP || errno == ENOTDIR ? .danglingLink : .file
      }
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return status.st_size == 0 ? .emptyFile : .file
    case S_IFDIR: return .directory
    default: return .other
    }
  }
}
