import Glibc
import Testing

/// A directory of our own in which the program runs, so that its messages have short names of files in
/// them. It goes with its owner.
final class Workbench {
  let path: String

  /// A call that failed.
  struct Failure: Error {
    let call: String
    let errno: Int32
  }

  /// An empty directory, but for the files given here.
  init(_ files: KeyValuePairs<String, String> = [:]) throws {
    var template = Array("/tmp/apreserve-command-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure(call: "mkdtemp", errno: errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    for (name, text) in files { try file(name, text) }
  }

  deinit { Self.remove(path) }

  private static func remove(_ path: String) {
    guard Glibc.unlink(path) != 0, errno == EISDIR || errno == EPERM else { return }
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

  /// Makes a directory and those above it.
  func directory(_ name: String) throws {
    var made = path
    for part in name.split(separator: "/") {
      made += "/" + part
      guard mkdir(made, 0o755) != 0, errno != EEXIST else { continue }
      throw Failure(call: "mkdir", errno: errno)
    }
  }

  func file(_ name: String, _ text: String) throws {
    try file(name, bytes: Array(text.utf8))
  }

  /// Writes a file, whatever directories it needs.
  func file(_ name: String, bytes: [UInt8]) throws {
    try directory(name.split(separator: "/").dropLast().joined(separator: "/"))
    let descriptor = open(
      path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Failure(call: "open", errno: errno) }
    defer { close(descriptor) }
    guard write(descriptor, bytes, bytes.count) == bytes.count else {
      throw Failure(call: "write", errno: errno)
    }
  }

  /// Makes a symbolic link, whatever directories it needs.
  /// Takes a file or a link away.
  func unlink(_ name: String) throws {
    guard Glibc.unlink(path + "/" + name) == 0 || errno == ENOENT else {
      throw Failure(call: "unlink", errno: errno)
    }
  }

  func link(_ name: String, to target: String) throws {
    try directory(name.split(separator: "/").dropLast().joined(separator: "/"))
    guard symlink(target, path + "/" + name) == 0 else {
      throw Failure(call: "symlink", errno: errno)
    }
  }

  /// Takes the right to read a file away.
  func hide(_ name: String) throws {
    guard chmod(path + "/" + name, 0) == 0 else { throw Failure(call: "chmod", errno: errno) }
  }

  /// The bytes of a file, as text.
  func text(_ name: String) throws -> String {
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

  /// Whether there is such a file.
  func has(_ name: String) -> Bool { access(path + "/" + name, F_OK) == 0 }
}
