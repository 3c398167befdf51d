import APBus
import Glibc

/// A file of the host, read whole.
package enum HostFile {
  /// What a file must be before its contents are believed.
  package struct Requirements: Sendable {
    /// The most bytes that are read.
    package var sizeLimit: Int
    /// Whether pipes and devices are read too, as for a file that a person names.
    package var allowsStreams: Bool
    /// The user that must own the file, and who alone may write to it; nil if it does not matter.
    package var owner: UInt32?

    /// Requirements of a file.
    package init(sizeLimit: Int, allowsStreams: Bool = false, owner: UInt32? = nil) {
      self.sizeLimit = sizeLimit
      self.allowsStreams = allowsStreams
      self.owner = owner
    }
  }

  /// The owner that configuration must have for this process: root when it runs as root, since it
  /// would act on another user's word with rights that user lacks.
  package static var trustedOwner: UInt32? { geteuid() == 0 ? 0 : nil }

  /// Reads a file.
  package static func read(
    _ path: String, _ requirements: Requirements
  ) throws(FileError) -> [UInt8] {
    // Without O_NONBLOCK a pipe in a configuration directory would stop the program.
    let waiting = requirements.allowsStreams ? 0 : O_NONBLOCK
    let file = FileDescriptor(
      try FileError.wrap("opening", path) { () throws(Errno) in
        try retrying { open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | waiting) }
      })
    let status = try checkedStatus(file, path, owner: requirements.owner)
    guard status.st_mode & S_IFMT == S_IFREG || requirements.allowsStreams else {
      throw FileError(path, .notRegular)
    }
    return try contents(file, path, limit: requirements.sizeLimit)
  }

  /// The status of an open file that has passed the test of its owner and mode.
  static func checkedStatus(
    _ file: borrowing FileDescriptor, _ path: String, owner: UInt32?
  ) throws(FileError) -> stat {
    let number = file.number
    var status = stat()
    _ = try FileError.wrap("examining", path) { () throws(Errno) in
      try retrying { fstat(number, &status) }
    }
    guard let owner else { return status }
    guard status.st_uid == owner else { throw FileError(path, .foreignOwner(status.st_uid)) }
    guard status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
      throw FileError(path, .writable(mode: status.st_mode & 0o7777))
    }
    return status
  }

  private static func contents(
    _ file: borrowing FileDescriptor, _ path: String, limit: Int
  ) throws(FileError) -> [UInt8] {
    let number = file.number
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let count = try FileError.wrap("reading", path) { () throws(Errno) in
        try retrying { Glibc.read(number, &chunk, chunk.count) }
      }
      if count == 0 { return bytes }
      bytes.append(contentsOf: chunk[..<count])
      guard bytes.count <= limit else { throw FileError(path, .tooLarge(limit: limit)) }
    }
  }
}
