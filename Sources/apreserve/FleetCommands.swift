import APBus
import ArgumentParser
import HostSystem
import JSONText
import Reports
import Reservation
import ReservationRules
import Snapshots

/// `apreserve drift`
struct DriftCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drift",
    abstract: "Show queues that are not where the rules want them.",
    usage: "apreserve drift [<options>]",
    discussion: """
      Lists the queues that are requested and not on vfio_ap, or absent; those on vfio_ap that the rules do not want \
      there; and those that cannot be decided. What no rule is about is no drift.

        apreserve drift
        apreserve drift --inventory snapshots --rules ./rules

      The exit status is 0 if there is no drift, 2 if there is, and 1 if a machine cannot be read.
      """)

  @OptionGroup var options: AssessmentOptions

  func run() throws {
    try reportingErrors {
      let style = options.output.style
      let reporting = AssessmentOptions.Reporting(form: options.form, document: .drift)
      try options.report(reporting) { machine in
        let assessment = try machine.assessment()
        let report = DriftReport(assessment)
        let hasDrift = report.outcome == .drift
        let plan = PlanReport(assessment)
        return MachineReport(
          text: { report.text(style: style) }, json: report.json,
          standing: !hasDrift
            ? .unchanged : plan.outcome == .refused ? .refused : .changed,
          summary: report.summary,
          status: hasDrift ? ExitStatus.pending : nil, undecidable: plan.undecidableCount)
      }
    }
  }
}

/// `apreserve place`
struct PlaceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "place",
    abstract: "Show which hosts could take a guest.",
    usage: """
      apreserve place <guest> --inventory <file|dir> ... [--from <file>] [<options>]
      apreserve place <guest> --adapters <numbers> --domains <numbers> --inventory <file|dir> ... [<options>]
      """,
    discussion: """
      Each host is compared with the one that the guest is on, as "apreserve compare" does: adapters by type, mode and \
      functions, domains, master keys where they are known, other guests, and the rules. For each is shown whether it \
      could take the guest, and the first criterion that it does not meet; "apreserve compare" shows them all.

        apreserve place web1 --inventory snapshots --rules ./rules

      A guest that is on no host yet is described by --adapters and --domains. Any type of adapter that vfio_ap takes \
      will do for it, and any master keys.

        apreserve place web9 --adapters 5,6 --domains 4 --inventory snapshots

      The exit status is 0 if a host can take the guest, 2 if one can after some steps, 3 if none can, and 1 if a \
      machine cannot be read.
      """)

  @Argument(
    help: ArgumentHelp(
      "A virtual machine, or the UUID of a mediated device or its beginning, of at least 8 digits.",
      valueName: "guest"),
    completion: GuestCommand.completion)
  var guest: String

  @OptionGroup var wanted: MatrixOptions

  @Option(
    help: ArgumentHelp(
      "The description of the host that the guest is on. The default is the one of the machines where it runs, or that has "
        + "it at least.",
      valueName: "file"), completion: .file())
  var from: String?

  @OptionGroup var options: AssessmentOptions

  func validate() throws {
    if wanted.isComplete {
      guard from == nil else {
        throw ValidationError(
          "A guest with --adapters and --domains is on no host yet; omit --from.")
      }
      return try MatrixOptions.requireName(guest)
    }
    guard wanted.controlDomains == nil else {
      throw ValidationError("--control-domains requires --adapters and --domains.")
    }
    guard from != nil || !options.machine.descriptions.inventory.contains("-") else {
      throw ValidationError(
        "Without --from the machines are read twice, which standard input cannot be; use a file.")
    }
  }

  func run() throws {
    try reportingErrors {
      let candidates = try options.machine.fleet()
      guard candidates != nil || from != nil || wanted.isComplete else {
        throw ValidationError(
          options.machine.inventory == nil
            ? "Say which hosts could take the guest with --inventory, and where it is now with --from, if it is on none of them."
            : "--inventory has one machine: add those that could take the guest, or say with --from where it is now."
        )
      }
      let newGuest = try newGuest()
      let source = newGuest == nil ? try source(among: candidates ?? []) : nil
      let guests = newGuest.map { [$0] } ?? source?.guests ?? []
      var placement = Placement(
        of: guest, on: source?.heading, toHave: newGuest?.device,
        staleAge: options.machine.descriptions.staleAge)
      var repeated: [(file: String, earlier: String)] = []
      func add(_ machine: AssessmentOptions.PlanningMachine) throws {
        placement.add(
          machine.heading, try guests.map { try machine.move(of: $0, from: source?.inventory) })
      }
      if let candidates {
        let others = candidates.filter {
          HostFile.absolute($0.path) != source.map { HostFile.absolute($0.path) }
        }
        try options.forEachMachine(of: others, rules: try options.ruleSet()) { machine in
          if let file = machine.heading.path,
            let earlier = placement.file(ofSameHostAs: machine.heading)
          {
            repeated.append((file, earlier))
          }
          if source.map({ machine.heading.isSameHost(as: $0.heading) }) != true {
            try add(machine)
          }
        } otherwise: {
          placement.add($0, $1)
        }
      } else {
        try add(try options.ruledMachine(.init(masterKeys: true)))
      }
      for (file, earlier) in repeated {
        Terminal.say("\(file.printable) describes the same host as \(earlier.printable)")
      }
      try options.output.print(
        text: placement.text(style: options.output.style), json: placement.json)
      if placement.hasErrors { throw ExitStatus.error }
      if let status = placement.outcome.status { throw status }
    }
  }

  /// A guest on its host.
  private struct Source {
    var path: String
    var heading: MachineHeading
    var guests: [Guest]
    var inventory: Inventory
  }

  /// How little there is of a guest on a host: it may be prepared on several, and runs on one.
  private func lack(of guest: Guest) -> Int {
    if guest.isRunning { return 0 }
    if guest.virtualMachines.contains(self.guest) { return 1 }
    return guest.active == nil ? 3 : 2
  }

  /// The guest that the options describe; nil if they describe none.
  private func newGuest() throws -> Guest? {
    guard wanted.isComplete else { return nil }
    return Guest(
      GuestDraft(
        name: guest, uuid: BusObject.isUUID(guest) ? guest : nil, matrix: try wanted.matrix(),
        controlDomains: try wanted.controlMask(),
        startsAutomatically: false))
  }

  /// The host that the guest is on: that of --from, or the one that has most of it.
  private func source(among candidates: [Description]) throws -> Source {
    if let from {
      let description = Description(path: from)
      let snapshot = try description.snapshot()
      let assessment = try snapshot.withoutRules()
      let guests = try assessment.guests.named(
        guest, of: assessment,
        advice: "\"apreserve guest list --inventory \(from)\" has those of the host")
      return Source(
        path: from, heading: description.heading(of: snapshot), guests: guests,
        inventory: snapshot.inventory)
    }
    var best: (rank: Int, source: Source)?
    for description in candidates {
      // What cannot be read is reported when the hosts are compared.
      guard let snapshot = try? description.snapshot(),
        !snapshot.configuration.mediatedDeviceNames(of: guest, on: snapshot.inventory).isEmpty
      else { continue }
      let guests = try snapshot.withoutRules().guests(named: guest)
      let rank = guests.map(lack).min() ?? Int.max
      guard rank < best?.rank ?? Int.max else { continue }
      best = (
        rank,
        Source(
          path: description.path, heading: description.heading(of: snapshot), guests: guests,
          inventory: snapshot.inventory)
      )
      if rank == 0 { break }
    }
    if let best { return best.source }
    Terminal.say(
      "no machine of --inventory has a guest \"\(guest.printable)\"; \"apreserve guest list\" with the same --inventory has all guests"
    )
    throw ExitStatus.error
  }
}

extension Snapshot {
  /// The machine as it is: what its guests have does not depend on rules.
  func withoutRules() throws -> Assessment {
    try Assessment(
      inventory: inventory, rules: RuleSet(), host: host,
      context: PlanningContext(configuration: configuration))
  }
}
