import APBus
import Glibc
import SimulatedBus
import TestSupport

/// The agent as a separate process, served with a simulated bus that outlives it.
struct AgentProcess {
  /// How a process ended.
  struct End {
    /// How many moments there were to kill it at, up to its end: before and after each write and
    /// each record.
    var moments: Int
    /// How many writes it did.
    var writes: Int
    /// The moment at which we have killed it.
    var killedAt: BusServer.Moment?
    /// Its exit status; 128 and the signal's number if one ended it.
    var status: Int
  }

  let bus: SimulatedBus
  let state: String
  /// The mechanism to use; nil lets the agent choose.
  let mechanism: Mechanism?

  /// Runs the agent with these rules, which changes over to another mechanism before if there is a target, and kills it
  /// at the moment of that number.
  func run(
    rules: String, changingOverTo target: Mechanism? = nil, killedAt moment: Int? = nil
  ) throws -> End {
    var toChild: [Int32] = [0, 0]
    var fromChild: [Int32] = [0, 0]
    // A socket to it: writing to a process that has ended must not end this one.
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &toChild) == 0, pipe(&fromChild) == 0
    else { throw CallFailure(call: "socketpair", errno: errno) }
    // Our own ends stay with us, or the process would never see that we have closed them.
    for end in toChild + fromChild { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
    posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
    var process = pid_t()
    let words =
      [try BuiltProgram.path("crash-agent"), state, mechanism?.rawValue ?? "auto", rules]
      + (target.map { [$0.rawValue] } ?? [])
    let copies: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    let spawned = posix_spawn(&process, words[0], &actions, nil, copies + [nil], [nil])
    close(toChild[0])
    close(fromChild[1])
    defer {
      close(toChild[1])
      close(fromChild[0])
    }
    guard spawned == 0 else { throw CallFailure(call: "posix_spawn", errno: spawned) }
    var server = BusServer(bus: bus, input: fromChild[0], output: toChild[1])
    let killedAt = server.serve(until: moment) { kill(process, SIGKILL) }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 {
      guard errno == EINTR else { throw CallFailure(call: "waitpid", errno: errno) }
    }
    let signal = status & 0x7f
    return End(
      moments: server.moments, writes: server.writes, killedAt: killedAt,
      status: Int(signal == 0 ? status >> 8 & 0xff : 128 + signal))
  }
}

/// A call that should not fail.
struct CallFailure: Error {
  var call: String
  var errno: Int32
}
