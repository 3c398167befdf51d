/// Bounds how many messages of a kind are written: a broken adapter of 85 queues says the same thing 85
/// times, again and again.
struct MessageRate: Equatable, Sendable {
  /// How many of a kind are written within `interval`.
  var burst = 20
  /// When counting begins anew.
  var interval = Duration.seconds(30)

  private struct Window: Equatable {
    var start: Duration
    var count = 0
    var suppressed = 0
  }

  private var windows: [String: Window] = [:]

  /// What to do with a message.
  enum Verdict: Equatable {
    /// Write it; before it, say how many of its kind were left out meanwhile.
    case write(suppressed: Int)
    /// Leave it out; before the first one, say that this begins.
    case suppress(isFirst: Bool)
  }

  /// Decides about a message of that kind.
  mutating func verdict(_ kind: String, now: Duration) -> Verdict {
    var window = windows[kind] ?? Window(start: now)
    var suppressed = 0
    if now - window.start >= interval {
      suppressed = window.suppressed
      window = Window(start: now)
    }
    window.count += 1
    let isWritten = window.count <= burst
    if !isWritten { window.suppressed += 1 }
    windows[kind] = window
    return isWritten
      ? .write(suppressed: suppressed) : .suppress(isFirst: window.suppressed == 1)
  }
}
