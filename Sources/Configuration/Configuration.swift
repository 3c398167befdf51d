package import AdjunctProcessor
package import Reservation

/// The settings in force, and what is wrong with the files.
package struct Configuration: Equatable, Sendable {
  /// How queues are moved; nil lets the bus decide, once.
  package var mechanism: Mechanism?
  /// How careful to be.
  package var policy = GuardPolicy()
  /// Whether udev is told again of the matrix device when queues were reserved only after it came.
  package var reannouncesMatrix = false
  /// How often everything is looked at without a reason.
  package var rescanInterval = Duration.seconds(60)
  /// How long no device must come on a kernel that does not count its scans.
  package var busSettle = Duration.seconds(3)
  /// When the service is ready at the latest.
  package var startTimeout = Duration.seconds(60)
  /// How long another tool's lock is waited for.
  package var lockTimeout = Duration.seconds(30)

  /// Where settings come from that are not the default's, `file:line`.
  package private(set) var origins: [ConfigurationKey: String] = [:]
  /// What is wrong with the files, in their order.
  package private(set) var problems: [ConfigurationProblem] = []

  /// The defaults.
  package init() {}

  /// The settings of files, each stronger than the ones before it. What is wrong leaves a setting as it
  /// was before.
  ///
  /// `problems` are those that were met before the files could be read.
  package init(_ files: [ConfigurationText], _ problems: [ConfigurationProblem] = []) {
    self.problems = problems
    for file in files {
      let (assignments, problems) = file.assignments()
      self.problems += problems
      for assignment in assignments {
        do throws(ConfigurationValueError) {
          try set(assignment.key, assignment.value)
          origins[assignment.key] = "\(file.path):\(assignment.line)"
        } catch {
          self.problems.append(
            ConfigurationProblem(
              file.path, assignment.line,
              "\(assignment.key.rawValue)=\(assignment.value) is not understood: \(error.expected)")
          )
        }
      }
    }
  }

  /// Sets something that was given in another way, which is stronger than all files.
  package mutating func override(_ key: ConfigurationKey, _ text: String, origin: String) {
    do throws(ConfigurationValueError) {
      try set(key, text)
      origins[key] = origin
    } catch {
      problems.append(
        ConfigurationProblem(
          origin, 0, "\(key.rawValue)=\(text) is not understood: \(error.expected)"))
    }
  }

  private mutating func set(
    _ key: ConfigurationKey, _ text: String
  ) throws(ConfigurationValueError) {
    switch key {
    case .mechanism:
      mechanism = text == "auto" ? nil : (try Mechanism.choice(text, others: ["auto"]))
    case .protectHost: policy.protectHost = try GuardPolicy.HostProtection.choice(text)
    case .force: try force(text)
    case .drainTimeout: policy.drainLimit = try Duration.time(text)
    case .fightLimit: policy.fightLimit = try Int.number(text, 1...1000)
    case .fightInterval: policy.fightInterval = try Duration.time(text)
    case .reannounceMatrix: reannouncesMatrix = try Bool.flag(text)
    case .rescanInterval: rescanInterval = try Duration.time(text, atLeast: .seconds(1))
    case .busSettle: busSettle = try Duration.time(text)
    case .startTimeout: startTimeout = try Duration.time(text)
    case .lockTimeout: lockTimeout = try Duration.time(text)
    }
  }

  /// Guards by name, added to those before; an empty value takes all back, as in systemd's files.
  private mutating func force(_ text: String) throws(ConfigurationValueError) {
    guard !text.isEmpty else {
      policy.forced = []
      return
    }
    for word in text.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
      policy.forced.insert(try Guard.choice(String(word)))
    }
  }

  /// The settings with their values as they could be written, and where they come from.
  package var applied: [(key: ConfigurationKey, value: String, origin: String)] {
    ConfigurationKey.allCases.map { ($0, text($0), origins[$0] ?? "default") }
  }

  private func text(_ key: ConfigurationKey) -> String {
    switch key {
    case .mechanism: mechanism?.rawValue ?? "auto"
    case .protectHost: policy.protectHost.rawValue
    case .force: policy.forced.map(\.rawValue).sorted().joined(separator: " ")
    case .drainTimeout: policy.drainLimit.configurationText
    case .fightLimit: String(policy.fightLimit)
    case .fightInterval: policy.fightInterval.configurationText
    case .reannounceMatrix: reannouncesMatrix ? "yes" : "no"
    case .rescanInterval: rescanInterval.configurationText
    case .busSettle: busSettle.configurationText
    case .startTimeout: startTimeout.configurationText
    case .lockTimeout: lockTimeout.configurationText
    }
  }
}
