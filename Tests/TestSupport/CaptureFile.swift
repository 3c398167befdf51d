import Glibc

/// The files in `Tests/Captures`, made by real kernels.
package enum CaptureFile {
  /// Walks through the life of a bus, `NAME.events` and `NAME.steps`: of four equal cards, and of
  /// unequal ones with gaps in the numbers.
  package static let names = [
    "real-6.1-mask", "real-7.2-override", "sim-2018", "sim-mask", "sim-override", "udevd-debian",
    "udevd-src-7.2", "unequal-6.1-mask", "unequal-7.2-override",
  ]

  /// A file that cannot be read.
  package struct Unreadable: Error {
    /// Its path.
    package let path: String
  }

  /// The bytes of a file in `Tests/Captures`, such as `sim-2018.events`.
  package static func bytes(
    _ name: String, source: String = #filePath
  ) throws(Unreadable) -> [UInt8] {
    let tests = source.split(separator: "/").dropLast(2).joined(separator: "/")
    let path = "/\(tests)/Captures/\(name)"
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

  /// The lines of a text: an independent and simple view of a capture.
  package static func lines(_ bytes: [UInt8]) -> [String] {
    bytes.split(separator: 10, omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
  }
}
