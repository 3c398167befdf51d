import APBus
import Agent
package import HostSystem
package import JSONText
import Reports
package import Reservation
import ReservationRules

/// Everything that `GetStatus` tells (`org.apreserve.varlink`).
package struct StatusDocument {
  /// What the agent's thread shows.
  package var board: StatusBoard.State
  /// The rules in force.
  package var rules: RuleKeeper.Condition
  /// The settings in force.
  package var settings: [AppliedSetting]
  /// What came from the kernel.
  package var events: UdevMonitor.Counts
  /// What does not work, each a sentence.
  package var problems: [String]
  /// What is wrong with the configuration, each a sentence.
  package var configurationErrors: [String]
  /// Now, on the clock of `HostTime`.
  package var now: Duration

  /// Lists are cut behind so many elements; the numbers beside them are of all.
  static let listLimit = 100

  private var status: AgentStatus { board.report.status }

  /// The phase in one word.
  package var phase: String {
    guard board.report.looks > 0 else { return "starting" }
    return switch status.phase {
    case .withoutBus: "without-bus"
    case .beforeFirstScan: "before-first-scan"
    case .moving: "moving"
    case .settled: "settled"
    case .retrying: "retrying"
    }
  }

  /// One line.
  package var summary: String {
    if let problem = board.report.problem { return problem }
    guard board.report.looks > 0 else { return "starting: looking at the machine" }
    return degradation + status.description
  }

  /// Which of the files have errors; empty where none has.
  private var degradation: String {
    switch (rules.isDegraded, !configurationErrors.isEmpty) {
    case (false, false): ""
    case (true, false): "DEGRADED, rules have errors: "
    case (false, true): "DEGRADED, settings have errors: "
    case (true, true): "DEGRADED, rules and settings have errors: "
    }
  }

  /// Everything that is wrong.
  private var allProblems: [String] {
    (board.report.problem.map { [$0] } ?? []) + problems + rules.errors + configurationErrors
  }

  /// The members of the type `Status`.
  package var json: JSONValue {
    let plan = status.plan
    return .object([
      .init("version", .string(ProgramVersion.text)),
      .init("phase", .string(phase)),
      .init("summary", .string(summary)),
      .init("degraded", .bool(rules.isDegraded || !allProblems.isEmpty)),
      .init("problems", Self.list(allProblems) { .string($0) }),
      .init("mechanism", Self.text(status.mechanism?.mechanism.rawValue)),
      .init("mechanismReason", Self.text(status.mechanism?.reason)),
      .init("wanted", .integer(status.wanted)),
      .init("reserved", .integer(status.reserved)),
      .init("refused", .integer(plan?.refusals.count ?? 0)),
      .init("waiting", .integer(plan?.waiting.count ?? 0)),
      .init("undecidable", .integer(plan?.undecidable.count ?? 0)),
      .init("adopted", .integer(plan?.adopted.count ?? 0)),
      .init("failed", .integer(status.failures.count)),
      .init("busy", .bool(board.isBusy)),
      .init("writing", writing),
      .init("refusals", Self.list(plan?.refusals ?? []) { $0.json }),
      .init("waitingQueues", Self.list(plan?.waiting ?? []) { $0.json }),
      .init("failures", Self.list(status.failures) { .string($0.description) }),
      .init("warnings", Self.list(plan?.warnings ?? []) { .string($0.description) }),
      .init("rules", rulesJSON),
      .init("settings", .array(settings.map(\.json))),
      .init("counters", counters),
    ])
  }

  private var writing: JSONValue {
    guard let writing = board.writing else { return .null }
    let milliseconds = (now - writing.since).microseconds / 1000
    let rest = String(milliseconds % 1000)
    let seconds =
      "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - rest.utf8.count) + rest
    return .object([
      .init("path", .string(writing.path.description)),
      .init("text", .string(writing.text.filter { $0 != "\n" })),
      .init("seconds", .number(seconds)),
    ])
  }

  private var rulesJSON: JSONValue {
    .object([
      .init("origin", .string(rules.origin.rawValue)),
      .init("files", Self.list(rules.rules.files) { .string($0) }),
      .init("count", .integer(rules.rules.rules.count)),
      .init("errors", Self.list(rules.errors) { .string($0) }),
    ])
  }

  private var counters: JSONValue {
    .object([
      .init("events", .integer(events.events)),
      .init("malformedEvents", .integer(events.malformed)),
      .init("overruns", .integer(events.overruns)),
      .init("monitorReopenings", .integer(events.reopenings)),
      .init("looks", .integer(board.report.looks)),
      .init("writes", .integer(board.writes.done)),
      .init("refusedWrites", .integer(board.writes.refused)),
    ])
  }

  private static func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

  private static func list<Element>(
    _ elements: [Element], _ json: (Element) -> JSONValue
  ) -> JSONValue {
    .array(elements.prefix(listLimit).map(json))
  }
}
