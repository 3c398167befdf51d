package import AdjunctProcessor
package import Agent

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
  /// The names of the host.
  package var host: HostIdentity
  /// Mechanism and guards.
  package var agent = Agent.Settings()
  /// The directory of the record of what is ours, and what tells this boot from others; nil for no
  /// record.
  package var record: (directory: String, boot: String)?
  /// The directory below which the host's other files are; nil for none.
  package var root: String?
  /// How often everything is looked at without a reason.
  package var interval = Duration.seconds(60)
  /// How long to wait for more devices on a kernel that does not count its scans.
  package var settleTime = Duration.seconds(3)
  /// When the service is ready at the latest, whatever it still waits for, so that nothing holds up the
  /// boot.
  package var startLimit = Duration.seconds(60)

  /// Settings of a daemon with the usual times.
  package init(
    ruleDirectories: [String], ruleOwner: UInt32? = nil, control: String,
    controlGroup: String? = nil, ruleArchive: String? = nil, host: HostIdentity = HostIdentity()
  ) {
    self.ruleDirectories = ruleDirectories
    self.ruleOwner = ruleOwner
    self.control = control
    self.controlGroup = controlGroup
    self.ruleArchive = ruleArchive
    self.host = host
  }
}
