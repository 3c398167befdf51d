import APBus
import ArgumentParser
import Daemon
import Glibc
import HostSystem
import JSONText
import Reports
import ReservationRules
import Snapshots

/// `apreserve edit`
struct EditCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "edit",
    abstract: "Edit a rule file; check and show what it changes before it is written.",
    usage: "apreserve edit [<file>] [--confirm <time>] [<options>]",
    discussion: """
      Opens a copy of the file in $SUDO_EDITOR, $VISUAL, $EDITOR or vi. When the editor ends, all rules are verified \
      with the change, and how the plan changes is shown; after a question the file is replaced at once, and the \
      daemon carries it out. With --confirm it takes the change back after this time unless "apreserve confirm" is \
      run.

        apreserve edit
        apreserve edit 60-host.rules --confirm 5min

      The exit status is 0 if the file is written or unchanged, 1 if it is not written, and otherwise that of the \
      daemon's work, as for apply.
      """)

  @Argument(
    help: ArgumentHelp(
      "The rule file: a path, or a name in /etc/apreserve/rules.d or the first directory of --rules. It is created if "
        + "it does not exist.", valueName: "file"),
    completion: .file(extensions: ["rules"]))
  var file = "50-local.rules"

  @Flag(help: "Do not ask before the file is written.")
  var yes = false

  @OptionGroup var trial: TrialOptions
  @OptionGroup var options: AssessmentOptions

  func validate() throws {
    guard options.machine.inventory == nil, options.machine.capture == nil else {
      throw ValidationError(
        "edit changes the rules of a running machine; use plan --diff to compare rules on another one."
      )
    }
    guard !options.output.json else {
      throw ValidationError("edit is interactive, and has no --json.")
    }
  }

  func run() throws {
    try reportingErrors {
      guard yes || Terminal.canAsk else {
        throw ValidationError(
          "edit asks before it writes; use --yes, or \"apreserve rule\" in scripts.")
      }
      let hasDaemon = try requireDaemon()
      let original = try options.rules.editing(file, mayCreate: true).file
      let draft = try Draft(of: original)
      do {
        guard let changed = try edit(original, in: draft) else { return }
        try write(changed, insteadOf: original, isLateTrial: try isOnTrial(hasDaemon))
      } catch {
        draft.keep()
        throw error
      }
      guard hasDaemon else {
        Terminal.say("the daemon is not running; \"apreserve apply\" carries the rules out once")
        return
      }
      let status = try options.control.apply(.edit)
      try Terminal.print("\(status["summary"]?.text ?? "")\n")
      try ControlOptions.endApplying(with: status)
    }
  }

  /// Whether a daemon is running that carries the change out. With --confirm one must be.
  private func requireDaemon() throws -> Bool {
    if options.isDaemonAsked {
      do throws(ControlError) {
        _ = try options.control.call("GetRules")
        return true
      } catch {
        guard error.isAbsence, trial.time == nil, options.daemon.control == nil else { throw error }
      }
    }
    guard trial.time == nil else {
      throw ValidationError(
        "--confirm needs the daemon, and cannot be combined with options for another machine.")
    }
    return false
  }

  /// Whether a change is on trial already.
  private func isOnTrial(_ hasDaemon: Bool) throws -> Bool {
    guard hasDaemon else { return false }
    return try options.control.status("GetStatus")["rules"]?["confirmUntil"]?.text != nil
  }

  /// Lets a person edit until the rules have no errors and the change is wanted. Nil if nothing is changed.
  private func edit(_ original: RuleFile, in draft: Draft) throws -> RuleFile? {
    while true {
      let bytes = try draft.edit()
      guard bytes != draft.start else {
        try Terminal.print("\(original.path) is unchanged\n")
        return nil
      }
      let changed = RuleFile(path: original.path, bytes: bytes)
      let host = try options.rules.editing(original.path, mayCreate: true).rules(with: changed)
      let hasErrors = !host.isUsable
      if hasErrors { RuleOptions.sayErrors(of: host, under: "the rules would have errors") }
      if hasErrors, !yes, Terminal.ask("Edit again?") { continue }
      if !hasErrors {
        try show(host.rules)
        if yes || Terminal.ask("Write \(original.path)?") { return changed }
      }
      Terminal.say("nothing is written")
      throw ExitStatus.error
    }
  }

  /// Shows how the plan changes; on a machine without an AP bus, only that there is none.
  private func show(_ rules: RuleSet) throws {
    var machine: AssessmentOptions.PlanningMachine
    do {
      machine = try options.planningMachine()
    } catch let status as ExitCode where status == ExitStatus.noBus {
      return
    }
    // The rules as they are may have the errors for which the file is edited.
    if !machine.isDaemons {
      machine.state.rules.rules = try options.rules.load(for: options.machine.ruleFiles).rules
    }
    let difference = PlanDifference(
      from: try machine.assessment(by: machine.state.rules.rules),
      to: try machine.assessment(by: rules))
    try Terminal.page(
      options.text(
        difference.text(
          from: "the rules in force", to: "as edited", style: options.output.style),
        under: machine.heading))
  }

  /// Replaces the file. A trial begins before, so that the change cannot be in force without being on trial; what
  /// others change is not on trial if the file is not written.
  private func write(
    _ changed: RuleFile, insteadOf original: RuleFile, isLateTrial: Bool
  ) throws {
    let editing = try options.rules.editing(original.path, mayCreate: true)
    guard editing.file == original else {
      Terminal.say(
        "\(original.path.printable) was changed by another process meanwhile, and is left alone")
      throw ExitStatus.error
    }
    try trial.begin(.next, by: options.control)
    do {
      try editing.save(changed, checkedBy: options.rules)
    } catch {
      if trial.time != nil, !isLateTrial { _ = try? options.control.call("ConfirmRules") }
      throw error
    }
  }
}

/// A copy of a rule file that is edited.
private final class Draft {
  /// What a person begins with.
  let start: [UInt8]
  private let directory: String
  private let path: String
  private var isKept = false

  init(of file: RuleFile) throws {
    start =
      file.bytes.isEmpty
      ? Array("# Rules of apreserve; apreserve.rules(5) describes them, such as:\n".utf8)
        + Array(
          "# ADAPTER==\"5|6\", DOMAIN==\"4\", RESERVE=\"vfio_ap\", NAME=\"web guests\"\n".utf8)
      : file.bytes
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/apreserve-edit.XXXXXX".utf8CString)
    guard let name = mkdtemp(&template) else {
      throw FileError(parent, .failed("creating a directory in", Errno(rawValue: errno)))
    }
    directory = String(cString: name)
    path = directory + "/" + RuleFileSelection.baseName(file.path)
    try HostFile.replace(path, with: start)
  }

  /// Runs the editor, and returns what the file has then.
  func edit() throws -> [UInt8] {
    let editor = Self.editor
    // As git does: the variable may have options.
    guard let process = Child.start(["/bin/sh", "-c", "exec \(editor) \"$1\"", "sh", path]) else {
      throw FileError("/bin/sh", .failed("starting", Errno(rawValue: errno)))
    }
    let handlers = [SIGINT, SIGQUIT].map { ($0, signal($0, SIG_IGN)) }
    defer { for (number, handler) in handlers { signal(number, handler) } }
    guard Child.wait(for: process) == 0 else {
      Terminal.say("the editor, \(editor), has failed; nothing is written")
      throw ExitStatus.error
    }
    return try HostFile.read(path, sizeLimit: RuleFile.largestFile + 1)
  }

  private static var editor: String {
    let named = ["SUDO_EDITOR", "VISUAL", "EDITOR"].compactMap { (name: String) in
      getenv(name).map { String(cString: $0) }
    }
    return named.first { !$0.isEmpty } ?? "vi"
  }

  /// Leaves the text for a person, and says where.
  func keep() {
    guard !isKept else { return }
    isKept = true
    Terminal.say("the edited text is in \(path)")
  }

  deinit {
    guard !isKept else { return }
    unlink(path)
    rmdir(directory)
  }
}
