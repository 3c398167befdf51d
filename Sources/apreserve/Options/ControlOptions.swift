import ArgumentParser
import Daemon
import JSONText
import Varlink

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
}
