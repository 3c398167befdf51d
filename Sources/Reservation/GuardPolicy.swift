/// How careful apreserve is; what an administrator can set.
package struct GuardPolicy: Equatable, Sendable {
  /// When the host's last queue with a master key is protected.
  package enum HostProtection: String, CaseIterable, Sendable {
    /// While the host has secure keys.
    case auto
    /// Always.
    case yes
    /// Never.
    case no
  }

  /// When the host's last queue with a master key is protected.
  package var protectHost: HostProtection
  /// How long a queue may take to finish its pending requests before it is left where it is.
  package var drainLimit: Duration
  /// How often another process may move a queue back within `fightInterval` before it is left alone.
  package var fightLimit: Int
  /// The time in which such moves count.
  package var fightInterval: Duration
  /// Guards that are switched off.
  package var forced: Set<Guard>

  /// The defaults, unless given.
  package init(
    protectHost: HostProtection = .auto, drainLimit: Duration = .seconds(10), fightLimit: Int = 3,
    fightInterval: Duration = .seconds(60), forced: Set<Guard> = []
  ) {
    self.protectHost = protectHost
    self.drainLimit = drainLimit
    self.fightLimit = fightLimit
    self.fightInterval = fightInterval
    self.forced = forced
  }
}
