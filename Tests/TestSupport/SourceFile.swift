import Glibc

/// A file of this project, named from its root on.
package enum SourceFile {
  /// A file that cannot be read.
  package struct Unreadable: Error {
    /// Its path.
    package let path: String
  }

  /// The project's directory: where this was compiled, or `APRESERVE_SOURCE` on another machine.
  package static let root: String = {
    if let directory = getenv("APRESERVE_SOURCE") { return String(cString: directory) }
    return "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
  }()

  /// The path of a file.
  package static func path(_ name: String) -> String { "\(root)/\(name)" }

  /// The bytes of a file.
  package static func bytes(_ name: String) throws(Unreadable) -> [UInt8] {
    let path = path(name)
    guard let file = fopen(path, "r") else { throw Unreadable(path: path) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { return bytes }
      bytes += chunk[..<count]
    }
  }

  /// The text of a file.
  package static func text(_ name: String) throws(Unreadable) -> String {
    String(decoding: try bytes(name), as: UTF8.self)
  }

  /// The names in a directory that are not hidden, in their order; none where there is no such
  /// directory.
  package static func names(in directory: String) -> [String] {
    guard let stream = opendir(path(directory)) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      names.append(
        withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        })
    }
    return names.filter { !$0.hasPrefix(".") }.sorted()
  }
}
