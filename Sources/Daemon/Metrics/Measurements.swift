package import APBus
package import Agent
import Reports
import Reservation

/// What is counted and timed of the agent's work.
package struct Measurements: Sendable {
  /// How long the kernel took for each write to sysfs, whether it has done or refused it.
  package var writes = Histogram(milliseconds: [1, 5, 25, 100, 500, 1_000, 2_500, 10_000, 30_000])
  /// How long reconciliations took.
  package var reconciliations = Histogram(
    milliseconds: [1, 5, 25, 100, 500, 1_000, 5_000, 15_000, 60_000, 300_000])
  /// How long requests were open that were fulfilled then.
  package var requests = Histogram(
    milliseconds: [10, 100, 500, 1_000, 5_000, 15_000, 60_000, 300_000, 1_800_000, 7_200_000])
  /// The last reconciliation at whose end the state of the bus was known.
  package var lastReconciliation: Instant?
  /// Queues that were moved, by the word for the cause.
  package var moves: [String: Int] = [:]
  /// Operations that have failed, each time.
  package var failures = 0

  package init() {}

  /// Counts what an event says.
  package mutating func note(_ event: Agent.Event) {
    if case .failed = event { failures += 1 }
    for move in event.moves where move.failure == nil { moves[move.causeWord, default: 0] += 1 }
  }
}

/// Since when requests are open. Only the agent's thread uses it.
final class RequestTimes {
  private var since: [APQN: Instant] = [:]

  /// How long those requests were open that are fulfilled now, and were not before. While nothing is decided, nothing is
  /// known of requests, and they go on being open.
  func note(_ status: Agent.Status, now: Instant) -> [Duration] {
    guard status.isDecided else { return [] }
    let open = status.requests.open
    guard !since.isEmpty || !open.isEmpty else { return [] }
    var before = since
    since = Dictionary(
      uniqueKeysWithValues: open.lazy.map { ($0.apqn, before.removeValue(forKey: $0.apqn) ?? now) })
    // What is not requested any more was not fulfilled.
    return before.filter { status.requests.queues.contains($0.key) }.map { now - $0.value }
  }
}

/// How long it took to answer the calls of each method, from reading the call to its last answer. `Settle` and the like
/// wait for the agent meanwhile.
package struct CallTimes: Sendable {
  /// By the name of the method.
  package private(set) var histograms: [String: Histogram] = [:]

  package init() {}

  /// The names of the methods by their full names.
  private static let methods = Dictionary(
    uniqueKeysWithValues: InterfaceDescription.agent.split(separator: "\n")
      .filter { $0.hasPrefix("method ") }
      .map { String($0.dropFirst("method ".count).prefix { $0 != "(" }) }
      .map { ("org.apreserve.\($0)", $0) })

  /// Counts a call. A method that does not exist is not counted: a client can call it anything.
  package mutating func note(_ method: String, lasting duration: Duration) {
    guard let name = Self.methods[method] else { return }
    histograms[
      name, default: Histogram(milliseconds: [1, 5, 25, 100, 500, 2_500, 10_000, 60_000])
    ].note(duration)
  }
}
