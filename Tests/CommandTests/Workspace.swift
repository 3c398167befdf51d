import Glibc
import Testing

/// A directory for one test, and the program to run in it.
final class Workspace {
  /// The directory's path.
  let path: String

  /// What a run of the program has come to.
  struct Run: Equatable {
    /// The exit code; nil after a signal.
    var code: Int32?
    /// Standard output.
    var output: String
    /// Standard error.
    var messages: String
  }

  /// A call that failed.
  struct Failure: Error {
    let call: String
    let number = errno
  }

  init() throws {
    var template = Array("/tmp/apreserve-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure(call: "mkdtemp") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    _ = try? spawn("/bin/rm", ["-rf", path], output: "/dev/null", messages: "/dev/null")
  }

  /// Writes a file, its directories with it.
  func write(_ name: String, _ bytes: some Sequence<UInt8>) throws {
    var directory = path
    for part in name.split(separator: "/").dropLast() {
      directory += "/\(part)"
      mkdir(directory, 0o755)
    }
    guard let file = fopen("\(path)/\(name)", "w") else { throw Failure(call: "fopen \(name)") }
    let bytes = Array(bytes)
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
  }

  /// Writes a text.
  func write(_ name: String, _ text: String) throws { try write(name, text.utf8) }

  /// Makes a directory and those above it.
  func makeDirectory(_ name: String) {
    var directory = path
    for part in name.split(separator: "/") {
      directory += "/\(part)"
      mkdir(directory, 0o755)
    }
  }

  /// Makes a link.
  func link(_ name: String, to target: String) throws {
    guard symlink(target, "\(path)/\(name)") == 0 else { throw Failure(call: "symlink \(name)") }
  }

  /// A file's text; nil if there is none.
  func read(_ name: String) -> String? {
    guard let file = fopen(name.hasPrefix("/") ? name : "\(path)/\(name)", "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk[..<count]
    }
  }

  /// Runs `apreserve` in this directory, whose path is `.` in what it prints.
  func run(_ arguments: String..., output: String? = nil) throws -> Run {
    try run(arguments, output: output)
  }

  /// Runs `apreserve` with these arguments.
  func run(_ arguments: [String], output: String? = nil) throws -> Run {
    let code = try spawn(
      Self.program(), arguments, output: output ?? "\(path)/.output",
      messages: "\(path)/.messages")
    return Run(
      code: code, output: output == nil ? read(".output") ?? "" : "",
      messages: read(".messages") ?? "")
  }

  /// The program stands beside the tests' own.
  private static func program() throws -> String {
    var target = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &target, target.count)
    guard count > 0 else { throw Failure(call: "readlink /proc/self/exe") }
    let own = String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return "/" + own.split(separator: "/").dropLast().joined(separator: "/") + "/apreserve"
  }

  /// Runs `apreserve` while nobody reads its output.
  func runUnread(_ arguments: [String]) throws -> Run {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Failure(call: "pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    close(ends[0])
    defer { close(ends[1]) }
    let code = try spawn(
      Self.program(), arguments, output: "/dev/null", messages: "\(path)/.messages",
      pipe: ends[1])
    return Run(code: code, output: "", messages: read(".messages") ?? "")
  }

  private func spawn(
    _ program: String, _ arguments: [String], output: String, messages: String, pipe: Int32? = nil
  ) throws -> Int32? {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, messages, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    if let pipe { posix_spawn_file_actions_adddup2(&actions, pipe, 1) }
    // What is printed names files as they were given, so they are given relative to the directory.
    var words = (["env", "-C", path, program] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var environment: [UnsafeMutablePointer<CChar>?] = [strdup("PATH=/usr/bin:/bin"), nil]
    defer { for word in environment { free(word) } }
    var process = pid_t()
    let number = posix_spawn(&process, "/usr/bin/env", &actions, nil, &words, &environment)
    guard number == 0 else { throw Failure(call: "posix_spawn \(program): \(number)") }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 {
      guard errno == EINTR else { throw Failure(call: "waitpid") }
    }
    return status & 0x7f == 0 ? status >> 8 & 0xff : nil
  }
}
