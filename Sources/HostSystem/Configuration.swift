package import APBus
package import Reservation

/// The settings in force (apreserve.conf(5)), where each comes from, and what is wrong with the files.
package struct Configuration: Equatable, Sendable {
  /// How queues are moved; nil lets the agent choose, once.
  package var mechanism: Mechanism?
  package var policy = GuardPolicy()
  /// Whether udev gets another event of the matrix device if queues were reserved after it had appeared.
  package var reannouncesMatrix = false
  /// What becomes of the start of a virtual machine that lacks queues.
  package var guestStart = GuestStart.refuse
  /// The longest wait for queues of a virtual machine before it is started.
  package var guestStartTimeout = Duration.seconds(30)
  /// The time between two scans without an event.
  package var rescanInterval = Duration.seconds(60)
  /// The time without new devices after which a bus counts as scanned on kernels that do not count scans.
  package var busSettle = Duration.seconds(3)
  /// The time after which the service is ready at the latest.
  package var startTimeout = Duration.seconds(60)
  /// The longest wait for the lock of another tool.
  package var lockTimeout = Duration.seconds(30)

  /// Where settings come from that do not have their default: `FILE:LINE`, with ", invalid" if that line
  /// is why the setting has the value that protects best.
  package private(set) var origins: [Setting: String] = [:]
  private var invalidLines: [ConfigurationProblem] = []

  /// What the hook of libvirt does where queues of a virtual machine cannot be used.
  package enum GuestStart: String, CaseIterable, Sendable {
    case refuse
    case warn
    /// The queues are not looked at.
    case ignore
  }

  package init() {}

  /// The settings that another program has in force, such as the daemon.
  package init(applied: [AppliedSetting]) {
    for setting in applied where setting.isSet {
      if let key = Setting(rawValue: setting.name) {
        override(key, with: setting.value, origin: setting.origin)
      }
    }
  }

  /// Reads files, each with a higher priority than the ones before.
  ///
  /// An invalid line is not ignored, since it may have been meant to protect: its setting has the value that
  /// protects best until a later line sets it. `previous` are the settings in force, if there are any.
  package init(_ sources: [ConfigurationSource], previous: Configuration? = nil) {
    for source in sources {
      switch source {
      case .unreadable(let problem): note(problem, previous: previous)
      case .text(let file):
        for line in file.lines() {
          switch line {
          case .problem(let problem): note(problem, previous: previous)
          case .assignment(let assignment):
            set(
              assignment.setting, to: assignment.value, from: file.path, line: assignment.line,
              previous: previous)
          }
        }
      }
    }
  }

  /// Sets a value with a higher priority than all files, such as that of an option.
  package mutating func override(_ setting: Setting, with text: String, origin: String) {
    set(setting, to: text, from: origin, line: 0, previous: nil)
  }

  private mutating func set(
    _ setting: Setting, to text: String, from path: String, line: Int, previous: Configuration?
  ) {
    do throws(InvalidValue) {
      try setting.row.set(text, &self)
      origins[setting] = line == 0 ? path : "\(path):\(line)"
    } catch {
      let hasRemark = text.contains { $0 == "#" || $0 == ";" }
      let sentence =
        "\(setting.rawValue)=\(text) is invalid: \(error.advice)"
        + (hasRemark ? "; a comment must be on a separate line" : "")
      note(
        ConfigurationProblem(sentence, path: path, line: line, about: [setting]),
        previous: previous)
    }
  }

  /// Notes a problem and lets the settings protect that it is about.
  private mutating func note(_ problem: ConfigurationProblem, previous: Configuration?) {
    invalidLines.append(problem)
    for setting in problem.settings {
      let before = setting.row.text(self)
      setting.row.protect(&self, previous)
      if setting.row.text(self) != before { origins[setting] = Self.origin(of: problem) }
    }
  }

  private static func origin(of problem: ConfigurationProblem) -> String {
    "\(problem.place), invalid"
  }

  /// What is wrong with the files, in their order, and which values are in force instead.
  package var problems: [ConfigurationProblem] {
    invalidLines.map { problem in
      // A problem about all settings names those that have changed.
      let settings =
        problem.settings.count == 1
        ? problem.settings
        : problem.settings.filter { origins[$0] == Self.origin(of: problem) }
      guard !settings.isEmpty else { return problem }
      let values = settings.map { "\($0.rawValue)=\($0.row.text(self))" }
      var problem = problem
      problem.reason += "; in force: " + values.joined(separator: ", ")
      return problem
    }
  }

  /// All settings with their values and origins.
  package var applied: [AppliedSetting] {
    Setting.allCases.map {
      AppliedSetting(
        name: $0.rawValue, value: $0.row.text(self),
        origin: origins[$0] ?? AppliedSetting.defaultOrigin)
    }
  }
}
