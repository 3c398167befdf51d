import Glibc
import HostSystem

/// A directory of our own that goes with its owner.
package final class TemporaryTree {
  /// Where it is.
  package let path: String

  /// Makes it, empty.
  package init() throws {
    var template = Array("/tmp/apreserve-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure(call: "mkdtemp", errno: errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    Self.remove(path)
  }

  /// A call that failed.
  package struct Failure: Error {
    /// The call.
    package var call: String
    /// The C library's error number.
    package var errno: Int32
  }

  private func check(_ result: Int32, _ call: String) throws {
    guard result == 0 else { throw Failure(call: call, errno: errno) }
  }

  /// Makes a directory and those above it.
  package func directory(_ name: String) throws {
    var made = path
    for part in name.split(separator: "/") {
      made += "/" + part
      guard mkdir(made, 0o755) != 0, errno != EEXIST else { continue }
      throw Failure(call: "mkdir", errno: errno)
    }
  }

  /// Writes a file, whatever directories it needs.
  package func file(_ name: String, _ text: String = "", mode: UInt32 = 0o644) throws {
    try directory(name.split(separator: "/").dropLast().joined(separator: "/"))
    let descriptor = open(path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Failure(call: "open", errno: errno) }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    guard write(descriptor, bytes, bytes.count) == bytes.count else {
      throw Failure(call: "write", errno: errno)
    }
    try check(fchmod(descriptor, mode), "fchmod")
  }

  /// Makes a symbolic link, whatever directories it needs.
  package func link(_ name: String, to target: String) throws {
    try directory(name.split(separator: "/").dropLast().joined(separator: "/"))
    try check(symlink(target, path + "/" + name), "symlink")
  }

  /// Makes a pipe.
  package func pipe(_ name: String) throws {
    try directory(name.split(separator: "/").dropLast().joined(separator: "/"))
    try check(mkfifo(path + "/" + name, 0o644), "mkfifo")
  }

  /// Changes a mode.
  package func mode(_ name: String, _ mode: UInt32) throws {
    try check(chmod(path + "/" + name, mode), "chmod")
  }

  /// A file's text.
  package func text(_ name: String) throws -> String {
    String(decoding: try HostFile.read(path + "/" + name, sizeLimit: 65536), as: UTF8.self)
  }

  /// Removes a file, or a directory with all that is in it.
  package func remove(_ name: String) {
    Self.remove(path + "/" + name)
  }

  private static func remove(_ path: String) {
    guard unlink(path) != 0, errno == EISDIR || errno == EPERM else { return }
    for entry in (try? ConfigurationDirectory.read(path, owner: nil))?.entries ?? [] {
      remove(path + "/" + entry.name)
    }
    rmdir(path)
  }
}
