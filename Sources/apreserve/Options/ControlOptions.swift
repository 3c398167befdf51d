import ArgumentParser
import Daemon
import JSONText

/// Which daemon is asked.
struct ControlOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The daemon's control socket.", valueName: "path"), completion: .file())
  var control = DaemonPlace.systemControl

  /// How long a daemon may take to answer what it can answer at once.
  static let patience = Duration.seconds(30)

  /// Calls a method of the daemon and waits for its result, at most that long; nil waits for ever.
  func call(
    _ method: String, timeout: Duration? = ControlOptions.patience
  ) throws(ControlError) -> Reply {
    try ControlClient(path: control).call(Call("org.apreserve.\(method)"), timeout: timeout)
  }

  /// Ends a command as the status says that it waited for: with 1 and what does not work where the daemon
  /// is degraded, with 3 where something is refused or failed.
  static func end(with status: JSONValue) throws {
    if status["degraded"]?.isTrue == true {
      for problem in status["problems"]?.elements ?? [] {
        if let text = problem.text { Terminal.say(text) }
      }
      throw ExitStatus.error
    }
    if (status["refused"]?.integer ?? 0) + (status["failed"]?.integer ?? 0) > 0 {
      throw ExitStatus.refused
    }
  }
}
