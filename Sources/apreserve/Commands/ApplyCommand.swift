import AdjunctProcessor
import Agent
import ArgumentParser
import HostConfiguration
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

      What it reserves is kept on record (--state), so that a later run gives it back when no rule wants \
      it any more. What is on vfio_ap otherwise is somebody else's, and stays.

      Ends with 0 when everything is done, or waits for vfio_ap to be loaded; with 3 when wishes are \
      refused; with 1 when something failed; with 4 where there is no AP bus.
      """)

  @Option(help: ArgumentHelp("The machine whose sysfs is here.", valueName: "dir"))
  var sysfs = "/sys"

  @Option(
    help: ArgumentHelp(
      "Where the host's other files are (/etc, /proc) when --sysfs is not /sys.", valueName: "dir"))
  var root: String?

  @OptionGroup var rules: RuleOptions
  @OptionGroup var mechanism: MechanismOptions
  @OptionGroup var guards: GuardOptions
  @OptionGroup var state: StateOptions
  @OptionGroup var output: OutputOptions

  @Option(help: .hidden)
  var inventory: String?

  @Option(help: .hidden)
  var capture: String?

  func validate() throws {
    guard inventory == nil, capture == nil else {
      throw ValidationError(
        "apply writes to a sysfs, and \(inventory == nil ? "--capture" : "--inventory") names a "
          + "file; use plan to see what would be written, or simulate to see it done.")
    }
  }

  func run() throws {
    try reportingErrors {
      let bus = try HostSysfs(root: sysfs)
      _ = try MachineOptions.readingBus(of: sysfs) { try InventoryReader(sysfs: bus).readBus() }
      let isThisHost = sysfs == "/sys"
      let rules = try rules.rules(
        isTrusting: !isThisHost, root: root ?? (isThisHost ? "/" : nil))
      let systemRoot = root ?? (isThisHost ? "/" : nil)
      let host = systemRoot.map { HostFacts(root: $0) }
      let record = try state.record(isThisHost: isThisHost, boot: host?.bootID ?? "")
      let log = AppliedActivities(style: output.json ? nil : output.style)
      let agent = Agent(
        sysfs: bus, rules: rules, host: host?.identity() ?? HostIdentity(),
        settings: Agent.Settings(mechanism: mechanism.mechanism, policy: guards.policy),
        ownership: record?.ownership ?? Ownership(),
        surroundings: Agent.Surroundings(
          configuration: {
            systemRoot.map { HostConfigurationReader(root: $0).read() } ?? HostConfiguration()
          }, record: record?.file),
        log: log, time: HostTime())
      log.agent = agent
      try agent.reconcile()
      // Queues that are being drained were switched off, so this does not end without them.
      while !agent.status.draining.isEmpty, let due = agent.nextDue {
        HostTime.sleep(until: due)
        try agent.reconcile()
      }
      guard agent.status.phase != .withoutBus else {
        return try MachineOptions.readingBus(of: sysfs) { throw InventoryReaderError.noAPBus }
      }
      let report = ApplyReport(agent.status)
      try output.print(
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
    var report = ActivityReport(decisions: agent?.decisions, style: style)
    report.goesOn = false
    // Whatever becomes of the output, the writes that follow are to be done.
    for line in report.lines(activity) { _ = try? Terminal.print(line + "\n") }
  }
}
