import APBus

/// Something wrong in a rule file: where, what, and what to write instead.
package struct Diagnostic: Hashable, Sendable {
  package enum Severity: String, Hashable, Sendable, CaseIterable {
    /// The set of rules is not used.
    case error
    /// The set of rules is used, but probably not as intended.
    case warning
    /// Nothing is wrong; a person may want to know.
    case note
  }

  package var severity: Severity { code.severity }
  /// The kind, stable and in kebab case as `rawValue`.
  package var code: DiagnosticCode
  /// The first of the characters it is about.
  package var location: SourceLocation
  /// How many Unicode scalars it is about, at least 1; 0 if it is about the whole file.
  package var length: Int
  /// The physical line, without its end; what a terminal would not show is `U+FFFD`.
  package var sourceLine: String
  /// A sentence: what is wrong and why.
  package var message: String
  /// Texts that were probably intended instead of the characters it is about, the likeliest first.
  package var fixes: [String] = []
  /// How many findings it counts: more than one only if it represents others that were left out.
  package var findings = 1

  /// The corrected text, alternatives joined by "or"; nil if none is likely.
  package var fix: String? { fixes.isEmpty ? nil : fixes.joined(separator: " or ") }
}

extension Diagnostic {
  /// A diagnostic about a whole rule.
  package init(_ code: DiagnosticCode, about rule: Rule, _ message: String) {
    self.init(
      code: code, location: rule.location, length: rule.source.length,
      sourceLine: rule.source.line, message: message)
  }

  /// A diagnostic about a whole file or directory.
  package init(_ code: DiagnosticCode, file path: String, _ message: String) {
    self.init(
      code: code, location: SourceLocation(file: path, line: 1, column: 1), length: 0,
      sourceLine: "", message: message)
  }
}

extension Diagnostic: CustomStringConvertible {
  /// As a person reads it: place, sentence and code, then the line with a caret under each character
  /// it is about, then the correction.
  package var description: String { text { [$0] } }

  /// The same with the sentence in the lines that `wrap` makes of it. The line of the file stays whole, since the carets
  /// are below it, and so does the correction, which a person may copy.
  package func text(wrapping wrap: (String) -> [String]) -> String {
    var lines = wrap(
      "\(location): \(severity.rawValue): \(message.printable) [\(code.rawValue)]")
    if !sourceLine.isEmpty && length > 0 {
      let (excerpt, underline) = excerpt
      lines.append("  " + excerpt)
      lines.append("  " + underline)
    }
    if let fix { lines.append("  write: " + fix.printable) }
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

extension StringProtocol {
  /// The text for a message: shortened if it is long, and without anything that a terminal would act on.
  var excerpt: String {
    let limit = 60
    let short = unicodeScalars.prefix(limit + 1)
    var view = String.UnicodeScalarView(short.prefix(limit))
    if short.count > limit { view.append("\u{2026}") }
    return String(view).printable
  }

  /// The same in quotes.
  var quoted: String { "\"" + excerpt + "\"" }
}
