import APBus
import ArgumentParser
import Daemon
import HostSystem
import JSONText
import Reports
import Reservation
import ReservationRules
import Snapshots

/// `apreserve plan`
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Show what would be written, and why. Nothing is written.",
    usage:
      "apreserve plan [<queues> ...] [--diff <old> <new>|--changeover <mechanism>] [<options>]",
    discussion: """
      Lists the queues that would change their owner, each with the rule that requests it; the requests that \
      are refused, each with the reason and a remedy; and all writes in their order.

        apreserve plan
        apreserve plan --inventory machine.json --rules ./rules
        apreserve plan --diff /etc/apreserve/rules.d ./rules

      With queues, only what concerns them is shown, and counts for the exit status; masks are shown whole.

      A plan that is saved with -o can be applied later, exactly as it is or not at all:

        apreserve plan -o plan.json
        apreserve apply plan.json

      The exit status is 0 if there is nothing to do, 2 if changes are pending, 3 if something is refused. With \
      --diff it is 0 if the plans are the same, 2 if they differ, 3 if the second refuses what the first does not.
      """)

  @Flag(help: "Show every write as a command, instead of a line for each queue.")
  var writes = false

  @OptionGroup(title: OptionTitle.selection) var selected: SelectionOptions

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Show how the plan changes from the first rules to the second; each is a rule file or a directory of them.",
      valueName: "rules"), completion: .file())
  var diff: [String] = []

  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp(
      "Save the plan in this file as well, for \"apreserve apply\".", valueName: "file"),
    completion: .file())
  var save: String?

  @Option(
    help: ArgumentHelp(
      "Show what \"apreserve changeover\" would write, or why it would be refused.",
      valueName: "mechanism"))
  var changeover: ChangeoverTarget?

  @OptionGroup var options: AssessmentOptions

  func validate() throws {
    guard save == nil || diff.isEmpty && selected.isEverything else {
      throw ValidationError(
        "--save saves a whole plan, and cannot be combined with queues or --diff.")
    }
    guard changeover == nil || diff.isEmpty && save == nil else {
      throw ValidationError("--changeover cannot be combined with --diff or --save.")
    }
    guard !diff.isEmpty else { return }
    guard diff.count == 2 else {
      throw ValidationError(
        "--diff needs two places of rules, the old and the new ones, and takes all words that follow it: write "
          + "queues before --diff.")
    }
    guard options.rules.directories.isEmpty else {
      throw ValidationError("--diff and --rules exclude each other.")
    }
  }

  func run() throws {
    try reportingErrors {
      // Wrong arguments are reported before anything is read.
      let selection = try selected.selection()
      if !diff.isEmpty {
        return try printDifference(from: diff[0], to: diff[1], selecting: selection)
      }
      let machine = try options.assessedMachine(changingOverTo: changeover?.mechanism)
      let assessment = machine.assessment
      if let save {
        let plan = SavedPlan(state: machine.state, plan: assessment.plan)
        try HostFile.write(plan.json.documentText, to: save)
      }
      let queues = selection.queues(of: assessment)
      if !selection.isEverything, queues.isEmpty { try selected.noteNothingSelected() }
      let report = PlanReport(
        selection.isEverything ? assessment : assessment.selecting(queues))
      try options.print(
        machine.heading, text: report.text(hasAllWrites: writes, style: options.output.style),
        json: report.json(under: machine.heading))
      switch report.outcome {
      case .nothingToDo: break
      case .pending: throw ExitStatus.pending
      case .refused: throw ExitStatus.refused
      }
    }
  }

  private func printDifference(
    from old: String, to new: String, selecting selection: QueueSelection
  ) throws {
    let sets = try options.ruleSets(at: [old, new])
    let machine = try options.planningMachine()
    let before = try machine.assessment(by: sets[0])
    let after = try machine.assessment(by: sets[1])
    var queues: APQNSet?
    if !selection.isEverything {
      var both = selection.queues(of: before)
      both.formUnion(selection.queues(of: after))
      queues = both
      if both.isEmpty { try selected.noteNothingSelected() }
    }
    let difference = PlanDifference(from: before, to: after, selecting: queues)
    try options.print(
      machine.heading,
      text: difference.text(from: old, to: new, style: options.output.style),
      json: difference.json(from: old, to: new, under: machine.heading))
    switch difference.outcome {
    case .same: break
    case .changed: throw ExitStatus.pending
    case .refused: throw ExitStatus.refused
    }
  }
}

/// `apreserve explain`
struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Explain why queues are reserved or not.",
    usage: "apreserve explain <queues> ... [<options>]",
    discussion: """
      Lists each rule and whether it matches, the rule that decides, what would be written, and what blocks \
      it. A queue that is named by itself need not be there.

        apreserve explain 05.0004
        apreserve explain 05 --state missing

      With --json, one queue gives one document; more give an array of them, the member explanations.
      """)

  @OptionGroup(title: OptionTitle.selection) var selected: SelectionOptions
  @OptionGroup var options: AssessmentOptions

  func validate() throws {
    guard !selected.isEverything else {
      throw ValidationError(
        "Say which queues to explain, in hex as sysfs does: apreserve explain 05.0004")
    }
  }

  func run() throws {
    try reportingErrors {
      let selection = try selected.selection()
      let machine = try options.assessedMachine(masterKeys: true)
      let apqns = queues(of: machine.assessment, selectedBy: selection)
      guard !apqns.isEmpty else {
        try selected.noteNothingSelected()
        throw ExitStatus.error
      }
      let explanations = apqns.map { Explanation($0, in: machine.assessment) }
      let text = explanations.map { $0.text(style: options.output.style) }.joined(separator: "\n")
      try options.print(
        machine.heading, text: text,
        json: Explanations.json(explanations, under: machine.heading))
    }
  }

  private func queues(
    of assessment: Assessment, selectedBy selection: QueueSelection
  ) -> [APQN] {
    var queues = selection.queues(of: assessment)
    var others = selection
    others.patterns = []
    if others.isEverything {
      for apqn in selection.patterns.flatMap(\.singleQueues) { queues.insert(apqn) }
    }
    return Array(queues)
  }
}

/// `apreserve list`
struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the queues with owner, state and the rule that decides.",
    usage: "apreserve list [<queues> ...] [--format <format>] [<options>]",
    discussion: """
      Unlike that of lszcrypt without options, the list includes reserved and unbound queues, and requested ones \
      that are missing.

        apreserve list
        apreserve list 05 --owner host --state offline
        apreserve list --guest web1 -o columns=queue,hmc,state
      """)

  @OptionGroup(title: OptionTitle.selection) var selected: SelectionOptions

  @Option(
    name: [.customShort("o"), .customLong("format")],
    help: ArgumentHelp(
      "Print all columns (wide), only the names of the queues (name), JSON (json), or these columns "
        + "(columns=queue,owner,...).", valueName: "format"),
    completion: .list(["wide", "name", "json", "columns="]), transform: ListFormat.parse)
  var format = ListFormat.table(QueueColumn.usual)

  @Option(help: ArgumentHelp("Sort by this column.", valueName: "column"))
  var sort = QueueColumn.queue

  @Flag(help: "Print the list again whenever it has changed, until interrupted.")
  var watch = false

  @OptionGroup var options: AssessmentOptions

  func run() throws {
    try reportingErrors {
      guard watch else {
        try Terminal.page(try report().text)
        return
      }
      try Watch.run { isFirst in
        let (list, text) = try report(quietly: !isFirst)
        return (list.json, text)
      }
    }
  }

  private func report(quietly: Bool = false) throws -> (list: QueueList, text: String) {
    let selection = try selected.selection()
    let machine = try options.assessedMachine(
      quietly: quietly, masterKeys: !options.output.json && format.hasMasterKeys)
    let list = QueueList(machine.assessment, selection, sortedBy: sort)
    if list.isEmpty, !quietly, !selected.isEverything {
      try selected.noteNothingSelected()
    }
    let style = options.output.style
    let text =
      switch options.output.json ? .json : format {
      case .names: list.names
      case .table(let columns):
        options.text(
          list.text(columns: columns, style: style), under: machine.heading)
      case .json: list.json(under: machine.heading).documentText
      }
    return (list, text)
  }
}

/// `apreserve matrix`
struct MatrixCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "matrix",
    abstract: "Show the queues as a grid of adapters and domains.",
    usage: "apreserve matrix [<queues> ...] [--full] [--svg <file>] [<options>]",
    discussion: """
      A letter shows the owner of each queue, small for the host and capital for vfio_ap, and whether it is offline, \
      deconfigured, check-stopped or in use by a guest; a mark after it shows a pending change. A legend follows the \
      grid. Numbers are hexadecimal as in sysfs, with the decimal numbers of the HMC beside them. Domains next to \
      each other that look the same are one column if the grid would be too wide.

        apreserve matrix
        apreserve matrix 05-07 --svg queues.svg
      """)

  @OptionGroup(title: OptionTitle.selection) var selected: SelectionOptions

  @Flag(help: "Show each domain in a column of its own.")
  var full = false

  @Option(
    help: ArgumentHelp(
      "Write the grid as an SVG drawing to this file; - is standard output.", valueName: "file"),
    completion: .file())
  var svg: String?

  @OptionGroup var options: AssessmentOptions

  func validate() throws {
    guard svg == nil || !options.output.json else {
      throw ValidationError("--svg and --json exclude each other.")
    }
  }

  func run() throws {
    try reportingErrors {
      let selection = try selected.selection()
      let machine = try options.assessedMachine()
      if !selection.isEverything, selection.queues(of: machine.assessment).isEmpty {
        try selected.noteNothingSelected()
      }
      let matrix = OwnerMatrix(machine.assessment, selection)
      if let svg {
        let drawing = matrix.svg(title: title(of: machine.assessment), isFull: full)
        if svg == "-" {
          try Terminal.print(drawing)
        } else {
          try HostFile.write(drawing, to: svg)
        }
      } else {
        try options.print(
          machine.heading, text: matrix.text(isFull: full, style: options.output.style),
          json: matrix.json(under: machine.heading))
      }
    }
  }

  private func title(of assessment: Assessment) -> String {
    let lpar = assessment.host.lpar.map { " (LPAR \($0))" } ?? ""
    return "AP queues" + (assessment.host.name.map { " of \($0)\(lpar)" } ?? "")
  }
}
