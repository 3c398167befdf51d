package import APBus
package import Glibc

/// Where the part of the history that is asked for begins.
package enum HistoryStart: Equatable, Sendable {
  case time(WallTime)
  /// The boot of the running kernel.
  case boot

  /// The start as a daemon takes it: `boot`, or a moment as RFC 3339 writes it.
  package init?(word: String) {
    if word == "boot" {
      self = .boot
    } else if let time = WallTime(text: word) {
      self = .time(time)
    } else {
      return nil
    }
  }

  /// The inverse.
  package var word: String {
    switch self {
    case .boot: "boot"
    case .time(let time): time.text
    }
  }

  /// What a person writes, much as for journalctl(1): `boot`, `now`, `today`, `yesterday`, `2027-01-15`,
  /// `2027-01-15 08:00`, `08:00:30`, `2h ago`, `-1h30min`. Nil where it is none of these.
  ///
  /// `localTime` converts local time as mktime(3) does, and `calendar` as localtime_r(3) does.
  package init?(
    text: String, now: WallTime, localTime: (inout tm) -> time_t = { mktime(&$0) },
    calendar: (time_t) -> tm = Self.localCalendar
  ) {
    let words = text.lowercased().split(separator: " ")
    func midnight(_ daysAgo: Int32) -> WallTime {
      var parts = calendar(time_t(now.sinceEpoch.components.seconds))
      (parts.tm_hour, parts.tm_min, parts.tm_sec, parts.tm_isdst) = (0, 0, 0, -1)
      parts.tm_mday -= daysAgo
      return WallTime(sinceEpoch: .seconds(localTime(&parts)))
    }
    switch words {
    case ["boot"]: self = .boot
    case ["now"]: self = .time(now)
    case ["today"]: self = .time(midnight(0))
    case ["yesterday"]: self = .time(midnight(1))
    default:
      if let time = WallTime(text: text) {
        self = .time(time)
      } else if let span = Self.span(words) {
        self = .time(WallTime(sinceEpoch: now.sinceEpoch - span))
      } else if let time = Self.moment(
        words, today: calendar(time_t(now.sinceEpoch.components.seconds)), localTime)
      {
        self = .time(time)
      } else {
        return nil
      }
    }
  }

  package static func localCalendar(_ time: time_t) -> tm {
    var time = time
    var parts = tm()
    localtime_r(&time, &parts)
    return parts
  }

  /// A time ago: `-2h`, `2h ago`, `1 day 2 hours ago`.
  private static func span(_ words: [Substring]) -> Duration? {
    var words = words
    guard let first = words.first else { return nil }
    if first.hasPrefix("-") {
      words[0] = first.dropFirst()
    } else if words.last == "ago" {
      words.removeLast()
    } else {
      return nil
    }
    return Duration(span: words.joined())
  }

  /// A date, a time of day, or both, in local time.
  private static func moment(
    _ words: [Substring], today: tm, _ localTime: (inout tm) -> time_t
  ) -> WallTime? {
    guard (1...2).contains(words.count) else { return nil }
    var parts = today
    (parts.tm_hour, parts.tm_min, parts.tm_sec, parts.tm_isdst) = (0, 0, 0, -1)
    var rest = words[...]
    if let date = rest.first.flatMap({ WallTime.numbers($0, separator: "-", digits: [4, 2, 2]) }) {
      (parts.tm_year, parts.tm_mon, parts.tm_mday) = (date[0] - 1900, date[1] - 1, date[2])
      rest.removeFirst()
    } else if words.count == 2 {
      guard let daysAgo = [Substring("today"): Int32(0), "yesterday": 1][words[0]] else {
        return nil
      }
      parts.tm_mday -= daysAgo
      _ = localTime(&parts)
      parts.tm_isdst = -1
      rest.removeFirst()
    }
    if let word = rest.first {
      guard
        let clock = WallTime.numbers(word, separator: ":", digits: [2, 2])
          ?? WallTime.numbers(word, separator: ":", digits: [2, 2, 2])
      else { return nil }
      (parts.tm_hour, parts.tm_min) = (clock[0], clock[1])
      parts.tm_sec = clock.count > 2 ? clock[2] : 0
      guard parts.tm_hour < 24, parts.tm_min < 60, parts.tm_sec < 60 else { return nil }
    }
    let asked = parts
    let time = localTime(&parts)
    // 30 February is another day.
    guard
      (parts.tm_year, parts.tm_mon, parts.tm_mday) == (asked.tm_year, asked.tm_mon, asked.tm_mday)
    else { return nil }
    return WallTime(sinceEpoch: .seconds(time))
  }
}

extension WallTime {
  /// The moment in local time, to the second: `2027-01-15 08:00:00 CET`.
  package var localText: String {
    var parts = HistoryStart.localCalendar(time_t(sinceEpoch.components.seconds))
    var buffer = [CChar](repeating: 0, count: 64)
    let count = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S %Z", &parts)
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension WallTime {
  /// The time of day in local time, to the microsecond: `08:00:12.345678`.
  var localTimeOfDay: String {
    let parts = HistoryStart.localCalendar(time_t(sinceEpoch.components.seconds))
    let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { $0 < 10 ? "0\($0)" : "\($0)" }
    return clock.joined(separator: ":") + sinceEpoch.microsecondText.drop { $0 != "." }
  }

  /// The moment as RFC 3339 writes it, in UTC and to the microsecond.
  package var microsecondText: String {
    text.dropLast() + sinceEpoch.microsecondText.drop { $0 != "." } + "Z"
  }
}

extension Duration {
  /// A time as people write it, in units of seconds to weeks: `2h`, `1d12h`. Nil where it is none.
  package init?(span text: String) {
    var rest = text.utf8[...]
    guard !rest.isEmpty else { return nil }
    var seconds = 0
    while !rest.isEmpty {
      let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      rest = rest[digits.endIndex...]
      let unit = rest.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
      rest = rest[unit.endIndex...]
      guard digits.count <= 9, let number = Int(String(Substring(digits))),
        let length = Self.units.first(where: { $0.names.contains(String(Substring(unit))) })?
          .seconds
      else { return nil }
      seconds += number * length
    }
    self = .seconds(seconds)
  }

  private static let units: [(names: [String], seconds: Int)] = [
    (["s", "sec", "second", "seconds"], 1),
    (["m", "min", "minute", "minutes"], 60),
    (["h", "hr", "hour", "hours"], 3600),
    (["d", "day", "days"], 86_400),
    (["w", "week", "weeks"], 7 * 86_400),
  ]

  /// Seconds with six decimals, such as `1234.567890`; not for times before zero.
  var microsecondText: String {
    let digits = String(components.attoseconds / 1_000_000_000_000)
    return "\(components.seconds)." + String(repeating: "0", count: 6 - digits.utf8.count) + digits
  }

  /// The time in its largest unit alone, such as `3 h`: nobody asks for the seconds of a day.
  package var largestUnit: String {
    let seconds = max(0, components.seconds)
    for (unit, length) in [("d", 86_400), ("h", 3600), ("min", 60)] as [(String, Int64)]
    where seconds >= 2 * length {
      return "\(seconds / length) \(unit)"
    }
    return "\(seconds) s"
  }
}
