import Glibc
import APBus

extension HostFile {
  /// The path as it is from the root directory on, without `.`, `..` left as it is, and without a slash
  /// at its end.
  package static func absolute(_ path: String) -> String {
    var parts = path.split(separator: "/").filter { $0 != "." }
    if !path.hasPrefix("/"), let directory = getcwd(nil, 0) {
      defer { free(directory) }
      parts = String(cString: directory).split(separator: "/").map { $0 } + parts
    }
    return "/" + parts.joined(separator: "/")
  }

  /// Makes a directory if there is none; the one above it must be there. Others may look into it, and
  /// only its owner, which is this process's user, may write to it, whatever the umask.
  ///
  /// - Returns: what was mended of one that was there, a sentence.
  @discardableResult
  package static func makeDirectory(_ path: String) throws(FileError) -> String? {
    do throws(FileError) {
      _ = try FileError.wrap("making", path) { () throws(Errno) in
        try retrying { mkdir(path, 0o700) }
      }
      try change(mode: 0o755, of: path)
      return nil
    } catch {
      guard case .failed("making", .exists) = error.problem else { throw error }
    }
    var status = stat()
    _ = try FileError.wrap("examining", path) { () throws(Errno) in
      try retrying { stat(path, &status) }
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw FileError(path, .notDirectory) }
    // For another user nothing here is worth more than what that user may do anyway.
    guard geteuid() == 0 else { return nil }
    guard status.st_uid == 0 else { throw FileError(path, .foreignOwner(status.st_uid)) }
    // In a directory such as /tmp others cannot touch what is not theirs.
    guard status.st_mode & (S_IWGRP | S_IWOTH) != 0, status.st_mode & S_ISVTX == 0 else {
      return nil
    }
    let mode = status.st_mode & 0o7777
    guard ownDirectories.contains(path) else { throw FileError(path, .writable(mode: mode)) }
    try change(mode: 0o755, of: path)
    return "others might write to \(path) (mode \(String(mode, radix: 8))); it has mode 755 now"
  }

  /// The directories that are nobody else's, whose modes are mended.
  private static let ownDirectories = ["/run/apreserve", "/var/lib/apreserve"]

  private static func change(mode: UInt32, of path: String) throws(FileError) {
    _ = try FileError.wrap("changing the mode of", path) { () throws(Errno) in
      try retrying { chmod(path, mode) }
    }
  }
}
