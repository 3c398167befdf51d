import ArgumentParser
import HostSystem
import JSONText
import Reports
import Reservation
import ReservationRules
import Snapshots

/// `apreserve compare`
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Show whether guests can move to another host, and what to do first.",
    usage: """
      apreserve compare <source> [<destination>] [--guest <guest>] [<options>]
      apreserve compare <source> --inventory <file|dir> ... [--guest <guest>] [<options>]
      """,
    discussion: """
      Source and destination are machine descriptions, as "apreserve snapshot" prints them; - is standard input. \
      Without a destination it is this host. With --inventory several destinations are compared, one after the other; \
      "apreserve place" has a line for each.

        ssh lnx01 apreserve snapshot | apreserve compare -
        apreserve compare lnx01.json lnx02.json --guest web1 --rules ./rules

      For each queue of a guest it is compared whether the destination has it, of the same type or newer, in the same \
      mode, with the same master keys, free of other guests, and on vfio_ap or reserved by the rules, which are those \
      of the destination.

      The exit status is 0 if all guests can move, 2 if some can after the steps that are shown, and 3 if one cannot.
      """)

  @Argument(
    help: ArgumentHelp("The host that the guests leave.", valueName: "source"),
    completion: .file())
  var source: String

  @Argument(
    help: ArgumentHelp("The host that they move to.", valueName: "destination"),
    completion: .file())
  var destination: String?

  @Option(
    help: ArgumentHelp(
      "Compare only this guest: a virtual machine, or the UUID of a mediated device.",
      valueName: "guest"))
  var guest: String?

  @OptionGroup var options: AssessmentOptions

  func validate() throws {
    if destination != nil, let other = options.machine.given.first {
      throw ValidationError("The destination is given twice, as an argument and by \(other).")
    }
    let destinations = options.machine.descriptions.inventory + [destination].compactMap(\.self)
    guard source != "-" || !destinations.contains("-") else {
      throw ValidationError("Only one of source and destination can be standard input.")
    }
  }

  func run() throws {
    try reportingErrors {
      let source = try MachineOptions.described(by: self.source)
      let old = try source.snapshot()
      var options = options
      if let destination { options.descriptions.inventory = [destination] }
      let guests = try guests(of: old)
      let heading = source.heading(of: old)
      func report(_ new: AssessmentOptions.PlanningMachine) throws -> MoveReport {
        MoveReport(
          try guests.map { try new.move(of: $0, from: old.inventory) }, from: heading,
          to: new.heading)
      }
      let style = options.output.style
      guard try options.machine.fleet() == nil else {
        let reporting = AssessmentOptions.Reporting(form: options.form, document: .comparison)
        return try options.report(reporting) { machine in
          guard !machine.heading.isSameHost(as: heading) else {
            let note = "the host that the guests leave"
            return MachineReport(
              text: { note + "\n" }, json: { _ in nil }, standing: .unchanged, summary: note)
          }
          let report = try report(machine)
          return MachineReport(
            text: { report.text(style: style, isUnderDestination: true) },
            json: { _ in report.json }, standing: Fleet.Standing(report.outcome),
            summary: report.summary, status: report.outcome.status)
        }
      }
      let comparison = try report(try options.ruledMachine(.init(masterKeys: true)))
      try Terminal.page(
        options.output.json ? comparison.json.documentText : comparison.text(style: style))
      if let status = comparison.outcome.status { throw status }
    }
  }

  private func guests(of machine: Snapshot) throws -> [Guest] {
    let assessment = try machine.withoutRules()
    guard let guest else { return assessment.guests }
    return try assessment.guests.named(
      guest, of: assessment,
      advice: "\"apreserve guest list --inventory \(source)\" has those of the source")
  }
}

extension GuestMove.Outcome {
  /// What the program ends with; nil for success.
  var status: ExitCode? {
    switch self {
    case .possible: nil
    case .afterSteps: ExitStatus.pending
    case .impossible: ExitStatus.refused
    }
  }
}
