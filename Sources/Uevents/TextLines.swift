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

  /// The letter of a line `X: value`; nil for any other line.
  var letter: Character? {
    guard let letter = bytes.first, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(letter),
      bytes.dropFirst().starts(with: ": ".utf8)
    else { return nil }
    return Character(UnicodeScalar(letter))
  }

  /// Whether the bytes are UTF-8.
  var isUTF8: Bool { String(validating: bytes, as: UTF8.self) != nil }

  /// Whether the line is `KEY=VALUE` with a key as the kernel writes it.
  var isProperty: Bool {
    guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")), equals > bytes.startIndex else {
      return false
    }
    return bytes[..<equals].allSatisfy { byte in
      (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || byte == UInt8(ascii: "_")
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
  }

  /// A mark's text: what follows the `#` and one blank.
  var markText: String {
    let text = bytes.dropFirst()
    return String(
      decoding: text.first == UInt8(ascii: " ") ? text.dropFirst() : text, as: UTF8.self)
  }
}

/// Where a capture has bytes that are not UTF-8 and were replaced.
struct TextRepairs {
  private var first: Capture.Position?
  private var count = 0

  /// Counts what begins at `position`.
  mutating func note(_ position: Capture.Position) {
    first = first ?? position
    count += 1
  }

  /// One sentence, or none.
  func notes(name: String) -> [String] {
    let place: String
    switch first {
    case nil: return []
    case .line(let line): place = "\(name):\(line)"
    case .offset(let offset): place = "\(name): at byte \(offset)"
    }
    return [
      "\(place): bytes that are not UTF-8 were replaced"
        + (count > 1 ? ", here and at \(count - 1) more \(count > 2 ? "places" : "place")." : ".")
    ]
  }
}

/// The lines of a text, as bytes. A carriage return before the newline belongs to the line end where
/// the text's first line has one; elsewhere it belongs to the line.
struct TextLines: Sequence, IteratorProtocol {
  private let bytes: [UInt8]
  private let hasCarriageReturns: Bool
  private var start: Int = 0
  private var number = 0

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
