import APBus
import Glibc

extension HostFile {
  /// Replaces a file by one with these contents, so that a reader sees the old ones or the new ones,
  /// whatever happens meanwhile, a power cut included.
  ///
  /// Once this returns, the new ones are what a power cut leaves.
  package static func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
    let draft = path + ".new"
    unlink(draft)
    let number = try FileError.wrap("making", draft) { () throws(Errno) in
      try retrying { open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644) }
    }
    let file = FileDescriptor(number)
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = try FileError.wrap("writing", draft) { () throws(Errno) in
        try retrying { rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) } }
      }
      rest = rest.dropFirst(count)
    }
    _ = try FileError.wrap("writing", draft) { () throws(Errno) in
      try retrying { fsync(file.number) }
    }
    _ = try FileError.wrap("replacing", path) { () throws(Errno) in
      try retrying { rename(draft, path) }
    }
    try synchronizeDirectory(of: path)
  }

  /// The name is on the disk only when its directory is (fsync(2)).
  private static func synchronizeDirectory(of path: String) throws(FileError) {
    let name = path.lastIndex(of: "/").map { path[...$0] } ?? "./"
    let directory = FileDescriptor(
      try FileError.wrap("opening", String(name)) { () throws(Errno) in
        try retrying { open(String(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
      })
    _ = try FileError.wrap("writing", String(name)) { () throws(Errno) in
      try retrying { fsync(directory.number) }
    }
  }

  /// The most files that are kept aside for one path.
  private static let mostAside = 100

  /// Gives a file that makes no sense another name, so that it can be examined and nothing replaces it:
  /// `.damaged`, or `.damaged-2` and so on where there is one already. Returns the new path.
  package static func putAside(_ path: String) throws(FileError) -> String {
    var place = path + ".damaged"
    for number in 2...mostAside where access(place, F_OK) == 0 {
      place = path + ".damaged-\(number)"
    }
    _ = try FileError.wrap("renaming", path) { () throws(Errno) in
      try retrying { rename(path, place) }
    }
    return place
  }
}
