/// The settings that the configuration file knows.
package enum ConfigurationKey: String, CaseIterable, Sendable {
  /// How queues are moved.
  case mechanism = "Mechanism"
  /// When the host's last queue with a master key stays.
  case protectHost = "ProtectHost"
  /// Guards that are switched off.
  case force = "Force"
  /// How long a queue may finish its requests.
  case drainTimeout = "DrainTimeoutSec"
  /// How often somebody else may move a queue back.
  case fightLimit = "FightLimit"
  /// The time in which that counts.
  case fightInterval = "FightIntervalSec"
  /// Whether udev is told again of the matrix device.
  case reannounceMatrix = "ReannounceMatrix"
  /// How often everything is looked at.
  case rescanInterval = "RescanIntervalSec"
  /// How long no device must come at first.
  case busSettle = "BusSettleSec"
  /// When the service is ready at the latest.
  case startTimeout = "StartTimeoutSec"
  /// How long another tool's lock is waited for.
  case lockTimeout = "LockTimeoutSec"

  /// The section that has it, without brackets.
  package var section: String {
    switch self {
    case .mechanism, .protectHost, .force, .drainTimeout, .fightLimit, .fightInterval,
      .reannounceMatrix:
      "Reservation"
    case .rescanInterval, .busSettle, .startTimeout, .lockTimeout: "Daemon"
    }
  }

  /// The sections, in the order in which they are documented.
  package static let sections = ["Reservation", "Daemon"]
}
