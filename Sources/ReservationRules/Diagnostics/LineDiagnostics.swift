import APBus

/// A diagnostic whose place is not known as line and column yet: it is about bytes of a logical line.
struct LineDiagnostic {
  var code: DiagnosticCode
  var range: Range<Int>
  var message: String
  var fixes: [String] = []

  /// A diagnostic for the first scalar in the range that is invisible or looks like a blank; nil if
  /// there is none.
  init?(invisibleIn range: Range<Int>, of bytes: [UInt8]) {
    guard bytes[range].contains(where: { $0 >= 0x80 }) else { return nil }
    var offset = range.lowerBound
    for scalar in String(decoding: bytes[range], as: UTF8.self).unicodeScalars {
      let end = offset + UTF8.width(scalar)
      if scalar.value >= 0x80, scalar.isUnprintable {
        let number = "U+" + Hex.text(scalar.value, digits: 4, uppercase: true)
        self.init(
          code: .invisibleCharacter, range: offset..<end,
          message: "\(number) is invisible or looks like a blank; remove it, or type a blank")
        return
      }
      offset = end
    }
    return nil
  }

  init(code: DiagnosticCode, range: Range<Int>, message: String, fixes: [String] = []) {
    self.code = code
    self.range = range
    self.message = message
    self.fixes = fixes
  }
}

/// The diagnostics of one rule: as many as a person would read, and how many more there are.
///
/// A megabyte of mistakes costs no more memory than its first ones.
struct LineDiagnostics {
  /// The most that are kept of one rule.
  static let limit = 50
  /// The longest correction that helps anybody, in bytes.
  private static let longestFix = 200

  private let limit: Int
  private(set) var kept: [LineDiagnostic] = []
  private(set) var omittedErrors = 0
  private(set) var omittedWarnings = 0
  /// The range of the first that is not kept.
  private(set) var firstOmitted: Range<Int>?
  /// The codes of all, kept or not.
  private var codes: Set<DiagnosticCode> = []

  init(limit: Int = Self.limit) {
    self.limit = limit
  }

  /// Whether further ones are only counted.
  var isFull: Bool { kept.count >= limit }

  /// Whether the rule cannot be used.
  var hasErrors: Bool { codes.contains { $0.severity == .error } }

  /// The number of diagnostics, kept or not.
  var count: Int { kept.count + omittedErrors + omittedWarnings }

  func contains(_ others: Set<DiagnosticCode>) -> Bool { !codes.isDisjoint(with: others) }

  mutating func append(_ diagnostic: LineDiagnostic) {
    codes.insert(diagnostic.code)
    guard isFull else {
      var diagnostic = diagnostic
      diagnostic.fixes.removeAll { $0.utf8.count > Self.longestFix }
      kept.append(diagnostic)
      return
    }
    firstOmitted = firstOmitted ?? diagnostic.range
    if diagnostic.code.severity == .error {
      omittedErrors += 1
    } else {
      omittedWarnings += 1
    }
  }

  static func += (left: inout LineDiagnostics, right: LineDiagnostics) {
    for diagnostic in right.kept { left.append(diagnostic) }
    left.codes.formUnion(right.codes)
    left.firstOmitted = left.firstOmitted ?? right.firstOmitted
    left.omittedErrors += right.omittedErrors
    left.omittedWarnings += right.omittedWarnings
  }
}

/// A reader of a part of a logical line that reports what is wrong in it.
protocol LineReading {
  var bytes: [UInt8] { get }
  var diagnostics: LineDiagnostics { get set }
}

extension LineReading {
  func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  /// The text in quotes, for a message: shortened if it is long.
  func quoted(_ range: Range<Int>) -> String { text(range).quoted }

  /// Reports what is wrong in a range, and what to write instead if that is known.
  mutating func report(
    _ code: DiagnosticCode, at range: Range<Int>, _ message: String, write fix: String? = nil
  ) {
    report(code, at: range, message, write: fix.map { [$0] } ?? [])
  }

  /// Reports what is wrong in a range, with all the texts that may be meant instead.
  mutating func report(
    _ code: DiagnosticCode, at range: Range<Int>, _ message: String, write fixes: [String]
  ) {
    diagnostics.append(LineDiagnostic(code: code, range: range, message: message, fixes: fixes))
  }
}

/// Counts the diagnostics of one file that are too many to be read.
struct OmittedFindings {
  /// The most diagnostics of one file that are kept.
  static let limit = 1000

  private var errors = 0
  private var warnings = 0
  private var firstError: SourceLocation?
  private var firstWarning: SourceLocation?

  mutating func add(_ count: Int, of severity: Diagnostic.Severity, at location: SourceLocation) {
    guard count > 0 else { return }
    if severity == .error {
      errors += count
      firstError = firstError ?? location
    } else {
      warnings += count
      firstWarning = firstWarning ?? location
    }
  }

  /// A sentence for each kind that there is, at the place of the first left out.
  var diagnostics: [Diagnostic] {
    [
      Self.diagnostic(.moreErrors, count: errors, noun: "error", at: firstError),
      Self.diagnostic(.moreWarnings, count: warnings, noun: "warning", at: firstWarning),
    ].compactMap(\.self)
  }

  private static func diagnostic(
    _ code: DiagnosticCode, count: Int, noun: String, at location: SourceLocation?
  ) -> Diagnostic? {
    guard let location else { return nil }
    return Diagnostic(
      code: code, location: location, length: 0, sourceLine: "",
      message:
        "\(counted(count, "more \(noun)")) \(count == 1 ? "is" : "are") not shown; correct the ones before them first",
      findings: count)
  }
}
