import APBus
import ArgumentParser
import Daemon
import HostSystem
import JSONText
import Reservation
import Snapshots

/// Whether a command asks the running daemon, which knows what no file says: the rules that it keeps while the files
/// have errors, queues that it leaves to another process, and what has failed and waits to be tried again.
struct DaemonSource: ParsableArguments {
  @Flag(
    help: "Read machine, rules and settings, instead of asking the daemon if it is running.")
  var offline = false

  @Option(
    help: ArgumentHelp("Use this control socket of the daemon.", valueName: "path"),
    completion: .file())
  var control: String?

  func validate() throws {
    guard !offline || control == nil else {
      throw ValidationError("--offline and --control exclude each other.")
    }
  }

  /// What the daemon plans by. Nil if it is not to be asked, and if none answers: unless --control names it, that is no
  /// error.
  ///
  /// `options` are those given that select another machine, other rules or other settings. `quietly` leaves out what
  /// was said before.
  func state(unless options: [String], quietly: Bool = false) throws -> PlanningState? {
    try ask(unless: options, quietly: quietly) { (control) throws(ControlError) in
      let state = try Self.answer("GetPlanningState", "state", from: control) {
        (value) throws(PlanningStateError) in try PlanningState(value)
      }
      let rules = state.rules
      if !quietly, let message = rules.message { Terminal.say(message) }
      return state
    }
  }

  /// The rules that the daemon has in force; nil under the same conditions.
  func rules(unless options: [String], quietly: Bool = false) throws -> RulesInForce? {
    try ask(unless: options, quietly: quietly) { (control) throws(ControlError) in
      let rules = try Self.rules(from: control)
      if !quietly, let message = rules.message { Terminal.say(message) }
      return rules
    }
  }

  /// The rules that the daemon has in force. That none answers is an error here.
  func requiredRules() throws(ControlError) -> RulesInForce {
    try Self.rules(from: control ?? DaemonPlace.systemControl)
  }

  private func ask<Value>(
    unless options: [String], quietly: Bool,
    _ body: (_ control: String) throws(ControlError) -> Value
  ) throws -> Value? {
    guard !offline else { return nil }
    if let control {
      if let option = options.first {
        Terminal.say("\(option) cannot be combined with --control: the daemon has its own.")
        throw ExitCode.validationFailure
      }
      return try body(control)
    }
    guard options.isEmpty else { return nil }
    do throws(ControlError) {
      return try body(DaemonPlace.systemControl)
    } catch {
      switch error {
      case _ where error.isAbsence: break
      case .refused("org.apreserve.NoInventory", _): break
      default:
        if !quietly {
          Terminal.say("\(error)")
          Terminal.say("what only the daemon knows is missing here; --offline omits this message")
        }
      }
      return nil
    }
  }

  private static func rules(from control: String) throws(ControlError) -> RulesInForce {
    try answer("GetRules", "rules", from: control) {
      (value) throws(PlanningStateError) in try RulesInForce(value)
    }
  }

  /// How long a daemon that is stopped or busy is waited for.
  private static let patience = Duration.seconds(10)

  private static func answer<Value>(
    _ method: String, _ member: String, from control: String,
    _ read: (JSONValue) throws(PlanningStateError) -> Value
  ) throws(ControlError) -> Value {
    let reply = try ControlClient(path: control).call(
      Call("org.apreserve.\(method)"), timeout: patience)
    let version = reply["version"]?.text ?? "?"
    guard version == ProgramVersion.text else { throw .otherVersion(version) }
    do throws(PlanningStateError) {
      return try read(reply[member] ?? .null)
    } catch {
      throw .nonsense("\(control) (\(error))")
    }
  }
}
