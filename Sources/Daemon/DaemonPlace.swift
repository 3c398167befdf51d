package import HostSystem
import ReservationRules

/// Where a daemon keeps its files, and where it finds those of others.
package struct DaemonPlace {
  /// The control socket.
  package let control: String
  /// The rule directories, the strongest first.
  package let ruleDirectories: [String]
  /// Where the last good rules are kept.
  package let ruleArchive: String
  /// The directory of the record of what is ours.
  package let runtime: String
  /// The lock that only one daemon or `apply` has.
  package let lock: String
  /// What was mended of directories that were there, each a sentence.
  package let repairs: [String]
  /// What the host knows of itself; nil where nothing of a host may be looked at.
  package let hostFacts: HostFacts?

  /// Where the service listens.
  package static let systemControl = "/run/apreserve/control"
  private static let runtimeDirectory = "/run/apreserve"
  private static let stateDirectory = "/var/lib/apreserve"

  /// The places of a daemon whose command line has these. Directories that it writes to are made.
  /// `root` is the directory below which the host's files are; nil for none.
  package init(
    control: String?, state: String?, root: String?, rules: [String]
  ) throws(FileError) {
    runtime = HostFile.absolute(state ?? Self.runtimeDirectory)
    let kept = HostFile.absolute(state ?? Self.stateDirectory)
    repairs = [
      try HostFile.makeDirectory(runtime),
      kept == runtime ? nil : try HostFile.makeDirectory(kept),
    ].compactMap(\.self)
    self.control = HostFile.absolute(control ?? Self.systemControl)
    lock = runtime + "/lock"
    ruleArchive = kept + "/last-good.rules"
    hostFacts = root.map { HostFacts(root: $0) }
    guard rules.isEmpty, let root else {
      ruleDirectories = rules.map(HostFile.absolute)
      return
    }
    let prefix = HostFile.absolute(root)
    ruleDirectories = RuleFileSelection.directories.map { prefix == "/" ? $0 : prefix + $0 }
  }
}
