import APBus
import HostSystem
import Reports
import ReservationRules

/// The rules in force: read at the start, read again when the directories have changed and from time to
/// time, and logged.
final class RuleStore {
  private let keeper: RuleKeeper
  private let log: any MessageLog
  private let history: HistoryKeeper
  private let onChange: (RuleSet, _ isExplicit: Bool) -> Void
  private let onRead: () -> Void
  private var watch: FileWatch?
  private var timer: EventTimer?
  private var trialTimer: EventTimer?
  /// Directories that are not watched and were reported.
  private var reported: Set<String> = []

  /// How often everything is read without a reason: what is mounted over a directory, and what cannot be
  /// watched, sends no event.
  var interval: Duration {
    didSet { if isNeeded { timer?.set(after: interval) } }
  }

  /// Whether anything depends on the rules now. Without an AP bus nothing does, and nothing is read without a
  /// reason, so that the daemon sleeps.
  var isNeeded = true {
    didSet {
      guard isNeeded != oldValue else { return }
      if isNeeded {
        refresh()
        timer?.set(after: interval)
      } else {
        timer?.clear()
      }
    }
  }

  /// Reads the rules and watches their directories. `onChange` gets the rules in force when they have changed, and
  /// whether a person has asked for that; `onRead` is called whenever the files may have changed.
  init(
    _ loop: EventLoop, settings: DaemonSettings, interval: Duration, log: any MessageLog,
    history: HistoryKeeper, onRead: @escaping () -> Void,
    onChange: @escaping (RuleSet, _ isExplicit: Bool) -> Void
  ) throws {
    keeper = RuleKeeper(
      directories: settings.ruleDirectories, owner: settings.ruleOwner,
      archive: settings.ruleArchive, trial: settings.ruleTrial,
      boot: settings.record?.boot ?? "")
    self.log = log
    self.history = history
    self.interval = interval
    self.onChange = onChange
    self.onRead = onRead
    // Watched first: what is written while they are read is noticed.
    let watch = try FileWatch(
      loop, directories: settings.ruleDirectories,
      files: settings.hostNameFile.map { [$0] } ?? [], writerLimit: settings.writerLimit
    ) { [unowned self] in
      readAgain()
    }
    self.watch = watch
    load(isExplicit: false)
    trialTimer = try EventTimer(loop) { [unowned self] in endTrial() }
    setTrialTimer()
    timer = try EventTimer(loop) { [unowned self] in
      refresh()
      // The agent's thread lets go of rules after they have been replaced here.
      Memory.returnFreed()
      if isNeeded { timer?.set(after: self.interval) }
    }
    timer?.set(after: interval)
    reportWatch()
  }

  /// The rules in force, and what is wrong with the files.
  var condition: RuleKeeper.Condition { keeper.condition }

  /// What does not work, each a sentence.
  var problems: [String] {
    (watch?.problems ?? []).map(Self.sentence)
      + [condition.archiveProblem, condition.trialProblem].compactMap(\.self)
  }

  /// Takes in what has been written already, without waiting for more. What is still being written is
  /// not.
  func refresh() { watch?.refresh() }

  /// Reads the rules, and logs what has changed. True when others are in force than before.
  @discardableResult func load(isExplicit: Bool) -> Bool {
    let before = keeper.condition
    let isFirst = !keeper.hasRead
    let watch = watch
    let hasChanged = keeper.load(isExplicit: isExplicit) { path, isOpen in
      watch?.isUnfinished(path, isOpen: isOpen) ?? (isOpen == true)
    }
    // At the start, that is what the last daemon had in force.
    let earlier = isFirst ? keeper.earlier : before.rules
    let changes = earlier.map { RuleChanges(from: $0, to: keeper.condition.rules) }
    for message in RuleMessages.messages(
      from: before, to: keeper.condition, changes: changes, isExplicit: isExplicit)
    {
      // The errors of the files are in the journal.
      note(message)
    }
    if hasChanged || isFirst, let changes, !changes.isEmpty {
      history.note(HistoryEntry.entries(of: changes, at: HostTime().wallTime))
    }
    return hasChanged
  }

  private func readAgain() {
    if load(isExplicit: false) { onChange(condition.rules, false) }
    onRead()
    reportWatch()
  }

  // MARK: Changes on trial

  /// Takes a change of the rules back after this time, unless it is confirmed before. Returns the trial, and how the
  /// rules have changed so far.
  func beginTrial(
    of change: RuleTrial.Change, for period: Duration
  ) throws(RuleTrialError) -> (RuleTrial?, RuleChanges) {
    let changes = try keeper.beginTrial(of: change, for: period)
    setTrialTimer()
    note(
      LogMessage(
        .notice, .rulesTried,
        ([
          "changes of the rules are taken back at \(condition.trial?.until.localText ?? "?") unless they are confirmed"
        ]
          + RuleMessages.lines(of: changes)).joined(separator: "\n")))
    return (condition.trial, changes)
  }

  /// Keeps the change that is on trial.
  func confirmTrial() throws(RuleTrialError) {
    try keeper.confirmTrial()
    setTrialTimer()
    note(LogMessage(.notice, .rulesConfirmed, "the change of the rules is confirmed"))
  }

  /// Puts the rules from before the change that is on trial in force again.
  func takeBackTrial(because cause: RuleTrial.Cause) throws(RuleTrialError) {
    let tried = condition.rules
    let hasChanged = try keeper.takeBackTrial(because: cause)
    setTrialTimer()
    guard hasChanged else { return }
    let changes = RuleChanges(from: tried, to: condition.rules)
    note(
      LogMessage(
        .warning, .rulesTakenBack,
        ([condition.trial?.refusal].compactMap(\.self) + RuleMessages.lines(of: changes))
          .joined(separator: "\n")))
    history.note(HistoryEntry.entries(of: changes, at: HostTime().wallTime))
    // An empty set is what a person asks for who does not confirm the first rules.
    onChange(condition.rules, true)
  }

  private func endTrial() {
    guard let trial = condition.trial, trial.end == nil else { return }
    guard trial.deadline <= HostTime().now else { return setTrialTimer() }
    // That no change is on trial was just ruled out.
    try? takeBackTrial(because: .expired)
  }

  private func setTrialTimer() {
    guard let trial = condition.trial, trial.end == nil else {
      trialTimer?.clear()
      return
    }
    trialTimer?.set(after: max(.zero, trial.deadline - HostTime().now))
  }

  private func note(_ message: LogMessage) {
    log.write(message)
    history.note(.rulesRead(String(message.text.prefix { $0 != "\n" })))
  }

  private func reportWatch() {
    for problem in (watch?.problems ?? []).map(Self.sentence)
    where reported.insert(problem).inserted {
      log.write(LogMessage(.warning, .rulesRefused, problem))
    }
  }

  private static func sentence(_ error: EventLoopError) -> String {
    "\(error); changes there are noticed only by the next scan of everything or by "
      + "\"apreserve reload\""
  }
}

/// The messages after the rules were read.
enum RuleMessages {
  /// The messages about what has changed between two conditions.
  static func messages(
    from before: RuleKeeper.Condition, to after: RuleKeeper.Condition, changes: RuleChanges?,
    isExplicit: Bool
  ) -> [LogMessage] {
    archiveMessages(from: before, to: after)
      + rulesMessages(from: before, to: after, changes: changes, isExplicit: isExplicit)
  }

  private static func archiveMessages(
    from before: RuleKeeper.Condition, to after: RuleKeeper.Condition
  ) -> [LogMessage] {
    [(before.archiveProblem, after.archiveProblem), (before.trialProblem, after.trialProblem)]
      .compactMap { old, new in
        guard let new, new != old else { return nil }
        return LogMessage(.warning, .ruleArchive, new)
      }
  }

  private static func rulesMessages(
    from before: RuleKeeper.Condition, to after: RuleKeeper.Condition, changes: RuleChanges?,
    isExplicit: Bool
  ) -> [LogMessage] {
    if after.origin == .unconfirmed {
      guard before.origin != .unconfirmed, let sentence = after.trial?.refusal else { return [] }
      return [LogMessage(.warning, .rulesTakenBack, sentence)]
    }
    if after.isDegraded {
      guard isExplicit || before.errors != after.errors else { return [] }
      let count = after.errors.count
      return [
        LogMessage(
          .error, .rulesRefused,
          "the rules have \(count == 1 ? "an error" : "\(count) errors"); \(standing(after))\n"
            + after.errors.prefix(20).joined(separator: "\n"))
      ]
    }
    if after.rules.rules.isEmpty, !before.rules.rules.isEmpty, !isExplicit {
      return [
        LogMessage(
          .warning, .rulesEmptied,
          "there are no rules any more; nothing is given back until \"apreserve reload\"")
      ]
    }
    guard isExplicit || before.origin != after.origin || before.rules != after.rules else {
      return []
    }
    let rules = after.rules
    let lines = changes.map(lines(of:)) ?? []
    let summary =
      "\(counted(rules.rules.count, "rule")) in \(counted(rules.files.count, "file")) in force"
    return [
      LogMessage(
        lines.isEmpty ? .info : .notice, .rulesLoaded,
        ([summary] + lines).joined(separator: "\n"),
        fields: rules.files.map { .init("AP_RULE_FILE", $0) })
    ]
  }

  /// A line for each changed rule, as many as one message lists.
  static func lines(of changes: RuleChanges) -> [String] {
    let all = changes.lines
    let shown = all.prefix(mostChanges)
    return shown + [shown.remainder(of: all.count)].compactMap(\.self)
  }

  private static let mostChanges = 20

  private static func standing(_ condition: RuleKeeper.Condition) -> String {
    switch condition.origin {
    case .files, .earlierFiles, .unconfirmed: "those from before stay in force"
    case .lastGood: "those that an earlier run has kept are in force"
    case .nowhere: "no earlier rules are known, so nothing more is reserved"
    }
  }
}

extension Diagnostic {
  /// Place and message on one line.
  var sentence: String { "\(location): \(message)" }
}
