public import APBus
public import ArgumentParser
import HostSystem
import Reservation

extension Mechanism: ExpressibleByArgument {
  public static var allValueDescriptions: [String: String] {
    [
      "bind": "Unbind and bind, on kernels without masks.",
      "mask": "The masks apmask and aqmask, since Linux 4.20.",
      "override": "driver_override of each queue, since Linux 6.19.",
    ]
  }
}

extension Guard: ExpressibleByArgument {
  package static var allValueDescriptions: [String: String] {
    Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, $0.forcedSummary) })
  }
}

extension GuardPolicy.HostProtection: ExpressibleByArgument {
  package static var allValueDescriptions: [String: String] {
    [
      "auto": "While the host has secure keys. This is the default.", "yes": "Always.",
      "no": "Never.",
    ]
  }
}

/// The settings, which all commands that plan or write read in the same way.
struct SettingsOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Use this mechanism to move queues, instead of the one that suits kernel and rules.",
      valueName: "mechanism"))
  var mechanism: Mechanism?

  @Option(
    help: ArgumentHelp(
      "Switch off this guard. The option can be repeated.", valueName: "guard"))
  var force: [Guard] = []

  @Option(
    help: ArgumentHelp(
      "When to protect the host's last usable queue of a mode and master key.",
      valueName: "when"))
  var protectHost: GuardPolicy.HostProtection?

  @Option(
    help: ArgumentHelp(
      "Read the settings from this file, or from apreserve.conf and its drop-ins in this directory, "
        + "instead of those of the system.", valueName: "path"),
    completion: .file())
  var config: String?

  /// The options given, which select other settings than the daemon's.
  var given: [String] {
    [
      mechanism.map { _ in "--mechanism" }, force.isEmpty ? nil : "--force",
      protectHost.map { _ in "--protect-host" }, config.map { _ in "--config" },
    ].compactMap(\.self)
  }

  /// A function that reads the settings, given those in force. Options have priority over files.
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

  /// The settings for a command that runs once. Errors are printed, and the settings have their most
  /// protective values then. An unreadable file that an option names ends the program.
  func settings(for machine: MachineFiles) throws -> Configuration {
    if let config {
      let files = ConfigurationFiles(path: config, owner: machine.owner(isNamed: true))
      if let problem = files.unreadable.first(where: { $0.path == config }) {
        Terminal.say("\(problem.reason); use --config with a file or a directory")
        throw ExitStatus.error
      }
    }
    let configuration = source(for: machine)(nil)
    for problem in configuration.problems { Terminal.say("\(problem)") }
    return configuration
  }
}
