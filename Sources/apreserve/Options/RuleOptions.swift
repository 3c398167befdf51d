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
        + "replaces the file of that name in a later one.", valueName: "dir"))
  var directories: [String] = []

  /// Reads the rules.
  ///
  /// `isTrusting` is whether files of any owner are read. What writes to a real machine as
  ///   root believes root's files only.
  func load(isTrusting: Bool) throws -> HostRules {
    let owner = isTrusting ? nil : HostFile.trustedOwner
    let isOwn = !directories.isEmpty
    let paths = isOwn ? directories : RuleFileSelection.directories
    for path in directories {
      // A directory that was named must be there; the system's own need not.
      guard try ConfigurationDirectory.read(path, owner: owner) != nil else {
        Terminal.say("there is no directory \(path); give a directory of rule files with --rules")
        throw ExitStatus.error
      }
    }
    return try HostRules(directories: paths, owner: owner)
  }

  /// Reads the rules, and ends the program with all that is wrong if anything is: a set with errors is
  /// never half used.
  func rules(isTrusting: Bool) throws -> RuleSet {
    let host = try load(isTrusting: isTrusting)
    let verification = Verification(rules: host.rules, diagnostics: host.diagnostics)
    guard verification.isClean(strict: false) else {
      Terminal.say(
        "the rules have errors, so none of them is used\n\n" + verification.text(style: .plain))
      throw ExitStatus.error
    }
    if host.selection.paths.isEmpty {
      let place =
        directories.isEmpty
        ? RuleFileSelection.directories.joined(separator: ", ")
        : directories.joined(separator: ", ")
      Terminal.say("no rule files in \(place): every queue is unmanaged")
    }
    return host.rules
  }
}
