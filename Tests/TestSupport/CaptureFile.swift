/// The files in `Tests/Captures`, made by real kernels.
package enum CaptureFile {
  /// Walks through the life of a bus, `NAME.events` and `NAME.steps`: of four equal cards, and of
  /// unequal ones with gaps in the numbers.
  package static let names = [
    "real-6.1-mask", "real-7.2-override", "sim-2018", "sim-mask", "sim-override", "udevd-debian",
    "udevd-src-7.2", "unequal-6.1-mask", "unequal-7.2-override",
  ]

  /// The bytes of a file in `Tests/Captures`, such as `sim-2018.events`.
  package static func bytes(_ name: String) throws(SourceFile.Unreadable) -> [UInt8] {
    try SourceFile.bytes("Tests/Captures/\(name)")
  }

  /// The lines of a text: an independent and simple view of a capture.
  package static func lines(_ bytes: [UInt8]) -> [String] {
    bytes.split(separator: 10, omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
  }
}
