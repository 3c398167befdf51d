import Glibc

/// A file of this project, named from its root on.
package enum SourceFile {
  /// A file that cannot be read.
  package struct Unreadable: Error {
    /// Its path.
    package let path: String
  }

  /// The path of a file.
  package static func path(_ name: String, source: String = #filePath) -> String {
    "/" + source.split(separator: "/").dropLast(3).joined(separator: "/") + "/" + name
  }

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
}
