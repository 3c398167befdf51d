import Glibc

extension HostFile {
  /// Writes a text to a file, which is made or replaced.
  package static func write(_ text: String, to path: String) throws(FileError) {
    let file = FileDescriptor(
      try FileError.wrap("opening", path) { () throws(ErrorNumber) in
        try retrying { open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0o666) }
      })
    let number = file.number
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = try FileError.wrap("writing", path) { () throws(ErrorNumber) in
        try retrying { rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) } }
      }
      rest = rest.dropFirst(count)
    }
  }
}
