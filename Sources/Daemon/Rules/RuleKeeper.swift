package import Agent
import APBus
import Glibc
import HostSystem
import Reports
package import ReservationRules

/// The rules that the daemon holds: read as a whole, replaced only by a set without errors.
package final class RuleKeeper {
  /// Where the rules in force come from.
  package enum Origin: String, CaseIterable, Sendable {
    /// The rule directories as they are.
    case files
    /// The directories as they were before they had errors.
    case earlierFiles = "earlier-files"
    /// The last set that an earlier run had in force.
    case lastGood = "last-good"
    /// The directories as they were before a change that was not confirmed.
    case unconfirmed
    /// Nowhere: the files have errors, and no earlier set is known.
    case nowhere
  }

  /// The rules in force, and what is wrong with the files.
  package struct Condition: Sendable {
    /// Where the rules come from.
    package var origin = Origin.nowhere
    package var rules = RuleSet()
    /// What is wrong with the files, and what hardly means what it says.
    package var diagnostics: [Diagnostic] = []
    /// Why the rules in force are not kept for later, or those that were kept are not used; a sentence.
    package var archiveProblem: String?
    /// Why a trial of a change cannot be kept for the next start, or one that was kept is not used; a sentence.
    package var trialProblem: String?
    /// The errors of these files, where they cannot be written.
    var archiveError: FileError?
    var trialError: FileError?
    /// The change of the files that is on trial, or was taken back.
    package var trial: RuleTrial?
    /// How often the files were found changed.
    package var revision: UInt64 = 0
    /// What stops the directories' rules from being used, each a sentence with its place.
    package var errors: [String] {
      diagnostics.filter { $0.severity == .error }.map(\.sentence)
    }
    /// Why the rules in force are not those of the directories, each a sentence.
    package var reasons: [String] {
      origin == .unconfirmed ? [trial?.refusal].compactMap(\.self) + errors : errors
    }
    /// The directory where nothing can be kept, since its file system is full.
    package var fullDirectory: String? {
      archiveError?.fullDirectory ?? trialError?.fullDirectory
    }
    /// Whether the rules in force are not those of the directories.
    package var isDegraded: Bool { origin != .files }
  }

  private let directories: [String]
  private let owner: UInt32?
  private let archive: String?
  private let trialFile: String?
  private let boot: String
  private let time: any TimeSource
  /// Of the files as they were read last.
  private var checksum: Checksum?
  /// The set that an earlier run had in force, once it was needed.
  private var kept: RuleSet?
  /// Of what the archive holds.
  private var archived: Checksum?
  /// Whether the files have been read at all.
  package private(set) var hasRead = false
  /// The set that an earlier run had in force, and that the files have replaced at the start; nil if it is not known.
  package private(set) var earlier: RuleSet?

  /// The rule files in force; nil where they are not known.
  private var inForce: [RuleFile]?
  /// The rule files that were in force before those that are, and since when they are not.
  private var previous: (files: [RuleFile], until: Instant)?

  /// The rules in force.
  package private(set) var condition = Condition()

  /// A keeper of the rules in `directories`, the strongest first. The set in force is kept in
  /// `archive`, and a change that is on trial in `trial`, if there is a place for them. `boot` identifies the boot
  /// to which the clock belongs.
  package init(
    directories: [String], owner: UInt32?, archive: String?, trial: String? = nil,
    boot: String = "", time: any TimeSource = HostTime()
  ) {
    self.directories = directories
    self.owner = owner
    self.archive = archive
    trialFile = trial
    self.boot = boot
    self.time = time
  }

  /// Reads the directories; without an error their rules are in force from now on. At the start, rules
  /// with errors give way to those of an earlier run.
  ///
  /// `isUnfinished` says which files do not count since a process is writing them, as for `RuleSources`. An explicit
  /// load puts files in force whose change was taken back. True when the rules in force have changed.
  @discardableResult package func load(
    isExplicit: Bool = false,
    isUnfinished: @escaping (String, Bool?) -> Bool = { _, isOpen in isOpen == true }
  ) -> Bool {
    let sources = RuleSources(
      directories: directories, owner: owner, isUnfinished: isUnfinished)
    if !hasRead { readTrial() }
    let isKnown =
      sources.checksum == checksum && !(isExplicit && condition.trial?.end != nil)
    checksum = sources.checksum
    guard !isKnown || condition.archiveProblem != nil else { return false }
    let before = condition.rules
    let revision = condition.revision + 1
    // Reading takes many times the memory that rules keep.
    defer {
      condition.revision = revision
      hasRead = true
      Memory.returnFreed()
    }
    let read = HostRules(sources)
    let hasErrors = read.diagnostics.contains { $0.severity == .error }
    if !hasRead, let cause = condition.trial?.expiration(now: time.now, boot: boot) {
      endTrial(hasErrors ? archivedFiles ?? [] : read.files, because: cause)
    }
    if hasErrors {
      fallBack(read)
    } else if !isExplicit, let files = condition.trial?.replacing(read.files) {
      condition.origin = .unconfirmed
      condition.rules = RuleSet.parse(files: files).0
      condition.diagnostics = read.diagnostics
      keep(files, insteadOf: before)
    } else {
      if condition.trial?.end != nil { forgetTrial() }
      condition = Condition(
        origin: .files, rules: read.rules, diagnostics: read.diagnostics,
        trialProblem: condition.trialProblem, trialError: condition.trialError,
        trial: condition.trial)
      kept = nil
      keep(read.files, insteadOf: before)
    }
    return condition.rules != before
  }

  private func fallBack(_ read: HostRules) {
    switch condition.origin {
    case .files, .unconfirmed: condition.origin = .earlierFiles
    case .earlierFiles: break
    case .lastGood, .nowhere:
      if let trial = condition.trial, trial.end != nil {
        kept = RuleSet.parse(files: trial.before).0
        inForce = trial.before
      }
      kept = kept ?? lastInForce()
      if let kept {
        condition.origin = .lastGood
        condition.rules = kept.yielding(to: read)
      }
    }
    condition.diagnostics = read.diagnostics
  }

  // MARK: The archive

  private func lastInForce() -> RuleSet? {
    guard let archive else { return nil }
    do throws(FileError) {
      let bytes = try HostFile.read(
        archive, sizeLimit: 2 * RuleSet.largestText, owner: owner)
      guard let files = RuleArchive.decode(bytes) else {
        putAside(archive, because: "it is damaged")
        return nil
      }
      let (rules, diagnostics) = RuleSet.parse(files: files)
      if let error = diagnostics.first(where: { $0.severity == .error }) {
        putAside(archive, because: "its rules have errors: \(error.sentence)")
        return nil
      }
      return rules
    } catch {
      switch error.problem {
      case _ where error.isAbsence: break
      // It may be readable at another time.
      case .failed: condition.archiveProblem = "the last rules in force are not used: \(error)"
      default: putAside(archive, because: "\(error)")
      }
      return nil
    }
  }

  private func putAside(_ path: String, because reason: String) {
    do throws(FileError) {
      let place = try HostFile.putAside(path)
      condition.archiveProblem =
        "the last rules in force, \(path), are not used: \(reason); they are now in \(place)"
    } catch {
      condition.archiveProblem =
        "the last rules in force, \(path), are not used: \(reason); they stay there: \(error)"
    }
  }

  /// Keeps the set in force, also an empty one, so that removed rules are not used again. If that fails, no
  /// older set stays there, for the same reason: with broken rule files nothing is reserved then.
  private func keep(_ files: [RuleFile], insteadOf rules: RuleSet) {
    if let inForce, !RuleChanges(from: rules, to: condition.rules).isEmpty {
      previous = (inForce, time.now)
    }
    inForce = files
    guard let archive else { return }
    let bytes = RuleArchive.encode(files)
    let sum = Checksum(bytes)
    if !hasRead { readEarlier(archive, unless: sum) }
    guard sum != archived || access(archive, F_OK) != 0 else { return }
    store(bytes, sum)
  }

  private var archivedFiles: [RuleFile]? {
    archive.flatMap {
      try? HostFile.read($0, sizeLimit: 2 * RuleSet.largestText, owner: owner)
    }.flatMap(RuleArchive.decode)
  }

  private func store(_ bytes: [UInt8], _ sum: Checksum) {
    guard let archive else { return }
    archived = nil
    do throws(FileError) {
      try HostFile.replace(archive, with: bytes)
      archived = sum
    } catch {
      let writing = error
      var problem = "the rules in force are not kept for a start with broken rule files: \(error)"
      do throws(FileError) {
        try HostFile.remove(archive)
      } catch {
        problem +=
          "; what is in \(archive) stays there and would be used then, since it cannot be removed: "
          + "\(error)"
      }
      condition.archiveProblem = problem
      condition.archiveError = writing
    }
  }
}

extension RuleKeeper {
  /// Reads what the archive holds at the start, for what has changed since. One that cannot be read is replaced.
  private func readEarlier(_ archive: String, unless sum: Checksum) {
    guard let bytes = try? HostFile.read(archive, sizeLimit: 2 * RuleSet.largestText, owner: owner)
    else { return }
    if Checksum(bytes) == sum {
      archived = sum
      earlier = condition.rules
    } else if let files = RuleArchive.decode(bytes) {
      earlier = RuleSet.parse(files: files).0
      previous = (files, time.now)
    }
  }
}

// MARK: - Changes on trial

extension RuleKeeper {
  /// Puts a change of the rule files on trial for a time. A change that is on trial gets more time.
  ///
  /// - Returns: how the rules have changed so far.
  package func beginTrial(
    of change: RuleTrial.Change, for period: Duration
  ) throws(RuleTrialError) -> RuleChanges {
    guard condition.origin == .files, let inForce else {
      throw RuleTrialError(
        description: "no change can be put on trial, since the rule files are not in force: "
          + (condition.reasons.first ?? "they were not read"))
    }
    guard let trialFile else {
      throw RuleTrialError(description: "no change can be put on trial: this daemon keeps no files")
    }
    let before: [RuleFile]
    if let trial = condition.trial {
      before = trial.before
    } else {
      before =
        switch change {
        case .next: inForce
        case .last: try filesBeforeLastChange()
        }
    }
    let trial = RuleTrial(
      before: before, deadline: time.now + period,
      until: WallTime(sinceEpoch: time.wallTime.sinceEpoch + period), boot: boot)
    do throws(FileError) {
      try HostFile.replace(trialFile, with: trial.bytes)
    } catch {
      throw RuleTrialError(
        description:
          "no change can be put on trial, since the rules from before cannot be kept: \(error)")
    }
    condition.trial = trial
    condition.trialProblem = nil
    condition.trialError = nil
    condition.revision += 1
    return RuleChanges(from: RuleSet.parse(files: before).0, to: condition.rules)
  }

  private func filesBeforeLastChange() throws(RuleTrialError) -> [RuleFile] {
    guard let previous else {
      throw RuleTrialError(
        description: "the daemon knows of no change of the rules that can be put on trial")
    }
    let age = time.now - previous.until
    guard age <= RuleTrial.patience else {
      throw RuleTrialError(
        description:
          "the last change of the rules was \(age.largestUnit) ago, and only one of the last "
          + "\(RuleTrial.patience.largestUnit) can be put on trial")
    }
    return previous.files
  }

  /// Keeps the change that is on trial.
  package func confirmTrial() throws(RuleTrialError) {
    guard let trial = condition.trial else {
      throw RuleTrialError(description: "no change of the rules is on trial")
    }
    if let refusal = trial.refusal { throw RuleTrialError(description: refusal) }
    do throws(FileError) {
      if let trialFile { try HostFile.remove(trialFile) }
    } catch {
      throw RuleTrialError(
        description:
          "the change stays on trial, since it cannot be kept that it is confirmed: \(error)")
    }
    condition.trial = nil
    condition.trialProblem = nil
    condition.trialError = nil
    previous = nil
    condition.revision += 1
  }

  /// Puts the rules from before the change on trial in force again. False if nothing was changed.
  package func takeBackTrial(because cause: RuleTrial.Cause) throws(RuleTrialError) -> Bool {
    guard let trial = condition.trial, trial.end == nil else {
      throw RuleTrialError(description: "no change of the rules is on trial")
    }
    condition.revision += 1
    let before = RuleSet.parse(files: trial.before).0
    guard !RuleChanges(from: before, to: condition.rules).isEmpty else {
      forgetTrial()
      return false
    }
    endTrial(inForce ?? [], because: cause)
    condition.origin = .unconfirmed
    condition.rules = before
    inForce = trial.before
    kept = nil
    return true
  }

  /// Takes up at the start what an earlier run has on trial.
  private func readTrial() {
    guard let trialFile else { return }
    do {
      condition.trial = try RuleTrial.read(trialFile, owner: owner)
    } catch {
      let place = (try? HostFile.putAside(trialFile)).map { "; it is now in \($0)" } ?? ""
      condition.trialProblem =
        "whether a change of the rules is confirmed is not known, so that the rule files are used as they are: "
        + "\(error)\(place)"
    }
  }

  /// Notes that the change is not to be used, also at the next start.
  private func endTrial(_ tried: [RuleFile], because cause: RuleTrial.Cause) {
    guard var trial = condition.trial else { return }
    trial.end = RuleTrial.End(tried: tried, time: time.wallTime, cause: cause)
    condition.trial = trial
    do throws(FileError) {
      if let trialFile { try HostFile.replace(trialFile, with: trial.bytes) }
    } catch {
      condition.trialProblem =
        "that a change of the rules was taken back cannot be kept for the next start: \(error)"
      condition.trialError = error
    }
    let bytes = RuleArchive.encode(trial.before)
    store(bytes, Checksum(bytes))
  }

  /// Forgets a change that was taken back, or that changes nothing.
  private func forgetTrial() {
    condition.trial = nil
    guard let trialFile else { return }
    do throws(FileError) {
      try HostFile.remove(trialFile)
    } catch {
      condition.trialProblem =
        "a change of the rules that is not on trial any more would be taken back at the next start: \(error)"
    }
  }
}

extension RuleSet {
  /// The set after the rules by which files without errors now keep queues with the host: those that
  /// lock, and those that this set does not have. They all lock here, so that no rule of this set takes
  /// such a queue. A plain rule that this set has too keeps its place in it, where later rules of the same
  /// time make exceptions from it.
  fileprivate func yielding(to read: HostRules) -> RuleSet {
    let broken = Set(
      read.diagnostics.filter { $0.severity == .error }.map(\.location.file))
    let known = Set(rules.map { "\($0.location.file)\n\($0.text)" })
    let first = read.rules.rules.filter { rule in
      rule.reserve.value == .host && !broken.contains(rule.location.file)
        && (rule.reserve.locks || !known.contains("\(rule.location.file)\n\(rule.text)"))
    }
    let locking = first.map { rule in
      var rule = rule
      rule.reserve.locks = true
      return rule
    }
    let others = Set(first.map(\.location.file)).subtracting(files)
    return RuleSet(
      rules: locking + rules, files: read.rules.files.filter(others.contains) + files)
  }
}
