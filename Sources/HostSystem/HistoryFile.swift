import APBus
import Glibc

/// Lines that outlive the program, in two files of bounded size: `history`, to which lines are appended, and
/// `history.1`, which `history` becomes when it is full.
///
/// Nothing is synchronised to the disk before `flush`: after a power cut the last lines may be missing.
package final class HistoryFile {
  /// The file to which lines are appended.
  package let path: String
  private let olderPath: String
  private var file: FileDescriptor
  private var rotation: HistoryRotation

  /// A file with its contents.
  package struct Part: Equatable, Sendable {
    package var path: String
    package var bytes: [UInt8]
  }

  package static let fileName = "history"

  /// Opens the files in a directory, which must exist, and reads what is in them, the older file first. A line that was
  /// not written to its end is cut off. A file that cannot be one of apreserve is renamed; `damage` says so.
  package static func open(
    in directory: String
  ) throws(FileError) -> (file: HistoryFile, parts: [Part], damage: String?) {
    let path = "\(directory)/\(fileName)"
    let damage = try putUnsuitableAside(path)
    let descriptor = try openForAppending(path)
    let parts = try read(in: directory)
    let newest = parts.last?.path == path ? parts.last?.bytes ?? [] : []
    let whole = (newest.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
    if whole < newest.count {
      let number = descriptor.number
      try systemCall("cutting", on: path) { ftruncate(number, whole) }
    }
    let file = HistoryFile(path: path, file: descriptor, size: whole)
    return (file, parts, damage)
  }

  /// Reads the files in a directory without changing them, the older one first.
  package static func read(in directory: String) throws(FileError) -> [Part] {
    var parts: [Part] = []
    for name in [olderName, fileName] {
      let path = "\(directory)/\(name)"
      do throws(FileError) {
        parts.append(
          Part(
            path: path,
            bytes: try HostFile.read(
              path, sizeLimit: readLimit, owner: HostFile.trustedOwner)))
      } catch  where error.isAbsence {
        continue
      }
    }
    return parts
  }

  /// Removes the files in a directory.
  package static func remove(in directory: String) throws(FileError) {
    for name in [olderName, fileName] {
      let path = "\(directory)/\(name)"
      do throws(FileError) {
        try systemCall("removing", on: path) { unlink(path) }
      } catch  where error.isAbsence {
        continue
      }
    }
  }

  private static let olderSuffix = ".1"
  private static let olderName = fileName + olderSuffix
  /// More than this was not written by apreserve.
  private static let readLimit = 2 * HistoryRotation.fileLimit

  private init(path: String, file: consuming FileDescriptor, size: Int) {
    self.path = path
    olderPath = path + Self.olderSuffix
    self.file = file
    rotation = HistoryRotation(size: size)
  }

  private static func putUnsuitableAside(_ path: String) throws(FileError) -> String? {
    do throws(FileError) {
      _ = try openForAppending(path)
      return nil
    } catch  where error.isLasting {
      return "\(error); it is kept as \(try HostFile.putAside(path))"
    }
  }

  private static func openForAppending(_ path: String) throws(FileError) -> FileDescriptor {
    let file = FileDescriptor(
      try systemCall("opening", on: path) {
        Glibc.open(
          path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0o600)
      })
    let status = try file.status(path, owner: geteuid())
    guard status.st_mode & S_IFMT == S_IFREG else { throw FileError(path, .notRegular) }
    guard status.st_size <= readLimit else { throw FileError(path, .tooLarge(limit: readLimit)) }
    let number = file.number
    // Whatever the umask is.
    try systemCall("changing the mode of", on: path) { fchmod(number, 0o600) }
    return file
  }

  /// Appends lines, each with its end, and removes from `lines` those that are written.
  package func append(_ lines: inout ArraySlice<[UInt8]>) throws(FileError) {
    while !lines.isEmpty {
      let count = rotation.room(for: lines)
      if count > 0 {
        let bytes = Array(lines.prefix(count).joined())
        try write(bytes)
        rotation.size += bytes.count
        lines = lines.dropFirst(count)
      } else {
        try systemCall("renaming", on: path) { rename(path, olderPath) }
        file = try Self.openForAppending(path)
        rotation.size = 0
      }
    }
  }

  /// Writes bytes whole or not at all, so that the next line begins where a line begins.
  private func write(_ bytes: [UInt8]) throws(FileError) {
    let number = file.number
    let count = try systemCall("writing", on: path) {
      bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
    }
    guard count == bytes.count else {
      ftruncate(number, rotation.size)
      throw FileError(path, .failed("writing", .noSpace))
    }
  }

  /// Returns once everything that was appended is on the disk.
  package func flush() throws(FileError) {
    let number = file.number
    try systemCall("writing", on: path) { fsync(number) }
  }
}

/// Decides when the history continues in another file.
package struct HistoryRotation: Equatable, Sendable {
  /// The most bytes of one file.
  package static let fileLimit = 1 << 20

  /// How many bytes the file has.
  package var size: Int
  var limit = HistoryRotation.fileLimit

  /// How many of the lines still go into the file; 0 where another one is to be begun. A line that is longer than a
  /// file may be has one of its own.
  package func room(for lines: some Sequence<[UInt8]>) -> Int {
    var total = size
    var count = 0
    for line in lines {
      total += line.count
      guard total <= limit || size == 0 && count == 0 else { break }
      count += 1
    }
    return count
  }
}
