import HostSystem
import ReservationRules

/// The rules in force: read at the start, read again when the directories have changed, and told of.
final class HeldRules {
  private let keeper: RuleKeeper
  private let log: any MessageLog
  private var watch: RuleWatch?

  /// Directories that are not watched, each a sentence.
  private(set) var problems: [String] = []

  /// Reads the rules and watches where they come from. `onChange` gets those in force once others have
  /// come to be.
  init(
    _ loop: EventLoop, _ settings: DaemonSettings, log: any MessageLog,
    onChange: @escaping (RuleSet) -> Void
  ) throws {
    keeper = RuleKeeper(
      directories: settings.ruleDirectories, owner: settings.ruleOwner,
      archive: settings.ruleArchive)
    self.log = log
    // Watched first: what is written while they are read is noticed.
    watch = try RuleWatch(
      loop, directories: settings.ruleDirectories,
      onProblem: { [unowned self] in cannotWatch($0) },
      onChange: { [unowned self] in
        if load(isExplicit: false) { onChange(condition.rules) }
      })
    load(isExplicit: false)
  }

  /// The rules in force, and what is wrong with the files.
  var condition: RuleKeeper.Condition { keeper.condition }

  /// Takes in what has been written already, without waiting for more.
  func flush() { watch?.flush() }

  /// Reads the rules, and tells what has changed. True when others are in force than before.
  @discardableResult func load(isExplicit: Bool) -> Bool {
    let before = keeper.condition
    let hasChanged = keeper.load()
    for message in RuleMessages.messages(before, keeper.condition, isExplicit: isExplicit) {
      log.write(message)
    }
    return hasChanged
  }

  private func cannotWatch(_ error: EventLoopError) {
    let problem = "\(error); changes there are not noticed until \"apreserve reload\""
    guard !problems.contains(problem) else { return }
    problems.append(problem)
    log.write(LogMessage(.warning, .rulesRefused, problem))
  }
}
