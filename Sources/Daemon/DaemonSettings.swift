package import APBus
package import HostSystem

/// What a daemon works on.
package struct DaemonSettings: Sendable {
  /// Where rules are looked for, the strongest first, as absolute paths.
  package var ruleDirectories: [String]
  /// The user that rule files must belong to; nil where it does not matter.
  package var ruleOwner: UInt32?
  /// The control socket's path.
  package var control: String
  /// The group whose members may read over the control socket.
  package var controlGroup: String?
  /// Where to keep the last good rules; nil for nowhere.
  package var ruleArchive: String?
  /// Reads the names of the host: at the start, and when they may have changed.
  package var host: @Sendable () -> HostIdentity
  /// The file with the host's name, which is watched; nil for none.
  package var hostNameFile: String?
  /// Reads the configuration: at the start, and when somebody asks for it, then with the one in force.
  package var configuration: @Sendable (Configuration?) -> Configuration
  /// The lock that other tools share; nil for none.
  package var configurationLock: String?
  /// The directory of the record of what is ours, and what tells this boot from others; nil for no
  /// record.
  package var record: (directory: String, boot: String)?
  /// The directory below which the host's other files are; nil for none.
  package var root: String?

  /// How long the operation that is being done may take when the daemon is asked to stop: less than the
  /// service manager allows (TimeoutStopSec= of the unit).
  package var stopLimit = Duration.seconds(10)

  /// What a daemon works on.
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
