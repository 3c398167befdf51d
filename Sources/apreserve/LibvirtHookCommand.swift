import APBus
import ArgumentParser
import Daemon
import Glibc
import HostSystem
import JSONText
import Reports
import Reservation

/// `apreserve libvirt-hook`
struct LibvirtHookCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "libvirt-hook",
    abstract: "Wait for the queues of a virtual machine before libvirt starts it.",
    usage:
      "apreserve libvirt-hook <machine> <operation> <suboperation> <extra> [<options>]",
    discussion: """
      libvirt runs it as a hook for virtual machines, with the definition on standard input. For the operation \
      "prepare" of a machine with a device of vfio_ap it waits until everything that the rules request is reserved or \
      refused, and then refuses the start, or warns, if a queue of the machine cannot be used, or its device has \
      vanished, loses an adapter, or is active without queues that its definition assigns (GuestStart= and \
      GuestStartTimeoutSec= in apreserve.conf(5)).

      If the metadata of the machine have what it needs, as "apreserve guest define --format libvirt" prints it, and were \
      written on another host, it also refuses the start, and for the operation "migrate" the migration to this host, if \
      "apreserve compare" would call the move impossible.

      The exit status is 0 if the machine can start, and 3 if it is refused. What cannot be found out refuses nothing.
      """)

  @Argument(help: ArgumentHelp("The name of the virtual machine.", valueName: "machine"))
  var machine: String

  @Argument(
    help: ArgumentHelp(
      "What libvirt does; for all but prepare and migrate nothing is done.", valueName: "operation")
  )
  var operation: String

  @Argument(help: ArgumentHelp("What libvirt passes besides.", valueName: "more"))
  var more: [String] = []

  @OptionGroup var options: AssessmentOptions

  /// The most bytes of a definition.
  private static let sizeLimit = 64 << 20

  func run() throws {
    guard ["prepare", "migrate"].contains(operation) else { return }
    do {
      let settings = options.settings.source(for: options.machine.files)(nil)
      guard settings.guestStart != .ignore, let description = try description() else { return }
      try checkNeeds(of: description, by: settings)
      if operation == "prepare" { try checkQueues(of: description, by: settings) }
    } catch let code as ExitCode where code == ExitStatus.refused {
      throw code
    } catch {
      // What is wrong was said, or is said here; libvirt itself knows best whether it can start the machine.
      if !(error is ExitCode) { warn("\(error)") }
    }
  }

  /// What the definition says; nil if it cannot be read.
  private func description() throws -> DomainDescription? {
    let text = try HostFile.standardInput(sizeLimit: Self.sizeLimit)
    do throws(XMLError) {
      return try DomainDescription(xml: text, readsNeeds: true)
    } catch {
      warn(
        "the definition of virtual machine \(machine.printable) cannot be read, and its queues are not checked: line "
          + "\(error.line): \(error.problem)")
      return nil
    }
  }

  /// Refuses a machine of another host that this one cannot have.
  private func checkNeeds(of description: DomainDescription, by settings: Configuration) throws {
    if let problem = description.needsProblem {
      warn(
        "the metadata of virtual machine \(machine.printable) do not say what it needs, since \(problem); "
          + "\"apreserve guest define --format libvirt\" prints them")
    }
    guard let needs = description.needs,
      needs.host == nil || needs.host != options.machine.host.name,
      // Without its device the machine runs on any host; one that migrates gets it afterwards.
      operation == "migrate" || description.mediatedDevices.contains(needs.device.uuid)
    else { return }
    let move = try options.ruledMachine(.init(quietly: true, masterKeys: true))
      .move(of: needs.guest(of: machine), from: needs.inventory)
    try refuse(
      move.findings.filter { $0.outcome == .impossible }.map(\.message), by: settings,
      advice:
        "its metadata have what it needs, from \(needs.host?.printable ?? "another host"), and are to be renewed if "
        + "they are old")
  }

  /// Refuses a machine whose queues are not there, after they had time to come.
  private func checkQueues(of description: DomainDescription, by settings: Configuration) throws {
    let devices = description.mediatedDevices
    guard !devices.isEmpty else { return }
    settle(until: HostTime().now + settings.guestStartTimeout)
    let guests = try options.assessedMachine(.init(quietly: true)).assessment.guests
      .filter { devices.contains($0.uuid) }
    let lacking = guests.filter { guest in
      guest.queues.contains { $0.reason != nil }
        || guest.findings.contains(where: \.kind.preventsStart)
    }
    try refuse(
      lacking.flatMap(\.sentences), by: settings, advice: "\"apreserve guest show\" says what to do"
    )
  }

  /// Refuses the machine, or only warns, if there is a reason for it.
  private func refuse(
    _ sentences: [String], by settings: Configuration, advice: String
  ) throws {
    guard !sentences.isEmpty else { return }
    guard settings.guestStart == .refuse else { return sentences.forEach(warn) }
    sentences.forEach(Terminal.say)
    Terminal.say(
      "virtual machine \(machine.printable) is not \(operation == "migrate" ? "taken over" : "started"); \(advice), and GuestStart=warn in apreserve.conf does not "
        + "refuse it")
    throw ExitStatus.refused
  }

  /// Waits until the daemon has done what it can, if one runs.
  private func settle(until end: Instant) {
    guard !options.daemon.offline, options.machine.given.isEmpty else { return }
    let path = options.daemon.control ?? DaemonPlace.systemControl
    let rest = end - HostTime().now
    guard rest > .zero else { return }
    // Out of time, or without a daemon: the queues are looked at as they are.
    _ = try? ControlOptions(path: path).call("Settle", timeout: rest)
  }

  /// libvirt shows what a hook says only if that fails.
  private func warn(_ sentence: String) {
    Terminal.say(sentence)
    Journal().write(
      LogMessage(.warning, .requestStuck, sentence, fields: [.init("AP_GUEST", machine)]))
  }
}
