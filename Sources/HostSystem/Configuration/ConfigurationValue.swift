/// A value that is not understood, and what is.
struct ConfigurationValueError: Error, Equatable {
  /// The end of a sentence that says what to write.
  var expected: String

  init(_ expected: String) {
    self.expected = expected
  }
}

extension RawRepresentable where Self: CaseIterable, RawValue == String {
  /// One of some words; `others` are those that the caller understands too.
  static func choice(
    _ text: String, others: [String] = []
  ) throws(ConfigurationValueError) -> Self {
    if let value = Self(rawValue: text) { return value }
    let words = others + allCases.map(\.rawValue)
    throw ConfigurationValueError("write one of \(words.joined(separator: ", "))")
  }
}

extension Int {
  static func number(
    _ text: String, _ range: ClosedRange<Int>
  ) throws(ConfigurationValueError) -> Int {
    guard let number = Int(text), range.contains(number) else {
      throw ConfigurationValueError(
        "write a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}

extension Bool {
  static func flag(_ text: String) throws(ConfigurationValueError) -> Bool {
    switch text.lowercased() {
    case "yes", "true", "on", "1": return true
    case "no", "false", "off", "0": return false
    default: throw ConfigurationValueError("write yes or no")
    }
  }
}

extension Duration {
  private static let units: [(name: String, milliseconds: Int64)] = [
    ("ms", 1), ("min", 60_000), ("s", 1000), ("h", 3_600_000),
  ]
  /// What no setting needs more of.
  private static let longest: Int64 = 86_400_000

  /// A time: a whole number of seconds, or with one of the units `ms`, `s`, `min` and `h`.
  static func time(
    _ text: String, atLeast least: Duration = .zero
  ) throws(ConfigurationValueError) -> Duration {
    var digits = text
    var factor: Int64 = 1000
    if let unit = units.first(where: { text.hasSuffix($0.name) }) {
      digits.removeLast(unit.name.count)
      while digits.last == " " { digits.removeLast() }
      factor = unit.milliseconds
    }
    guard let number = Int64(digits), number >= 0, number <= longest / factor,
      .milliseconds(number * factor) >= least
    else {
      throw ConfigurationValueError(
        "write a time such as 30, 500ms or 2min, from \(least.configurationText) to 24 h")
    }
    return .milliseconds(number * factor)
  }

  /// As a setting has it, in seconds, or in milliseconds where these are not whole.
  var configurationText: String {
    let (seconds, attoseconds) = components
    let milliseconds = attoseconds / 1_000_000_000_000_000
    return milliseconds == 0 ? "\(seconds)s" : "\(seconds * 1000 + milliseconds)ms"
  }
}
