import APBus
import ArgumentParser
import Daemon
import HostSystem
import JSONText
import Reports
import Reservation

/// A mechanism that can be changed over to: the other one has no masks and no overrides.
enum ChangeoverTarget: String, CaseIterable, ExpressibleByArgument {
  case override
  case mask

  static var allValueDescriptions: [String: String] {
    ["override": "From masks to driver_override.", "mask": "From driver_override to masks."]
  }

  var mechanism: Mechanism {
    switch self {
    case .override: .override
    case .mask: .mask
    }
  }
}

/// `apreserve changeover`
struct ChangeoverCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "changeover",
    abstract: "Change over from masks to overrides, or back.",
    usage: "apreserve changeover <mechanism> [<options>]",
    discussion: """
      Reserves by the other mechanism what rules reserve now, and keeps to it, also after a boot. "apreserve plan \
      --changeover" shows before what is written, and what blocks it:

        apreserve plan --changeover override
        apreserve changeover override

      The kernel accepts overrides only while all bits of the masks are set, and masks only while there is no \
      override. From masks to overrides, all that masks reserve is with the host for a moment, so this is refused \
      while a mediated device has any of it. From overrides to masks, queues of guests stay where they are; it is \
      refused if masks cannot do that, or cannot reserve exactly what the rules reserve.

      It is done as a whole or not at all: if it is refused, nothing is written, and each queue that blocks it is named \
      with what to do. If it is interrupted, "apreserve apply" or the daemon ends it.

      If the daemon is running, it does the work, by its own rules and settings.

      The exit status is 0 if everything is done or waits for vfio_ap; 3 if the changeover or a request is refused; 1 \
      if something failed, or the kernel does not have the mechanism; 4 if there is no AP bus; 64 if the daemon \
      cannot take an option.
      """)

  @Argument(help: "The mechanism to change over to.")
  var target: ChangeoverTarget

  @Option(
    help: ArgumentHelp("Let the daemon at this control socket do it.", valueName: "path"),
    completion: .file())
  var control: String?

  @OptionGroup var wait: WorkOptions

  @OptionGroup(title: OptionTitle.machine) var machine: SysfsOptions
  @OptionGroup(title: OptionTitle.machine) var state: StateOptions
  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.settings) var settings: SettingsOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  func validate() throws {
    guard settings.mechanism == nil else {
      throw ValidationError(
        "--mechanism selects a mechanism for once; changeover takes the one to keep as its argument."
      )
    }
    guard control == nil || machine.sysfs == nil && state.state == nil else {
      throw ValidationError("--control cannot be combined with --sysfs or --state-dir.")
    }
  }

  func run() throws {
    try reportingErrors {
      if let control {
        return try changeOver(by: control, "the daemon at \(control) does the work")
      }
      let run = ApplyRun(
        machine: machine, state: state, settings: settings, output: output,
        changeover: target.mechanism, action: .changeover)
      guard try run.hasBus(try HostSysfs(root: machine.path)) else { return }
      let lock: InstanceLock?
      do {
        lock = try state.instanceLock(isThisHost: machine.isThisHost)
      } catch let held as InstanceLockHeld where machine.isThisHost && held.holder != .command {
        return try changeOver(by: DaemonPlace.systemControl, "\(held); it does the work")
      }
      defer { withExtendedLifetime(lock) {} }
      try RuleTrialRecord.requireNone(state: state.state)
      try run.apply(try rules.rules(for: machine.files))
    }
  }

  private func changeOver(by control: String, _ notice: String) throws {
    if let option = (rules.given + settings.given).first {
      Terminal.say(
        "the daemon has its own rules and settings: \(option) would have no effect. Change the rule files or "
          + "apreserve.conf(5) and run \"apreserve reload\", or stop apreserve.service first")
      throw ExitCode.validationFailure
    }
    Terminal.say(notice)
    let status: JSONValue
    do throws(ControlError) {
      status =
        try ControlOptions(path: control).work(
          "ChangeOver", parameters: [.init("mechanism", .string(target.rawValue))],
          within: wait.limit)
    } catch {
      guard case .refused("org.apreserve.ChangeoverRefused", let parameters) = error else {
        throw error
      }
      Terminal.say("\(error)")
      if output.json, let plan = JSONValue.object(parameters)["plan"] {
        try Terminal.print(plan.documentText)
      }
      throw ExitStatus.refused
    }
    try output.print(text: "\(status["summary"]?.text ?? "")\n", json: status)
    do {
      try ControlOptions.endApplying(with: status)
    } catch let code as ExitCode where code == ExitStatus.refused {
      // It is done, and something else is refused.
    }
  }
}
