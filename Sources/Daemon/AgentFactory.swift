package import APBus
package import Agent
package import HostSystem
import Reservation
package import ReservationRules

/// What an agent is made of, so that it can be made on the thread where it lives.
package struct AgentFactory: Sendable {
  /// Opens the bus.
  package var sysfs: @Sendable () throws -> any Sysfs
  /// The rules to begin with.
  package var rules: RuleSet
  /// Whose names rules may match.
  package var host: HostIdentity
  /// What an administrator has set.
  package var configuration: Configuration
  /// The lock that other tools share; nil for none.
  package var configurationLock: String?
  /// The directory of the record of what is ours, and what tells this boot from others.
  package var record: (directory: String, boot: String)?
  /// The directory below which the host's other files are; nil for none.
  package var root: String?
  /// Where messages go.
  package var log: any MessageLog

  /// Materials of an agent with those settings.
  package init(
    _ settings: DaemonSettings, _ configuration: Configuration, rules: RuleSet, host: HostIdentity,
    log: any MessageLog,
    sysfs: @escaping @Sendable () throws -> any Sysfs
  ) {
    self.sysfs = sysfs
    self.rules = rules
    self.log = log
    self.host = host
    self.configuration = configuration
    configurationLock = settings.configurationLock
    record = settings.record
    root = settings.root
  }

  /// Makes the agent, on the thread that will use it.
  func agent(
    sysfs: any Sysfs, lock: S390ConfigurationLock?, log: any ActivityLog, time: HostTime,
    isInterrupted: @escaping () -> Bool, takeIn: @escaping (Agent) -> Void
  ) throws -> Agent {
    let record = try record.map { try OwnershipFile.open(directory: $0.directory, boot: $0.boot) }
    if let damage = record?.damage { self.log.write(LogMessage(.error, .recordDamaged, damage)) }
    let root = root
    return Agent(
      sysfs: sysfs, rules: rules, host: host, settings: configuration.agentSettings,
      ownership: record?.ownership ?? Ownership(),
      environment: Agent.Environment(
        configuration: {
          root.map { HostConfigurationReader(root: $0).read() } ?? HostConfiguration()
        }, record: record?.file, lock: lock, isInterrupted: isInterrupted, takeIn: takeIn),
      log: log, time: time)
  }

  /// The lock that other tools share, if there is one.
  func lock(isInterrupted: @escaping () -> Bool) -> S390ConfigurationLock? {
    let log = log
    return configurationLock.map { path in
      S390ConfigurationLock(
        path: path, limit: configuration.lockTimeout, isInterrupted: isInterrupted
      ) { sentence in
        log.write(LogMessage(.notice, .lockHeld, sentence, fields: [.init("AP_PATH", path)]))
      }
    }
  }
}

extension Configuration {
  /// What of it the agent works by.
  package var agentSettings: Agent.Settings {
    Agent.Settings(
      mechanism: mechanism, mechanismOrigin: origins[.mechanism], policy: policy)
  }
}
