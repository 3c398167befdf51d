import APBus
import Glibc

/// An open file that is closed when its owner lets go of it.
struct FileDescriptor: ~Copyable {
  /// The kernel's number for it.
  let number: Int32

  /// Takes over an open file.
  init(_ number: Int32) {
    self.number = number
  }

  deinit {
    close(number)
  }

  /// The names in the directory, without `.` and `..`, at most so many and one more.
  borrowing func directoryNames(limit: Int? = nil) throws(Errno) -> [String] {
    let number = number
    // The stream takes a descriptor over and closes it, so it gets one of its own.
    let copy = try retrying { fcntl(number, F_DUPFD_CLOEXEC, 0) }
    guard let stream = fdopendir(copy) else {
      let error = Errno(rawValue: errno)
      close(copy)
      throw error
    }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno == 0 { return names }
        throw Errno(rawValue: errno)
      }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
      if let limit, names.count > limit { return names }
    }
  }
}

/// Repeats a system call as long as a signal interrupts it. Negative answers become error numbers.
func retrying<Result: SignedInteger>(
  _ call: () -> Result
) throws(Errno) -> Result {
  while true {
    let result = call()
    if result >= 0 { return result }
    if errno != EINTR { throw Errno(rawValue: errno) }
  }
}

/// What the link `name` in an open directory points to. It need not exist.
func linkTarget(_ name: String, in directory: Int32) throws(Errno) -> String {
  var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
  let count = try retrying {
    target.withUnsafeMutableBytes { buffer -> Int in
      guard let start = buffer.baseAddress?.assumingMemoryBound(to: CChar.self) else { return 0 }
      return readlinkat(directory, name, start, buffer.count)
    }
  }
  return String(decoding: target[..<count], as: UTF8.self)
}
