import APBus
import ArgumentParser
import Daemon
import HostSystem
import JSONText
import Reports
import Reservation
import Snapshots

/// `apreserve plan`
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Show what would be written, and why. Nothing is written.",
    usage: "apreserve plan [<options>]",
    discussion: """
      Lists the queues that would change their owner, each with the rule that requests it; the requests that \
      are refused, each with the reason and a remedy; and all writes in their order.

        apreserve plan
        apreserve plan --inventory machine.json --rules ./rules

      The exit status is 0 if there is nothing to do, 2 if changes are pending, 3 if something is refused.
      """)

  @OptionGroup var options: AssessmentOptions

  func run() throws {
    try reportingErrors {
      let machine = try options.assessedMachine()
      let report = PlanReport(machine.assessment)
      try options.print(
        machine.heading, text: report.text(style: options.output.style), json: report.json)
      switch report.outcome {
      case .nothingToDo: break
      case .pending: throw ExitStatus.pending
      case .refused: throw ExitStatus.refused
      }
    }
  }
}

/// `apreserve explain`
struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Explain why a queue is reserved or not.",
    usage: "apreserve explain <queue> [<options>]",
    discussion: """
      Lists each rule and whether it matches, the rule that decides, what would be written, and what blocks \
      it.

        apreserve explain 05.0004
      """)

  @Argument(
    help: "The queue, as sysfs prints it, such as 05.0004.",
    completion: .shellCommand("ls /sys/bus/ap/devices 2>/dev/null | grep '[.]'"))
  var queue: String

  @OptionGroup var options: AssessmentOptions

  func validate() throws {
    guard APQN(queue) != nil else {
      throw ValidationError(
        "\"\(queue)\" is not a queue; write adapter and domain in hex as sysfs does: 05.0004.")
    }
  }

  func run() throws {
    guard let apqn = APQN(queue) else { return }
    try reportingErrors {
      let machine = try options.assessedMachine()
      let explanation = Explanation(apqn, in: machine.assessment)
      try options.print(
        machine.heading, text: explanation.text(style: options.output.style),
        json: explanation.json)
    }
  }
}

/// `apreserve list`
struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the queues with owner, state and the rule that decides.",
    usage: "apreserve list [<options>]",
    discussion: """
      Unlike that of lszcrypt without options, the list includes reserved and unbound queues.

        apreserve list
        apreserve list --json
      """)

  @OptionGroup var options: AssessmentOptions

  func run() throws {
    try reportingErrors {
      let machine = try options.assessedMachine()
      let list = QueueList(machine.assessment)
      try options.print(
        machine.heading, text: list.text(style: options.output.style), json: list.json)
    }
  }
}

/// `apreserve matrix`
struct MatrixCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "matrix",
    abstract: "Show the queues as a grid of adapters and domains.",
    usage: "apreserve matrix [--svg <file>] [<options>]",
    discussion: """
      A letter shows the owner of each queue, a mark after it a pending change; a legend follows the grid. \
      Numbers are hexadecimal as in sysfs, with the decimal numbers of the HMC beside them.

        apreserve matrix
        apreserve matrix --svg queues.svg
      """)

  @Option(
    help: ArgumentHelp(
      "Write the grid as an SVG drawing to this file; - is standard output.", valueName: "file"),
    completion: .file())
  var svg: String?

  @OptionGroup var options: AssessmentOptions

  func run() throws {
    try reportingErrors {
      let machine = try options.assessedMachine()
      let matrix = OwnerMatrix(machine.assessment)
      if let svg {
        let drawing = matrix.svg(title: title(of: machine.assessment))
        if svg == "-" {
          try Terminal.print(drawing)
        } else {
          try HostFile.write(drawing, to: svg)
        }
      } else {
        try options.print(
          machine.heading, text: matrix.text(style: options.output.style), json: matrix.json)
      }
    }
  }

  private func title(of assessment: Assessment) -> String {
    let lpar = assessment.host.lpar.map { " (LPAR \($0))" } ?? ""
    return "AP queues" + (assessment.host.name.map { " of \($0)\(lpar)" } ?? "")
  }
}

/// A machine, rules and settings: what a plan is made from.
struct AssessmentOptions: ParsableArguments {
  @OptionGroup(title: OptionTitle.daemon) var daemon: DaemonSource
  @OptionGroup(title: OptionTitle.machine) var machine: MachineOptions
  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.settings) var settings: SettingsOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  /// A machine and the heading of reports about it.
  typealias AssessedMachine = (assessment: Assessment, heading: MachineHeading)

  /// Assesses the machine: as the daemon does, if one runs and no option asks for anything else.
  func assessedMachine() throws -> AssessedMachine {
    let options = machine.given + rules.given + settings.given
    if let state = try daemon.state(unless: options) { return try assessedMachine(of: state) }
    let protectsHost = self.settings.source(for: machine.files)(nil).policy.protectHost == .yes
    // Without a bus nothing else is reported.
    let (snapshot, isOwnershipKnown) = try machine.read(masterKeys: protectsHost)
    let settings = try self.settings.settings(for: machine.files)
    let rules = try rules.rules(for: machine.ruleFiles)
    var assessment = try Assessment(
      inventory: snapshot.inventory, rules: rules, host: snapshot.host,
      mechanism: settings.mechanism, mechanismOrigin: settings.origins[.mechanism],
      ownership: snapshot.ownership,
      context: PlanningContext(
        configuration: snapshot.configuration, policy: settings.policy),
      settings: settings.applied)
    assessment.isOwnershipKnown = isOwnershipKnown
    return (assessment, machine.heading(of: snapshot))
  }

  private func assessedMachine(of state: PlanningState) throws -> AssessedMachine {
    let heading = MachineHeading(
      host: state.machine.host, kernel: state.machine.kernel,
      source: .daemon(HostTime().now - state.lastSurvey))
    return (try state.assessment(), heading)
  }

  /// Prints a report with its heading, or, with --json, with the heading as the member `machine`.
  func print(
    _ heading: MachineHeading, text: @autoclosure () -> String, json: @autoclosure () -> JSONValue
  ) throws {
    try output.print(
      text: heading.line(style: output.style) + "\n\n" + text(),
      json: json().inserting("machine", heading.json, after: "version"))
  }
}
