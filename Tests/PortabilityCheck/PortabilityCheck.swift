import Glibc
import TestSupport

/// Holds this architecture against another one, with the project's own code and test data, for machines that
/// have no test runner: `portability-check check` compares known answers, parses every kept input and walks
/// every transcript of a kernel; `write DIRECTORY` leaves documents behind that must be the same bytes
/// everywhere; `compare DIRECTORY` creates them again and compares. A line a check, `pass` or `FAIL`; the exit
/// status counts.
///
/// `listen SOCKET FILE` appends the datagrams that a socket receives to a file: what a program sends to the
/// service manager and the journal.
@main
enum PortabilityCheck {
  static func main() {
    let words = Array(CommandLine.arguments.dropFirst())
    switch (words.first, words.count) {
    case ("check", 1): finish { check(&$0) }
    case ("write", 2): finish { Documents.write(to: words[1], &$0) }
    case ("compare", 2): finish { Documents.compare(with: words[1], &$0) }
    case ("listen", 3): DatagramListener.run(socket: words[1], file: words[2])
    default:
      Results.say(
        """
        usage: portability-check check | write DIRECTORY | compare DIRECTORY
               portability-check listen SOCKET FILE
        """, to: STDERR_FILENO)
      exit(64)
    }
  }

  private static func check(_ results: inout Results) {
    KnownAnswers.check(&results)
    Inputs.check(&results)
    Kernels.check(&results)
  }

  private static func finish(_ body: (inout Results) -> Void) -> Never {
    var results = Results()
    body(&results)
    Results.say("\(results.passed) passed, \(results.failed) failed")
    exit(results.failed == 0 && results.passed > 0 ? 0 : 1)
  }
}
