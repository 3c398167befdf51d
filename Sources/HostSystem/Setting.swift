import APBus
import Reservation

/// A setting of apreserve.conf(5): its name in the file, and a row of `row`.
package enum Setting: String, CaseIterable, Sendable {
  case mechanism = "Mechanism"
  case protectHost = "ProtectHost"
  case force = "Force"
  case drainTimeout = "DrainTimeoutSec"
  case fightLimit = "FightLimit"
  case fightInterval = "FightIntervalSec"
  case reannounceMatrix = "ReannounceMatrix"
  case guestStart = "GuestStart"
  case guestStartTimeout = "GuestStartTimeoutSec"
  case rescanInterval = "RescanIntervalSec"
  case busSettle = "BusSettleSec"
  case startTimeout = "StartTimeoutSec"
  case lockTimeout = "LockTimeoutSec"

  package enum Section: String, CaseIterable, Sendable {
    case reservation = "Reservation"
    case daemon = "Daemon"
  }

  /// The table of the settings: section, property of `Configuration`, form of the value, and the value that
  /// protects best when a line is invalid. With the last one no queue is taken that would not be taken
  /// otherwise.
  var row: Row {
    switch self {
    // A change of the mechanism would be dangerous, so the current one stays.
    case .mechanism:
      Row(.reservation, \.mechanism, .mechanism) { $0.previous ?? $0.earlier }
    // The default, auto, does not suffice: the line may have said yes.
    case .protectHost: Row(.reservation, \.policy.protectHost, .choice()) { _ in .yes }
    case .force: Row(.reservation, \.policy.forced, .guards) { _ in [] }
    // The earlier a busy queue is left alone, the shorter it is offline.
    case .drainTimeout: Row(.reservation, \.policy.drainLimit, .time()) { $0.smallest }
    // Fewer moves in a longer time end a conflict with another process.
    case .fightLimit: Row(.reservation, \.policy.fightLimit, .number(1...1000)) { $0.smallest }
    case .fightInterval: Row(.reservation, \.policy.fightInterval, .time()) { $0.greatest }
    case .reannounceMatrix: Row(.reservation, \.reannouncesMatrix, .flag) { _ in false }
    // No guest runs without what it needs.
    case .guestStart: Row(.reservation, \.guestStart, .choice()) { _ in .refuse }
    case .guestStartTimeout:
      Row(.reservation, \.guestStartTimeout, .time()) { $0.greatest }
    // Changes without an event are noticed earliest.
    case .rescanInterval:
      Row(.daemon, \.rescanInterval, .time(atLeast: .seconds(1))) { $0.smallest }
    // Nothing is decided before all devices are present.
    case .busSettle: Row(.daemon, \.busSettle, .time()) { $0.greatest }
    // The boot is not delayed.
    case .startTimeout: Row(.daemon, \.startTimeout, .time()) { $0.smallest }
    // The holder of the lock gets the time to finish.
    case .lockTimeout: Row(.daemon, \.lockTimeout, .time()) { $0.greatest }
    }
  }

  package var section: Section { row.section }

  /// A row of the table, without the type of its value.
  struct Row {
    let section: Section
    /// Sets the property from the text of a value.
    let set: (_ text: String, inout Configuration) throws(InvalidValue) -> Void
    /// The value as it is written in a file.
    let text: (Configuration) -> String
    /// Sets the property to the value that protects best.
    let protect: (inout Configuration, _ previous: Configuration?) -> Void

    init<Value>(
      _ section: Section, _ property: WritableKeyPath<Configuration, Value>, _ form: Form<Value>,
      protecting: @escaping (Candidates<Value>) -> Value
    ) {
      self.section = section
      set = { (text, configuration) throws(InvalidValue) in
        configuration[keyPath: property] = try form.read(text, configuration[keyPath: property])
      }
      text = { form.write($0[keyPath: property]) }
      protect = { configuration, previous in
        configuration[keyPath: property] = protecting(
          Candidates(
            earlier: configuration[keyPath: property],
            initial: Configuration()[keyPath: property],
            previous: previous?[keyPath: property]))
      }
    }
  }

  /// The values among which the one that protects best is chosen.
  struct Candidates<Value> {
    /// The value after the lines before the invalid one.
    let earlier: Value
    /// The default.
    let initial: Value
    /// The value that is in force while the files are read again.
    let previous: Value?
  }

  /// How values are read and written. Reading gets the value before as well.
  struct Form<Value> {
    let read: (_ text: String, Value) throws(InvalidValue) -> Value
    let write: (Value) -> String
  }
}

extension Setting.Candidates where Value: Comparable {
  var smallest: Value { min(earlier, initial, previous ?? initial) }
  var greatest: Value { max(earlier, initial, previous ?? initial) }
}

/// A value that a setting or an option does not take.
package struct InvalidValue: Error, Equatable {
  /// The end of a sentence that says what to write.
  package let advice: String

  init(write advice: String) {
    self.advice = "write " + advice
  }
}

extension Setting.Form where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  /// One of the words of an enumeration.
  static func choice() -> Self {
    Self(
      read: { (text, _) throws(InvalidValue) in try choose(text) }, write: \.rawValue)
  }

  fileprivate static func choose(
    _ text: String, orWords others: [String] = []
  ) throws(InvalidValue) -> Value {
    if let value = Value(rawValue: text) { return value }
    let words = others + Value.allCases.map(\.rawValue)
    throw InvalidValue(write: "one of \(words.joined(separator: ", "))")
  }
}

extension Setting.Form<Mechanism?> {
  static var mechanism: Self {
    Self(
      read: { (text, _) throws(InvalidValue) in
        text == "auto"
          ? nil : try Setting.Form<Mechanism>.choose(text, orWords: ["auto"])
      },
      write: { $0?.rawValue ?? "auto" })
  }
}

extension Setting.Form<Set<Guard>> {
  /// Names of guards, added to those of earlier lines. An empty value resets the list, as in unit files.
  static var guards: Self {
    Self(
      read: { (text, forced) throws(InvalidValue) in
        guard !text.isEmpty else { return [] }
        var forced = forced
        for word in text.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
          forced.insert(try Setting.Form<Guard>.choose(String(word)))
        }
        return forced
      },
      write: { $0.map(\.rawValue).sorted().joined(separator: " ") })
  }
}

extension Setting.Form<Int> {
  static func number(_ range: ClosedRange<Int>) -> Self {
    Self(
      read: { (text, _) throws(InvalidValue) in
        guard let number = Int(text), range.contains(number) else {
          throw InvalidValue(
            write: "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
      },
      write: { String($0) })
  }
}

extension Setting.Form<Bool> {
  static var flag: Self {
    Self(
      read: { (text, _) throws(InvalidValue) in
        switch text.lowercased() {
        case "yes", "true", "on", "1": return true
        case "no", "false", "off", "0": return false
        default: throw InvalidValue(write: "yes or no")
        }
      },
      write: { $0 ? "yes" : "no" })
  }
}

extension Setting.Form<Duration> {
  static func time(atLeast least: Duration = .zero) -> Self {
    Self(
      read: { (text, _) throws(InvalidValue) in try Duration(setting: text, atLeast: least) },
      write: \.settingText)
  }
}

extension Duration {
  /// Reads a whole number of seconds, or one with a unit: `ms`, `s`, `min` or `h`; at most a day.
  package init(setting text: String, atLeast least: Duration) throws(InvalidValue) {
    let unit = Self.units.first { text.hasSuffix($0.name) } ?? (name: "", milliseconds: 1000)
    var digits = text.dropLast(unit.name.count)
    if !unit.name.isEmpty { while digits.last == " " { digits.removeLast() } }
    guard let number = Int64(digits), number >= 0, number <= Self.longest / unit.milliseconds,
      .milliseconds(number * unit.milliseconds) >= least
    else {
      throw InvalidValue(
        write: "a time such as 30, 500ms or 2min, from \(least.settingText) to 24 h")
    }
    self = .milliseconds(number * unit.milliseconds)
  }

  private static let units: [(name: String, milliseconds: Int64)] =
    [("ms", 1), ("min", 60_000), ("s", 1000), ("h", 3_600_000)]
  private static let longest: Int64 = 86_400_000

  /// In seconds, or in milliseconds if these are not whole.
  fileprivate var settingText: String {
    let (seconds, attoseconds) = components
    let milliseconds = attoseconds / 1_000_000_000_000_000
    return milliseconds == 0 ? "\(seconds)s" : "\(seconds * 1000 + milliseconds)ms"
  }
}
