import Glibc

extension HostFile {
  /// Replaces a file by one with these contents, so that a reader sees the old ones or the new ones,
  /// whatever happens meanwhile, a power cut included.
  package static func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
    let draft = path + ".new"
    unlink(draft)
    let number = try FileError.wrap("making", draft) { () throws(ErrorNumber) in
      try retrying { open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644) }
    }
    let file = FileDescriptor(number)
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = try FileError.wrap("writing", draft) { () throws(ErrorNumber) in
        try retrying { rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) } }
      }
      rest = rest.dropFirst(count)
    }
    _ = try FileError.wrap("writing", draft) { () throws(ErrorNumber) in
      try retrying { fsync(file.number) }
    }
    _ = try FileError.wrap("replacing", path) { () throws(ErrorNumber) in
      try retrying { rename(draft, path) }
    }
  }
}
