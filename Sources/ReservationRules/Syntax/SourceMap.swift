import APBus

/// The line of a rule with its continuations joined, and the origin of its bytes.
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

  /// The range without blanks and commas around it; nil if there is nothing else.
  var content: Range<Int>? {
    func isContent(_ byte: UInt8) -> Bool {
      !ClauseLexer.isBlank(byte) && byte != UInt8(ascii: ",")
    }
    guard let first = bytes.firstIndex(where: isContent),
      let last = bytes.lastIndex(where: isContent)
    else { return nil }
    return first..<last + 1
  }

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

/// Turns byte offsets of one file into lines, columns and the text to show.
struct SourceMap {
  /// One line of the file, without its end.
  struct PhysicalLine {
    /// From 1.
    var number: Int
    /// Its bytes.
    var bytes: Range<Int>
  }

  let file: RuleFile
  /// For each offset how many scalars begin before it; built when the first diagnostic needs it, so
  /// that a file full of errors still takes one pass.
  private var scalarsBefore: [Int32] = []
  private var shown: (number: Int, text: String)?

  init(_ file: RuleFile) {
    self.file = file
  }

  mutating func location(of offset: Int, in line: PhysicalLine) -> SourceLocation {
    SourceLocation(
      file: file.path, line: line.number, column: scalars(line.bytes.lowerBound..<offset) + 1)
  }

  /// A diagnostic about some bytes of a line.
  mutating func diagnostic(
    _ code: DiagnosticCode, at bytes: Range<Int>, in line: PhysicalLine, _ message: String,
    fixes: [String] = []
  ) -> Diagnostic {
    let end = min(bytes.upperBound, line.bytes.upperBound)
    return Diagnostic(
      code: code, location: location(of: bytes.lowerBound, in: line),
      length: max(1, scalars(bytes.lowerBound..<max(end, bytes.lowerBound))),
      sourceLine: text(of: line), message: message, fixes: fixes)
  }

  /// The line, and how much of it the bytes are, to show them later.
  mutating func excerpt(_ bytes: Range<Int>, in line: PhysicalLine) -> SourceExcerpt {
    SourceExcerpt(line: text(of: line), length: max(1, scalars(bytes)))
  }

  /// How many scalars begin in these bytes.
  private mutating func scalars(_ bytes: Range<Int>) -> Int {
    if scalarsBefore.isEmpty {
      scalarsBefore.reserveCapacity(file.bytes.count + 1)
      var count: Int32 = 0
      scalarsBefore.append(0)
      for byte in file.bytes {
        if byte & 0xc0 != 0x80 { count += 1 }
        scalarsBefore.append(count)
      }
    }
    return Int(scalarsBefore[bytes.upperBound] - scalarsBefore[bytes.lowerBound])
  }

  private mutating func text(of line: PhysicalLine) -> String {
    if let shown, shown.number == line.number { return shown.text }
    let text = String(decoding: file.bytes[line.bytes], as: UTF8.self).printableColumns
    shown = (line.number, text)
    return text
  }
}

/// A place in a rule file, printed `file:line:column`.
package struct SourceLocation: Hashable, Sendable, CustomStringConvertible {
  /// The path as it was given.
  package var file: String
  /// The physical line, from 1, also inside a continued rule.
  package var line: Int
  /// The column, from 1, counted in Unicode scalars.
  package var column: Int

  /// `file:line:column`.
  package var description: String { "\(file.printable):\(line):\(column)" }

  /// `file:line`, as a decision names its rule.
  package var fileAndLine: String { "\(file.printable):\(line)" }
}

/// The physical line on which something begins, and how much of it that is.
package struct SourceExcerpt: Hashable, Sendable {
  /// The line without its end; what a terminal would not show is `U+FFFD`.
  package var line: String
  /// How many Unicode scalars of it are meant, from the column of the location on.
  package var length: Int
}
