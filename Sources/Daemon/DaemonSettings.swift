package import APBus
package import HostSystem
import Reservation
import ReservationRules

/// What a daemon works on.
package struct DaemonSettings: Sendable {
  /// Where rules are searched, the strongest first, as absolute paths.
  package var ruleDirectories: [String]
  /// The user that rule files must belong to; nil where it does not matter.
  package var ruleOwner: UInt32?
  /// The control socket's path.
  package var control: String
  /// The group whose members may read over the control socket.
  package var controlGroup: String?
  /// Where to keep the last good rules; nil for nowhere.
  package var ruleArchive: String?
  /// Where to keep a change of the rules that is on trial; nil for nowhere.
  package var ruleTrial: String?
  /// Reads the names of the host: at the start, and when they may have changed.
  package var host: @Sendable () -> HostIdentity
  /// The file with the host's name, which is watched; nil for none.
  package var hostNameFile: String?
  /// Reads the configuration: at the start, and on request, then with the one in force.
  package var configuration: @Sendable (Configuration?) -> Configuration
  /// The lock that other tools share; nil for none.
  package var configurationLock: String?
  /// The directory of the ownership record, and the identifier of this boot; nil for no record.
  package var record: (directory: String, boot: String)?
  /// The directory for what outlives the boot; nil for none.
  package var lasting: String?
  /// Where the history is kept: the directory whose files outlive a boot, and others that are used if that one cannot be
  /// written to.
  package var historyDirectories: [String] = []
  /// The directory below which the host's other files are; nil for none.
  package var root: String?
  /// What was repaired before the start, each a sentence.
  package var repairs: [String] = []

  /// How long the operation that is being done may take when the daemon is asked to stop: less than the
  /// service manager allows (TimeoutStopSec= of the unit).
  package var stopLimit = Duration.seconds(10)
  /// How long an adapter is waited for that does not answer.
  package var answerLimit = UnansweredRead.usualLimit

  /// How long a rule file does not count while a process keeps it open for writing, so that a forgotten
  /// descriptor does not keep the rules from being read for ever.
  package var writerLimit = Duration.seconds(60)

  package init(
    ruleDirectories: [String], ruleOwner: UInt32? = nil, control: String,
    controlGroup: String? = nil, ruleArchive: String? = nil,
    host: @escaping @Sendable () -> HostIdentity = { HostIdentity() },
    configuration: @escaping @Sendable (Configuration?) -> Configuration = { _ in Configuration() }
  ) {
    self.ruleDirectories = ruleDirectories
    self.ruleOwner = ruleOwner
    self.control = control
    self.controlGroup = controlGroup
    self.ruleArchive = ruleArchive
    self.host = host
    self.configuration = configuration
  }
}

extension Configuration {
  /// Why these settings do not let a person change over to a mechanism, and what to write instead; nil if they do.
  package func contradiction(toChangingOverTo target: Mechanism) -> String? {
    guard let mechanism, mechanism != target else { return nil }
    let origin = origins[.mechanism] ?? AppliedSetting.commandLineOrigin
    let remedy =
      origin == AppliedSetting.commandLineOrigin
      ? "leave out --mechanism"
      : "write Mechanism=\(target.rawValue) or Mechanism=auto there, run \"apreserve reload\", and "
        + "try again"
    return "Mechanism=\(mechanism.rawValue) is set (\(origin)), so that the mechanism does not "
      + "change over to \(target.rawValue); \(remedy)"
  }
}

/// Where a daemon keeps its files, and where it finds those of others.
package struct DaemonPlace {
  /// The control socket.
  package let control: String
  /// The rule directories, the strongest first.
  package let ruleDirectories: [String]
  /// Where the last good rules are kept.
  package let ruleArchive: String
  /// Where a change of the rules that is on trial is kept.
  package let ruleTrial: String
  /// The directory of the ownership record.
  package let runtime: String
  /// The directory for what outlives the boot.
  package let lasting: String
  /// The directories of the history, the one whose files outlive a boot first.
  package let historyDirectories: [String]
  /// The lock that only one daemon or `apply` has.
  package let lock: String
  /// What was mended of directories that existed, each a sentence.
  package let repairs: [String]
  /// What the host knows of itself; nil where nothing of a host may be read.
  package let hostFacts: HostFacts?

  /// Where the service listens.
  package static let systemControl = "/run/apreserve/control"
  private static let runtimeDirectory = "/run/apreserve"
  private static let stateDirectory = "/var/lib/apreserve"

  /// The directory for what outlives the boot, of a program whose command line names this directory for all that it
  /// keeps, or whose host's files are below this root.
  package static func lasting(state: String?, root: String) -> String {
    if let state { return HostFile.absolute(state) }
    let prefix = HostFile.absolute(root)
    return prefix == "/" ? stateDirectory : prefix + stateDirectory
  }

  /// The directories of the history of a program whose command line names this one.
  package static func historyDirectories(state: String?) -> [String] {
    state.map { [HostFile.absolute($0)] } ?? [stateDirectory, runtimeDirectory]
  }

  /// Where a daemon whose command line names this directory keeps a change of the rules that is on trial.
  package static func ruleTrial(state: String?) -> String {
    HostFile.absolute(state ?? stateDirectory) + "/unconfirmed.rules"
  }

  /// The places of a daemon whose command line has these. Directories that it writes to are made.
  /// `root` is the directory below which the host's files are; nil for none.
  package init(
    control: String?, state: String?, root: String?, rules: [String]
  ) throws(FileError) {
    runtime = HostFile.absolute(state ?? Self.runtimeDirectory)
    let kept = HostFile.absolute(state ?? Self.stateDirectory)
    repairs = [
      try HostFile.makeDirectory(runtime), kept == runtime ? nil : try Self.makeKept(kept),
    ].compactMap(\.self)
    lasting = kept
    historyDirectories = Self.historyDirectories(state: state)
    self.control = HostFile.absolute(control ?? Self.systemControl)
    lock = runtime + "/lock"
    ruleArchive = kept + "/last-good.rules"
    ruleTrial = Self.ruleTrial(state: state)
    hostFacts = root.map { HostFacts(root: $0) }
    guard rules.isEmpty, let root else {
      ruleDirectories = rules.map(HostFile.absolute)
      return
    }
    let prefix = HostFile.absolute(root)
    ruleDirectories = RuleFileSelection.directories.map { prefix == "/" ? $0 : prefix + $0 }
  }
}

extension DaemonPlace {
  /// Creates the directory for what outlives a boot. Where that is not possible, as on a read-only file system, the
  /// daemon does without: reserving is more important than what it keeps there.
  private static func makeKept(_ path: String) throws(FileError) -> String? {
    do throws(FileError) {
      return try HostFile.makeDirectory(path)
    } catch {
      if case .failed("creating", _) = error.problem { return nil }
      throw error
    }
  }
}

/// The version of the program and of its daemon.
package enum ProgramVersion {
  /// As `apreserve --version` prints it.
  package static let text = "0.1.0"
}
