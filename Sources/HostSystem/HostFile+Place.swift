import Glibc
import Sysfs

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

  /// Makes a directory if there is none; the one above it must be there.
  package static func makeDirectory(_ path: String) throws(FileError) {
    do throws(FileError) {
      _ = try FileError.wrap("making", path) { () throws(ErrorNumber) in
        try retrying { mkdir(path, 0o755) }
      }
    } catch {
      guard case .failed(_, .exists) = error.problem else { throw error }
    }
  }
}
