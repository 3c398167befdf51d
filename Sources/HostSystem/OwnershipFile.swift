package import Agent
import Glibc
package import Reservation
import APBus

extension OwnershipRecordError {
  /// That the file cannot be opened or written.
  package init(_ error: FileError) {
    self.init("\(error)", fullDirectory: error.fullDirectory)
  }
}

/// The record of what apreserve has reserved, a file in `/run/apreserve`.
///
/// Changes are appended, each with a single write, so that a process that is killed leaves a whole record.
/// It is rewritten when it is opened and when it has grown long. A machine that stops loses the record with
/// `/run`, and its reservations as well; so nothing is synchronised to a disk, except for the mechanism that a person
/// has changed over to, which is in a file of its own in a directory that outlives the boot.
package final class OwnershipFile: OwnershipRecord {
  private let path: String
  private let boot: String
  private let lasting: String?
  private var descriptor: FileDescriptor
  private var ownership: Ownership
  private var linesToRewrite: Int

  /// The lines after which a record is rewritten, unless that many queues are owned.
  private static let longest = 10_000
  /// The most bytes of a record that are read: all 65,536 queues several times over.
  private static let sizeLimit = 64 << 20

  package static let fileName = "ownership"
  /// The name of the file with the mechanism that a person has changed over to.
  package static let lastingName = "changeover"

  /// Opens and reads the record of the current boot in `directory`, which is created if it is missing.
  /// `boot` is the identifier of the boot, and `lasting` the directory for what outlives it; nil for none.
  ///
  /// A record of another boot does not count. A damaged one is renamed: then nothing is owned, so that
  /// nothing is released that another program may have reserved.
  package static func open(
    directory: String, boot: String, lasting: String? = nil
  ) throws(FileError) -> (file: OwnershipFile, ownership: Ownership, damage: String?) {
    try HostFile.makeDirectory(directory)
    let path = "\(directory)/\(fileName)"
    var ownership = Ownership()
    var damage: String?
    do {
      ownership = try contents(of: path, boot: boot, owner: geteuid()) ?? Ownership()
    } catch let error as FileError where !error.isLasting {
      throw error
    } catch {
      let aside = try HostFile.putAside(path)
      damage = "\(error); it is kept as \(aside), and nothing counts as reserved by apreserve"
    }
    ownership.changeover = ownership.changeover ?? lasting.flatMap(changeover)
    let file = try OwnershipFile(path: path, boot: boot, lasting: lasting, ownership: ownership)
    return (file, ownership, damage)
  }

  /// Reads the record in `directory` without changing it; nil if there is none of the current boot. One that would not
  /// count if it were opened does not count here, and `damage` says why.
  package static func read(
    directory: String, boot: String, lasting: String? = nil
  ) -> (ownership: Ownership?, damage: (any Error)?) {
    var ownership: Ownership?
    var damage: (any Error)?
    do {
      ownership = try contents(
        of: "\(directory)/\(fileName)", boot: boot, owner: HostFile.trustedOwner)
    } catch {
      damage = error
    }
    guard ownership?.changeover == nil, let mechanism = lasting.flatMap(changeover) else {
      return (ownership, damage)
    }
    ownership = ownership ?? Ownership()
    ownership?.changeover = mechanism
    return (ownership, damage)
  }

  /// What the record says; nil if there is none, or one of another boot.
  private static func contents(
    of path: String, boot: String, owner: UInt32?
  ) throws -> Ownership? {
    var status = stat()
    // apreserve never creates a link.
    if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK {
      throw FileError(path, .notRegular)
    }
    do {
      return try OwnershipText.read(
        HostFile.read(path, sizeLimit: sizeLimit, owner: owner), boot: boot)
    } catch let error as FileError where error.isAbsence {
      // The first use since the boot.
      return nil
    }
  }

  /// The mechanism that a person has changed over to, be that in an earlier boot; nil if nobody has, or if the file is
  /// not one that apreserve has written.
  private static func changeover(in directory: String) -> Mechanism? {
    let path = "\(directory)/\(lastingName)"
    guard
      let bytes = try? HostFile.read(path, sizeLimit: 64, owner: HostFile.trustedOwner),
      bytes.last == UInt8(ascii: "\n")
    else { return nil }
    return Mechanism(rawValue: String(decoding: bytes.dropLast(), as: UTF8.self))
  }

  private init(
    path: String, boot: String, lasting: String?, ownership: Ownership
  ) throws(FileError) {
    self.path = path
    self.boot = boot
    self.lasting = lasting
    self.ownership = ownership
    descriptor = try Self.rewrite(path, as: OwnershipText.text(ownership, boot: boot))
    linesToRewrite = Self.longest
  }

  package func append(_ changes: [OwnershipChange]) throws(OwnershipRecordError) {
    do throws(FileError) {
      for case .changeover(let mechanism) in changes { try keep(mechanism) }
      try Self.write(OwnershipText.text(changes), to: descriptor, at: path)
      for change in changes { ownership.apply(change) }
    } catch {
      throw OwnershipRecordError(error)
    }
    linesToRewrite -= changes.count
    guard linesToRewrite <= 0 else { return }
    linesToRewrite = max(Self.longest, ownership.queues.count)
    // A long record is as good as a short one; the next attempt follows after as many lines.
    guard let fresh = try? Self.rewrite(path, as: OwnershipText.text(ownership, boot: boot)) else {
      return
    }
    descriptor = fresh
  }

  /// Keeps the mechanism beyond the boot, before the first write, so that the next boot is not one by the other
  /// mechanism.
  private func keep(_ mechanism: Mechanism) throws(FileError) {
    guard let lasting else { return }
    try HostFile.makeDirectory(lasting)
    try HostFile.replace(
      "\(lasting)/\(Self.lastingName)", with: Array("\(mechanism.rawValue)\n".utf8))
  }

  /// Writes a new file and renames it to the old name, so that there is a whole record at every moment.
  /// Returns the new file, open for appending.
  private static func rewrite(_ path: String, as text: String) throws(FileError) -> FileDescriptor {
    let fresh = path + ".new"
    // Another process may have it open.
    unlink(fresh)
    let file = FileDescriptor(
      try systemCall("creating", on: fresh) {
        Glibc.open(
          fresh, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
      })
    let number = file.number
    // Whatever the umask is.
    try systemCall("changing the mode of", on: fresh) { fchmod(number, 0o600) }
    try write(text, to: file, at: fresh)
    try systemCall("renaming", on: fresh) { rename(fresh, path) }
    return file
  }

  /// Writes a text whole or not at all, so that the next one begins on its own line.
  private static func write(
    _ text: String, to file: borrowing FileDescriptor, at path: String
  ) throws(FileError) {
    let number = file.number
    let bytes = Array(text.utf8)
    let start = lseek(number, 0, SEEK_END)
    let count = try systemCall("writing", on: path) {
      bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
    }
    guard count == bytes.count else {
      ftruncate(number, start)
      throw FileError(path, .failed("writing", .noSpace))
    }
  }
}
