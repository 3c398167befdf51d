import APBus
import Glibc

extension HostFile {
  /// A file that is being written.
  final class Output {
    private let path: String
    private let descriptor: FileDescriptor

    /// Makes or replaces the file.
    init(path: String) throws(FileError) {
      self.path = path
      descriptor = FileDescriptor(
        try FileError.wrap("opening", path) { () throws(Errno) in
          try retrying { open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0o666) }
        })
    }

    /// Appends a text.
    func write(_ text: String) throws(FileError) {
      let number = descriptor.number
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        let count = try FileError.wrap("writing", path) { () throws(Errno) in
          try retrying { rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) } }
        }
        rest = rest.dropFirst(count)
      }
    }
  }

  /// Writes a text to a file, which is made or replaced.
  package static func write(_ text: String, to path: String) throws(FileError) {
    try Output(path: path).write(text)
  }
}
