import HostSystem
package import ReservationRules

/// The rules that the daemon holds: read as a whole, replaced only by a set without errors.
package final class RuleKeeper {
  /// Where the rules in force come from.
  package enum Origin: String, Sendable {
    /// The rule directories as they are.
    case files
    /// The directories as they were before they had errors.
    case earlierFiles = "earlier-files"
    /// The last set without errors that an earlier run has kept.
    case lastGood = "last-good"
    /// Nowhere: the files have errors, and no earlier set is known.
    case nowhere
  }

  /// The rules in force, and what is wrong with the files.
  package struct Condition: Sendable {
    /// Where the rules come from.
    package var origin = Origin.nowhere
    /// The rules.
    package var rules = RuleSet()
    /// What is wrong with the files, and what hardly means what it says.
    package var diagnostics: [Diagnostic] = []
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

  /// The rules in force.
  package private(set) var condition = Condition()

  /// A keeper of the rules in `directories`, the strongest first. The last good set is kept in
  /// `archive`, if there is a place for it.
  package init(directories: [String], owner: UInt32?, archive: String?) {
    self.directories = directories
    self.owner = owner
    self.archive = archive
  }

  /// Reads the directories; without an error their rules are in force from now on. At the start, rules
  /// with errors give way to those of an earlier run.
  ///
  /// True when the rules in force have changed.
  @discardableResult package func load() -> Bool {
    let before = condition.rules
    let read = HostRules(directories: directories, owner: owner)
    if read.diagnostics.contains(where: { $0.severity == .error }) {
      fallBack(read.diagnostics)
    } else {
      condition = Condition(origin: .files, rules: read.rules, diagnostics: read.diagnostics)
      keep(read.files)
    }
    return condition.rules != before
  }

  private func fallBack(_ diagnostics: [Diagnostic]) {
    switch condition.origin {
    case .files: condition.origin = .earlierFiles
    case .earlierFiles, .lastGood: break
    case .nowhere:
      if let rules = lastGood() {
        condition.origin = .lastGood
        condition.rules = rules
      }
    }
    condition.diagnostics = diagnostics
  }

  private func lastGood() -> RuleSet? {
    guard let archive,
      let bytes = try? HostFile.read(
        archive, .init(sizeLimit: 64 * RuleFile.largestFile, owner: owner)),
      let files = RuleArchive.decode(bytes)
    else { return nil }
    let (rules, diagnostics) = RuleSet.parse(files: files)
    return diagnostics.contains { $0.severity == .error } ? nil : rules
  }

  private func keep(_ files: [RuleFile]) {
    guard let archive else { return }
    // An empty set may be a mistake, and then the last one is what somebody wants back.
    guard !files.isEmpty else { return }
    try? HostFile.replace(archive, with: RuleArchive.encode(files))
  }
}
