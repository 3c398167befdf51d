import Glibc
import Testing

/// The files in `Tests/Captures`.
enum TestFile {
  /// The walks through a bus that kernels made: for each a `.steps` and an `.events` file.
  static let walks = [
    "real-6.1-mask", "real-7.2-override", "sim-2018", "sim-mask", "sim-override", "udevd-debian",
    "udevd-src-7.2",
  ]

  static func bytes(_ name: String, source: String = #filePath) throws -> [UInt8] {
    let tests = source.split(separator: "/").dropLast(2).joined(separator: "/")
    let path = "/\(tests)/Captures/\(name)"
    let file = try #require(fopen(path, "r"), "cannot open \(path)")
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { return bytes }
      bytes += chunk[..<count]
    }
  }
}
