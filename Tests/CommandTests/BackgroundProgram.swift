import Glibc
import TestSupport

/// The built program, running beside the tests until it is ended.
final class BackgroundProgram {
  /// Its process.
  let process: pid_t
  private var hasEnded = false

  /// Starts the program in a directory with these words; its output is in `.daemon` there.
  init(_ words: String, in bench: Workbench, environment: [String] = []) throws {
    process = try Program.start(
      words.split(separator: " ").map(String.init), in: bench, output: ".daemon",
      messages: ".daemon", environment: environment)
  }

  /// Takes over a program that was started.
  init(_ process: pid_t) {
    self.process = process
  }

  deinit {
    if !hasEnded { _ = end(SIGKILL) }
  }

  /// Sends a signal.
  func signal(_ number: Int32) { kill(process, number) }

  /// Sends a signal and waits until the process has ended; the answer is its exit status, or 128 and the
  /// signal's number.
  func end(_ number: Int32) -> Int {
    kill(process, number)
    hasEnded = true
    return Program.wait(for: process)
  }
}
