import APBus
import ArgumentParser
import Daemon
import Glibc
import HostSystem
import ReservationRules

/// `apreserve daemon`
struct DaemonCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "daemon",
    abstract: "Keep queues reserved, in the foreground, as the service does.",
    usage: "apreserve daemon [<options>]",
    discussion: """
      Scans the machine, reserves what the rules request, and continues when events arrive and rules \
      change. SIGHUP makes it read the rules again. SIGTERM ends it; what is reserved stays reserved.

      With another --sysfs it needs no privileges, and changes nothing on this host:

        apreserve daemon --sysfs ./sys --rules ./rules \\
            --control ./control --state-dir ./state
      """)

  @Option(
    help: ArgumentHelp("Listen on this control socket.", valueName: "path"), completion: .file())
  var control: String?

  @Option(
    name: .customLong("state-dir"),
    help: ArgumentHelp(
      "Keep the data that a restart needs in this directory, which is created if it is missing.",
      valueName: "dir"),
    completion: .directory)
  var state: String?

  @OptionGroup(title: OptionTitle.machine) var machine: SysfsOptions
  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.settings) var settings: SettingsOptions

  func validate() throws {
    guard !isThisHost else { return }
    guard control != nil, state != nil else {
      throw ValidationError(
        "--sysfs requires --control and --state-dir, so that nothing on this host is changed.")
    }
    guard machine.root != nil || !rules.directories.isEmpty else {
      throw ValidationError("--sysfs requires --rules or --root.")
    }
  }

  private var isThisHost: Bool { machine.isThisHost }

  func run() throws {
    try reportingErrors {
      let log: any MessageLog = Journal.isConnected ? Journal() : TextLog()
      let systemRoot = machine.files.root
      let place = try DaemonPlace(
        control: control, state: state, root: systemRoot, rules: rules.directories)
      let configuration = self.settings.source(for: machine.files)
      var settings = DaemonSettings(
        ruleDirectories: place.ruleDirectories,
        ruleOwner: isThisHost ? HostFile.trustedOwner : nil, control: place.control,
        controlGroup: isThisHost ? "apreserve" : nil, ruleArchive: place.ruleArchive)
      if let facts = place.hostFacts {
        settings.host = { facts.identity() }
        settings.hostNameFile = facts.nameFile
      }
      settings.ruleTrial = place.ruleTrial
      settings.configuration = configuration
      settings.configurationLock = systemRoot.flatMap { S390ConfigurationLock.path(root: $0) }
      settings.record = (place.runtime, place.hostFacts?.bootID ?? "")
      settings.lasting = place.lasting
      settings.historyDirectories = place.historyDirectories
      settings.root = systemRoot
      // Held to the end of the process: two daemons on one machine would undo each other's work.
      let lock = try InstanceLock(path: place.lock, as: .daemon)
      settings.repairs = place.repairs + lock.repairs
      defer { withExtendedLifetime(lock) {} }
      let path = machine.path
      try ReservationDaemon(settings, log: log).run(
        activated: Result { () throws(UnsuitableSocket) in
          try ServiceManager.takeListeningSocket(named: "control")
        }
      ) { try HostSysfs(root: path) }
    }
  }
}
