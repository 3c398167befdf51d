import APBus
import ArgumentParser
import HostSystem
import JSONText
import Reports
import Reservation
import ReservationRules
import Snapshots

/// What a command reports on a machine.
struct MachineReport {
  /// For people, without the heading of the machine.
  var text: () -> String
  /// For programs, with the heading as a member if there is one; nil where the text is only a remark.
  var json: (MachineHeading?) -> JSONValue?
  /// How the machine stands by the rules.
  var standing: Fleet.Standing
  /// The same in one line.
  var summary: String
  /// What the program ends with for this machine alone; nil for success.
  var status: ExitCode?
  /// How many of its queues are undecidable.
  var undecidable = 0
  /// Whether it has any of the queues that are selected.
  var isSelected = true
}

extension MachineReport {
  /// A report that shows the machine as it is, whatever there is to do.
  init(
    on assessment: Assessment, isSelected: Bool = true, text: @escaping () -> String,
    json: @escaping (MachineHeading?) -> JSONValue
  ) {
    let plan = PlanReport(assessment)
    self.init(
      text: text, json: json, standing: Fleet.Standing(plan), summary: plan.summary,
      undecidable: plan.undecidableCount, isSelected: isSelected)
  }
}

/// The form of reports.
enum ReportForm {
  /// Below the heading of the machine.
  case text
  /// Names, one a line, for scripts.
  case names
  case json
  case markdown(isDifference: Bool)
}

extension AssessmentOptions {
  /// How a command reports on machines.
  struct Reporting {
    var form: ReportForm
    var document: FleetDocument
    /// Whether the rules are those in force or of --rules; without that, the command has its own.
    var hasRules = true
    var needs = Needs()
    /// What is done if no machine, which it gets in words, has any of the queues that are selected.
    var nothingSelected: (_ machines: String) throws -> Void = { _ in }
  }

  /// Reports on the machine of the options, or on one after the other if they describe several, with a summary in the
  /// end. `report` makes the report on a machine; nil if there is none, since no queue is selected.
  ///
  /// The program ends with the worst of all machines: 0, 2, 3 and 1 in this order.
  func report(
    _ reporting: Reporting, _ report: (PlanningMachine) throws -> MachineReport?
  ) throws {
    guard let fleet = try machine.fleet() else {
      let machine =
        reporting.hasRules
        ? try ruledMachine(reporting.needs) : try planningMachine(reporting.needs)
      try printOne(try report(machine), on: machine.heading, reporting)
      return try machine.requireUsableRules()
    }
    var printer = FleetPrinter(
      reporting.form, reporting.document, style: output.style,
      staleAge: machine.descriptions.staleAge)
    var worst: ExitCode?
    var (isRead, isSelected) = (false, false)
    let rules = reporting.hasRules ? try ruleSet(reporting.needs) : RuleSet()
    try forEachMachine(of: fleet, rules: rules) { machine in
      let report = try report(machine)
      isRead = true
      if machine.hasRuleErrors { worst = .worse(worst, ExitStatus.error) }
      if report?.isSelected == true { isSelected = true }
      worst = .worse(worst, report?.status)
      try printer.print(report, on: machine.heading)
    } otherwise: { heading, failure in
      try printer.fail(heading, failure)
      worst = .worse(worst, ExitStatus.error)
    }
    try printer.end()
    if isRead, !isSelected { try reporting.nothingSelected("these machines") }
    if let worst { throw worst }
  }

  /// Makes the machines one after the other what plans are made from, with the same settings and rules; nil if those
  /// have errors.
  func forEachMachine(
    of fleet: [Description], rules: RuleSet?, _ use: (PlanningMachine) throws -> Void,
    otherwise fail: (MachineHeading, Fleet.Failure) throws -> Void
  ) throws {
    let rulesInForce = RulesInForce(rules ?? RuleSet())
    let settings = try self.settings.settings(for: machine.files).applied
    try fleet.forEachMachine(
      { snapshot, heading in
        let state = PlanningState(
          machine: snapshot, rules: rulesInForce, settings: settings, memory: AgentMemory(),
          lastSurvey: HostTime().now)
        try use(
          PlanningMachine(
            state: state, heading: heading, isDaemons: false, hasRuleErrors: rules == nil))
      }, otherwise: fail)
  }

  private func printOne(
    _ report: MachineReport?, on heading: MachineHeading, _ reporting: Reporting
  ) throws {
    if report?.isSelected != true { try reporting.nothingSelected("this machine") }
    guard let report else { throw ExitStatus.error }
    switch reporting.form {
    case .text: try Terminal.page(text(report.text(), under: heading))
    case .names: try Terminal.page(report.text())
    case .json: try Terminal.page(report.json(heading)?.documentText ?? "")
    case .markdown(let isDifference):
      var fleet = Fleet(staleAge: machine.descriptions.staleAge)
      var comment = MarkdownFleet(isDifference: isDifference)
      comment.add(
        fleet.add(
          heading, report.standing, report.summary, undecidable: report.undecidable),
        report.text())
      try Terminal.page(comment.text(fleet))
    }
    if let status = report.status { throw status }
  }
}

extension ExitCode {
  /// From best to worst.
  private static let order = [
    ExitCode.success, ExitStatus.pending, ExitStatus.refused, ExitStatus.error,
  ]

  /// The worse one of two statuses; nil is success.
  static func worse(_ first: ExitCode?, _ second: ExitCode?) -> ExitCode? {
    guard let first else { return second }
    guard let second else { return first }
    func rank(_ code: ExitCode) -> Int { order.firstIndex(of: code) ?? order.count }
    return rank(first) < rank(second) ? second : first
  }
}

/// Prints reports on several machines one by one, so that only a line of each is kept.
private struct FleetPrinter {
  private(set) var fleet: Fleet
  private let form: ReportForm
  private let document: FleetDocument
  private let style: TextStyle
  private var comment: MarkdownFleet
  /// What is printed at the end: on a terminal everything, since it may go through a pager.
  private var text = ""

  init(_ form: ReportForm, _ document: FleetDocument, style: TextStyle, staleAge: Duration) {
    self.form = form
    self.document = document
    self.style = style
    fleet = Fleet(staleAge: staleAge, of: document)
    comment =
      if case .markdown(let isDifference) = form {
        MarkdownFleet(isDifference: isDifference)
      } else {
        MarkdownFleet()
      }
  }

  /// Prints the report on a machine.
  mutating func print(_ report: MachineReport?, on heading: MachineHeading) throws {
    try print(
      fleet.add(
        heading, report?.standing ?? .unchanged, report?.summary ?? "no queue is selected",
        undecidable: report?.undecidable ?? 0), report)
  }

  /// Prints why there is no report on a machine.
  mutating func fail(_ heading: MachineHeading, _ failure: Fleet.Failure) throws {
    try print(fleet.add(heading, failure), nil)
  }

  private mutating func print(_ member: Fleet.Member, _ report: MachineReport?) throws {
    switch form {
    case .text:
      let body = report?.text() ?? member.note.printableLines + "\n"
      try put(member.headingLine(style: style) + "\n\n" + body + "\n")
    case .names:
      let name = member.heading.name.printable
      let lines = report?.text().split(separator: "\n") ?? []
      try put(lines.map { "\(name) \($0)\n" }.joined())
    case .json:
      let isFirst = fleet.members.count == 1
      try put(
        (isFirst ? document.start : "")
          + document.text(member, report.flatMap { $0.json(nil) }, isFirst: isFirst))
    case .markdown: comment.add(member, report?.text() ?? member.note.printableLines + "\n")
    }
  }

  /// Prints the summary.
  mutating func end() throws {
    for (file, earlier) in fleet.repeated {
      Terminal.say("\(file.printable) describes the same host as \(earlier.printable)")
    }
    switch form {
    case .text: try put(fleet.text(style: style))
    case .names: break
    case .json: try put(document.end(fleet))
    case .markdown: try put(comment.text(fleet))
    }
    if !text.isEmpty { try Terminal.page(text) }
  }

  private mutating func put(_ piece: String) throws {
    if Terminal.isInteractive { text += piece } else { try Terminal.print(piece) }
  }
}
