/// A file by lines, to show the lines that a mutant touches.
struct SourceLines {
  private let bytes: [UInt8]
  private let starts: [Int]

  init(_ text: String) {
    let bytes = Array(text.utf8)
    let ends = bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }
    starts = [0] + ends.map { $0 + 1 }
    self.bytes = bytes
  }

  /// The number of the line that has the byte, from 1 on.
  func number(at offset: Int) -> Int {
    (starts.lastIndex { $0 <= offset } ?? 0) + 1
  }

  func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  /// The lines of `range` as they are and with `replacement`, each without the space around it.
  func lines(_ range: Range<Int>, replacement: String) -> (original: String, mutated: String) {
    let start = starts[number(at: range.lowerBound) - 1]
    let last = number(at: max(range.lowerBound, range.upperBound - 1))
    let end = last < starts.count ? starts[last] - 1 : bytes.count
    let before = text(start..<range.lowerBound)
    let after = text(range.upperBound..<end)
    let mutated = Self.trimmed(before + replacement + after)
    return (
      Self.trimmed(before + text(range) + after), mutated.isEmpty ? "(left out)" : mutated
    )
  }

  private static func trimmed(_ text: String) -> String {
    text.split(separator: "\n").map { line in
      let start = line.drop { $0 == " " }
      return String(start.reversed().drop { $0 == " " }.reversed())
    }.filter { !$0.isEmpty }.joined(separator: "\n")
  }
}
