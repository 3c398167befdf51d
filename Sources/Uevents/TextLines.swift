import APBus

/// A line of a text without its line end.
struct TextLine {
  /// The line's number, from 1.
  let number: Int
  /// The line's bytes.
  let bytes: ArraySlice<UInt8>
  /// Whether a newline follows; the last line of a text that was cut off has none.
  let isTerminated: Bool

  /// Whether the line begins with `prefix`.
  func starts(with prefix: String) -> Bool { bytes.starts(with: prefix.utf8) }

  /// Whether the line is a comment: in a capture, a mark.
  var isMark: Bool { bytes.first == UInt8(ascii: "#") }

  /// A mark's text: what follows the `#` and one blank.
  func markText() throws(CaptureError.Problem) -> String {
    let text = bytes.dropFirst()
    guard
      let string = String(
        validating: text.first == UInt8(ascii: " ") ? text.dropFirst() : text, as: UTF8.self)
    else { throw .event(.notUTF8) }
    return string
  }
}

/// The lines of a text, as bytes. A carriage return before the newline belongs to the line end where
/// the text's first line has one; elsewhere it belongs to the line.
struct TextLines: Sequence, IteratorProtocol {
  private let bytes: [UInt8]
  private let hasCarriageReturns: Bool
  private var start: Int = 0
  private var number = 0

  /// The lines of `bytes`.
  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    let newline = bytes.firstIndex(of: UInt8(ascii: "\n")) ?? 0
    hasCarriageReturns = newline > 0 && bytes[newline - 1] == UInt8(ascii: "\r")
  }

  /// The next line, nil at the end.
  mutating func next() -> TextLine? {
    guard start < bytes.endIndex else { return nil }
    let newline = bytes[start...].firstIndex(of: UInt8(ascii: "\n"))
    var line = bytes[start..<(newline ?? bytes.endIndex)]
    if hasCarriageReturns, line.last == UInt8(ascii: "\r") { line.removeLast() }
    start = newline.map { $0 + 1 } ?? bytes.endIndex
    number += 1
    return TextLine(number: number, bytes: line, isTerminated: newline != nil)
  }
}

/// Quotes input in messages: short, on one line, and harmless for a terminal.
enum Quotation {
  private static let limit = 64

  /// At most 64 bytes of `bytes` as text.
  static func of(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: bytes.prefix(limit), as: UTF8.self).printable
      + (bytes.count > limit ? "..." : "")
  }
}
