import AdjunctProcessor
import Agent
import ArgumentParser
import HostSystem
import Reports
import Reservation
import Snapshots
import Sysfs

/// `apreserve apply`
struct ApplyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Write what the rules want, once.",
    discussion: """
      Looks, plans, writes, reads back, and looks again until nothing is left to do. A second run \
      changes nothing.

      It keeps no record of what it reserved, so it never gives a queue back: what is on vfio_ap when it \
      starts is taken as somebody else's.
      """)

  @Option(help: ArgumentHelp("The machine whose sysfs is here.", valueName: "dir"))
  var sysfs = "/sys"

  @Option(
    help: ArgumentHelp(
      "Where the host's other files are (/etc, /proc) when --sysfs is not /sys.", valueName: "dir"))
  var root: String?

  @OptionGroup var rules: RuleOptions
  @OptionGroup var mechanism: MechanismOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    try reportingErrors {
      let isThisHost = sysfs == "/sys"
      let rules = try rules.rules(isTrusting: !isThisHost)
      let host = root.map { HostFacts(root: $0) } ?? (isThisHost ? HostFacts() : nil)
      let log = AppliedActivities(style: output.json ? nil : output.style)
      let agent = Agent(
        sysfs: try HostSysfs(root: sysfs), rules: rules,
        host: host?.identity() ?? HostIdentity(), mechanism: mechanism.mechanism, log: log,
        time: HostTime())
      log.agent = agent
      try agent.reconcile()
      guard agent.status.phase != .withoutBus else {
        return try MachineOptions.readingBus(sysfs) { throw InventoryReaderError.noAPBus }
      }
      let report = ApplyReport(agent.status)
      output.print(
        text: report.text, json: report.json(log.activities, decisions: agent.decisions))
      switch report.outcome {
      case .done, .waiting: break
      case .refused: throw ExitStatus.refused
      case .failed, .beforeFirstScan: throw ExitStatus.error
      }
    }
  }
}

/// Prints what the agent does as it does it.
private final class AppliedActivities: ActivityLog {
  private let style: TextStyle?
  private(set) var activities: [Activity] = []
  weak var agent: Agent?

  init(style: TextStyle?) {
    self.style = style
  }

  func record(_ activity: Activity) {
    activities.append(activity)
    guard let style else { return }
    let report = ActivityReport(decisions: agent?.decisions, style: style)
    for line in report.lines(activity) { Terminal.print(line + "\n") }
  }
}
