import Glibc
import Testing

/// The captures made by real kernels, in `Tests/Captures`.
enum CaptureFile {
  static let names = [
    "real-6.1-mask", "real-7.2-override", "sim-2018", "sim-mask", "sim-override", "udevd-debian",
    "udevd-src-7.2",
  ]

  static func bytes(_ name: String, source: String = #filePath) throws -> [UInt8] {
    let tests = source.split(separator: "/").dropLast(2).joined(separator: "/")
    let path = "/\(tests)/Captures/\(name).events"
    let file = try #require(fopen(path, "r"), "cannot open \(path)")
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { return bytes }
      bytes += chunk[..<count]
    }
  }

  /// The lines of a text, an independent and simple view of a capture.
  static func lines(_ bytes: [UInt8]) -> [String] {
    bytes.split(separator: 10, omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
  }
}

/// A generator with a seed, so that a failing run can be repeated (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
