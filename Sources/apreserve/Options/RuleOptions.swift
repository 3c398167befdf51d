import ArgumentParser
import HostSystem
import Reports
import ReservationRules

/// Which rules are used.
struct RuleOptions: ParsableArguments {
  @Option(
    name: .customLong("rules"),
    help: ArgumentHelp(
      "A directory of rule files, instead of the system's. Repeat it: a file in an earlier one "
        + "replaces the file of that name in a later one.", valueName: "dir"),
    completion: .directory)
  var directories: [String] = []

  /// Rules that are for no machine in particular: those that were named, or this system's own.
  static let anyMachine = MachineFiles(isThisHost: false, root: "/")

  /// Reads the rules: those that were named, or the machine's own.
  func load(for machine: MachineFiles = Self.anyMachine) throws -> HostRules {
    let owner = machine.owner(isNamed: !directories.isEmpty)
    let paths = paths(root: machine.root)
    for path in directories {
      // A directory that was named must be there; the system's own need not.
      guard try ConfigurationDirectory.read(path, owner: owner) != nil else {
        Terminal.say("there is no directory \(path); give a directory of rule files with --rules")
        throw ExitStatus.error
      }
    }
    return HostRules(directories: paths, owner: owner)
  }

  /// What to say where directories were named and have no rule files.
  static func noFiles(in directories: [String]) -> String {
    "no rule files in \(directories.joined(separator: ", ")); the names of rule files end in .rules"
  }

  private func paths(root: String?) -> [String] {
    guard directories.isEmpty else { return directories }
    guard let root else { return [] }
    let prefix = root.hasSuffix("/") ? String(root.dropLast()) : root
    return RuleFileSelection.directories.map { prefix + $0 }
  }

  /// Reads the rules, and ends the program with all that is wrong if anything is: a set with errors is
  /// never half used.
  func rules(for machine: MachineFiles = Self.anyMachine) throws -> RuleSet {
    let host = try load(for: machine)
    let verification = Verification(rules: host.rules, diagnostics: host.diagnostics)
    guard verification.isClean(strict: false) else {
      Terminal.say(
        "the rules have errors, so none of them is used\n\n" + verification.text(style: .plain))
      throw ExitStatus.error
    }
    if host.selection.paths.isEmpty, !directories.isEmpty {
      Terminal.say(Self.noFiles(in: directories))
      throw ExitStatus.error
    }
    if host.selection.paths.isEmpty {
      let paths = paths(root: machine.root)
      let place =
        paths.isEmpty
        ? "no rules are given for this machine (--rules)"
        : "no rule files in \(paths.joined(separator: ", "))"
      Terminal.say("\(place): every queue is unmanaged")
    }
    return host.rules
  }
}
