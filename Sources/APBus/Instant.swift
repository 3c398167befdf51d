import Glibc

/// A moment on a clock that never goes back: CLOCK_MONOTONIC on a host, which stops while the machine is
/// suspended, and one that a replay or a test sets.
///
/// It is a type of its own, because `SuspendingClock.Instant` can only be made by reading that clock.
package struct Instant: Hashable, Comparable, Sendable {
  /// The time since the host's boot, or since the beginning of the replay or test.
  package var sinceBoot: Duration

  package init(sinceBoot: Duration) {
    self.sinceBoot = sinceBoot
  }

  /// The moment at which the clock began.
  package static let boot = Instant(sinceBoot: .zero)

  package static func < (first: Instant, second: Instant) -> Bool {
    first.sinceBoot < second.sinceBoot
  }

  package static func + (instant: Instant, time: Duration) -> Instant {
    Instant(sinceBoot: instant.sinceBoot + time)
  }

  package static func += (instant: inout Instant, time: Duration) {
    instant.sinceBoot += time
  }

  package static func - (instant: Instant, time: Duration) -> Instant {
    Instant(sinceBoot: instant.sinceBoot - time)
  }

  /// The time from the second moment to the first.
  package static func - (end: Instant, start: Instant) -> Duration {
    end.sinceBoot - start.sinceBoot
  }
}

/// A moment as a calendar has it, by a clock that may be set at any time.
package struct WallTime: Hashable, Comparable, Sendable {
  /// The time since the beginning of 1970, in UTC.
  package var sinceEpoch: Duration

  package init(sinceEpoch: Duration) {
    self.sinceEpoch = sinceEpoch
  }

  package static func < (first: WallTime, second: WallTime) -> Bool {
    first.sinceEpoch < second.sinceEpoch
  }

  /// The time from the second moment to the first, wrong by as much as the clock was set between them.
  package static func - (end: WallTime, start: WallTime) -> Duration {
    end.sinceEpoch - start.sinceEpoch
  }
}

extension WallTime {
  /// The moment as RFC 3339 writes it, in UTC and to the second: `2027-01-15T08:00:00Z`.
  package var text: String {
    var seconds = time_t(sinceEpoch.components.seconds)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
      + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
  }

  /// The moment of such a text; nil for anything else.
  package init?(text: String) {
    guard text.hasSuffix("Z") else { return nil }
    let halves = text.dropLast().split(separator: "T", omittingEmptySubsequences: false)
    guard halves.count == 2,
      let date = Self.numbers(halves[0], separator: "-", digits: [4, 2, 2]),
      let clock = Self.numbers(halves[1], separator: ":", digits: [2, 2, 2])
    else { return nil }
    var parts = tm()
    (parts.tm_year, parts.tm_mon, parts.tm_mday) = (date[0] - 1900, date[1] - 1, date[2])
    (parts.tm_hour, parts.tm_min, parts.tm_sec) = (clock[0], clock[1], clock[2])
    self.init(sinceEpoch: .seconds(timegm(&parts)))
    guard self.text == text else { return nil }
  }

  /// Numbers of exactly these digits, with separators between them.
  package static func numbers(
    _ text: Substring, separator: Character, digits: [Int]
  ) -> [Int32]? {
    let parts = text.split(separator: separator, omittingEmptySubsequences: false)
    guard parts.map(\.utf8.count) == digits,
      parts.allSatisfy({ $0.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) })
    else { return nil }
    return parts.compactMap { Int32($0) }
  }
}

extension Duration {
  package var wholeMilliseconds: Int64 {
    components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
  }
}
