import APBus
import APBus
import ArgumentParser
import Daemon
import HostSystem
import JSONText
import Reports
import Reservation
import ReservationRules
import Snapshots

/// `apreserve verify`
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check rule files. Report every error in every file.",
    usage: "apreserve verify [<path> ...] [<options>]",
    discussion: """
      Rules with errors are not used. There are warnings about files that are not read and about rules \
      that never decide. With descriptions of machines, there are also warnings about rules that decide no queue of \
      any of them, queues that masks would take along, and hardware that cannot be reserved.

        apreserve verify
        apreserve verify my.rules other.rules
        some-generator | apreserve verify -
        apreserve verify ./rules --inventory machine.json --strict
        apreserve verify ./rules --inventory snapshots
        apreserve verify ./rules --format sarif > rules.sarif
      """)

  /// What is printed.
  enum Format: String, CaseIterable, ExpressibleByArgument {
    case text, json, sarif, junit
  }

  @Argument(
    help: ArgumentHelp(
      "Rule files or directories of them; - is standard input. The default are those in effect.",
      valueName: "path"),
    completion: .file())
  var files: [String] = []

  @OptionGroup var descriptions: DescriptionOptions

  @OptionGroup var lpar: LPAROptions

  @Option(
    help: ArgumentHelp(
      "Check the rules of the system below this root directory.", valueName: "dir"),
    completion: .directory)
  var root: String?

  @Flag(help: "Treat warnings as errors.")
  var strict = false

  @Option(
    help: ArgumentHelp(
      "Print text, JSON, a SARIF log for a forge, or a JUnit report for a CI server.",
      valueName: "format"))
  var format = Format.text

  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  func validate() throws {
    let places = [!files.isEmpty, !rules.directories.isEmpty, root != nil]
    guard places.count(where: { $0 }) <= 1 else {
      throw ValidationError("Use only one of files, --rules and --root.")
    }
    guard lpar.lpar.isEmpty || !descriptions.inventory.isEmpty else {
      throw ValidationError("--lpar requires --inventory.")
    }
    guard !output.json || [.text, .json].contains(format) else {
      throw ValidationError("--json and --format \(format.rawValue) exclude each other.")
    }
  }

  func run() throws {
    try reportingErrors {
      var verification = Verification(rules: RuleSet(), diagnostics: [])
      var failure: (any Error)?
      var hasUnreadMachines = false
      do {
        let host = try load()
        verification = Verification(
          rules: host.rules, diagnostics: host.diagnostics, selection: host.selection)
        let (findings, fleet) = try findings(of: host.rules)
        verification = Verification(
          rules: host.rules, diagnostics: host.diagnostics, selection: host.selection,
          machines: findings, fleet: fleet)
        hasUnreadMachines = fleet?.hasErrors == true
      } catch  where isForForge {
        // It needs a document, whatever is wrong.
        failure = error
        switch error {
        case let error as UnusableLPARFile:
          verification.unread.append(
            UnreadFile(error.path, .lpars, message: "\(error)", at: .of(error.reason)))
        case let error as NoDescriptions:
          verification.unread.append(UnreadFile(error.path, .machine, message: "\(error)"))
        case let error as UnusableRules:
          verification.unread.append(UnreadFile(error.path, .check, message: "\(error)"))
        case let error as FileError:
          verification.unread.append(UnreadFile(error.path, .check, message: "\(error)"))
        case is ExitCode:
          verification.unread.append(
            UnreadFile(nil, .check, message: "nothing was checked; the messages say why"))
        default:
          verification.unread.append(UnreadFile(nil, .check, message: "\(error)"))
        }
      }
      switch format {
      case .text:
        try output.print(text: verification.text(style: output.style), json: verification.json)
      case .json: try Terminal.print(verification.json.documentText)
      case .sarif: try Terminal.print(verification.sarif(version: ProgramVersion.text).documentText)
      case .junit: try Terminal.print(verification.junit(strict: strict))
      }
      if let failure { throw failure }
      guard verification.isClean(strict: strict), !hasUnreadMachines else {
        throw ExitStatus.error
      }
    }
  }

  /// Whether a program reads the result that does not see messages.
  private var isForForge: Bool { format == .sarif || format == .junit }

  /// What becomes of the rules on the machines of the options, and these machines if they are several.
  private func findings(of rules: RuleSet) throws -> (FleetFindings, Fleet?) {
    let machines = try descriptions.fleet()
    let lpars = try lpar.read(areForSeveral: machines != nil)
    func assessment(_ snapshot: Snapshot) throws -> Assessment {
      var assessment = try Assessment(
        inventory: snapshot.inventory, rules: rules, host: snapshot.host,
        context: PlanningContext(configuration: snapshot.configuration))
      try assessment.compare(with: lpars)
      return assessment
    }
    guard let machines else {
      guard let path = descriptions.inventory.first else { return (FleetFindings(), nil) }
      guard isForForge else {
        return (FleetFindings(try assessment(MachineOptions.readDescription(path))), nil)
      }
      // A forge sees the report, and not what is said.
      var findings = FleetFindings()
      var failed: Fleet?
      try [Description(path: path)].forEachMachine { snapshot, _ in
        findings = FleetFindings(try assessment(snapshot))
      } otherwise: {
        var fleet = Fleet(staleAge: descriptions.staleAge)
        fleet.add($0, $1)
        failed = fleet
      }
      return (findings, failed)
    }
    var findings = FleetFindings()
    var fleet = Fleet(staleAge: descriptions.staleAge)
    try machines.forEachMachine { snapshot, heading in
      let assessment = try assessment(snapshot)
      findings.add(assessment, named: heading.name.printable)
      let report = PlanReport(assessment)
      fleet.add(
        heading, Fleet.Standing(report), report.summary, undecidable: report.undecidableCount)
    } otherwise: {
      fleet.add($0, $1)
    }
    return (findings, fleet)
  }

  private func load() throws -> HostRules {
    if !files.isEmpty { return try nonempty(HostRules(paths: files), in: files) }
    if let root { return try rules.load(for: MachineFiles(isThisHost: false, root: root)) }
    let host = try rules.load()
    return rules.directories.isEmpty ? host : try nonempty(host, in: rules.directories)
  }

  /// If a person names a path and there is nothing to check, the path is wrong.
  private func nonempty(_ host: HostRules, in paths: [String]) throws -> HostRules {
    guard host.selection.paths.isEmpty, host.diagnostics.isEmpty else { return host }
    throw UnusableRules(path: paths.first, description: RuleOptions.noFiles(in: paths))
  }
}

/// `apreserve rules`
struct RulesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rules",
    abstract: "Show the rules in force, in order, with their files and lines.",
    usage: "apreserve rules [--in-force|--diff] [<options>]",
    discussion: """
      While the daemon is running, these are its rules: those of the files, or the ones from before, if the \
      files have errors. The list includes files that are not read, since an empty file masks them or a file of \
      the same name in a directory with a higher priority replaces them.

        apreserve rules
        apreserve rules --diff
        apreserve rules --rules ./rules --json

      With --diff the exit status is 0 if the files have the same rules, 2 if others, and 1 if they have errors.
      """)

  @Flag(help: "Require the daemon, and show the rules that it has in force.")
  var inForce = false

  @Flag(help: "Show how the rule files differ from the rules that the daemon has in force.")
  var diff = false

  @OptionGroup(title: OptionTitle.daemon) var daemon: DaemonSource
  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  func validate() throws {
    guard !(inForce && diff) else {
      throw ValidationError("--in-force and --diff exclude each other.")
    }
    guard !daemon.offline || !(inForce || diff) else {
      throw ValidationError("\(diff ? "--diff" : "--in-force") asks the daemon; omit --offline.")
    }
    guard !diff || daemon.control == nil || !rules.directories.isEmpty else {
      throw ValidationError("--diff with --control needs --rules: which files to compare.")
    }
    guard !inForce || rules.directories.isEmpty else {
      throw ValidationError(
        "--in-force shows the daemon's rules; use --diff to compare them with those of --rules.")
    }
  }

  func run() throws {
    try reportingErrors {
      if diff { return try printDifference() }
      if inForce {
        let held = try daemon.requiredRules()
        if let message = held.message { Terminal.say(message) }
        return try print(RuleListing(rules: held.rules, selection: try? rules.load().selection))
      }
      if let held = try daemon.rules(unless: rules.given) {
        return try print(RuleListing(rules: held.rules, selection: try? rules.load().selection))
      }
      let host = try rules.load()
      try print(RuleListing(rules: host.rules, selection: host.selection))
      try rules.check(host)
    }
  }

  private func print(_ listing: RuleListing) throws {
    try Terminal.page(
      output.json ? listing.json.documentText : listing.text(style: output.style))
  }

  private func printDifference() throws {
    let held = try daemon.requiredRules()
    let host = try rules.load()
    try rules.check(host)
    let difference = RuleDifference(RuleChanges(from: held.rules, to: host.rules))
    try output.print(text: difference.text(style: output.style), json: difference.json)
    if !difference.isEmpty { throw ExitStatus.pending }
  }
}

/// `apreserve import`
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Print rules for what is reserved now, by any means.",
    usage: "apreserve import [<options>]",
    discussion: """
      With these rules a plan has nothing to write. What the kernel command line, chzdev, driverctl and \
      mdevctl will reserve at the next boot, and is not reserved now, follows as comments.

        apreserve import > /etc/apreserve/rules.d/50-imported.rules
        apreserve plan
      """)

  @OptionGroup(title: OptionTitle.machine) var tree: SysfsOptions
  @OptionGroup(title: OptionTitle.machine) var descriptions: DescriptionOptions
  @OptionGroup(title: OptionTitle.machine) var captured: CaptureOptions
  @OptionGroup(title: OptionTitle.machine) var record: StateOptions

  private var machine: MachineOptions {
    MachineOptions(tree: tree, descriptions: descriptions, captured: captured, record: record)
  }

  func validate() throws { try machine.validate() }

  func run() throws {
    try reportingErrors {
      let snapshot = try machine.snapshot()
      let rules = RuleImport(
        inventory: snapshot.inventory, host: snapshot.host, configuration: snapshot.configuration,
        ownership: snapshot.ownership)
      try Terminal.print(rules.text())
    }
  }
}

/// Files or directories without rules that a person has named.
struct UnusableRules: Error, CustomStringConvertible {
  /// The first of them.
  var path: String?
  /// What is wrong, and what to do.
  var description: String
}

/// The rules that are used.
struct RuleOptions: ParsableArguments {
  @Option(
    name: .customLong("rules"),
    help: ArgumentHelp(
      "Use the rule files in this directory, instead of those of the system. The option can be repeated: "
        + "a file in an earlier directory replaces the file of the same name in a later one.",
      valueName: "dir"),
    completion: .directory)
  var directories: [String] = []

  /// The options given, which select other rules than the daemon's.
  var given: [String] { directories.isEmpty ? [] : ["--rules"] }

  /// What the rules are called: their directories, or that they are in force.
  var place: String {
    directories.isEmpty ? "the rules in force" : directories.joined(separator: " ")
  }

  /// Rules for no particular machine: those of the options, or of this system.
  static let anyMachine = MachineFiles(isThisHost: false, root: "/")

  /// Reads the rules of the options, or those of the machine.
  func load(for machine: MachineFiles = Self.anyMachine) throws -> HostRules {
    let owner = machine.owner(isNamed: !directories.isEmpty)
    try requireDirectories(owner: owner)
    return HostRules(directories: paths(root: machine.root), owner: owner)
  }

  /// Throws if a directory of the options does not exist.
  func requireDirectories(owner: UInt32?) throws {
    for path in directories {
      // A directory of the options must exist, one of the system need not.
      let problem: String
      do throws(FileError) {
        guard try ConfigurationDirectory.read(path, owner: owner) == nil else { continue }
        problem = "there is no directory \(path)"
      } catch {
        guard case .failed(_, .notDirectory) = error.problem else { throw error }
        problem = "\(path) is not a directory"
      }
      throw UnusableRules(
        path: path, description: "\(problem); use --rules with a directory of rule files")
    }
  }

  /// The message for named directories without rule files.
  static func noFiles(in directories: [String]) -> String {
    "no rule files in \(directories.joined(separator: ", ")); names of rule files end in .rules"
  }

  /// The directories of the options, or those of the system with this root.
  func paths(root: String?) -> [String] {
    guard directories.isEmpty else { return directories }
    guard let root else { return [] }
    let prefix = root.hasSuffix("/") ? String(root.dropLast()) : root
    return RuleFileSelection.directories.map { prefix + $0 }
  }

  /// Ends the program if the rules have errors, which are printed: none of the rules is used then.
  func check(
    _ host: HostRules,
    otherwise sentence: String = "the rules have errors, and none of them is used"
  ) throws {
    guard !host.isUsable else { return }
    Self.sayErrors(of: host, under: sentence)
    throw ExitStatus.error
  }

  /// Prints the errors of rules below a sentence.
  static func sayErrors(of host: HostRules, under sentence: String) {
    Terminal.say("\(sentence)\n\n" + host.verification.text(style: .plain))
  }

  /// Reads the rules. If there are errors, the program ends.
  func rules(for machine: MachineFiles = Self.anyMachine) throws -> RuleSet {
    let host = try load(for: machine)
    try check(host)
    return try used(host, for: machine, quietly: false)
  }

  /// Reads the rules for a report that is of use without them; nil if they have errors, which are printed unless
  /// `quietly`.
  func rulesIfUsable(for machine: MachineFiles, quietly: Bool) throws -> RuleSet? {
    let host = try load(for: machine)
    guard host.isUsable else {
      if !quietly {
        Self.sayErrors(
          of: host,
          under:
            "the rules have errors, and none of them is used: the machine is shown without rules")
      }
      return nil
    }
    return try used(host, for: machine, quietly: quietly)
  }

  private func used(
    _ host: HostRules, for machine: MachineFiles, quietly: Bool
  ) throws -> RuleSet {
    if host.selection.paths.isEmpty, !directories.isEmpty {
      throw UnusableRules(path: directories.first, description: Self.noFiles(in: directories))
    }
    if host.selection.paths.isEmpty, !quietly {
      let paths = paths(root: machine.root)
      let place =
        paths.isEmpty
        ? "there are no rules for this machine (--rules)"
        : "no rule files in \(paths.joined(separator: ", "))"
      Terminal.say("\(place): every queue is unmanaged")
    }
    return host.rules
  }
}

extension HostRules {
  fileprivate var verification: Verification {
    Verification(rules: rules, diagnostics: diagnostics)
  }

  /// Whether there are no errors: with one, none of the rules is used.
  var isUsable: Bool { verification.isClean(strict: false) }
}
