package import Agent
import CLinux
import Glibc
package import Reservation
import APBus

/// The record of what is ours in a file, below `/run/apreserve` on a host. Changes are appended, each
/// with one write, so that a process that is killed leaves a whole record; it is written anew when it
/// is opened and when it has grown long.
///
/// A machine that stops loses the record with `/run`, and its reservations with it; so nothing is
/// forced to a disk.
package final class OwnershipFile: OwnershipRecord {
  private let path: String
  private let boot: String
  private var descriptor: FileDescriptor
  private var ownership: Ownership
  private var linesToRewrite: Int

  /// Lines from which on a record is written anew, unless what is ours is so much.
  private static let longest = 10_000
  /// The most bytes of a record that is read: all 65,536 queues some times over.
  private static let sizeLimit = 64 << 20

  /// The name of the record in a state directory.
  package static let fileName = "ownership"

  /// Opens the record of the running boot in `directory`, which is made when it is missing, and reads
  /// what it says. `boot` tells one boot from another.
  ///
  /// A record of another boot says nothing any more. One that makes no sense is put aside under
  /// another name: nothing is ours then, so that nothing is given back that may be another's.
  package static func open(
    directory: String, boot: String
  ) throws(FileError) -> (file: OwnershipFile, ownership: Ownership, damage: String?) {
    try HostFile.makeDirectory(directory)
    let path = "\(directory)/\(fileName)"
    var ownership = Ownership()
    var damage: String?
    do {
      var status = stat()
      // A link is none of ours, wherever it leads.
      if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK {
        throw FileError(path, .notRegular)
      }
      let bytes = try HostFile.read(path, .init(sizeLimit: sizeLimit, owner: geteuid()))
      ownership = try OwnershipText.read(bytes, boot: boot) ?? Ownership()
    } catch let error as FileError where error.isAbsence {
      // The first since this boot.
    } catch let error as FileError where !error.isLasting {
      throw error
    } catch {
      let aside = try putAside(path)
      damage = "\(error); it is kept as \(aside), and nothing counts as reserved by apreserve"
    }
    return (try OwnershipFile(path: path, boot: boot, ownership), ownership, damage)
  }

  /// Gives what makes no sense a name that is free: it may be needed to find out what has happened.
  private static func putAside(_ path: String) throws(FileError) -> String {
    let names = [path + ".damaged"] + (2...damagedLimit).map { "\(path).damaged-\($0)" }
    for name in names {
      switch apreserve_rename_to_free(path, name) {
      case 0: return name
      case -EEXIST: continue
      case let number: throw FileError(path, .failed("putting aside", Errno(rawValue: -number)))
      }
    }
    // More of them would only fill the memory that /run is in.
    let last = names[names.count - 1]
    _ = try FileError.wrap("putting aside", path) { () throws(Errno) in
      try retrying { rename(path, last) }
    }
    return last
  }

  /// How many records that make no sense are kept at most.
  private static let damagedLimit = 10

  /// What the record in `directory` says, for who only wants to know; nil where there is none of the
  /// running boot.
  package static func read(directory: String, boot: String) throws(FileError) -> Ownership? {
    do throws(FileError) {
      let bytes = try HostFile.read("\(directory)/\(fileName)", .init(sizeLimit: sizeLimit))
      return (try? OwnershipText.read(bytes, boot: boot)) ?? nil
    } catch  where error.isAbsence {
      return nil
    }
  }

  private init(path: String, boot: String, _ ownership: Ownership) throws(FileError) {
    self.path = path
    self.boot = boot
    self.ownership = ownership
    descriptor = try Self.rewrite(path, OwnershipText.text(ownership, boot: boot))
    linesToRewrite = Self.longest
  }

  package func append(_ changes: [OwnershipChange]) throws(OwnershipRecordError) {
    do throws(FileError) {
      try Self.write(OwnershipText.text(changes), to: descriptor, path)
      for change in changes { ownership.apply(change) }
    } catch {
      throw OwnershipRecordError("\(error)")
    }
    linesToRewrite -= changes.count
    guard linesToRewrite <= 0 else { return }
    linesToRewrite = max(Self.longest, ownership.queues.count)
    // A record that stays long is as good; the next try comes after as many lines.
    guard let fresh = try? Self.rewrite(path, OwnershipText.text(ownership, boot: boot)) else {
      return
    }
    descriptor = fresh
  }

  /// Writes a new file beside the old one and puts it in its place, so that there is a whole record
  /// at every moment. Returns the new file, open for appending.
  private static func rewrite(_ path: String, _ text: String) throws(FileError) -> FileDescriptor {
    let fresh = path + ".new"
    // Whatever is there, and whoever may write to it.
    unlink(fresh)
    let file = FileDescriptor(
      try FileError.wrap("opening", fresh) { () throws(Errno) in
        try retrying {
          Glibc.open(
            fresh, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
      })
    let number = file.number
    // Whatever the umask has taken away.
    _ = try FileError.wrap("changing the mode of", fresh) { () throws(Errno) in
      try retrying { fchmod(number, 0o600) }
    }
    try write(text, to: file, fresh)
    _ = try FileError.wrap("renaming", fresh) { () throws(Errno) in
      try retrying { rename(fresh, path) }
    }
    return file
  }

  /// A text that is not written whole is taken back, so that the next one begins on its own line.
  private static func write(
    _ text: String, to file: borrowing FileDescriptor, _ path: String
  ) throws(FileError) {
    let number = file.number
    let bytes = Array(text.utf8)
    let start = lseek(number, 0, SEEK_END)
    let count = try FileError.wrap("writing", path) { () throws(Errno) in
      try retrying { bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) } }
    }
    guard count == bytes.count else {
      ftruncate(number, start)
      throw FileError(path, .failed("writing", .noSpace))
    }
  }
}
