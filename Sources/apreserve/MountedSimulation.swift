import Glibc

/// The simulated bus as a file system: `apreserve-simfs`, which is started and watched here, since
/// `apreserve` itself does without libfuse.
struct MountedSimulation {
  /// The directory to mount on.
  let directory: String
  /// What else `apreserve-simfs` is told.
  let arguments: [String]

  /// Serves until the tree is unmounted, and cleans up behind a server that was killed.
  func run() throws {
    let server = try Self.spawn(Self.server, arguments + [directory])
    // Ctrl-C is for the server, which unmounts; here its end is waited for. The server gets SIGTERM when
    // this program is gone.
    signal(SIGINT, SIG_IGN)
    let status = Self.wait(for: server)
    if status & 0x7f != 0 {
      Terminal.say("apreserve-simfs was ended by signal \(status & 0x7f)")
      let helper = try? Self.spawn("fusermount3", ["-u", "-z", "-q", directory])
      let isGone = helper.map { Self.wait(for: $0) } == 0
      Terminal.say(
        isGone
          ? "\(directory) is unmounted; files that are open there answer ENOTCONN"
          : "\(directory) is still mounted, and all in it answers ENOTCONN: umount -l \(directory)")
      throw ExitStatus.error
    }
    guard status >> 8 & 0xff == 0 else { throw ExitStatus.error }
  }

  /// The server stands beside this program, or is looked for as any program is.
  private static var server: String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let own = String(
      decoding: buffer[..<max(count, 0)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let sibling = own.split(separator: "/").dropLast().map { "/" + $0 }.joined()
    let path = sibling + "/apreserve-simfs"
    return access(path, X_OK) == 0 ? path : "apreserve-simfs"
  }

  private static func spawn(_ program: String, _ arguments: [String]) throws -> pid_t {
    let words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process = pid_t()
    let result = posix_spawnp(&process, program, nil, nil, words, environ)
    guard result == 0 else {
      Terminal.say("\(program) cannot be started: \(String(cString: strerror(result)))")
      throw ExitStatus.error
    }
    return process
  }

  private static func wait(for process: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    return status
  }
}
