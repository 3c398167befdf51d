public import APBus
public import ArgumentParser
import HostSystem
import Reservation

extension Mechanism: ExpressibleByArgument {
  /// What each of them is, for help.
  public static var allValueDescriptions: [String: String] {
    [
      "bind": "unbind and bind, on kernels without masks",
      "mask": "the masks apmask and aqmask, since Linux 4.20",
      "override": "driver_override of each queue, since Linux 6.19",
    ]
  }
}

extension Guard: ExpressibleByArgument {
  package static var allValueDescriptions: [String: String] {
    Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, $0.summary) })
  }
}

extension GuardPolicy.HostProtection: ExpressibleByArgument {
  package static var allValueDescriptions: [String: String] {
    ["auto": "while the host has secure keys (the default)", "yes": "always", "no": "never"]
  }
}

/// How queues are moved, and how carefully: the settings that every command goes by that plans or writes,
/// read in one way for all of them.
struct SettingsOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Move queues by this mechanism, instead of the one that fits kernel and rules.",
      valueName: "mechanism"))
  var mechanism: Mechanism?

  @Option(
    help: ArgumentHelp(
      "Switch off one guard, and no other; repeat it for more.", valueName: "guard"))
  var force: [Guard] = []

  @Option(
    help: ArgumentHelp(
      "Keep the host's last usable queue of a mode and master key from guests.",
      valueName: "when"))
  var protectHost: GuardPolicy.HostProtection?

  @Option(
    help: ArgumentHelp(
      "Read the settings from this file, or from apreserve.conf and its drop-ins in this directory, "
        + "instead of the system's.", valueName: "path"),
    completion: .file())
  var config: String?

  /// Whether the command line has none of these options.
  var areAbsent: Bool {
    mechanism == nil && force.isEmpty && protectHost == nil && config == nil
  }

  /// Reads the settings, as often as it is called with those in force. What the command line has wins.
  func source(for machine: MachineFiles) -> @Sendable (Configuration?) -> Configuration {
    let path = config
    let (root, owner) = (machine.root, machine.owner(isNamed: config != nil))
    var given: [(setting: Setting, value: String)] = []
    if let mechanism { given.append((.mechanism, mechanism.rawValue)) }
    if let protectHost { given.append((.protectHost, protectHost.rawValue)) }
    if !force.isEmpty { given.append((.force, force.map(\.rawValue).joined(separator: " "))) }
    let overrides = given
    return { previous in
      let files =
        path.map { ConfigurationFiles(path: $0, owner: owner) }
        ?? root.map { ConfigurationFiles(root: $0, owner: owner) }
      var configuration = files?.configuration(previous: previous) ?? Configuration()
      for (setting, value) in overrides {
        configuration.override(setting, with: value, origin: AppliedSetting.commandLineOrigin)
      }
      return configuration
    }
  }

  /// The settings for a command that works once. What is wrong with them is said, and they are as
  /// protective as they can be then; a file that was named and cannot be read ends the program.
  func settings(for machine: MachineFiles) throws -> Configuration {
    if let config {
      let files = ConfigurationFiles(path: config, owner: machine.owner(isNamed: true))
      if let problem = files.unreadable.first(where: { $0.path == config }) {
        Terminal.say("\(problem.reason); give a file or a directory with --config")
        throw ExitStatus.error
      }
    }
    let configuration = source(for: machine)(nil)
    for problem in configuration.problems { Terminal.say("\(problem)") }
    return configuration
  }
}

/// The files of the machine that a command is about, beside its sysfs.
struct MachineFiles {
  /// Whether it is this host itself.
  let isThisHost: Bool
  /// The directory below which they are (/etc, /proc); nil where they are not known, and none are read.
  let root: String?

  /// A machine that only rules and settings are given for.
  static let unknown = MachineFiles(isThisHost: false, root: nil)

  /// The user that rules and settings must belong to; nil where it does not matter. What this system has
  /// in effect must be what its daemon, which runs as root, believes; what was named on the command line,
  /// or is for another machine, need only be trusted where root writes to this host.
  func owner(isNamed: Bool) -> UInt32? {
    if !isNamed, root == "/" { return 0 }
    return isThisHost ? HostFile.trustedOwner : nil
  }
}
