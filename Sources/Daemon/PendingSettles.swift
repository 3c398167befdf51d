import Agent
import Reservation

/// Who waits until everything that is asked for is done or refused.
struct PendingSettles {
  private var waiting: [(ticket: UInt64, waiter: any SettleWaiter)] = []

  /// How many wait.
  var count: Int { waiting.count }

  /// Adds somebody, whose request has that number. Those who have gone meanwhile are forgotten, since it
  /// may never settle.
  mutating func add(_ ticket: UInt64, _ waiter: any SettleWaiter) {
    waiting.removeAll { !$0.waiter.isThere }
    waiting.append((ticket, waiter))
  }

  /// Takes out those whose wait is over.
  mutating func take(_ state: StatusBoard.State) -> [any SettleWaiter] {
    guard !state.isBusy, Self.isSettled(state.report) else { return [] }
    let done = waiting.filter { $0.ticket <= state.report.ticket }
    waiting.removeAll { $0.ticket <= state.report.ticket }
    return done.map(\.waiter)
  }

  /// Whether nothing is left that is expected to change by itself.
  static func isSettled(_ report: AgentReport) -> Bool {
    if report.problem != nil { return true }
    guard report.looks > 0 else { return false }
    switch report.status.phase {
    case .withoutBus: return true
    case .beforeFirstScan, .moving: return false
    case .settled, .retrying:
      return report.status.plan?.waiting.isEmpty ?? true && report.status.draining.isEmpty
        && report.status.failures.allSatisfy(\.isFinal)
    }
  }
}

/// Somebody who waits, and may go without a word.
protocol SettleWaiter {
  /// Whether anybody is still there.
  var isThere: Bool { get }
  /// Lets them go on.
  func finish()
}
