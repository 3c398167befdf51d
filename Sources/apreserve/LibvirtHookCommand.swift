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
      refused, and then refuses the start, or warns, if a queue of the machine cannot be used (GuestStart= and \
      GuestStartTimeoutSec= in apreserve.conf(5)).

      The exit status is 0 if the machine can start, and 3 if it is refused. What cannot be found out refuses nothing.
      """)

  @Argument(help: ArgumentHelp("The name of the virtual machine.", valueName: "machine"))
  var machine: String

  @Argument(
    help: ArgumentHelp(
      "What libvirt does; for all but prepare nothing is done.", valueName: "operation"))
  var operation: String

  @Argument(help: ArgumentHelp("What libvirt passes besides.", valueName: "more"))
  var more: [String] = []

  @OptionGroup var options: AssessmentOptions

  /// The most bytes of a definition.
  private static let sizeLimit = 64 << 20

  func run() throws {
    guard operation == "prepare" else { return }
    do {
      try check()
    } catch let code as ExitCode where code == ExitStatus.refused {
      throw code
    } catch {
      // What is wrong was said, or is said here; libvirt itself knows best whether it can start the machine.
      if !(error is ExitCode) { warn("\(error)") }
    }
  }

  private func check() throws {
    let devices = try devices()
    guard !devices.isEmpty else { return }
    let settings = options.settings.source(for: options.machine.files)(nil)
    guard settings.guestStart != .ignore else { return }
    let end = HostTime().now + settings.guestStartTimeout
    settle(until: end)
    let guests = try options.assessedMachine(quietly: true).assessment.guests
      .filter { devices.contains($0.uuid) }
    let lacking = guests.filter { guest in guest.queues.contains { $0.reason != nil } }
    guard !lacking.isEmpty else { return }
    let sentences = lacking.flatMap(\.sentences)
    guard settings.guestStart == .refuse else { return sentences.forEach(warn) }
    sentences.forEach(Terminal.say)
    Terminal.say(
      "virtual machine \(machine.printable) is not started; \"apreserve guest show\" says what to do, and GuestStart=warn "
        + "in apreserve.conf starts it without these queues")
    throw ExitStatus.refused
  }

  /// The UUIDs of its devices.
  private func devices() throws -> [String] {
    let text = try HostFile.standardInput(sizeLimit: Self.sizeLimit)
    do throws(XMLError) {
      return try DomainDescription(xml: text)?.mediatedDevices ?? []
    } catch {
      warn(
        "the definition of virtual machine \(machine.printable) cannot be read, and its queues are not checked: line "
          + "\(error.line): \(error.problem)")
      return []
    }
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
