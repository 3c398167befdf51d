import Glibc
import TestSupport

/// The built program, run as a process.
enum Program {
  /// The result of a run.
  struct Result {
    /// What it printed to standard output.
    let output: String
    /// What it printed to standard error.
    let messages: String
    /// Its exit status; 128 and the signal's number if one ended it, as a shell has it.
    let status: Int
  }

  /// Runs the program in a directory, with a file there for standard input; standard output may go
  /// elsewhere than into the result.
  static func run(
    _ arguments: [String], in bench: Workbench, input: String = "/dev/null", output: String? = nil,
    environment: [String] = []
  ) throws -> Result {
    let process = try start(
      arguments, in: bench, input: input, output: output ?? ".output", messages: ".messages",
      environment: environment)
    let status = wait(for: process)
    return Result(
      output: output == nil ? try bench.text(".output") : "", messages: try bench.text(".messages"),
      status: status)
  }

  /// Starts the program in a directory, and does not wait for its end.
  static func start(
    _ arguments: [String], in bench: Workbench, input: String = "/dev/null", output: String,
    messages: String, environment: [String] = []
  ) throws -> pid_t {
    func absolute(_ file: String) -> String {
      file.hasPrefix("/") ? file : bench.path + "/" + file
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let create = O_WRONLY | O_CREAT | O_TRUNC
    posix_spawn_file_actions_addopen(&actions, 0, absolute(input), O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, absolute(output), create, 0o600)
    if messages == output {
      posix_spawn_file_actions_adddup2(&actions, 1, 2)
    } else {
      posix_spawn_file_actions_addopen(&actions, 2, absolute(messages), create, 0o600)
    }
    // Swift does not see the call that would set the new process's directory.
    let shell = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", bench.path, try location()]
    var process = pid_t()
    let result = withStrings(shell + arguments) { arguments in
      // No variables from the environment of the tests, such as NO_COLOR.
      withStrings(environment + sanitizerOptions) { variables in
        withUnblockedSignals {
          posix_spawn(&process, "/bin/sh", &actions, $0, arguments, variables)
        }
      }
    }
    guard result == 0 else { throw Workbench.Failure(call: "posix_spawn", errno: result) }
    return process
  }

  /// The options of a sanitizer, which program and tests are built with.
  private static let sanitizerOptions: [String] = ["ASAN_OPTIONS", "TSAN_OPTIONS"].compactMap {
    (name: String) in
    getenv(name).map { "\(name)=\(String(cString: $0))" }
  }

  /// Starts the program in a directory and does not wait for it. Its messages go to a file of their own.
  static func start(_ arguments: [String], in bench: Workbench) throws -> pid_t {
    // The file has the number of the process, which the shell keeps when it becomes the program.
    let script = "cd \"$0\" && exec \"$@\" 2> .messages.$$"
    return try start("/bin/sh", ["-c", script, bench.path, try location()] + arguments)
  }

  /// Starts any program and does not wait for it; its output goes to the output of the tests or to a
  /// file.
  static func start(
    _ program: String, _ arguments: [String], output: String? = nil
  ) throws -> pid_t {
    var process = pid_t()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let output {
      posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    }
    let result = withStrings([program] + arguments) {
      arguments in
      withUnblockedSignals { posix_spawnp(&process, program, &actions, $0, arguments, environ) }
    }
    guard result == 0 else { throw Workbench.Failure(call: program, errno: result) }
    return process
  }

  /// The threads that run tests block signals, and a program would inherit that.
  private static func withUnblockedSignals(
    _ body: (UnsafePointer<posix_spawnattr_t>) -> Int32
  ) -> Int32 {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    return body(&attributes)
  }

  /// Waits for a program; its exit status as a shell has it.
  static func wait(for process: pid_t) -> Int {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 {
      guard errno == EINTR else { return -1 }
    }
    // wait(2): the low seven bits are the signal, the next byte the exit status.
    let signal = status & 0x7f
    return Int(signal == 0 ? status >> 8 & 0xff : 128 + signal)
  }

  /// The program is in the directory of the test executable.
  static func location() throws -> String { try BuiltProgram.path("apreserve") }

  private static func withStrings<Value>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Value
  ) -> Value {
    let copies: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies + [nil])
  }
}

/// A directory in which the program runs, so that its messages have short file names.
typealias Workbench = TemporaryTree

extension Workbench {
  /// Runs the program in the directory with these words.
  func run(_ words: String, input: String = "/dev/null") throws -> Program.Result {
    try Program.run(words.split(separator: " ").map(String.init), in: self, input: input)
  }
}
