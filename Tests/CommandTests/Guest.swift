import Glibc
import TestSupport

/// A user without any rights here.
enum Guest {
  static let identity = arguments(65534)

  /// The arguments of `setpriv` for that user.
  static func arguments(_ user: Int) -> [String] {
    ["--reuid=\(user)", "--regid=\(user)", "--clear-groups"]
  }

  static let isPossible: Bool = {
    guard geteuid() == 0, let program = try? Program.location(),
      let process = try? Program.start("setpriv", identity + [program, "--version"])
    else { return false }
    return Program.wait(for: process) == 0
  }()

  /// Runs the program in the workbench's directory; its exit status.
  static func run(_ words: String, in bench: Workbench, user: Int = 65534) throws -> Int {
    guard chmod(bench.path, 0o755) == 0 else {
      throw Workbench.Failure(call: "chmod", errno: errno)
    }
    let script = "cd \"$0\" && exec \"$@\" > .guest 2>&1"
    return Program.wait(
      for: try Program.start(
        "sh",
        ["-c", script, bench.path, "setpriv"] + arguments(user) + [try Program.location()]
          + words.split(separator: " ").map(String.init)))
  }
}
