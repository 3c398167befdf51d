import Glibc
import APBus

/// The entries of a directory of configuration files such as `rules.d`.
///
/// The caller decides which of them count, and in which order.
package struct ConfigurationDirectory: Equatable, Sendable {
  /// The path as it was given.
  package var path: String
  /// Sorted by the bytes of the name.
  package var entries: [Entry]

  package struct Entry: Equatable, Sendable {
    package var name: String
    package var kind: Kind
  }

  /// What an entry is. Links are followed, except one to `/dev/null`.
  package enum Kind: String, Hashable, Sendable {
    /// A file that is not empty. It may still be unreadable.
    case file
    case emptyFile
    /// A link to `/dev/null`, by which administrators mask a file of that name elsewhere.
    case linkToNull
    /// A link to nothing or to itself.
    case danglingLink
    case directory
    /// A device, a pipe or a socket.
    case other
  }

  /// Reads a directory; nil if it does not exist.
  ///
  /// With an `owner` it must belong to that user, who alone may write to it: whoever can add an entry can
  /// replace or mask the others. One with more than `limit` entries is an error.
  package static func read(
    _ path: String, owner: UInt32? = HostFile.trustedOwner, limit: Int? = nil
  ) throws(FileError) -> ConfigurationDirectory? {
    let directory: FileDescriptor
    do throws(FileError) {
      directory = FileDescriptor(
        try systemCall("opening", on: path) {
          open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        } orIfAbsent: {
          HostFile.absence(of: path)
        })
    } catch {
      if error.isAbsence { return nil }
      throw error
    }
    _ = try directory.status(path, owner: owner)
    if let owner { try HostFile.requireTrustedLinks(in: path, owner: owner) }
    let names: [String]
    do throws(Errno) {
      names = try directory.directoryNames(limit: limit)
    } catch {
      throw FileError(path, .failed("listing", error))
    }
    if let limit, names.count > limit { throw FileError(path, .tooManyEntries(limit: limit)) }
    var entries: [Entry] = []
    for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      guard let kind = try kind(of: name, in: directory.number, path: path, owner: owner) else {
        continue
      }
      entries.append(Entry(name: name, kind: kind))
    }
    return ConfigurationDirectory(path: path, entries: entries)
  }

  /// What an entry is; nil if it was removed since the directory was listed.
  ///
  /// With an `owner`, what another user can change is a file, whatever it is: reading it is an error then. Else that user
  /// could empty a file, or put something else in its place, and it would count as masked or be left out.
  private static func kind(
    of name: String, in directory: Int32, path: String, owner: UInt32?
  ) throws(FileError) -> Kind? {
    var status = stat()
    guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      if errno == ENOENT { return nil }
      throw FileError("\(path)/\(name)", .failed("examining", Errno(rawValue: errno)))
    }
    if status.st_mode & S_IFMT == S_IFLNK {
      // Its text is compared, so that the link means the same below another root.
      if (try? linkTarget(name, in: directory)) == "/dev/null" { return .linkToNull }
      if let owner, !areLinksTrusted(in: "\(path)/\(name)", owner: owner) { return .file }
      guard fstatat(directory, name, &status, 0) == 0 else {
        // Reading the file reports a target that cannot be examined.
        return errno == ENOENT || errno == ELOOP || errno == ENOTDIR ? .danglingLink : .file
      }
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      let isForeign =
        owner.map { status.st_uid != $0 || status.st_mode & (S_IWGRP | S_IWOTH) != 0 } ?? false
      return status.st_size == 0 && !isForeign ? .emptyFile : .file
    case S_IFDIR: return .directory
    default: return .other
    }
  }

  /// Whether nobody else can change where a link leads. That it leads nowhere is found in other ways.
  private static func areLinksTrusted(in path: String, owner: UInt32) -> Bool {
    do throws(FileError) {
      try HostFile.requireTrustedLinks(in: path, owner: owner)
      return true
    } catch {
      return !error.isDistrust
    }
  }
}
