import Agent

/// A clock that stands still unless a test moves it.
final class TestTime: MonotonicTime {
  var now = Duration.zero
  private let start: Duration
  var sinceEpoch: Duration { start + now }

  /// `start` is the time since the beginning of 1970 when `now` is zero.
  init(sinceEpoch start: Duration = .zero) {
    self.start = start
  }
}
