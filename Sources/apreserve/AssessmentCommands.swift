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
      "apreserve plan [<queues> ...] [--diff <old> <new>|--against <rules>|--changeover <mechanism>] [<options>]",
    discussion: """
      Lists the queues that would change their owner, each with the rule that requests it; the requests that \
      are refused, each with the reason and a remedy; all writes in their order; and, for one machine, the rules \
      that ask for queues and decide none.

        apreserve plan
        apreserve plan --inventory machine.json --rules ./rules
        apreserve plan --diff /etc/apreserve/rules.d ./rules
        apreserve plan --inventory snapshots --rules ./rules --against ./rules-before

      With queues, only what concerns them is shown, and counts for the exit status; masks are shown whole.

      A plan that is saved with -o can be applied later, exactly as it is or not at all:

        apreserve plan -o plan.json
        apreserve apply plan.json

      The exit status is 0 if there is nothing to do, 2 if changes are pending, 3 if something is refused, or if a \
      queue that a rule keeps for the host stays on vfio_ap since apreserve has not reserved it. With --diff and \
      --against it is 0 if the plans are the same, 2 if they differ, 3 if the second refuses what the first does \
      not. Of several machines the worst counts, and 1 if there is one that cannot be read.
      """)

  /// What is printed.
  enum Format: String, CaseIterable, ExpressibleByArgument {
    case text, json, markdown
  }

  @Flag(
    help:
      "Show every write as a command, instead of in a line for each queue or rectangle of queues.")
  var writes = false

  @OptionGroup(title: OptionTitle.selection) var selected: SelectionOptions

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Show how the plan changes from the first rules to the second; each is a rule file or a directory of them.",
      valueName: "rules"), completion: .file())
  var diff: [String] = []

  @Option(
    help: ArgumentHelp(
      "Show how the plan changes from the rules in this file or directory to those of --rules or in force.",
      valueName: "rules"), completion: .file())
  var against: String?

  @Option(
    help: ArgumentHelp(
      "Print text, JSON, or Markdown for a merge request.", valueName: "format"))
  var format = Format.text

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

  @OptionGroup var lpar: LPAROptions

  @OptionGroup var options: AssessmentOptions

  func validate() throws {
    guard save == nil || !isDifference && selected.isEverything else {
      throw ValidationError(
        "--save saves a whole plan, and cannot be combined with queues, --diff or --against.")
    }
    guard changeover == nil || !isDifference && save == nil else {
      throw ValidationError("--changeover cannot be combined with --diff, --against or --save.")
    }
    guard !options.output.json || format != .markdown else {
      throw ValidationError("--json and --format markdown exclude each other.")
    }
    guard lpar.lpar.isEmpty || !isDifference else {
      throw ValidationError("--lpar cannot be combined with --diff or --against.")
    }
    guard !diff.isEmpty else { return }
    guard diff.count == 2 else {
      throw ValidationError(
        "--diff needs two places of rules, the old and the new ones, and takes all words that follow it: write "
          + "queues before --diff.")
    }
    guard options.rules.directories.isEmpty, against == nil else {
      throw ValidationError(
        "--diff and \(against == nil ? "--rules" : "--against") exclude each other.")
    }
  }

  private var isDifference: Bool { !diff.isEmpty || against != nil }

  func run() throws {
    try reportingErrors {
      // Wrong arguments are reported before anything is read.
      let selection = try selected.selection()
      var reporting = AssessmentOptions.Reporting(
        form: form, document: .plan,
        nothingSelected: { try selected.noteNothingSelected(of: $0) })
      guard isDifference else {
        if save != nil { try requireOneMachine("--save saves the plan of one machine") }
        let isFleet = try options.machine.fleet() != nil
        let lpars = try lpar.read(areForSeveral: isFleet)
        return try options.report(reporting) {
          try report(
            on: $0, isOneOfSeveral: isFleet, comparedWith: lpars, selecting: selection)
        }
      }
      reporting.document = .difference
      reporting.hasRules = against != nil
      let places = against.map { [$0] } ?? diff
      let sets = try options.ruleSets(at: places)
      let names = (places[0], diff.last ?? options.rules.place)
      try options.report(reporting) { machine in
        try difference(
          from: sets[0], to: sets.count > 1 ? sets[1] : machine.state.rules.rules, names,
          on: machine, selecting: selection)
      }
    }
  }

  private var form: ReportForm {
    switch format {
    case _ where options.output.json: .json
    case .text: .text
    case .json: .json
    case .markdown: .markdown(isDifference: isDifference)
    }
  }

  /// Markdown has no colours, and lines of any length.
  private var style: TextStyle { format == .markdown ? .plain : options.output.style }

  private func requireOneMachine(_ reason: String) throws {
    guard try options.machine.fleet() == nil else {
      throw ValidationError("\(reason): use --inventory once, with a file.")
    }
  }

  private func report(
    on machine: AssessmentOptions.PlanningMachine, isOneOfSeveral: Bool,
    comparedWith lpars: LPARs?,
    selecting selection: QueueSelection
  ) throws -> MachineReport {
    var assessment = try machine.assessment(changingOverTo: changeover?.mechanism)
    try assessment.compare(with: lpars)
    if let save {
      let plan = SavedPlan(state: machine.state, plan: assessment.plan)
      try HostFile.write(plan.json.documentText, to: save)
    }
    let queues = selection.queues(of: assessment)
    var report = PlanReport(selection.isEverything ? assessment : assessment.selecting(queues))
    // Of several machines, a rule may be for any.
    if selection.isEverything, !isOneOfSeveral { report.addIdleRules(of: assessment) }
    let status: ExitCode? =
      switch report.outcome {
      case .nothingToDo: nil
      case .pending: ExitStatus.pending
      case .refused: ExitStatus.refused
      }
    return MachineReport(
      text: { report.text(hasAllWrites: writes, style: style) }, json: report.json,
      standing: Fleet.Standing(report), summary: report.summary, status: status,
      undecidable: report.undecidableCount, isSelected: selection.isEverything || !queues.isEmpty)
  }

  private func difference(
    from old: RuleSet, to new: RuleSet, _ names: (old: String, new: String),
    on machine: AssessmentOptions.PlanningMachine, selecting selection: QueueSelection
  ) throws -> MachineReport {
    let before = try machine.assessment(by: old)
    let after = try machine.assessment(by: new)
    var queues: APQNSet?
    if !selection.isEverything {
      var both = selection.queues(of: before)
      both.formUnion(selection.queues(of: after))
      queues = both
    }
    let difference = PlanDifference(from: before, to: after, selecting: queues)
    let status: ExitCode? =
      switch difference.outcome {
      case .same: nil
      case .changed: ExitStatus.pending
      case .refused: ExitStatus.refused
      }
    return MachineReport(
      text: { difference.text(from: names.old, to: names.new, style: style) },
      json: { difference.json(from: names.old, to: names.new, under: $0) },
      standing: Fleet.Standing(difference), summary: difference.summary, status: status,
      undecidable: difference.undecidableCount, isSelected: queues?.isEmpty != true)
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
      let style = options.output.style
      let reporting = AssessmentOptions.Reporting(
        form: options.form, document: .explain, needs: .init(masterKeys: true)
      ) {
        try selected.noteNothingSelected(of: $0)
        throw ExitStatus.error
      }
      try options.report(reporting) { machine in
        let assessment = try machine.assessment()
        let apqns = queues(of: assessment, selectedBy: selection)
        guard !apqns.isEmpty else { return nil }
        let explanations = apqns.map { Explanation($0, in: assessment) }
        return MachineReport(
          on: assessment,
          text: { explanations.map { $0.text(style: style) }.joined(separator: "\n") },
          json: { Explanations.json(explanations, under: $0) })
      }
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
      let selection = try selected.selection()
      guard watch else {
        let reporting = AssessmentOptions.Reporting(
          form: form, document: .list, needs: needs(),
          nothingSelected: { try selected.noteNothingSelected(of: $0) })
        return try options.report(reporting) { machine in
          let assessment = try machine.assessment()
          let list = QueueList(assessment, selection, sortedBy: sort)
          return MachineReport(
            on: assessment, isSelected: !list.isEmpty || selected.isEverything,
            text: { text(of: list) }, json: list.json)
        }
      }
      try Watch.run { isFirst in
        let machine = try options.ruledMachine(needs(quietly: !isFirst))
        let list = QueueList(try machine.assessment(), selection, sortedBy: sort)
        if list.isEmpty, isFirst, !selected.isEverything { try selected.noteNothingSelected() }
        let text =
          switch form {
          case .json: list.json(under: machine.heading).documentText
          case .names: list.names
          case .text, .markdown: options.text(text(of: list), under: machine.heading)
          }
        return (list.json, text)
      }
    }
  }

  private var form: ReportForm {
    switch format {
    case .json: .json
    case _ where options.output.json: .json
    case .names: .names
    case .table: .text
    }
  }

  private func needs(quietly: Bool = false) -> AssessmentOptions.Needs {
    // JSON has master keys only as far as they are known.
    var (columns, isJSON) = (Set([sort]), options.output.json)
    switch format {
    case .table(let shown): columns.formUnion(shown)
    case .names: break
    case .json: isJSON = true
    }
    return AssessmentOptions.Needs(
      quietly: quietly, masterKeys: !isJSON && !columns.isDisjoint(with: [.keys, .keysRead]),
      pendingRequests: isJSON || columns.contains(.pending), evenWithoutRules: true)
  }

  private func text(of list: QueueList) -> String {
    guard case .table(let columns) = format else { return list.names }
    return list.text(columns: columns, style: options.output.style)
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
      let needs = AssessmentOptions.Needs(pendingRequests: false, evenWithoutRules: true)
      if let svg {
        let machine = try options.ruledMachine(needs)
        let assessment = try machine.assessment()
        if !isSelected(selection, on: assessment) { try selected.noteNothingSelected() }
        let drawing = OwnerMatrix(assessment, selection).svg(
          title: title(of: assessment), isFull: full)
        if svg == "-" {
          try Terminal.print(drawing)
        } else {
          try HostFile.write(drawing, to: svg)
        }
        return try machine.requireUsableRules()
      }
      let style = options.output.style
      let reporting = AssessmentOptions.Reporting(
        form: options.form, document: .matrix, needs: needs,
        nothingSelected: { try selected.noteNothingSelected(of: $0) })
      try options.report(reporting) { machine in
        let assessment = try machine.assessment()
        let matrix = OwnerMatrix(assessment, selection)
        return MachineReport(
          on: assessment, isSelected: isSelected(selection, on: assessment),
          text: { matrix.text(isFull: full, style: style) }, json: matrix.json)
      }
    }
  }

  private func isSelected(_ selection: QueueSelection, on assessment: Assessment) -> Bool {
    selection.isEverything || !selection.queues(of: assessment).isEmpty
  }

  private func title(of assessment: Assessment) -> String {
    let lpar = assessment.host.lpar.map { " (LPAR \($0))" } ?? ""
    return "AP queues" + (assessment.host.name.map { " of \($0)\(lpar)" } ?? "")
  }
}
