import TestSupport

/// The inputs that are kept for each target, one file each.
enum Corpus {
  /// The inputs of a target, in the order of their files' names.
  static func inputs(of target: String) throws -> [[UInt8]] {
    let directory = "Tests/Fuzz/Corpus/\(target)"
    return try SourceFile.names(in: directory).map { try SourceFile.bytes("\(directory)/\($0)") }
  }

  /// An input with a few bytes changed, taken away or put in, some of them from another input.
  static func changed(
    _ input: [UInt8], by other: [UInt8], using generator: inout some RandomNumberGenerator
  ) -> [UInt8] {
    var bytes = input
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let index = Int.random(in: 0...bytes.count, using: &generator)
      let end = min(index + Int.random(in: 1...24, using: &generator), bytes.count)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0 where index < bytes.count: bytes[index] = .random(in: 0...255, using: &generator)
      case 1: bytes.removeSubrange(index..<end)
      case 2: bytes.insert(contentsOf: bytes[index..<end], at: 0)
      default:
        let start = Int.random(in: 0...other.count, using: &generator)
        bytes.insert(contentsOf: other[start...].prefix(24), at: index)
      }
    }
    return bytes
  }
}
