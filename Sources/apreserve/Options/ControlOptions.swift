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

  /// Ends a command as a status says: with 1 where something does not work, with 3 where something is refused
  /// or has failed. What does not work is printed unless it was before.
  static func end(with status: JSONValue, silently: Bool = false) throws {
    let view = StatusView(status)
    switch view.outcome {
    case .fine: break
    case .refused: throw ExitStatus.refused
    case .error:
      if !silently { view.problems.forEach(Terminal.say) }
      throw ExitStatus.error
    }
  }
}
