import Foundation
import Glibc
import Synchronization

/// A run of tests that ends with the first failure.
enum TestProcess {
  enum Ending: Equatable, CustomStringConvertible {
    case passed
    case failed(String)
    case crashed(signal: Int32)
    case tookTooLong

    var description: String {
      switch self {
      case .passed: "passed"
      case .failed(let line): line
      case .crashed(let signal): "crashed with signal \(signal)"
      case .tookTooLong: "took too long"
      }
    }
  }

  struct Result {
    var ending: Ending
    /// Processor time.
    var seconds: Double
  }

  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  /// The memory that a run may have, in KiB: a mutant may ask for all there is.
  private static let memory = 6 << 20

  /// `limit` bounds the processor time, since others may be at work on the machine; a run that waits
  /// instead of working has ten times as long, and a minute.
  static func run(
    _ words: [String], environment: [String: String], limit: Double
  ) throws -> Result {
    let shell =
      [
        "/bin/sh", "-c",
        "ulimit -t \(Int(limit) + 1); ulimit -c 0; ulimit -v \(memory); exec \"$@\"", "sh",
      ]
      + words
    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let (process, output) = try starting.withLock { _ in try start(shell, variables) }
    defer { close(output) }
    let deadline = ContinuousClock.now + .seconds(60 + 10 * limit)
    var failure: String?
    var isLate = false
    var lines = Lines()
    reading: while true {
      var descriptor = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
      if poll(&descriptor, 1, 1000) > 0 {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = read(output, &buffer, buffer.count)
        if count <= 0 { break }
        for line in lines.append(buffer[..<count]) where line.hasPrefix("✘") {
          failure = line
          break reading
        }
      }
      if ContinuousClock.now > deadline {
        isLate = true
        break
      }
    }
    // It has the number of its first process, and takes along what a test has started.
    if failure != nil || isLate { kill(-process, SIGKILL) }
    var status: Int32 = 0
    var usage = rusage()
    while wait4(process, &status, 0, &usage) < 0 && errno == EINTR {}
    kill(-process, SIGKILL)
    let seconds =
      Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    return Result(ending: ending(failure, isLate, status), seconds: seconds)
  }

  private static func ending(_ failure: String?, _ isLate: Bool, _ status: Int32) -> Ending {
    if let failure { return .failed(failure) }
    if isLate { return .tookTooLong }
    let signal = status & 0x7f
    if signal == SIGXCPU || signal == SIGKILL { return .tookTooLong }
    if signal != 0 { return .crashed(signal: signal) }
    let code = status >> 8 & 0xff
    return code == 0 ? .passed : .failed("exit status \(code)")
  }

  /// One at a time: nobody else's process may have the end of the pipe that is written to.
  private static let starting = Mutex(())

  /// Starts a process in a group of its own; what it writes can be read.
  private static func start(
    _ words: [String], _ environment: [String: String]
  ) throws -> (process: pid_t, output: Int32) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw Failure(description: "no pipe: \(errno)") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[1]) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    let arguments = words.map { strdup($0) }
    let variables = environment.map { strdup("\($0)=\($1)") }
    defer { for text in arguments + variables { free(text) } }
    var process: pid_t = 0
    let result = posix_spawn(
      &process, words[0], &actions, &attributes, arguments + [nil], variables + [nil])
    guard result == 0 else {
      close(ends[0])
      throw Failure(description: "\(words[0]) does not start: \(result)")
    }
    return (process, ends[0])
  }

  /// Lines out of pieces.
  private struct Lines {
    private var rest: [UInt8] = []

    mutating func append(_ bytes: some Sequence<UInt8>) -> [String] {
      var lines = (rest + bytes).split(
        separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      rest = lines.popLast().map(Array.init) ?? []
      return lines.map { String(decoding: $0, as: UTF8.self) }
    }
  }
}
