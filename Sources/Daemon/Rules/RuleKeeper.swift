import Glibc
import HostSystem
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
    /// How often the files were found changed.
    package var revision: UInt64 = 0
    /// What stops the directories' rules from being used, each a sentence with its place.
    package var errors: [String] {
      diagnostics.filter { $0.severity == .error }.map(\.sentence)
    }
    /// Whether the rules in force are not those of the directories.
    package var isDegraded: Bool { origin != .files }
  }

  private let directories: [String]
  private let owner: UInt32?
  private let archive: String?
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

  /// The rules in force.
  package private(set) var condition = Condition()

  /// A keeper of the rules in `directories`, the strongest first. The set in force is kept in
  /// `archive`, if there is a place for it.
  package init(directories: [String], owner: UInt32?, archive: String?) {
    self.directories = directories
    self.owner = owner
    self.archive = archive
  }

  /// Reads the directories; without an error their rules are in force from now on. At the start, rules
  /// with errors give way to those of an earlier run.
  ///
  /// `isUnfinished` says which files do not count since a process is writing them, as for `RuleSources`. True
  /// when the rules in force have changed.
  @discardableResult package func load(
    isUnfinished: @escaping (String, Bool?) -> Bool = { _, isOpen in isOpen == true }
  ) -> Bool {
    let sources = RuleSources(
      directories: directories, owner: owner, isUnfinished: isUnfinished)
    let isKnown = sources.checksum == checksum
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
    if read.diagnostics.contains(where: { $0.severity == .error }) {
      fallBack(read)
    } else {
      condition = Condition(origin: .files, rules: read.rules, diagnostics: read.diagnostics)
      kept = nil
      keep(read.files)
    }
    return condition.rules != before
  }

  private func fallBack(_ read: HostRules) {
    switch condition.origin {
    case .files: condition.origin = .earlierFiles
    case .earlierFiles: break
    case .lastGood, .nowhere:
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
  private func keep(_ files: [RuleFile]) {
    guard let archive else { return }
    let bytes = RuleArchive.encode(files)
    let sum = Checksum(bytes)
    if !hasRead { readEarlier(archive, unless: sum) }
    guard sum != archived || access(archive, F_OK) != 0 else { return }
    archived = nil
    do throws(FileError) {
      try HostFile.replace(archive, with: bytes)
      archived = sum
    } catch {
      var problem = "the rules in force are not kept for a start with broken rule files: \(error)"
      do throws(FileError) {
        try HostFile.remove(archive)
      } catch {
        problem +=
          "; what is in \(archive) stays there and would be used then, since it cannot be removed: "
          + "\(error)"
      }
      condition.archiveProblem = problem
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
