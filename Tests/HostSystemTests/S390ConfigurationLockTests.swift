import Agent
import Glibc
import HostSystem
import HostTestSupport
import Testing

@Suite struct `The lock of the AP configuration` {
  private let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
  }

  private var path: String { tree.path + "/s390apconfig.lock" }

  private func lock(limit: Duration = .zero, onWait: @escaping (String) -> Void = { _ in })
    -> S390ConfigurationLock
  {
    S390ConfigurationLock(path: path, limit: limit, onWait: onWait)
  }

  private var names: [String] {
    get throws {
      try ConfigurationDirectory.read(tree.path, owner: nil)?.entries.map(\.name) ?? []
    }
  }

  /// The number of a process that has ended.
  private func endedProcess() throws -> pid_t {
    var process = pid_t()
    let words: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
    defer { for word in words { free(word) } }
    try #require(posix_spawn(&process, "/bin/true", nil, nil, words, environ) == 0)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 { try #require(errno == EINTR) }
    return process
  }

  @Test func `is a file with our process number, and nothing beside it`() throws {
    let lock = lock()
    try lock.acquire()
    #expect(try tree.text("s390apconfig.lock") == "\(getpid())\n")
    #expect(try names == ["s390apconfig.lock"])
    lock.release()
    #expect(try names.isEmpty)
  }

  @Test func `is not waited for by whoever is to stop`() throws {
    // The process that runs the tests' own parent lives, whoever that is.
    try tree.file("s390apconfig.lock", "\(getppid())\n")
    var questions = 0
    let lock = S390ConfigurationLock(
      path: path, limit: .seconds(3600),
      isInterrupted: {
        questions += 1
        return questions > 3
      }, onWait: { _ in })
    let error = try #require(throws: ConfigurationLockError.self) { try lock.acquire() }
    #expect(error.description.contains("holds \(path), and it is no time to wait"))
    #expect(try tree.text("s390apconfig.lock") == "\(getppid())\n")
  }

  @Test func `is taken from a process that has ended`() throws {
    try tree.file("s390apconfig.lock", "\(try endedProcess())\n")
    let lock = lock()
    try lock.acquire()
    #expect(try tree.text("s390apconfig.lock") == "\(getpid())\n")
    #expect(try names == ["s390apconfig.lock"])
  }

  @Test(arguments: ["", "0\n", "nonsense\n", "99999999999\n"])
  func `is taken without an owner's number only when it is old`(text: String) throws {
    try tree.file("s390apconfig.lock", text)
    let lock = lock()
    #expect(throws: ConfigurationLockError.self) { try lock.acquire() }
    var times = [timeval(tv_sec: time(nil) - 121, tv_usec: 0), timeval(tv_sec: 0, tv_usec: 0)]
    times[1] = times[0]
    #expect(utimes(path, times) == 0)
    try lock.acquire()
  }

  @Test func `of a living process is waited for, with a word about it, and not for ever`() throws {
    try tree.file("s390apconfig.lock", "1\n")
    let error = try #require(throws: ConfigurationLockError.self) { try lock().acquire() }
    #expect(error.description.contains("process 1)"))
    #expect(error.description.contains(path))
    var words: [String] = []
    #expect(throws: ConfigurationLockError.self) {
      try lock(limit: .milliseconds(1100)) { words.append($0) }.acquire()
    }
    #expect(words.count == 1)
    #expect(try tree.text("s390apconfig.lock") == "1\n")
    #expect(try names == ["s390apconfig.lock"])
  }

  @Test func `is had as soon as its owner gives it back`() throws {
    try tree.file("s390apconfig.lock", "1\n")
    let path = path
    try WorkerThread.start {
      usleep(50_000)
      unlink(path)
    }
    try lock(limit: .seconds(60)).acquire()
    #expect(try tree.text("s390apconfig.lock") == "\(getpid())\n")
  }

  @Test func `is not given back when somebody else has it by now`() throws {
    let lock = lock()
    try lock.acquire()
    tree.remove("s390apconfig.lock")
    try tree.file("s390apconfig.lock", "1\n")
    lock.release()
    #expect(try tree.text("s390apconfig.lock") == "1\n")
  }

  @Test func `makes its directory where there is none, as in an initial RAM disk`() throws {
    let path = tree.path + "/lock/s390apconfig.lock"
    let lock = S390ConfigurationLock(path: path, limit: .zero, onWait: { _ in })
    try lock.acquire()
    #expect(try tree.text("lock/s390apconfig.lock") == "\(getpid())\n")
    lock.release()
    #expect(access(path, F_OK) != 0)
  }

  @Test func `says why it cannot be made`() throws {
    let lock = S390ConfigurationLock(
      path: tree.path + "/no/directory/lock", limit: .zero, onWait: { _ in })
    let error = try #require(throws: ConfigurationLockError.self) { try lock.acquire() }
    #expect(error.description.contains("ENOENT"))
  }
}
