import APBus
import ArgumentParser
import Glibc
import HostSystem
import JSONText
import Reports
import Reservation
import ReservationRules

/// `apreserve guest`
struct GuestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "guest",
    abstract: "Show guests and what they lack, and define them.",
    usage: """
      apreserve guest list [<options>]
      apreserve guest show <guest> [<options>]
      apreserve guest define <name> (--adapters <numbers> --domains <numbers> | --from-rules <label>) [<options>]
      """,
    discussion: """
      A guest is a mediated device of vfio_ap, active or defined by mdevctl, with the virtual machines of libvirt that \
      use it.

        apreserve guest list
        apreserve guest show web1
        apreserve guest define web1 --adapters 5,6 --domains 4 --auto --apply

      With the rule GUEST=="*", RESERVE="vfio_ap" the queues of all definitions are reserved.
      """,
    subcommands: [GuestListCommand.self, GuestShowCommand.self, GuestDefineCommand.self])

  /// The names that a shell completes.
  static let completion = CompletionKind.shellCommand("apreserve guest list -o name 2>/dev/null")
}

/// `apreserve guest list`
struct GuestListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the guests, what each is to have, and its state.",
    usage: "apreserve guest list [<options>]",
    discussion: """
      A guest is ready if it can be started with all that it is to have; running; incomplete, if it would lack \
      something; or conflicting, if another guest is to have the same. What each lacks follows the table.

        apreserve guest list
        apreserve guest list --inventory snapshots
      """)

  /// What is printed.
  enum Format: String, CaseIterable, ExpressibleByArgument {
    case table, name
  }

  @Option(
    name: [.customShort("o"), .customLong("format")],
    help: ArgumentHelp(
      "Print a table, or only the names of the guests (name).", valueName: "format"))
  var format = Format.table

  @OptionGroup var options: AssessmentOptions

  func run() throws {
    try reportingErrors {
      let style = options.output.style
      let hasNames = format == .name && !options.output.json
      let reporting = AssessmentOptions.Reporting(
        form: hasNames ? .names : options.form, document: .guestList,
        needs: .init(quietly: format == .name, evenWithoutRules: hasNames))
      try options.report(reporting) { machine in
        let assessment = try machine.assessment()
        let list = GuestList(assessment.guests)
        return MachineReport(
          on: assessment, text: { hasNames ? list.names : list.text(style: style) },
          json: list.json)
      }
    }
  }
}

/// `apreserve guest show`
struct GuestShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show a guest queue by queue, with what to do next.",
    usage: "apreserve guest show <guest> [<options>]",
    discussion: """
      Steps with chzcrypt or on the HMC are included.

        apreserve guest show web1
      """)

  @Argument(
    help: ArgumentHelp(
      "A virtual machine, or the UUID of a mediated device or its beginning, of at least 8 digits.",
      valueName: "guest"),
    completion: GuestCommand.completion)
  var guest: String

  @OptionGroup var options: AssessmentOptions

  func run() throws {
    try reportingErrors {
      let machine = try options.assessedMachine()
      let guests = try machine.assessment.guests.named(
        guest, of: machine.assessment, advice: "\"apreserve guest list\" has those of this machine")
      let report = GuestReport(guests)
      try options.print(
        machine.heading, text: report.text(style: options.output.style),
        json: report.json(under: machine.heading))
    }
  }
}

/// What a guest is to have.
struct MatrixOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Its adapters, as in rules: 5,0x0a-0x0c; from ten on with 0x.", valueName: "numbers"))
  var adapters: String?

  @Option(help: ArgumentHelp("Its usage domains, written likewise.", valueName: "numbers"))
  var domains: String?

  @Option(help: ArgumentHelp("Its control domains, written likewise.", valueName: "numbers"))
  var controlDomains: String?

  func validate() throws {
    guard (adapters == nil) == (domains == nil) else {
      throw ValidationError("--adapters and --domains are needed together.")
    }
  }

  /// Whether adapters and domains are given.
  var isComplete: Bool { adapters != nil && domains != nil }

  func matrix() throws -> QueueMatrix {
    QueueMatrix(
      adapters: try Self.mask(adapters, of: "--adapters"),
      domains: try Self.mask(domains, of: "--domains"))
  }

  func controlMask() throws -> APMask {
    try Self.mask(controlDomains, of: "--control-domains")
  }

  private static func mask(_ text: String?, of option: String) throws -> APMask {
    guard let text else { return [] }
    guard !text.isEmpty else {
      throw ValidationError("\(option): write numbers, such as 5,6; this is empty.")
    }
    do throws(APQNPattern.SyntaxError) {
      return try APMask(numbersIn: text)
    } catch {
      throw ValidationError("\(option): \(error.sentence)")
    }
  }

  /// Requires a name that can be given to a guest.
  static func requireName(_ name: String) throws {
    guard MediatedDeviceName.isPlain(name) else {
      throw ValidationError(
        "\"\(name.printable)\" is no name of a guest; use letters, digits, . _ + @ : - and blanks between them."
      )
    }
  }
}

/// `apreserve guest define`
struct GuestDefineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "define",
    abstract: "Print the definition of a guest, or hand it to mdevctl.",
    usage: """
      apreserve guest define <name> --adapters <numbers> --domains <numbers> [<options>]
      apreserve guest define <name> --from-rules <label> [<options>]
      """,
    discussion: """
      Nothing is written: the definition is printed as JSON for "mdevctl define --jsonfile", or in another form, after \
      checks against the machine, its rules and its other guests. With --apply mdevctl gets it, unless it contradicts \
      another guest.

        apreserve guest define web1 --adapters 5,6 --domains 4 --auto --apply
        apreserve guest define web1 --from-rules web1 --format libvirt

      Without --uuid the UUID follows from the name, so that the rule GUEST=="web1" finds it.
      """)

  @Argument(help: ArgumentHelp("The name of the guest.", valueName: "name"))
  var name: String

  @OptionGroup var wanted: MatrixOptions

  @Option(
    help: ArgumentHelp("All queues that rules with this label reserve.", valueName: "label"))
  var fromRules: String?

  @Option(help: ArgumentHelp("The UUID of the mediated device.", valueName: "uuid"))
  var uuid: String?

  @Flag(help: "Start the mediated device at boot.")
  var auto = false

  @Option(
    help: ArgumentHelp(
      "Print JSON for mdevctl (mdevctl), a node device and the element of the virtual machine (libvirt), the line for a "
        + "device that is active (ap_config), or rules (rules).", valueName: "format"))
  var format = GuestDefinition.Format.mdevctl

  @Flag(help: "Define the guest with mdevctl.")
  var apply = false

  @OptionGroup var options: AssessmentOptions

  func validate() throws {
    guard wanted.isComplete != (fromRules != nil) else {
      throw ValidationError(
        "Say what the guest is to have: --adapters and --domains, or --from-rules.")
    }
    try MatrixOptions.requireName(name)
    if let uuid, !BusObject.isUUID(uuid) {
      throw ValidationError("\(uuid.printable) is not a UUID.")
    }
    guard !apply || options.machine.isThisHost else {
      throw ValidationError(
        "--apply defines the guest on this host; omit \(options.machine.given[0]).")
    }
  }

  func run() throws {
    try reportingErrors {
      let machine = try options.assessedMachine()
      let draft = GuestDraft(
        name: name, uuid: uuid, matrix: try matrix(on: machine.assessment),
        controlDomains: try wanted.controlMask(),
        startsAutomatically: auto)
      try requireDevice(of: draft, in: machine.assessment.context.configuration)
      let findings = draft.findings(on: machine.assessment)
      for finding in findings { Terminal.say("\(finding)") }
      let definition = GuestDefinition(
        draft, findings: findings, on: machine.assessment.inventory,
        host: machine.assessment.host.name)
      guard apply else {
        try Terminal.print(
          options.output.json ? definition.json.documentText : definition.text(format))
        return
      }
      guard try !isDefined(draft, in: machine.assessment.context.configuration) else {
        try options.output.print(
          text: "mediated device \(draft.device.uuid) is already defined like this\n",
          json: definition.json)
        return
      }
      guard !findings.contains(where: { $0.kind.severity == .error }) else {
        Terminal.say("nothing is defined")
        throw ExitStatus.refused
      }
      try define(draft, as: definition.mdevctl)
      try options.output.print(
        text: "defined mediated device \(draft.device.uuid) for \(name)\n", json: definition.json)
    }
  }

  /// Requires that a virtual machine of this name, if there is one, uses the device.
  private func requireDevice(of draft: GuestDraft, in configuration: HostConfiguration) throws {
    guard uuid == nil,
      let machine = configuration.virtualMachines.first(where: { $0.name == name }),
      !machine.mediatedDevices.contains(draft.device.uuid), let used = machine.mediatedDevices.first
    else { return }
    Terminal.say(
      "virtual machine \(name) uses the mediated device \(used); write --uuid \(used) to define that one"
    )
    throw ExitStatus.error
  }

  /// Whether the guest is defined already. What differs is left to mdevctl.
  private func isDefined(_ draft: GuestDraft, in configuration: HostConfiguration) throws -> Bool {
    guard
      let definition = configuration.definitions.first(where: {
        $0.device.uuid == draft.device.uuid
      })
    else { return false }
    guard definition != draft.definition else { return true }
    Terminal.say(
      "mediated device \(draft.device.uuid) is already defined, and differently, in \(definition.path); change it "
        + "with \"mdevctl modify\", or remove it first with \"mdevctl undefine --uuid \(draft.device.uuid)\""
    )
    throw ExitStatus.refused
  }

  private func matrix(on assessment: Assessment) throws -> QueueMatrix {
    guard let fromRules else { return try wanted.matrix() }
    var selection = QueueSelection()
    selection.labels = [fromRules]
    let queues = APQNSet(
      selection.queues(of: assessment).filter {
        assessment.decisions.decision(for: $0).reserve == .vfioAP
      })
    guard !queues.isEmpty else {
      Terminal.say(
        "no rule with NAME=\"\(fromRules.printable)\" reserves a queue of this machine")
      throw ExitStatus.error
    }
    guard let matrix = QueueMatrix(queues) else {
      Terminal.say(QueueMatrix.refusal(of: queues))
      throw ExitStatus.refused
    }
    return matrix
  }

  /// Has mdevctl write the definition.
  private func define(_ draft: GuestDraft, as json: JSONValue) throws {
    let words = [
      "mdevctl", "define", "--uuid", draft.device.uuid, "--parent", "matrix", "--jsonfile",
      "/dev/stdin",
    ]
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw ExitStatus.error }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    // A definition fits into a pipe.
    let text = Array(json.documentText.utf8)
    let isWritten = write(ends[1], text, text.count) == text.count
    close(ends[1])
    defer { close(ends[0]) }
    guard isWritten, let process = Child.start(words, input: ends[0]) else {
      Terminal.say("mdevctl cannot be started: \(Errno(rawValue: errno)); nothing is defined")
      throw ExitStatus.error
    }
    let status = Child.wait(for: process)
    guard status == 0 else {
      Terminal.say("mdevctl has failed, as it says above; nothing is defined")
      throw ExitStatus.error
    }
  }
}

extension GuestDefinition.Format: ExpressibleByArgument {}

extension [Guest] {
  /// Those that a person means: of a virtual machine, or of a UUID or its beginning. If there are none, the program ends
  /// with a sentence, whose end is `advice` unless the name is nearly that of a guest.
  func named(_ name: String, of assessment: Assessment, advice: String) throws -> [Guest] {
    let guests = filter(assessment.isMeant(by: name))
    guard guests.isEmpty else { return guests }
    let nearest = Spelling.nearest(to: name, among: flatMap { $0.virtualMachines + [$0.uuid] })
    Terminal.say(
      "there is no guest \"\(name.printable)\"; "
        + (nearest.map { "did you mean \"\($0.printable)\"?" } ?? advice))
    throw ExitStatus.error
  }
}

extension Assessment {
  /// Whether a person means a guest by that name.
  fileprivate func isMeant(by name: String) -> (Guest) -> Bool {
    let uuids = context.configuration.mediatedDeviceNames(of: name, on: inventory)
    return { uuids.contains($0.uuid) }
  }

  /// The guests that a person means; none if there are none.
  func guests(named name: String) -> [Guest] { guests.filter(isMeant(by: name)) }
}
