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
  private let onChange: (RuleSet) -> Void
  private let onRead: () -> Void
  private var watch: FileWatch?
  private var timer: EventTimer?
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

  /// Reads the rules and watches their directories. `onChange` gets the rules in force when they have changed;
  /// `onRead` is called whenever the files may have changed.
  init(
    _ loop: EventLoop, settings: DaemonSettings, interval: Duration, log: any MessageLog,
    history: HistoryKeeper, onRead: @escaping () -> Void, onChange: @escaping (RuleSet) -> Void
  ) throws {
    keeper = RuleKeeper(
      directories: settings.ruleDirectories, owner: settings.ruleOwner,
      archive: settings.ruleArchive)
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
    (watch?.problems ?? []).map(Self.sentence) + (condition.archiveProblem.map { [$0] } ?? [])
  }

  /// Takes in what has been written already, without waiting for more. What is still being written is
  /// not.
  func refresh() { watch?.refresh() }

  /// Reads the rules, and logs what has changed. True when others are in force than before.
  @discardableResult func load(isExplicit: Bool) -> Bool {
    let before = keeper.condition
    let isFirst = !keeper.hasRead
    let watch = watch
    let hasChanged = keeper.load { path, isOpen in
      watch?.isUnfinished(path, isOpen: isOpen) ?? (isOpen == true)
    }
    // At the start, that is what the last daemon had in force.
    let earlier = isFirst ? keeper.earlier : before.rules
    let changes = earlier.map { RuleChanges(from: $0, to: keeper.condition.rules) }
    for message in RuleMessages.messages(
      from: before, to: keeper.condition, changes: changes, isExplicit: isExplicit)
    {
      log.write(message)
      // The errors of the files are in the journal.
      let sentence = message.text.prefix { $0 != "\n" }
      history.note(.rulesRead(String(sentence)))
    }
    if hasChanged || isFirst, let changes, !changes.isEmpty {
      history.note(HistoryEntry.entries(of: changes, at: HostTime().wallTime))
    }
    return hasChanged
  }

  private func readAgain() {
    if load(isExplicit: false) { onChange(condition.rules) }
    onRead()
    reportWatch()
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
    (archiveMessage(from: before, to: after).map { [$0] } ?? [])
      + rulesMessages(from: before, to: after, changes: changes, isExplicit: isExplicit)
  }

  private static func archiveMessage(
    from before: RuleKeeper.Condition, to after: RuleKeeper.Condition
  ) -> LogMessage? {
    guard let problem = after.archiveProblem, problem != before.archiveProblem else { return nil }
    return LogMessage(.warning, .ruleArchive, problem)
  }

  private static func rulesMessages(
    from before: RuleKeeper.Condition, to after: RuleKeeper.Condition, changes: RuleChanges?,
    isExplicit: Bool
  ) -> [LogMessage] {
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
    let changes = changes?.lines ?? []
    let summary =
      "\(counted(rules.rules.count, "rule")) in \(counted(rules.files.count, "file")) in force"
    let shown = changes.prefix(mostChanges)
    let lines = shown + [shown.remainder(of: changes.count)].compactMap(\.self)
    return [
      LogMessage(
        lines.isEmpty ? .info : .notice, .rulesLoaded,
        ([summary] + lines).joined(separator: "\n"),
        fields: rules.files.map { .init("AP_RULE_FILE", $0) })
    ]
  }

  /// The most changed rules that one message lists.
  private static let mostChanges = 20

  private static func standing(_ condition: RuleKeeper.Condition) -> String {
    switch condition.origin {
    case .files, .earlierFiles: "those from before stay in force"
    case .lastGood: "those that an earlier run has kept are in force"
    case .nowhere: "no earlier rules are known, so nothing more is reserved"
    }
  }
}

extension Diagnostic {
  /// Place and message on one line.
  var sentence: String { "\(location): \(message)" }
}
