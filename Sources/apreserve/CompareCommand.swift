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
    usage: "apreserve compare <source> [<destination>] [--guest <guest>] [<options>]",
    discussion: """
      Source and destination are machine descriptions, as "apreserve snapshot" prints them; - is standard input. \
      Without a destination it is this host.

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
    guard source != "-" || destination != "-" else {
      throw ValidationError("Only one of source and destination can be standard input.")
    }
  }

  func run() throws {
    try reportingErrors {
      let source = try MachineOptions.described(by: self.source)
      let old = try source.snapshot()
      var options = options
      if let destination { options.descriptions.inventory = [destination] }
      let new = try options.ruledMachine(.init(masterKeys: true))
      let moves = try guests(of: old).map { try new.move(of: $0, from: old.inventory) }
      let report = MoveReport(moves, from: source.heading(of: old), to: new.heading)
      try Terminal.page(
        options.output.json
          ? report.json.documentText : report.text(style: options.output.style))
      switch report.outcome {
      case .possible: break
      case .afterSteps: throw ExitStatus.pending
      case .impossible: throw ExitStatus.refused
      }
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
