package import APBus
import Glibc

/// A file or directory of the host that cannot be used: which, and why.
package struct FileError: Error, Equatable, Sendable {
  /// The path as it was given.
  package var path: String
  /// What is wrong with it.
  package var problem: Problem

  /// Why a file cannot be used.
  package enum Problem: Equatable, Sendable {
    /// A call on it failed; the word says which, such as `opening`.
    case failed(String, Errno)
    /// It is a directory, a pipe or a device.
    case notRegular
    /// It is a file, and should be a directory.
    case notDirectory
    /// Something else than a socket is there.
    case notSocket
    /// A process listens on this socket already; its number, if the kernel tells.
    case inUse(Int32?)
    /// It has more bytes than are read.
    case tooLarge(limit: Int)
    /// It is a directory with more entries than are read.
    case tooManyEntries(limit: Int)
    /// It belongs to this user, who could change it.
    case foreignOwner(UInt32)
    /// Others than its owner may write to it.
    case writable(mode: UInt32)
  }

  /// A problem with a file.
  package init(_ path: String, _ problem: Problem) {
    self.path = path
    self.problem = problem
  }

  /// Whether the file is just not there.
  package var isAbsence: Bool {
    if case .failed(_, .noSuchFile) = problem { true } else { false }
  }

  /// Whether another try would most likely end the same: what is wrong is the file, and not that memory
  /// or descriptors are short just now.
  var isLasting: Bool {
    guard case .failed(_, let errno) = problem else { return true }
    return [ELOOP, ENXIO, EIO, EISDIR].contains(errno.rawValue)
  }

  /// Runs calls on a file, and names it and the calls when they fail.
  static func wrap<Value>(
    _ word: String, _ path: String, _ body: () throws(Errno) -> Value
  ) throws(FileError) -> Value {
    do throws(Errno) {
      return try body()
    } catch {
      throw FileError(path, .failed(word, error))
    }
  }
}

extension FileError: CustomStringConvertible {
  /// One sentence with the path and, where there is one, the remedy.
  package var description: String {
    let path = path.printable
    return switch problem {
    case .failed(let word, let errno):
      "\(word) \(path): \(errno)"
    case .notRegular:
      "\(path) is not a regular file"
    case .notDirectory:
      "\(path) is not a directory"
    case .notSocket:
      "\(path) is there and is no socket; remove it, or give another path"
    case .inUse(let process):
      "\(path) is in use: \(process.map(ProcessName.text) ?? "another process") answers there; "
        + "a second daemon needs a control socket of its own"
    case .tooLarge(let limit):
      "\(path) has more than \(limit) bytes and is not read"
    case .tooManyEntries(let limit):
      "\(path) has more than \(limit) entries and is not read"
    case .foreignOwner(let user):
      "\(path) is not trusted: it belongs to user \(user); it must belong to root"
    case .writable(let mode):
      "\(path) is not trusted: others may write to it (mode \(String(mode, radix: 8))); "
        + "take the right away with chmod go-w"
    }
  }
}
