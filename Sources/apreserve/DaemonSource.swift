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
  /// `options` are those given that select another machine, other rules or other settings.
  func state(unless options: [String]) throws -> PlanningState? {
    guard !offline else { return nil }
    if let control {
      if let option = options.first {
        Terminal.say("\(option) cannot be combined with --control: the daemon has its own.")
        throw ExitCode.validationFailure
      }
      return try Self.state(from: control)
    }
    guard options.isEmpty else { return nil }
    do throws(ControlError) {
      return try Self.state(from: DaemonPlace.systemControl)
    } catch {
      switch error {
      case .unreachable(let failure) where failure.isAbsence || failure.isRefusal: break
      case .refused("org.apreserve.NoInventory", _): break
      default:
        Terminal.say("\(error); without it, what only the daemon knows is missing here")
      }
      return nil
    }
  }

  private static func state(from control: String) throws(ControlError) -> PlanningState {
    let reply = try ControlClient(path: control).call(
      Call("org.apreserve.GetPlanningState"), timeout: ControlOptions.patience)
    let version = reply["version"]?.text ?? "?"
    guard version == ProgramVersion.text else { throw .otherVersion(version) }
    do throws(PlanningStateError) {
      let state = try PlanningState(reply["state"] ?? .null)
      if !state.ruleErrors.isEmpty {
        Terminal.say(
          "the rule files have errors, and the rules from before stay in force:\n"
            + state.ruleErrors.joined(separator: "\n"))
      }
      return state
    } catch {
      throw .nonsense("\(control) (\(error))")
    }
  }
}
