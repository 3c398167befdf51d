import ArgumentParser
import Daemon
import JSONText
import Varlink

/// Which daemon is asked.
struct ControlOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The daemon's control socket.", valueName: "path"))
  var control = DaemonPlace.systemControl

  /// Calls a method of the daemon and waits for its result.
  func call(_ method: String, timeout: Duration? = nil) throws(ControlError) -> Reply {
    try ControlClient(path: control).call(Call("org.apreserve.\(method)"), timeout: timeout)
  }
}
