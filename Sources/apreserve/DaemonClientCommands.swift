import APBus
import ArgumentParser
import Daemon
import Glibc
import HostSystem
import JSONText
import Reports
import ReservationRules

/// `apreserve status`
struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show the progress of the daemon, and what is not as requested.",
    usage:
      "apreserve status [--settings] [--json|--metrics|--history [--since <time>]] [<options>]",
    discussion: """
        apreserve status
        apreserve status --watch
        apreserve status --history --since "2h ago"

      --history prints when which queue was moved by which rule, what was refused, and who asked for what. It \
      survives restarts and boots, and root can read it while the daemon is not running.

      --json prints the type Status of the daemon's Varlink interface org.apreserve, and with --history a value \
      of the type HistoryEntry on each line; --metrics prints \
      text for Prometheus, as apreserve-exporter.socket does over HTTP.

      The exit status is 0 if everything requested is reserved, pending or waiting; 1 if no daemon is running, or \
      something is blocked or does not work; 3 if a requested queue is refused, contended, missing, unusable, \
      undecidable or unreadable, a queue is not given back to the host, or something has failed; 4 if there is no AP \
      bus. With --metrics and --history it is 0.
      """)

  @OptionGroup(title: OptionTitle.daemon) var control: ControlOptions

  @Flag(help: "Print the status as JSON.")
  var json = false

  @Flag(help: "Print the settings in force and where they come from, too.")
  var settings = false

  @Flag(help: "Print the status again whenever it has changed, until interrupted.")
  var watch = false

  @Flag(help: "Print metrics for Prometheus.")
  var metrics = false

  @Flag(help: "Print the last 5,000 entries of the history, the oldest first.")
  var history = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Print only entries since this time: a date, a time of day or both in local time, today, yesterday, "
        + "boot, or a time ago such as -2h.", valueName: "time"))
  var since: String?

  @Option(
    name: .customLong("state-dir"),
    help: ArgumentHelp(
      "Read the history in this directory while no daemon is running; the default is /var/lib/apreserve.",
      valueName: "dir"), completion: .directory)
  var state: String?

  func validate() throws {
    guard !(metrics && (json || history)) else {
      throw ValidationError("--metrics cannot be combined with --json or --history.")
    }
    guard !(watch && (metrics || history)) else {
      throw ValidationError("--watch cannot be combined with --metrics or --history.")
    }
    guard history || since == nil && state == nil else {
      throw ValidationError("\(since == nil ? "--state-dir" : "--since") requires --history.")
    }
    guard since == nil || start != nil else {
      throw ValidationError(
        "--since must be a time such as \"2027-01-15 08:00\", \"08:00\", \"2h ago\", -30min, today, "
          + "yesterday or boot.")
    }
  }

  private var start: HistoryStart? {
    since.flatMap { HistoryStart(text: $0, now: HostTime().wallTime) }
  }

  func run() throws {
    try reportingErrors {
      if history {
        let lines = try control.history(since: start, state: state).flatMap {
          json ? [$0.json.text()] : style.lines($0.line, after: "")
        }
        return try Terminal.page(lines.map { $0 + "\n" }.joined())
      }
      if watch { return try watchStatus() }
      if metrics { return try Terminal.page(try control.metrics()) }
      let status = try control.status("GetStatus")
      try Terminal.page(text(of: status))
      try ControlOptions.end(with: status, silently: true)
    }
  }

  private func text(of status: JSONValue) -> String {
    json
      ? status.documentText
      : StatusView(status).text(
        now: HostTime().wallTime, hasSettings: settings, style: style)
  }

  private var style: TextStyle { TextStyle(isColored: false, width: Terminal.width) }

  /// Prints the status whenever anything but times and counters has changed.
  private func watchStatus() throws {
    try Watch.run { _ in
      let status = try control.status("GetStatus")
      return (StatusView(status).lasting, text(of: status))
    }
  }
}

/// `apreserve reload`
struct ReloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload",
    abstract: "Make the daemon read its rules and its configuration again.",
    usage: "apreserve reload [<options>]",
    discussion: """
      Waits until they have been read. The exit status is 0 if they are in force, and 1 if the rules have \
      errors, so that the earlier rules stay in force, or if the configuration has errors; all errors are \
      printed. If there are no rules any more, everything is given back.
      """)

  @OptionGroup(title: OptionTitle.daemon) var control: ControlOptions

  func run() throws {
    try reportingErrors {
      let reply = try control.call("Reload")
      for warning in reply["warnings"]?.elements ?? [] {
        if let text = warning.text { Terminal.say(text) }
      }
      guard let files = reply["files"]?.elements.count, let count = reply["count"]?.integer else {
        throw ControlError.nonsense(control.control)
      }
      try Terminal.print(
        "\(counted(count, "rule")) in \(counted(files, "file")) in force\n")
      let problems = (reply["problems"]?.elements ?? []).compactMap(\.text)
      for problem in problems { Terminal.say(problem) }
      if !problems.isEmpty { throw ExitStatus.error }
    }
  }
}

/// `apreserve confirm`
struct ConfirmCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "confirm",
    abstract: "Keep the change of the rules that is on trial.",
    usage: "apreserve confirm [--take-back] [<options>]",
    discussion: """
      "apreserve apply --confirm" and "apreserve edit --confirm" put a change of the rules on trial: unless it is \
      confirmed in time, the daemon puts the rules from before in force again.

      The exit status is 0 if it is done, and 1 if no change is on trial.
      """)

  @Flag(help: "Put the rules from before in force again, now.")
  var takeBack = false

  @OptionGroup var daemon: ControlOptions

  func run() throws {
    try reportingErrors {
      guard takeBack else {
        _ = try daemon.call("ConfirmRules")
        try Terminal.print("the change of the rules is confirmed\n")
        return
      }
      _ = try daemon.call("TakeBackRules")
      let status = try daemon.apply(.takeBack)
      try Terminal.print("the rules from before are in force\n")
      for reason in StatusView(status).notGivenBack { Terminal.say(reason) }
    }
  }
}

/// How long a change of the rules is on trial.
struct TrialOptions: ParsableArguments {
  @Option(
    name: .customLong("confirm"),
    help: ArgumentHelp(
      "Take the change of the rules back after this time, such as 5min, unless \"apreserve confirm\" is run before.",
      valueName: "time"))
  var time: String?

  init() {}

  init(time: String?) { self.time = time }

  func validate() throws { _ = try period() }

  /// The time in whole seconds; nil if the change is not on trial.
  func period() throws -> Duration? {
    guard let time else { return nil }
    do throws(InvalidValue) {
      let period = try Duration(setting: time, atLeast: .seconds(1))
      return .seconds(period.components.seconds)
    } catch {
      throw ValidationError("--confirm: \(error.advice).")
    }
  }

  /// Has the daemon put a change on trial, and reports that.
  func begin(_ change: RuleTrial.Change, by control: ControlOptions) throws {
    guard let period = try period() else { return }
    let reply = try control.call(
      "TryRules",
      parameters: [
        .init("seconds", .integer(Int(period.components.seconds))),
        .init("next", .bool(change == .next)),
      ])
    for change in reply["changes"]?.elements ?? [] {
      if let text = change.text { Terminal.say(text) }
    }
    let until = reply["until"]?.text.flatMap { WallTime(text: $0) }?.localText ?? "?"
    Terminal.say(
      "\(change == .last ? "this is" : "what is changed now is") taken back at \(until) unless it is confirmed"
    )
    Terminal.say("next: apreserve confirm")
  }
}

/// `apreserve settle`
struct SettleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "settle",
    abstract: "Wait until everything that the rules request is reserved or refused.",
    usage: "apreserve settle [--require <queues>] [--name <label>] [--guest <name>] [<options>]",
    discussion: """
      This includes events and changes of rule files from before the call. For scripts:

        apreserve settle --timeout 30 --guest web1 && virsh start web1

      With --require, --name or --guest, only the requested queues that match all of them count: each must be \
      reserved and usable. A queue that --require names by itself, without range or *, must be requested as \
      well; and a guest must be defined so that it can be started.

      The exit status is 0 if all queues that count are reserved, 3 if one is not and will not be without \
      further action, and 1 if the time has expired or no queue matches. Without these options it is also 3 if a \
      queue is not given back to the host, and 1 if rules or settings have errors. Whatever is wrong is printed, and \
      on a terminal what is waited for.
      """)

  @OptionGroup(title: OptionTitle.daemon) var control: ControlOptions

  @Option(help: ArgumentHelp("Wait at most this many seconds.", valueName: "seconds"))
  var timeout: Int?

  @Option(
    help: ArgumentHelp(
      "Require these queues, as in rules: 05-07.0004|0a.*", valueName: "queues"))
  var require: String?

  @Option(help: ArgumentHelp("Require the queues of rules with this label.", valueName: "label"))
  var name: String?

  @Option(
    help: ArgumentHelp(
      "Require the queues of this guest: a virtual machine, or the UUID of a mediated device.",
      valueName: "name"), completion: GuestCommand.completion)
  var guest: String?

  private var filter: [JSONValue.Member] {
    [("queues", require), ("label", name), ("guest", guest)].compactMap { key, value in
      value.map { JSONValue.Member(key, .string($0)) }
    }
  }

  func validate() throws {
    guard timeout.map({ (0...86_400 * 365).contains($0) }) ?? true else {
      throw ValidationError("--timeout must be a number of seconds, 0 or more.")
    }
    if let require {
      do {
        _ = try APQNPattern(require)
      } catch {
        throw ValidationError("--require: \(error.sentence)")
      }
    }
  }

  func run() throws {
    try reportingErrors {
      do {
        let reply = try control.callWithProgress("Settle", timeout: timeout.map { .seconds($0) })
        guard let status = reply["status"], status["summary"]?.text != nil else {
          throw ControlError.nonsense(control.control)
        }
        if filter.isEmpty {
          try Terminal.print("\(status["summary"]?.text ?? "")\n")
          try ControlOptions.end(with: status)
        } else {
          StatusView(status).problems.forEach(Terminal.say)
          try checkRequired()
        }
      } catch ControlError.timeout {
        let status = try control.call("GetStatus", timeout: .seconds(5))["status"]
        Terminal.say(
          "not settled after \(timeout ?? 0) s: \(status?["summary"]?.text ?? "no status")")
        // Before the first scan there are no requests to name.
        let reply = try? control.call("GetRequests", parameters: filter, timeout: .seconds(5))
        reply.map(openRequests(in:))?.forEach(Terminal.say)
        throw ExitStatus.error
      }
    }
  }

  /// Ends the command with an error unless all required queues are reserved and usable.
  private func checkRequired() throws {
    let reply = try control.call("GetRequests", parameters: filter)
    let required = reply["requested"]?.integer ?? 0
    if required > 0 {
      let reserved = reply["reserved"]?.integer ?? 0
      try Terminal.print("\(reserved) of \(required) required queues reserved\n")
    }
    let problems =
      openRequests(in: reply) + (reply["problems"]?.elements ?? []).compactMap(\.text)
    problems.forEach(Terminal.say)
    guard required > 0 else {
      Terminal.say(
        "no requested queue matches "
          + [("--require", require), ("--name", name), ("--guest", guest)]
          .compactMap { option, value in value.map { "\(option) \($0.printable)" } }
          .joined(separator: " "))
      if guest != nil, problems.isEmpty {
        Terminal.say(
          "--guest takes the name of a virtual machine of libvirt, or the UUID of a mediated "
            + "device; --name takes the NAME of a rule")
      }
      throw ExitStatus.error
    }
    if !problems.isEmpty { throw ExitStatus.refused }
  }

  /// Why requests of a reply are not reserved and usable, each a sentence.
  private func openRequests(in reply: Reply) -> [String] {
    (reply["openRequests"]?.elements ?? []).compactMap(StatusView.message(ofRequests:))
  }
}

/// How long a command waits for the daemon to do what it can.
struct WorkOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Wait at most this many seconds for the daemon, if it does the work; the default is 600.",
      valueName: "seconds"))
  var timeout: Int?

  var limit: Duration { timeout.map { .seconds($0) } ?? ControlOptions.workLimit }

  func validate() throws {
    guard timeout.map({ (0...86_400 * 365).contains($0) }) ?? true else {
      throw ValidationError("--timeout must be a number of seconds, 0 or more.")
    }
  }
}

/// The daemon that is called.
struct ControlOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Use this control socket of the daemon.", valueName: "path"),
    completion: .file())
  var control = DaemonPlace.systemControl

  init() {}

  init(path: String) { control = path }

  /// The longest wait for a reply that needs no other work.
  static let patience = Duration.seconds(30)

  /// Calls a method of the daemon and waits for its result; nil waits without limit.
  func call(
    _ method: String, parameters: [JSONValue.Member] = [],
    timeout: Duration? = ControlOptions.patience
  ) throws(ControlError) -> Reply {
    try ControlClient(path: control).call(
      Call("org.apreserve.\(method)", parameters: parameters), timeout: timeout)
  }

  /// The status that a method answers.
  func status(_ method: String) throws(ControlError) -> JSONValue {
    guard let status = try call(method)["status"], status["summary"]?.text != nil else {
      throw .nonsense(control)
    }
    return status
  }

  /// The metrics of the daemon, as text for Prometheus.
  func metrics(timeout: Duration = ControlOptions.patience) throws(ControlError) -> String {
    guard let text = try call("GetMetrics", timeout: timeout)["text"]?.text else {
      throw .nonsense(control)
    }
    return text
  }

  /// The same as `call` for a method that waits for the daemon to come to an end. On a terminal, what it waits for is shown
  /// meanwhile.
  func callWithProgress(
    _ method: String, parameters: [JSONValue.Member] = [], timeout: Duration? = nil
  ) throws(ControlError) -> Reply {
    var progress = Progress()
    defer { progress.clear() }
    return try ControlClient(path: control).call(
      Call("org.apreserve.\(method)", parameters: parameters), timeout: timeout,
      onWait: {
        guard Progress.isShown else { return }
        let reply = try? call("GetStatus", timeout: .seconds(1))
        guard let status = reply?["status"] else { return }
        progress.show(StatusView(status).outlook)
      })
  }

  /// The longest wait for the daemon to do what it can. Its own waits have limits, but the kernel's have not.
  static let workLimit = Duration.seconds(600)

  /// Lets the daemon do everything that it can do now, for a command that asks for it; its status then.
  func apply(
    _ action: HistoryEntry.Action = .apply, within limit: Duration = ControlOptions.workLimit
  ) throws(ControlError) -> JSONValue {
    try work(
      "Apply", parameters: [.init("command", .string(action.rawValue))], within: limit)
  }

  /// Calls a method that answers when nothing is left that the daemon can do now; its status then. If it takes longer,
  /// the daemon goes on, and the error says how far it is.
  func work(
    _ method: String, parameters: [JSONValue.Member] = [], within limit: Duration
  ) throws(ControlError) -> JSONValue {
    do throws(ControlError) {
      return try callWithProgress(method, parameters: parameters, timeout: limit)["status"]
        ?? .object([])
    } catch .timeout {
      let status = try? call("GetStatus", timeout: .seconds(5))["status"]
      throw .unfinished(
        limit, status.flatMap { StatusView($0).outlook } ?? "the daemon does not answer")
    }
  }

  /// The history that the daemon has, or while none is running, what earlier programs have left in the directory
  /// `state`.
  func history(since start: HistoryStart?, state: String?) throws -> [HistoryEntry] {
    do throws(ControlError) {
      let reply = try call(
        "ListHistory", parameters: start.map { [.init("since", .string($0.word))] } ?? [])
      return (reply["entries"]?.elements ?? []).compactMap { HistoryEntry(json: $0) }
    } catch {
      guard error.isAbsence, state != nil || control == DaemonPlace.systemControl else {
        throw error
      }
      let stored: StoredHistory
      do throws(FileError) {
        stored = try StoredHistory.read(DaemonPlace.historyDirectories(state: state))
      } catch {
        Terminal.say(
          "the daemon is not running, and the history that earlier programs have kept cannot be read: \(error)"
            + (geteuid() == 0 ? "" : "; root can read it"))
        throw ExitStatus.error
      }
      guard !stored.entries.isEmpty || !stored.problems.isEmpty else {
        Terminal.say(
          "there is no history yet: no program of apreserve has moved anything on this machine, and the daemon is not "
            + "running")
        return []
      }
      Terminal.say("\(error); this is what earlier programs have kept")
      return Self.entries(of: stored, since: start)
    }
  }

  /// What earlier programs have left of the history; nil if it cannot be read.
  static func storedHistory(state: String?) -> [HistoryEntry]? {
    (try? StoredHistory.read(DaemonPlace.historyDirectories(state: state)))
      .map { entries(of: $0, since: nil) }
  }

  private static func entries(
    of stored: StoredHistory, since start: HistoryStart?
  ) -> [HistoryEntry] {
    for problem in stored.problems { Terminal.say(problem) }
    return History(stored.entries).entries(since: start, boot: HostFacts().bootID)
  }

  /// Ends a command with the exit status for a status: 1 if something does not work, 3 if something is
  /// refused or has failed, 4 without an AP bus. Unless `silently`, the reasons are printed.
  static func end(with status: JSONValue, silently: Bool = false) throws {
    let view = StatusView(status)
    if !silently { view.complaints().forEach(Terminal.say) }
    try end(with: view.outcome)
  }

  /// The same after the daemon has done what it can, with the exit status that a program has which does it by itself.
  static func endApplying(with status: JSONValue) throws {
    let view = StatusView(status)
    view.complaints().forEach(Terminal.say)
    try end(with: view.outcomeOfApplying)
  }

  private static func end(with outcome: StatusView.Outcome) throws {
    switch outcome {
    case .fine: break
    case .refused: throw ExitStatus.refused
    case .withoutBus: throw ExitStatus.noBus
    case .error: throw ExitStatus.error
    }
  }
}
