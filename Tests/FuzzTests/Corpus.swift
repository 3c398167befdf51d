import Glibc

/// The inputs that are kept for each target, one file each.
enum Corpus {
  private static let directory =
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
    .joined(separator: "/") + "/Fuzz/Corpus/"

  /// The inputs of a target, in the order of their files' names.
  static func inputs(of target: String) throws -> [[UInt8]] {
    let path = directory + target
    guard let entries = opendir(path) else { return [] }
    defer { closedir(entries) }
    var names: [String] = []
    while let entry = readdir(entries) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted().map { bytes(path + "/" + $0) }
  }

  private static func bytes(_ path: String) -> [UInt8] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
    }
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
