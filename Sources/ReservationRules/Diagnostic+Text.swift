extension Diagnostic: CustomStringConvertible {
  /// As a person reads it: place, sentence and code, then the line with a caret under each character
  /// it is about, then the correction.
  package var description: String {
    var lines = [
      "\(Printable.text(location.description)): \(severity.rawValue): \(Printable.text(message)) [\(code.rawValue)]"
    ]
    if !sourceLine.isEmpty && length > 0 {
      let (excerpt, underline) = excerpt
      lines.append("  " + excerpt)
      lines.append("  " + underline)
    }
    if let fix { lines.append("  write: " + Printable.text(fix)) }
    return lines.joined(separator: "\n")
  }

  private static let widest = 100

  /// The line, cut around the place where it is long, and the carets below. Tabs are kept, so that
  /// both lines are indented alike.
  private var excerpt: (line: String, underline: String) {
    let scalars = Array(sourceLine.unicodeScalars)
    let place = min(location.column - 1, scalars.count)
    var window = 0..<scalars.count
    if scalars.count > Self.widest {
      let start = max(0, min(place - Self.widest / 2, scalars.count - Self.widest))
      window = start..<min(scalars.count, start + Self.widest)
    }
    let isCutBefore = window.lowerBound > 0
    let isCutBehind = window.upperBound < scalars.count
    var line = String.UnicodeScalarView()
    line.append(contentsOf: scalars[window])
    let indent = scalars[window.lowerBound..<place].map { $0 == "\t" ? "\t" : " " }.joined()
    let carets = max(1, min(length, window.upperBound - place))
    return (
      (isCutBefore ? "\u{2026}" : "") + String(line) + (isCutBehind ? "\u{2026}" : ""),
      (isCutBefore ? " " : "") + indent + String(repeating: "^", count: carets)
    )
  }
}
