import Glibc

/// A directory that is removed, with everything in it, when this is released.
package final class TemporaryTree {
  package let path: String

  /// A system call that failed.
  package struct Failure: Error {
    package let call: String
    package let errno: Int32

    package init(call: String, errno: Int32) {
      self.call = call
      self.errno = errno
    }
  }

  /// Creates the directory, with some files in it. `/dev/shm` is in memory.
  package init(
    _ files: KeyValuePairs<String, String> = [:], in parent: String = "/tmp"
  ) throws {
    var template = Array("\(parent)/apreserve-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure(call: "mkdtemp", errno: errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    for (name, text) in files { try file(name, text) }
  }

  deinit {
    Self.remove(path)
  }

  private func check(_ result: Int32, _ call: String) throws {
    guard result == 0 else { throw Failure(call: call, errno: errno) }
  }

  /// Creates a directory and its parents, and returns its path.
  @discardableResult package func directory(_ name: String) throws -> String {
    var made = path
    for part in name.split(separator: "/") {
      made += "/" + part
      guard mkdir(made, 0o755) != 0, errno != EEXIST else { continue }
      throw Failure(call: "mkdir", errno: errno)
    }
    return made
  }

  /// Creates the parents of an entry, and returns the path of the entry.
  private func entry(_ name: String) throws -> String {
    try directory(name.split(separator: "/").dropLast().joined(separator: "/"))
    return path + "/" + name
  }

  /// Writes a file, whatever directories it needs.
  package func file(_ name: String, _ text: String = "", mode: UInt32 = 0o644) throws {
    try file(name, bytes: Array(text.utf8), mode: mode)
  }

  /// Writes a file, whatever directories it needs.
  package func file(_ name: String, bytes: [UInt8], mode: UInt32 = 0o644) throws {
    let descriptor = open(try entry(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Failure(call: "open", errno: errno) }
    defer { close(descriptor) }
    guard write(descriptor, bytes, bytes.count) == bytes.count else {
      throw Failure(call: "write", errno: errno)
    }
    try check(fchmod(descriptor, mode), "fchmod")
  }

  /// Opens a file for writing at its end, as a program does that writes it in parts; it is created if it is
  /// missing.
  package func writer(_ name: String) throws -> OpenFile { try OpenFile(try entry(name)) }

  /// Creates a symbolic link, whatever directories it needs.
  package func link(_ name: String, to target: String) throws {
    try check(symlink(target, try entry(name)), "symlink")
  }

  /// Gives a file of the tree another name, whatever directories that needs.
  package func hardLink(_ name: String, to file: String) throws {
    try check(Glibc.link(path + "/" + file, try entry(name)), "link")
  }

  /// Creates a pipe, whatever directories it needs.
  package func pipe(_ name: String) throws {
    try check(mkfifo(try entry(name), 0o644), "mkfifo")
  }

  package func mode(_ name: String, _ mode: UInt32) throws {
    try check(chmod(path + "/" + name, mode), "chmod")
  }

  /// The bytes of a file, as text.
  package func text(_ name: String) throws -> String {
    let descriptor = open(path + "/" + name, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(call: "open", errno: errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      guard count >= 0 else { throw Failure(call: "read", errno: errno) }
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk[..<count]
    }
  }

  /// Whether an entry exists.
  package func has(_ name: String) -> Bool { access(path + "/" + name, F_OK) == 0 }

  /// Removes a file, or a directory with everything in it.
  package func remove(_ name: String) {
    Self.remove(path + "/" + name)
  }

  private static func remove(_ path: String) {
    guard unlink(path) != 0, errno == EISDIR || errno == EPERM else { return }
    if let directory = opendir(path) {
      while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != ".." { remove(path + "/" + name) }
      }
      closedir(directory)
    }
    rmdir(path)
  }
}

/// A file that is open for writing until it is closed, or released.
package final class OpenFile {
  private var descriptor: Int32

  package init(_ path: String) throws {
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw TemporaryTree.Failure(call: "open", errno: errno) }
  }

  deinit {
    close()
  }

  package func write(_ text: String) throws {
    let bytes = Array(text.utf8)
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
      throw TemporaryTree.Failure(call: "write", errno: errno)
    }
  }

  package func close() {
    guard descriptor >= 0 else { return }
    Glibc.close(descriptor)
    descriptor = -1
  }
}
