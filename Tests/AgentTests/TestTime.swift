import APBus
import Agent

/// A clock that stands still unless a test moves it.
final class TestTime: TimeSource {
  var now = Instant.boot
  private let start: WallTime
  var wallTime: WallTime { WallTime(sinceEpoch: start.sinceEpoch + now.sinceBoot) }

  /// `start` is when the clock begins, since the beginning of 1970.
  init(sinceEpoch start: Duration = .zero) {
    self.start = WallTime(sinceEpoch: start)
  }
}
