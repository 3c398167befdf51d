import APBus
import Agent
import Reservation
import Snapshots

/// Lets an agent do a saved plan and nothing else, and tells its listener nothing before that is certain. Without a saved
/// plan everything passes.
final class PlanGate {
  private let file: String
  private let saved: SavedPlan?
  private let current: (Agent) -> PlanningState
  private let deliver: (Agent.Event) -> Void
  private var held: [Agent.Event] = []
  private(set) var isOpen: Bool
  /// Why the agent was stopped; nil as long as it was not.
  private(set) var refusal: String?

  /// The most writes and the most changes that are listed: a person would not read more.
  private static let mostLines = 32

  /// `current` says what the agent plans by.
  init(
    _ saved: SavedPlan?, file: String, current: @escaping (Agent) -> PlanningState,
    deliver: @escaping (Agent.Event) -> Void
  ) {
    self.file = file
    self.saved = saved
    self.current = current
    self.deliver = deliver
    isOpen = saved == nil
  }

  func pass(_ event: Agent.Event) {
    if isOpen { deliver(event) } else { held.append(event) }
  }

  /// Whether the agent may do this plan. The first one must be the saved one, and later ones parts of it.
  func permits(_ plan: Plan, of agent: Agent) -> Bool {
    guard let saved else { return true }
    guard refusal == nil else { return false }
    guard isOpen ? saved.contains(plan) : isSaved(plan, saved, agent) else {
      refusal = isOpen ? followUp(saved, plan) : difference(saved, plan, agent)
      return false
    }
    isOpen = true
    held.forEach(deliver)
    held = []
    return true
  }

  /// A plan of another host is not this one, whatever it writes.
  private func isSaved(_ plan: Plan, _ saved: SavedPlan, _ agent: Agent) -> Bool {
    saved.isEqual(to: plan) && saved.state.machine.host == agent.host
  }

  /// Why the saved plan is not done at the end; nil if it is, and without one.
  func shortfall(of agent: Agent) -> String? {
    guard let saved else { return nil }
    let undone = saved.undone(on: agent.inventory ?? .empty)
    guard !undone.isEmpty else { return nil }
    return isOpen
      ? "\(file) is done only in part: \(undone.shortList()) could not be moved as it says"
      : "\(file) is not applied: nothing was to be written, and \(undone.shortList()) is not where it says"
  }

  private func difference(_ saved: SavedPlan, _ plan: Plan, _ agent: Agent) -> String {
    let changes = PlanningChanges(from: saved.state, to: current(agent)).lines
    return
      "\(file) is not applied, because its plan is not the one that is made now; nothing was written. "
      + "Use the options of the plan, or make a new one"
      + Self.list("what has changed since it was saved", changes)
      + Self.list("how the writes differ", saved.differences(to: plan))
  }

  private func followUp(_ saved: SavedPlan, _ plan: Plan) -> String {
    "what is left to write is not in \(file), and is not written; make a new plan"
      + Self.list(
        "what would be written", saved.differences(to: plan).filter { $0.hasPrefix("+") })
  }

  private static func list(_ title: String, _ lines: [String]) -> String {
    guard !lines.isEmpty else { return "" }
    let shown = lines.prefix(mostLines)
    let rest = lines.count - shown.count
    return "\n\(title):" + shown.map { "\n  \($0)" }.joined()
      + (rest > 0 ? "\n  and \(rest) more" : "")
  }
}
