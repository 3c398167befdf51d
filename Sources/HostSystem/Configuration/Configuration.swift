package import APBus
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

  /// Where settings come from that are not the default's: `file:line`, with "not understood" where that
  /// place is why the setting is as protective as it can be.
  package private(set) var origins: [ConfigurationKey: String] = [:]
  private var faults: [ConfigurationProblem] = []

  /// The defaults.
  package init() {}

  /// The settings of files, each stronger than the ones before it.
  ///
  /// A line that cannot be understood does not count as absent, since it may have been meant to protect:
  /// the setting is as protective as it can be (`protect`) until a later line sets it. `previous` are the
  /// settings in force, if there are any.
  package init(_ sources: [ConfigurationSource], previous: Configuration? = nil) {
    for source in sources {
      switch source {
      case .unreadable(let problem): note(problem, previous)
      case .text(let file):
        for line in file.lines() {
          switch line {
          case .problem(let problem): note(problem, previous)
          case .assignment(let assignment):
            let place = "\(file.path):\(assignment.line)"
            do throws(ConfigurationValueError) {
              try set(assignment.key, assignment.value)
              origins[assignment.key] = place
            } catch {
              let problem = ConfigurationProblem(
                file.path, assignment.line, sentence(assignment.key, assignment.value, error),
                about: [assignment.key])
              note(problem, previous)
            }
          }
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
      note(ConfigurationProblem(origin, 0, sentence(key, text, error), about: [key]), nil)
    }
  }

  /// What is wrong with the files, in their order, and what is in force instead.
  package var problems: [ConfigurationProblem] {
    faults.map { fault in
      let keys =
        fault.keys.count == 1
        ? fault.keys : fault.keys.filter { origins[$0] == Self.origin(of: fault) }
      var problem = fault
      if !keys.isEmpty {
        let settings = keys.map { "\($0.rawValue)=\(text($0))" }
        problem.reason += "; in force: " + settings.joined(separator: ", ")
      }
      return problem
    }
  }

  private func sentence(
    _ key: ConfigurationKey, _ text: String, _ error: ConfigurationValueError
  ) -> String {
    let remark = text.firstIndex { $0 == "#" || $0 == ";" }
    let advice = remark == nil ? "" : "; a comment needs a line of its own"
    return "\(key.rawValue)=\(text) is not understood: \(error.expected)\(advice)"
  }

  private static func origin(of problem: ConfigurationProblem) -> String {
    "\(problem.place), not understood"
  }

  private mutating func note(_ problem: ConfigurationProblem, _ previous: Configuration?) {
    faults.append(problem)
    for key in problem.keys {
      let before = text(key)
      protect(key, previous)
      if text(key) != before { origins[key] = Self.origin(of: problem) }
    }
  }

  /// Sets what protects best: of the value of earlier lines, of the default, and of what was in force
  /// before. Nothing in this table can lead to a queue being taken that would not be taken otherwise.
  private mutating func protect(_ key: ConfigurationKey, _ previous: Configuration?) {
    let others = [Configuration(), previous].compactMap(\.self)
    func smallest<Value: Comparable>(_ path: KeyPath<Configuration, Value>) -> Value {
      others.map { $0[keyPath: path] }.reduce(self[keyPath: path], min)
    }
    func greatest<Value: Comparable>(_ path: KeyPath<Configuration, Value>) -> Value {
      others.map { $0[keyPath: path] }.reduce(self[keyPath: path], max)
    }
    switch key {
    // The danger is a changeover, so the mechanism in use stays.
    case .mechanism: mechanism = previous.map(\.mechanism) ?? mechanism
    // The default, auto, is not enough: the line may have been about to say yes.
    case .protectHost: policy.protectHost = .yes
    case .force: policy.forced = []
    // The sooner a busy queue is left alone, the shorter it is switched off.
    case .drainTimeout: policy.drainLimit = smallest(\.policy.drainLimit)
    // Fewer moves in a longer time end a fight.
    case .fightLimit: policy.fightLimit = smallest(\.policy.fightLimit)
    case .fightInterval: policy.fightInterval = greatest(\.policy.fightInterval)
    case .reannounceMatrix: reannouncesMatrix = false
    // What sends no event is noticed soonest.
    case .rescanInterval: rescanInterval = smallest(\.rescanInterval)
    // Nothing is decided before all devices are there.
    case .busSettle: busSettle = greatest(\.busSettle)
    // Nothing holds up the boot.
    case .startTimeout: startTimeout = smallest(\.startTimeout)
    // Whoever holds the lock gets the time to finish.
    case .lockTimeout: lockTimeout = greatest(\.lockTimeout)
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
    var forced = policy.forced
    for word in text.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
      forced.insert(try Guard.choice(String(word)))
    }
    policy.forced = forced
  }

  /// The settings with their values as they could be written, and where they come from.
  package var applied: [AppliedSetting] {
    ConfigurationKey.allCases.map {
      AppliedSetting(
        name: $0.rawValue, value: text($0), origin: origins[$0] ?? AppliedSetting.defaultOrigin)
    }
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
