/// Turns byte offsets of one file into lines, columns and the text to show.
struct SourceMap {
  /// One line as it stands in the file, without its end.
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

  /// The place of a byte.
  mutating func location(of offset: Int, in line: PhysicalLine) -> SourceLocation {
    SourceLocation(
      file: file.path, line: line.number, column: scalars(line.bytes.lowerBound..<offset) + 1)
  }

  /// A diagnostic about some bytes of a line.
  mutating func diagnostic(
    _ code: DiagnosticCode, _ bytes: Range<Int>, in line: PhysicalLine, _ message: String,
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
    let text = Printable.text(String(decoding: file.bytes[line.bytes], as: UTF8.self))
    shown = (line.number, text)
    return text
  }
}
