/// A text that is not JSON: where, and what is wrong there.
package struct JSONSyntaxError: Error, Equatable, Sendable {
  /// The line, from 1.
  package var line: Int
  /// The column, from 1, counted in characters of the file.
  package var column: Int
  /// What is wrong, as a sentence's end.
  package var problem: String

  /// A problem at a byte of a text.
  init(_ problem: String, at offset: Int, in bytes: [UInt8]) {
    let before = bytes.prefix(offset)
    let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    line = 1 + before.reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
    // Bytes 10xxxxxx continue a character that another byte began.
    column = 1 + before[start...].reduce(0) { $0 + ($1 & 0xc0 == 0x80 ? 0 : 1) }
    self.problem = problem
  }
}
