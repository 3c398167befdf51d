import APBus
import ArgumentParser
import Daemon
import HostSystem
import JSONText
import Reports
import Reservation
import ReservationRules
import Snapshots

/// A machine, rules and settings: what a plan is made from.
struct AssessmentOptions: ParsableArguments {
  @OptionGroup(title: OptionTitle.daemon) var daemon: DaemonSource
  @OptionGroup(title: OptionTitle.machine) var tree: SysfsOptions
  @OptionGroup(title: OptionTitle.machine) var descriptions: DescriptionOptions
  @OptionGroup(title: OptionTitle.machine) var captured: CaptureOptions
  @OptionGroup(title: OptionTitle.machine) var record: StateOptions
  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.settings) var settings: SettingsOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  var machine: MachineOptions {
    MachineOptions(tree: tree, descriptions: descriptions, captured: captured, record: record)
  }

  func validate() throws { try machine.validate() }

  /// A machine, what a plan for it is made from, and the heading of reports about it.
  typealias AssessedMachine = (
    state: PlanningState, assessment: Assessment, heading: MachineHeading
  )

  /// What a command needs of a machine and its rules.
  struct Needs {
    /// Whether what was said before is left out.
    var quietly = false
    /// Whether adapters are asked for the master keys that can be read.
    var masterKeys = false
    /// Whether the numbers of requests that queues have to finish are read. Which steps precede a change depends on
    /// them, and not what becomes of a queue.
    var pendingRequests = true
    /// Whether a machine whose rules have errors, which are printed, is shown without any. Otherwise the program ends.
    var evenWithoutRules = false
  }

  /// Assesses the machine: as the daemon does, if one runs and no option asks for anything else.
  func assessedMachine(
    _ needs: Needs = Needs(), changingOverTo changeover: Mechanism? = nil
  ) throws -> AssessedMachine {
    let machine = try ruledMachine(needs)
    let assessment = try machine.assessment(changingOverTo: changeover)
    return (machine.state, assessment, machine.heading)
  }

  /// The machine with the rules for it, whoever has them.
  func ruledMachine(_ needs: Needs = Needs()) throws -> PlanningMachine {
    var machine = try planningMachine(unless: rules.given, needs)
    if !machine.isDaemons {
      let rules = try ruleSet(needs)
      machine.state.rules = RulesInForce(rules ?? RuleSet())
      machine.hasRuleErrors = rules == nil
    }
    // A daemon has read what its rules compare.
    let isCompared = !machine.isDaemons && machine.state.rules.rules.readsMasterKeys
    if isCompared || needs.masterKeys && daemon.control == nil {
      try self.machine.readMasterKeys(into: &machine.state.machine.inventory)
    }
    return machine
  }

  /// The rules of the options; nil if they have errors and the command can do without.
  func ruleSet(_ needs: Needs = Needs()) throws -> RuleSet? {
    let files = machine.ruleFiles
    return needs.evenWithoutRules
      ? try rules.rulesIfUsable(for: files, quietly: needs.quietly) : try rules.rules(for: files)
  }

  /// A machine with all that a plan is made from. The rules are only those of a daemon.
  struct PlanningMachine {
    var state: PlanningState
    var heading: MachineHeading
    /// Whether the daemon has said all that.
    var isDaemons: Bool
    var isOwnershipKnown = true
    /// Whether it has no rules because they have errors.
    var hasRuleErrors = false

    /// Ends the program with an error if the rules, whose errors were printed, could not be used.
    func requireUsableRules() throws {
      if hasRuleErrors { throw ExitStatus.error }
    }

    /// Assesses it by these rules; without any, by those that it has.
    func assessment(
      by rules: RuleSet? = nil, changingOverTo changeover: Mechanism? = nil
    ) throws -> Assessment {
      var state = state
      if let rules { state.rules = RulesInForce(rules) }
      if let changeover,
        let sentence = Configuration(applied: state.settings)
          .contradiction(toChangingOverTo: changeover)
      {
        Terminal.say(sentence)
        throw ExitStatus.refused
      }
      var assessment = try state.assessment(changingOverTo: changeover)
      assessment.isOwnershipKnown = isOwnershipKnown
      return assessment
    }

    /// Compares what a guest has on another host with this machine, under the rules for it.
    func move(of guest: Guest, from source: Inventory?) throws -> GuestMove {
      var machine = self
      let configuration = state.machine.configuration
      machine.state.machine.configuration = configuration.adding(guest)
      return GuestMove(
        of: guest, from: source, to: try machine.assessment(),
        whoseDefinitionsAre: configuration)
    }
  }

  /// Reads the machine and its settings, or asks the daemon for them, if one runs and no option asks for anything
  /// else; `others` are more such options.
  func planningMachine(
    unless others: [String] = [], _ needs: Needs = Needs()
  ) throws -> PlanningMachine {
    let options = machine.given + others + settings.given
    if let state = try daemon.state(unless: options, quietly: needs.quietly) {
      // The daemon says its settings, and not what is wrong in their files.
      if !needs.quietly, daemon.control == nil { _ = try settings.settings(for: machine.files) }
      let heading = MachineHeading(
        host: state.machine.host, kernel: state.machine.kernel,
        source: .daemon(HostTime().now - state.lastSurvey))
      return PlanningMachine(state: state, heading: heading, isDaemons: true)
    }
    let protectsHost = self.settings.source(for: machine.files)(nil).policy.protectHost == .yes
    // Without a bus nothing else is reported.
    let (snapshot, isOwnershipKnown) = try machine.read(
      masterKeys: protectsHost, pendingRequests: needs.pendingRequests)
    let settings = try self.settings.settings(for: machine.files)
    return PlanningMachine(
      state: PlanningState(
        machine: snapshot, rules: RulesInForce(RuleSet()), settings: settings.applied,
        memory: AgentMemory(), lastSurvey: HostTime().now),
      heading: machine.heading(of: snapshot), isDaemons: false, isOwnershipKnown: isOwnershipKnown)
  }

  /// Reads sets of rules, each from a file or a directory. If any of them has errors, all errors are printed, and the
  /// program ends.
  func ruleSets(at paths: [String]) throws -> [RuleSet] {
    let owner = machine.ruleFiles.owner(isNamed: true)
    let sets = paths.map { HostRules(paths: [$0], owner: owner) }
    var hasErrors = false
    for (path, set) in zip(paths, sets) {
      if !set.isUsable {
        RuleOptions.sayErrors(of: set, under: "the rules of \(path) have errors")
        hasErrors = true
      } else if set.selection.paths.isEmpty {
        Terminal.say(RuleOptions.noFiles(in: [path]))
        hasErrors = true
      }
    }
    if hasErrors { throw ExitStatus.error }
    return sets.map(\.rules)
  }

  /// The form of reports: JSON with --json, else text.
  var form: ReportForm { output.json ? .json : .text }

  /// Prints a report with its heading, or, with --json, a document, which has the heading as the member `machine`.
  func print(
    _ heading: MachineHeading, text: @autoclosure () -> String, json: @autoclosure () -> JSONValue
  ) throws {
    try Terminal.page(
      output.json ? json().documentText : self.text(text(), under: heading))
  }

  func text(_ text: String, under heading: MachineHeading) -> String {
    heading.line(style: output.style) + "\n\n" + text
  }
}
