import APBus

/// Metrics of one name: what they mean, and the series that a source has of them.
///
/// Text is in Prometheus' exposition format, version 0.0.4: first HELP and TYPE, and then a line for each series.
struct MetricFamily<Source>: Sendable {
  enum Kind: String {
    case gauge, counter, histogram
  }

  /// The name without `apreserve_`. That of a counter ends with `_total`, and one with a unit with the unit, which is
  /// always seconds.
  let name: String
  let kind: Kind
  let help: String
  private let series: @Sendable (Source) -> [Series]

  /// One series: a value, or a histogram, and its labels.
  struct Series {
    enum Value {
      case integer(Int)
      case count(UInt64)
      case seconds(Duration)
      case histogram(Histogram)
    }

    var labels: [(name: String, value: String)] = []
    var value: Value
  }

  /// A family whose series have labels.
  init(
    _ kind: Kind, _ name: String, _ help: String,
    series: @escaping @Sendable (Source) -> [Series]
  ) {
    self.kind = kind
    self.name = name
    self.help = help
    self.series = series
  }

  /// A family of one series that has no labels. Only HELP and TYPE are printed while it has no value.
  init(
    _ kind: Kind, _ name: String, _ help: String,
    value: @escaping @Sendable (Source) -> Series.Value?
  ) {
    self.init(
      kind, name, help, series: { source in value(source).map { [Series(value: $0)] } ?? [] })
  }

  /// A family of one series for each case of an enumeration, with the case as a label.
  init<Label: CaseIterable & RawRepresentable<String> & Sendable>(
    _ kind: Kind, _ name: String, _ help: String, by label: String, _: Label.Type,
    count: @escaping @Sendable (Source, Label) -> Int
  ) {
    let cases = Array(Label.allCases)
    self.init(
      kind, name, help,
      series: { source in
        cases.map {
          Series(labels: [(label, $0.rawValue)], value: .integer(count(source, $0)))
        }
      })
  }

  /// Its full name.
  var fullName: String { "apreserve_\(name)" }

  /// What is printed for a source.
  func text(_ source: Source) -> String {
    var text = "# HELP \(fullName) \(help)\n# TYPE \(fullName) \(kind.rawValue)\n"
    for series in series(source) { text += lines(of: series) }
    return text
  }

  private func lines(of series: Series) -> String {
    func line(_ suffix: String, _ further: [(String, String)], _ value: String) -> String {
      let labels = (series.labels + further).map { "\($0.0)=\"\(Self.escaped($0.1))\"" }
      let set = labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}"
      return "\(fullName)\(suffix)\(set) \(value)\n"
    }
    switch series.value {
    case .integer(let number): return line("", [], "\(number)")
    case .count(let number): return line("", [], "\(number)")
    case .seconds(let duration): return line("", [], duration.secondsText)
    case .histogram(let histogram):
      var text = ""
      // Each bucket has all that is within its bound.
      var count: UInt64 = 0
      for (bound, inBucket) in zip(histogram.bounds, histogram.counts) {
        count += inBucket
        text += line("_bucket", [("le", bound.secondsText)], "\(count)")
      }
      return text + line("_bucket", [("le", "+Inf")], "\(histogram.count)")
        + line("_sum", [], histogram.sum.secondsText) + line("_count", [], "\(histogram.count)")
    }
  }

  /// The value of a label as it is written between quotes. A name that others have chosen can have anything in it.
  private static func escaped(_ value: String) -> String {
    var text = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": text += "\\\\"
      case "\"": text += "\\\""
      case "\n": text += "\\n"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}

extension Duration {
  /// Seconds as a decimal number, to the microsecond and without superfluous zeros. It is not negative.
  fileprivate var secondsText: String {
    let (seconds, attoseconds) = components
    let microseconds = attoseconds / 1_000_000_000_000
    guard microseconds > 0 else { return "\(seconds)" }
    var digits = String(microseconds)
    digits = String(repeating: "0", count: 6 - digits.utf8.count) + digits
    while digits.hasSuffix("0") { digits.removeLast() }
    return "\(seconds).\(digits)"
  }
}
