import APBus
import ArgumentParser
import Daemon
import HostSystem
import JSONText
import Reports
import Reservation
import ReservationRules
import Snapshots

/// `apreserve undo`
struct UndoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "undo",
    abstract: "Move queues back that apreserve has moved.",
    usage: "apreserve undo [<time>] [<queues> ...] [--yes|--dry-run] [<options>]",
    discussion: """
      Takes the last operation of the history back, or the one with a move at that time, as "apreserve status \
      --history" prints it; with queues, only what it did with them. The changes of the plan are shown first.

        apreserve undo
        apreserve undo 05.0004
        apreserve undo 2027-01-15T08:00:00Z --yes

      The queues are locked where they were by rules in /run/apreserve/rules.d/\(Undo.fileName), until the next \
      boot. Guards count as for every rule, and locks to the host are kept: what stays is printed with the reason. \
      Nothing is done that would move or refuse other queues as well.

      To undo an undo, run it once more, or remove the file.

      The exit status is 0 if all queues are where they were, 2 if they would be (--dry-run), 3 if one stays, and 1 \
      if nothing was done.
      """)

  @Argument(
    help: ArgumentHelp(
      "The time of a move, as the history prints it, and queues in hex as in sysfs.",
      valueName: "time|queues"))
  var words: [String] = []

  @Flag(help: "Do not ask.")
  var yes = false

  @Flag(help: "Show what would change, and write nothing.")
  var dryRun = false

  @OptionGroup var options: AssessmentOptions

  func validate() throws {
    guard !yes || !dryRun else { throw ValidationError("--yes and --dry-run exclude each other.") }
    guard options.machine.inventory == nil, options.machine.capture == nil else {
      throw ValidationError("undo moves queues, and needs a running machine; use plan for others.")
    }
    guard options.daemon.control == nil || !options.rules.directories.isEmpty else {
      throw ValidationError(
        "--control of another daemon needs --rules: the first directory of its rules, where the file is written."
      )
    }
  }

  func run() throws {
    try reportingErrors {
      let selection = try selection()
      try options.requireNoSettingsOfDaemon()
      guard yes || dryRun || Terminal.canAsk else {
        throw ValidationError(
          "undo asks before it writes; use --yes, or --dry-run to see the changes.")
      }
      let machine = try options.machineWithRules()
      var undo = try Undo(
        selection, in: options.history(), on: machine.state.machine.inventory)
      let file = try currentFile()
      let changed = try plan(&undo, by: file, on: machine)
      if dryRun {
        return try end(undo, undo.staying.isEmpty ? .pending : .refused)
      }
      guard yes || Terminal.ask("Move \(counted(undo.goals.count, "queue")) back?") else {
        Terminal.say("nothing is written")
        throw ExitStatus.error
      }
      try write(changed, insteadOf: file)
      try options.carryOut(.undo, quietly: options.output.json)
      let after = try options.planningMachine(.init(quietly: true)).state.machine.inventory
      for apqn in undo.goals.keys.sorted() where !undo.isDone(apqn, on: after) {
        let owner = after.queue(apqn)?.owner.rawValue ?? "nobody"
        undo.note(apqn, staysBecause: "\(apqn) is with \(owner); next: apreserve explain \(apqn)")
        Terminal.say(undo.staying[apqn] ?? "")
      }
      try end(undo, undo.staying.isEmpty ? .done : .refused)
    }
  }

  /// Leaves out what cannot be moved back, shows the changes, and returns the file as it is to be.
  private func plan(
    _ undo: inout Undo, by file: RuleFile, on machine: AssessmentOptions.PlanningMachine
  ) throws -> RuleFile? {
    let inventory = machine.state.machine.inventory
    let host = machine.state.machine.host
    func assessment(with undo: Undo) throws -> (RuleFile?, Assessment) {
      let (changed, rules) = undo.change(
        file, in: machine.state.rules.rules, on: inventory, host: host)
      return (changed, try machine.assessment(by: rules))
    }
    let before = try machine.assessment(by: machine.state.rules.rules)
    undo.leaveOut(
      notDoneBy: try assessment(with: undo).1,
      others: try machine.assessment(by: Undo.others(machine.state.rules.rules)))
    for (_, reason) in undo.staying.sorted(by: { $0.key < $1.key }) { Terminal.say(reason) }
    guard !undo.goals.isEmpty else {
      Terminal.say("no move of the operation at \(undo.time.text) can be taken back")
      throw undo.staying.isEmpty ? ExitStatus.error : ExitStatus.refused
    }
    let (changed, after) = try assessment(with: undo)
    let sideEffects = undo.sideEffects(on: after, before: before)
    guard sideEffects.isEmpty else {
      for sentence in sideEffects.prefix(20) { Terminal.say(sentence) }
      Terminal.say(
        "nothing is written, since other queues would change as well; name these too if they were moved by the same "
          + "operation, or change the rules")
      throw ExitStatus.refused
    }
    if !options.output.json {
      try Terminal.page(
        options.text(
          PlanDifference(from: before, to: after).text(
            from: "the rules in force", to: "with \(file.path)", style: options.output.style),
          under: machine.heading))
    }
    return changed
  }

  private func end(_ undo: Undo, _ outcome: Undo.Outcome) throws {
    if options.output.json { try Terminal.print(undo.json(outcome).documentText) }
    switch outcome {
    case .done: break
    case .pending: throw ExitStatus.pending
    case .refused: throw ExitStatus.refused
    }
  }

  private func selection() throws -> Undo.Selection {
    var selection = Undo.Selection()
    for word in words {
      if let time = WallTime(text: word) {
        guard selection.time == nil else {
          throw ValidationError("undo takes one time; \(word.printable) is a second one.")
        }
        selection.time = time
      } else {
        selection.queues.append(try QueueArguments.pattern(word))
      }
    }
    return selection
  }

  /// The file of earlier undos; empty if there is none.
  private func currentFile() throws -> RuleFile {
    let directories = options.rules.paths(root: options.machine.ruleFiles.root)
    // Of the directories of the system, the second, below /run, does not outlive a boot.
    let index = options.rules.directories.isEmpty ? 1 : 0
    let path = (directories.count > index ? directories[index] : ".") + "/" + Undo.fileName
    do throws(FileError) {
      return RuleFile(path: path, bytes: try HostFile.read(path, sizeLimit: RuleFile.largestFile))
    } catch {
      guard error.isAbsence else { throw error }
      return RuleFile(path: path, bytes: [])
    }
  }

  /// Writes the file, or removes it if nothing is left of it.
  private func write(_ changed: RuleFile?, insteadOf file: RuleFile) throws {
    try HostFile.makeDirectory(String(file.path.dropLast(Undo.fileName.count + 1)))
    let editing = try options.rules.editing(file.path, mayCreate: true)
    guard editing.file.bytes == file.bytes else {
      Terminal.say(
        "\(file.path) was changed by another process meanwhile, and is left alone; try again")
      throw ExitStatus.error
    }
    if let changed {
      try editing.save(changed, checkedBy: options.rules)
    } else {
      try editing.remove()
    }
  }
}

extension AssessmentOptions {
  /// The machine with the rules in force, which must be those of the files: what is written to the files would put all
  /// of them in force.
  fileprivate func machineWithRules() throws -> PlanningMachine {
    var machine = try planningMachine(.init(quietly: true))
    if !machine.isDaemons {
      try requireNoTrial()
      machine.state.rules.rules = try rules.rules(for: self.machine.ruleFiles)
    } else if let reason = machine.state.rules.errors.first {
      Terminal.say("the rule files are not those in force, so that nothing is undone: \(reason)")
      throw ExitStatus.error
    }
    return machine
  }

  /// Ends the program if an option changes a setting that the daemon, which will move the queues, has by itself.
  fileprivate func requireNoSettingsOfDaemon() throws {
    guard isDaemonAsked, let option = settings.given.first,
      try daemon.state(unless: [], quietly: true) != nil
    else { return }
    Terminal.say(
      "the daemon has its own settings: \(option) would have no effect. Change apreserve.conf(5) and run \"apreserve "
        + "reload\", or stop apreserve.service first")
    throw ExitCode.validationFailure
  }

  /// Ends the program if a change of the rule files is not confirmed, about which only the daemon decides.
  private func requireNoTrial() throws {
    try RuleTrialRecord.requireNone(state: machine.record.state)
  }

  /// What the daemon, or while none is running, earlier programs have done.
  fileprivate func history() throws -> [HistoryEntry] {
    guard isDaemonAsked else {
      return ControlOptions.storedHistory(state: machine.record.state) ?? []
    }
    let entries = try control.history(since: nil, state: machine.record.state)
    // That there are none was said.
    guard !entries.isEmpty else { throw ExitStatus.error }
    return entries
  }

  /// Whether no option selects another machine than the daemon's.
  var isDaemonAsked: Bool {
    !daemon.offline && (daemon.control != nil || machine.given.isEmpty)
  }

  var control: ControlOptions {
    ControlOptions(path: daemon.control ?? DaemonPlace.systemControl)
  }

  /// Carries out the rules as they are: by the daemon, or while none is running by this program. `action` is what a
  /// person has asked for; `quietly` prints no result.
  func carryOut(_ action: HistoryEntry.Action = .apply, quietly: Bool = false) throws {
    if isDaemonAsked {
      do throws(ControlError) {
        let status = try control.apply(action)
        if !quietly { _ = try? Terminal.print("\(status["summary"]?.text ?? "")\n") }
        return
      } catch {
        guard error.isAbsence, daemon.control == nil else { throw error }
      }
    }
    let run = ApplyRun(
      machine: machine.tree, state: machine.record, settings: settings, output: output,
      action: action, isSilent: quietly)
    guard try run.hasBus(try HostSysfs(root: machine.tree.path)) else { return }
    let lock = try machine.record.instanceLock(isThisHost: machine.isThisHost)
    defer { withExtendedLifetime(lock) {} }
    do {
      try run.apply(try rules.rules(for: machine.files))
    } catch let status as ExitCode where status == ExitStatus.refused {
      // What is refused was printed.
    }
  }
}
