import APBus
import Glibc
package import ReservationRules

/// One rule file of a set while it is edited. Until this is destroyed no other apreserve process edits the set.
package final class RuleEditing {
  /// The file as it is; empty if it does not exist yet.
  package let file: RuleFile
  private let sources: RuleSources
  /// The file behind a link.
  private let place: String
  /// Nil if the file does not exist yet.
  private let attributes: HostFile.Attributes?
  private let owner: UInt32?
  private let locks: [DirectoryLock]

  /// Begins to edit a file in one of the directories, the one with the highest priority first.
  ///
  /// If the file may be created, a name without a slash is one in the first directory, so that the files of packages are
  /// not changed unasked. Otherwise it is the file in effect of this name.
  ///
  /// With an `owner` directories and files must belong to that user, who alone may write to them.
  ///
  /// - Throws: `RuleEditingError` or `FileError`.
  package init(
    _ name: String, directories: [String], owner: UInt32?, mayCreate: Bool
  ) throws {
    self.owner = owner
    locks = try directories.compactMap { try DirectoryLock($0) }
    sources = RuleSources(directories: directories, owner: owner)
    let path = try Self.path(
      of: name, in: directories, mayCreate ? RuleFileSelection([]) : sources.selection)
    let existing = sources.files.first { $0.path == path }
    file = existing ?? RuleFile(path: path, bytes: [])
    guard let found = try Self.examine(path, owner: owner) else {
      (place, attributes) = (path, nil)
      guard mayCreate else {
        throw RuleEditingError(
          "there is no rule file \(path); \"apreserve rules\" lists those that are read")
      }
      let parent = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
      guard HostFile.withoutLinks(parent) != nil else {
        throw RuleEditingError("there is no directory \(parent); create it first")
      }
      return
    }
    (place, attributes) = found
    if let problem = sources.problems.first(where: { $0.location.file == path }) {
      throw RuleEditingError("\(path.printable): \(problem.message)")
    }
    if let replaced = sources.selection.replaced.first(where: { $0.path == path }) {
      throw RuleEditingError(
        "\(path) is not read: \(replaced.by) has the same name and is stronger")
    }
  }

  /// The rules of the set with the file as it would be.
  ///
  /// - Throws: if the file would take the place of another one.
  package func rules(with file: RuleFile) throws(RuleEditingError) -> HostRules {
    let changed = sources.replacing(file)
    if let other = changed.selection.replaced.first(where: { replaced in
      !sources.selection.replaced.contains { $0.path == replaced.path }
    }) {
      throw RuleEditingError(
        other.path == file.path
          ? "\(file.path) would not be read: \(other.by) has the same name and is stronger"
          : "\(file.path) would replace \(other.path) with all its rules; use another name, or copy that "
            + "file first")
    }
    return HostRules(changed)
  }

  /// Replaces the file at once, with its mode, user and group; a link to it stays.
  ///
  /// - Throws: `RuleEditingError` or `FileError`.
  package func save(_ changed: RuleFile) throws {
    try requireUnchanged()
    try HostFile.replace(place, with: changed.bytes, like: attributes, isShared: true)
  }

  /// Removes the file. A link to it is removed, and not the file behind it.
  ///
  /// - Throws: `RuleEditingError` or `FileError`.
  package func remove() throws {
    try requireUnchanged()
    try HostFile.remove(file.path)
  }

  private func requireUnchanged() throws {
    guard try contents() == (attributes == nil ? nil : file.bytes) else {
      throw RuleEditingError(
        "\(file.path) was changed by another process meanwhile, and is left alone; try again")
    }
  }

  private func contents() throws(FileError) -> [UInt8]? {
    do throws(FileError) {
      return try HostFile.read(place, sizeLimit: RuleFile.largestFile + 1, owner: owner)
    } catch {
      if error.isAbsence { return nil }
      throw error
    }
  }
}

/// Why a rule file is not edited: a sentence.
package struct RuleEditingError: Error, Equatable, CustomStringConvertible {
  package var description: String

  fileprivate init(_ description: String) {
    self.description = description.printable
  }
}

extension RuleEditing {
  /// The path of a file as a selection has it that knows its name, or as directory and name.
  private static func path(
    of name: String, in directories: [String], _ selection: RuleFileSelection
  ) throws(RuleEditingError) -> String {
    guard name.hasSuffix(".rules"), name.split(separator: "/").last?.hasPrefix(".") == false
    else { throw RuleEditingError("\(name) is no name of a rule file, which ends in .rules") }
    guard let slash = name.lastIndex(of: "/") else {
      let known = (selection.paths + selection.emptyFiles).first { $0.hasSuffix("/" + name) }
      return known ?? RuleDirectoryListing.path(of: name, in: directories.first ?? ".")
    }
    let parent = String(name[..<slash])
    guard
      let directory = directories.first(where: { same($0, parent.isEmpty ? "/" : parent) })
    else {
      throw RuleEditingError(
        "\(name) is in none of the directories of rules, which are \(directories.joined(separator: ", "))"
      )
    }
    return RuleDirectoryListing.path(of: String(name[slash...].dropFirst()), in: directory)
  }

  private static func same(_ one: String, _ other: String) -> Bool {
    guard let real = HostFile.withoutLinks(one) else {
      return HostFile.absolute(one) == HostFile.absolute(other)
    }
    return real == HostFile.withoutLinks(other)
  }

  /// The file behind a path, and its attributes; nil if there is none. A link is followed only to a regular file of the
  /// user to whom the link belongs, in a directory that is trusted.
  private static func examine(
    _ path: String, owner: UInt32?
  ) throws -> (String, HostFile.Attributes)? {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return nil }
      throw FileError(path, .failed("examining", Errno(rawValue: errno)))
    }
    var place = path
    if status.st_mode & S_IFMT == S_IFLNK {
      let user = status.st_uid
      guard let target = HostFile.withoutLinks(path) else {
        throw RuleEditingError("\(path) is a link to nothing; remove it first")
      }
      place = target
      try systemCall("examining", on: place) { lstat(place, &status) }
      guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == user else {
        throw RuleEditingError(
          "\(path) is a link to \(target), which is not a regular file of the same user, and is not changed"
        )
      }
      let parent = String(target[...(target.lastIndex(of: "/") ?? target.startIndex)])
      let directory = FileDescriptor(
        try systemCall("opening", on: parent) { open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
      _ = try directory.status(parent, owner: owner)
    }
    guard status.st_mode & S_IFMT == S_IFREG else { throw FileError(path, .notRegular) }
    return (place, HostFile.Attributes(status))
  }
}

/// The lock of a directory against other editors that take it. The kernel releases it when the holder ends (flock(2)).
private final class DirectoryLock {
  private let file: FileDescriptor

  /// How long another holder is waited for.
  private static let patience = Duration.seconds(10)

  /// Acquires the lock; nil if there is no such directory.
  ///
  /// - Throws: `FileError`, or `RuleEditingError` if it is held for too long.
  init?(_ path: String) throws {
    guard let file = try Self.open(path) else { return nil }
    self.file = file
    let number = self.file.number
    let time = HostTime()
    let end = time.now + Self.patience
    while true {
      do throws(FileError) {
        try systemCall("locking", on: path) { flock(number, LOCK_EX | LOCK_NB) }
        return
      } catch {
        guard case .failed(_, .tryAgain) = error.problem else { throw error }
        guard time.now < end else {
          throw RuleEditingError("another process is editing the rules in \(path); try again")
        }
        Duration.milliseconds(20).sleep()
      }
    }
  }

  private static func open(_ path: String) throws(FileError) -> FileDescriptor? {
    do throws(FileError) {
      return FileDescriptor(
        try systemCall("opening", on: path) {
          Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        })
    } catch {
      if error.isAbsence { return nil }
      throw error
    }
  }
}
