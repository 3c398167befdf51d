/// A rule's line with its continuations joined, and where its bytes come from.
struct LogicalLine {
  /// A stretch that comes from one physical line.
  private struct Segment {
    /// Where it begins in `bytes`.
    var start: Int
    /// Where it begins in the file.
    var fileOffset: Int
    var line: SourceMap.PhysicalLine
  }

  private(set) var bytes: [UInt8] = []
  private var segments: [Segment] = []
  /// Whether a part of it has an error that forbids reading it as a rule.
  var isBroken = false

  var isEmpty: Bool { segments.isEmpty }

  /// Appends the bytes of the file that begin at `fileOffset`.
  mutating func append(
    _ part: ArraySlice<UInt8>, of line: SourceMap.PhysicalLine
  ) {
    segments.append(Segment(start: bytes.count, fileOffset: part.startIndex, line: line))
    bytes += part
  }

  /// The bytes of the file, all on one physical line, where the range begins.
  func place(of range: Range<Int>) -> (bytes: Range<Int>, line: SourceMap.PhysicalLine)? {
    var low = 0
    var high = segments.count
    while low < high {
      let middle = (low + high) / 2
      if segments[middle].start <= range.lowerBound {
        low = middle + 1
      } else {
        high = middle
      }
    }
    guard low > 0 else { return nil }
    let segment = segments[low - 1]
    let end = low < segments.count ? min(range.upperBound, segments[low].start) : range.upperBound
    let shift = segment.fileOffset - segment.start
    return (range.lowerBound + shift..<max(end, range.lowerBound) + shift, segment.line)
  }
}
