import APBus
import Agent
import HostSystem
import JSONText
import Reservation
import Testing

@testable import Daemon

@Suite struct `The status` {
  private func document(_ report: AgentReport) -> StatusDocument {
    var board = StatusBoard.State()
    board.report = report
    let keeper = RuleKeeper(directories: [], owner: nil, archive: nil)
    _ = keeper.load()
    return StatusDocument(
      board: board, rules: keeper.condition, settings: [],
      events: UdevMonitor.Counts(), problems: [], configurationErrors: [], now: .zero)
  }

  @Test func `claims nothing of the machine before it was looked at`() {
    #expect(document(AgentReport()).summary == "starting: looking at the machine")
    #expect(document(AgentReport()).phase == "starting")
  }

  @Test func `says that there is no AP bus once that was seen`() {
    var report = AgentReport()
    report.looks = 1
    #expect(document(report).summary == "waiting for an AP bus")
    #expect(document(report).phase == "without-bus")
  }

  @Test func `has the warnings of the last plan`() {
    var report = AgentReport()
    report.looks = 1
    report.status.phase = .settled
    var plan = Plan(mechanism: .mask)
    plan.warnings = [.lastCCAQueueTaken]
    report.status.plan = plan
    let json = document(report).json
    let sentence = PlanWarning.lastCCAQueueTaken.description
    #expect(json["warnings"] == .array([.string(sentence)]))
    #expect(StatusView(json).text().contains("\nwarnings\n  \(sentence)\n"))
  }
}
