import APBus
import Replay
import Reports
import Reservation
import ReservationRules
import JSONText

/// Plays a script and prints it as it runs.
final class ReplayPlayer {
  var showsEvents = false
  var showsCallbacks = false
  /// Whether nothing is printed.
  var isSilent = false

  private let name: String
  private let output: OutputOptions
  private var mismatches: [String] = []
  /// Lines of a scenario that did not hold, and faults that never struck.
  private var problems: [String] = []

  init(name: String, output: OutputOptions) {
    self.name = name
    self.output = output
  }

  /// Plays a script and returns the machine at its end, and what the agent has reserved on it.
  @discardableResult
  func play(
    _ script: ReplayScript, rules: RuleSet, options: ReplaySession.Options,
    expectation: Expectation? = nil
  ) throws -> (inventory: Inventory, ownership: Ownership) {
    var report = ReplayReport(style: output.style)
    report.showsEvents = showsEvents
    report.showsCallbacks = showsCallbacks
    var activities: [JSONValue] = []
    let isSilent = isSilent
    let isJSON = output.json
    let session = ReplaySession(script, rules: rules, options: options) { occurrence in
      if isJSON, case .agent(let event) = occurrence { activities.append(event.json) }
      guard !isSilent, !isJSON else { return }
      let lines = report.lines(occurrence)
      // What cannot be written now cannot be written at the end either, and is an error there.
      for line in lines { _ = try? Terminal.print(line + "\n") }
    }
    try session.run()
    let end = try session.inventory()
    mismatches = expectation?.mismatches(with: end, counts: session.counts) ?? []
    problems = session.failures.map { "\($0)" }
    problems += session.pendingFaults.map { "fault \($0 + 1) of the plan never struck" }
    guard !isSilent else { return (end, session.ownership) }
    if !isJSON {
      for line in report.pendingEvents() { try Terminal.print(line + "\n") }
    }
    let summary = ReplaySummary(
      session, name: name, after: end, mismatches: expectation == nil ? nil : mismatches)
    try output.print(
      text: summary.text(style: output.style), json: summary.json(activities: activities))
    return (end, session.ownership)
  }

  /// Ends the program when a line of the scenario did not hold, or a fault never struck.
  func checkScenario() throws {
    guard !problems.isEmpty else { return }
    for problem in problems { Terminal.say(problem) }
    throw ExitStatus.error
  }

  /// Ends the program when the end is not as expected.
  func checkExpectation() throws {
    guard !mismatches.isEmpty else { return }
    for mismatch in mismatches { Terminal.say(mismatch) }
    throw ExitStatus.error
  }
}
