package import APBus
import Agent
import Glibc

/// The ledger of master keys, a file in `/var/lib/apreserve`.
///
/// Facts are appended, those of one reading with a single write. The file is rewritten before the first of them, which
/// mends what was damaged, and when it has grown long; what is appended since may be lost by a power cut. Nothing
/// depends on it so much that it would be a reason to stop: what does not work is reported, and done without.
package final class KeyLedgerFile: KeyRecord {
  private let directory: String
  private let report: (String) -> Void
  /// All that is on record, or is to be.
  private var ledger: KeyLedger
  private var descriptor: FileDescriptor?
  private var linesToRewrite = 0
  /// Whether it was reported that nothing can be put on record.
  private var hasFailed = false

  package static let fileName = "keys"
  /// The most bytes that are read: what 65,536 queues have.
  private static let sizeLimit = 128 << 20
  /// The lines after which the file is rewritten, unless it is longer anyway.
  private static let longest = 10_000

  private var path: String { Self.path(in: directory) }

  private static func path(in directory: String) -> String { "\(directory)/\(fileName)" }

  /// The ledger in a directory, which need not exist, without changing it; `problem` is a sentence that says what of it
  /// cannot be read.
  package static func read(in directory: String) -> (ledger: KeyLedger, problem: String?) {
    do throws(FileError) {
      let (ledger, damage) = try load(directory)
      return (ledger, damage)
    } catch {
      return (KeyLedger(), "\(unused): \(error)")
    }
  }

  /// Continues the ledger in a directory, which is created with the first fact. `report` gets a sentence for what does
  /// not work, each once. Nil if what is there cannot be read now, and so must not be replaced.
  ///
  /// What is damaged is renamed, and what can be read of it is used.
  package static func open(
    in directory: String, report: @escaping (String) -> Void
  ) -> (file: KeyLedgerFile?, ledger: KeyLedger) {
    var ledger = KeyLedger()
    var damage: String?
    do throws(FileError) {
      (ledger, damage) = try load(directory)
    } catch {
      guard error.isLasting else {
        report("\(unused), and nothing is added to it: \(error)")
        return (nil, ledger)
      }
      damage = "\(unused): \(error)"
    }
    let file = KeyLedgerFile(directory, ledger, report: report)
    guard let damage else { return (file, ledger) }
    do throws(FileError) {
      report("\(damage); it is kept as \(try HostFile.putAside(path(in: directory)))")
      try file.rewrite()
    } catch {
      report("\(damage); \(error)")
    }
    return (file, ledger)
  }

  private static let unused = "what was known of master keys is not used"

  private static func load(
    _ directory: String
  ) throws(FileError) -> (ledger: KeyLedger, damage: String?) {
    let path = path(in: directory)
    do throws(FileError) {
      var status = stat()
      // apreserve never creates a link.
      if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK {
        throw FileError(path, .notRegular)
      }
      let bytes = try HostFile.read(path, sizeLimit: sizeLimit, owner: HostFile.trustedOwner)
      let (ledger, damage) = KeyLedgerText.read(bytes)
      return (ledger, damage.map { "\(path.printable): \($0), and the rest is used" })
    } catch {
      guard error.isAbsence else { throw error }
      return (KeyLedger(), nil)
    }
  }

  private init(_ directory: String, _ ledger: KeyLedger, report: @escaping (String) -> Void) {
    self.directory = directory
    self.ledger = ledger
    self.report = report
  }

  package func append(_ facts: [KeyFact]) {
    guard !facts.isEmpty else { return }
    for fact in facts { ledger.apply(fact) }
    do throws(FileError) {
      linesToRewrite -= facts.count
      if descriptor == nil || linesToRewrite <= 0 {
        try rewrite()
      } else {
        try write(KeyLedgerText.text(facts))
      }
      hasFailed = false
    } catch {
      // The next fact brings this one along.
      descriptor = nil
      if !hasFailed { report("master keys are not remembered: \(error)") }
      hasFailed = true
    }
  }

  /// Writes the whole ledger to the disk, and opens the file for more.
  private func rewrite() throws(FileError) {
    descriptor = nil
    try HostFile.makeDirectory(directory)
    let text = KeyLedgerText.text(ledger)
    try HostFile.replace(path, with: Array(text.utf8))
    let path = path
    let file = FileDescriptor(
      try systemCall("opening", on: path) {
        Glibc.open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW)
      })
    let number = file.number
    // Whatever the umask is: everybody may read `mkvps`.
    try systemCall("changing the mode of", on: path) { fchmod(number, 0o644) }
    descriptor = consume file
    linesToRewrite = max(Self.longest, text.utf8.count { $0 == UInt8(ascii: "\n") })
  }

  /// Writes a text whole or not at all, so that the next one begins on its own line.
  private func write(_ text: String) throws(FileError) {
    guard let number = descriptor?.number else { return }
    let bytes = Array(text.utf8)
    let start = lseek(number, 0, SEEK_END)
    let path = path
    let count = try systemCall("writing", on: path) {
      bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
    }
    guard count == bytes.count else {
      ftruncate(number, start)
      throw FileError(path, .failed("writing", .noSpace))
    }
  }
}
