import Reservation
import ArgumentParser
import HostSystem
import Reports
import ReservationRules
import Snapshots

/// `apreserve verify`
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check rule files. All errors of all files are told at once.",
    usage: "apreserve verify [<path> ...] [<options>]",
    discussion: """
      Errors forbid the use of the rules. Warnings tell of files that are not read and of rules that \
      never decide. With a machine's description, also of rules that decide no queue there, of queues \
      that its masks would take along, and of hardware that cannot be reserved.

        apreserve verify
        apreserve verify my.rules other.rules
        apreserve verify ./rules --inventory machine.json --strict
      """)

  @Argument(
    help: ArgumentHelp(
      "Rule files, or directories of them; without any, those in effect.", valueName: "path"),
    completion: .file())
  var files: [String] = []

  @Option(
    help: ArgumentHelp(
      "Hold the rules against a machine, as \"apreserve snapshot\" describes it; - reads standard "
        + "input.", valueName: "file"), completion: .file())
  var inventory: String?

  @Option(
    help: ArgumentHelp(
      "Check the rules of the system whose root directory is here.", valueName: "dir"),
    completion: .directory)
  var root: String?

  @Flag(help: "Treat warnings as errors.")
  var strict = false

  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  func validate() throws {
    let places = [!files.isEmpty, !rules.directories.isEmpty, root != nil]
    guard places.count(where: { $0 }) <= 1 else {
      throw ValidationError("Give one of files, --rules and --root.")
    }
  }

  func run() throws {
    try reportingErrors {
      let host = try load()
      let machine = try inventory.map { path in
        let snapshot = try MachineOptions.readDescription(path)
        return try Assessment(
          inventory: snapshot.inventory, rules: host.rules, host: snapshot.host)
      }
      let verification = Verification(
        rules: host.rules, diagnostics: host.diagnostics, selection: host.selection,
        machine: machine)
      try output.print(text: verification.text(style: output.style), json: verification.json)
      guard verification.isClean(strict: strict) else { throw ExitStatus.error }
    }
  }

  private func load() throws -> HostRules {
    if !files.isEmpty { return try nonempty(HostRules(paths: files), in: files) }
    if let root { return try rules.load(for: MachineFiles(isThisHost: false, root: root)) }
    let host = try rules.load()
    return rules.directories.isEmpty ? host : try nonempty(host, in: rules.directories)
  }

  /// Where a person names a place and there is nothing to check, the place is wrong.
  private func nonempty(_ host: HostRules, in paths: [String]) throws -> HostRules {
    guard host.selection.paths.isEmpty, host.diagnostics.isEmpty else { return host }
    Terminal.say(RuleOptions.noFiles(in: paths))
    throw ExitStatus.error
  }
}
