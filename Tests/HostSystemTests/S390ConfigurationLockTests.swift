import Agent
import Glibc
import HostSystem
import HostTestSupport
import Synchronization
import TestSupport
import Testing

@Suite struct `The lock of the AP configuration` {
  private let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
  }

  private var path: String { tree.path + "/s390apconfig.lock" }

  private func lock(limit: Duration = .zero, report: @escaping (String) -> Void = { _ in })
    -> S390ConfigurationLock
  {
    S390ConfigurationLock(path: path, limit: limit) { if let text = $0.sentence { report(text) } }
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

  @Test func `is not waited for after an interruption`() throws {
    // The parent of the test process is running.
    try tree.file("s390apconfig.lock", "\(getppid())\n")
    var questions = 0
    let lock = S390ConfigurationLock(
      path: path, limit: .seconds(3600),
      isInterrupted: {
        questions += 1
        return questions > 3
      }, report: { _ in })
    let error = try #require(throws: ConfigurationLockError.self) { try lock.acquire() }
    #expect(error.description.contains("holds \(path), and the wait for it was interrupted"))
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

  @Test func `of a running process is waited for up to a limit, and reported`() throws {
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

  @Test func `is not released if another process holds it by now`() throws {
    let lock = lock()
    try lock.acquire()
    tree.remove("s390apconfig.lock")
    try tree.file("s390apconfig.lock", "1\n")
    lock.release()
    #expect(try tree.text("s390apconfig.lock") == "1\n")
  }

  /// As the callouts of mdevctl hold it: acquired by one process, released by another, both started by the owner.
  @Test func `is held in the name of another process until that or another callout releases it`()
    throws
  {
    func callout(of owner: Int32) -> S390ConfigurationLock {
      S390ConfigurationLock(path: path, limit: .zero, owner: owner, report: { _ in })
    }
    let first = callout(of: getppid())
    #expect(!first.isHeldByOwner)
    try first.acquire()
    #expect(try tree.text("s390apconfig.lock") == "\(getppid())\n")
    #expect(callout(of: getppid()).isHeldByOwner)
    // The agent waits, and so does the callout of another mdevctl.
    #expect(throws: ConfigurationLockError.self) { try lock().acquire() }
    #expect(throws: ConfigurationLockError.self) { try callout(of: 1).acquire() }
    callout(of: 1).releaseForOwner()
    lock().releaseForOwner()
    #expect(try names == ["s390apconfig.lock"])
    callout(of: getppid()).releaseForOwner()
    #expect(try names.isEmpty)
    // mdevctl has ended between its callouts.
    try callout(of: endedProcess()).acquire()
    try lock().acquire()
    #expect(try tree.text("s390apconfig.lock") == "\(getpid())\n")
  }

  @Test func `creates its directory if it is missing, as in an initial RAM disk`() throws {
    let path = tree.path + "/lock/s390apconfig.lock"
    let lock = S390ConfigurationLock(path: path, limit: .zero, report: { _ in })
    try lock.acquire()
    #expect(try tree.text("lock/s390apconfig.lock") == "\(getpid())\n")
    lock.release()
    #expect(access(path, F_OK) != 0)
  }

  @Test func `says why it cannot be made`() throws {
    let lock = S390ConfigurationLock(
      path: tree.path + "/no/directory/lock", limit: .zero, report: { _ in })
    let error = try #require(throws: ConfigurationLockError.self) { try lock.acquire() }
    #expect(error.description.contains("ENOENT"))
  }

  /// What can be at the path of the lock, and what must happen then.
  struct Form: CustomTestStringConvertible, Sendable {
    enum Outcome: Sendable {
      /// The lock is had.
      case taken
      /// An error contains these words, including a remedy, and the file stays.
      case named([String])
    }

    let name: String
    let outcome: Outcome
    let make: @Sendable (_ tree: TemporaryTree, _ path: String) throws -> Void

    init(
      _ name: String, _ outcome: Outcome,
      _ make: @escaping @Sendable (TemporaryTree, String) throws -> Void
    ) {
      (self.name, self.outcome, self.make) = (name, outcome, make)
    }

    var testDescription: String { name }
  }

  private static let file = "s390apconfig.lock"

  private static func text(
    _ name: String, _ text: String, _ outcome: Form.Outcome, mode: UInt32 = 0o644
  ) -> Form {
    Form(name, outcome) { tree, _ in try tree.file(file, text, mode: mode) }
  }

  private static let kinds: [Form] = [
    Form("a pipe", .named(["is a pipe and not a lock", "ls -ld "])) { tree, _ in
      try tree.pipe(file)
    },
    Form("an empty directory", .named(["is a directory and"])) { tree, _ in
      try tree.directory(file)
    },
    Form("a full directory", .named(["is a directory and"])) { tree, _ in
      try tree.file(file + "/file", "1\n")
    },
    Form("a link to a lock", .named(["is a symbolic link and"])) { tree, _ in
      try tree.file("elsewhere", "1\n")
      try tree.link(file, to: "elsewhere")
    },
    Form("a link to nothing", .named(["is a symbolic link and"])) { tree, _ in
      try tree.link(file, to: "nowhere")
    },
    Form("a link to itself", .named(["is a symbolic link and"])) { tree, _ in
      try tree.link(file, to: file)
    },
    Form("a link to a device that blocks", .named(["is a symbolic link and"])) { tree, _ in
      try tree.link(file, to: "/dev/tty")
    },
    Form("a socket", .named(["is a socket and"])) { _, path in _ = try DatagramSocket(at: path)
    },
    Form("a device", .named(["is a device and"])) { tree, path in
      // Character device 1:3 is /dev/null (Documentation/admin-guide/devices.txt).
      if mknod(path, S_IFCHR | 0o666, 0x103) != 0 { try tree.link(file, to: "/dev/null") }
    },
  ]

  private static let texts: [Form] = [
    text("process 1", "1\n", .named(["(process 1) has held", "ps -fp 1\"", "remove /"])),
    text("our own process", "\(getpid())\n", .taken),
    text(
      "a living process", "\(getppid())\n",
      .named(["(process \(getppid()))", "ps -fp \(getppid())\""])),
    text("a process that cannot be", "4194305\n", .taken),
    text(
      "a number too large for a process", "99999999999999999999\n",
      .named(["the file names no process"])),
    text(
      "a negative number", "-1\n", .named(["the file names no process; if none", "remove it"])),
    text("text", "sixteen\n", .named(["the file names no process"])),
    text("nothing", "", .named(["the file names no process"])),
    text("zeros", String(repeating: "\0", count: 100), .named(["the file names no process"])),
    text("10 MB", String(repeating: "x", count: 10_000_000), .named(["the file names no process"])),
    text(
      "10 MB of digits", String(repeating: "1", count: 10_000_000),
      .named(["the file names no process"])),
    text("writable by all", "1\n", .named(["(process 1) has held"]), mode: 0o666),
    Form("locked by flock", .taken) { tree, path in
      try tree.file(file, "4194305\n")
      // Nobody closes it: it stays locked.
      let descriptor = open(path, O_RDONLY)
      try #require(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    },
    Form("another name of a file of root's", .named(["the file names no process"])) { tree, path in
      try tree.file("elsewhere", "root:x:0:0\n")
      try #require(link(tree.path + "/elsewhere", path) == 0)
    },
  ]

  @Test(arguments: kinds + texts)
  func `is acquired, or what blocks it is named with what to do`(form: Form) throws {
    try form.make(tree, path)
    let lock = lock()
    guard case .named(let words) = form.outcome else {
      try lock.acquire()
      #expect(try tree.text("s390apconfig.lock") == "\(getpid())\n")
      lock.release()
      return
    }
    var before = stat()
    #expect(lstat(path, &before) == 0)
    let error = try #require(throws: ConfigurationLockError.self) { try lock.acquire() }
    for word in words + [path] { #expect(error.description.contains(word), "\(error)") }
    var after = stat()
    #expect(lstat(path, &after) == 0)
    #expect(after.st_ino == before.st_ino)
  }

  @Test(
    .enabled(if: geteuid() == 0, "only root can give files to other users"),
    arguments: kinds + texts)
  func `of another user than root is disregarded, and that is reported`(form: Form) throws {
    try form.make(tree, path)
    try #require(lchown(path, 65534, 65534) == 0)
    // As /run/lock is where everybody may write to it.
    try #require(chmod(tree.path, 0o1777) == 0)
    var reports: [String] = []
    let lock = lock { reports.append($0) }
    try lock.acquire()
    #expect(try tree.text("s390apconfig.lock") == "\(getpid())\n")
    #expect(reports.count == 1)
    #expect(reports.first?.contains("\(path) did not belong to root") == true, "\(reports)")
    lock.release()
    #expect(access(path, F_OK) != 0)
    // A directory with something in it is out of the way, under another name.
    let left = try names.filter { $0.hasPrefix("s390apconfig.lock") }
    #expect(left.count == (form.name == "a full directory" ? 1 : 0), "\(left)")
  }

  @Test func `that cannot be read by us is named`() throws {
    try tree.file("s390apconfig.lock", "1\n", mode: 0)
    let error = try #require(throws: ConfigurationLockError.self) { try lock().acquire() }
    // Root can read it nevertheless.
    #expect("\(error)".contains("cannot be read (EACCES)") || "\(error)".contains("(process 1)"))
    #expect("\(error)".contains("remove "))
  }

  @Test(.enabled(if: geteuid() == 0, "only root can give files to other users"))
  func `is acquired although another user creates a file there again and again`() throws {
    let path = path
    let isDone = Flag()
    try WorkerThread.start {
      while !isDone.isSet {
        let draft = path + ".other"
        let descriptor = open(draft, O_WRONLY | O_CREAT, 0o644)
        fchown(descriptor, 65534, 65534)
        close(descriptor)
        _ = link(draft, path)
        unlink(draft)
      }
    }
    defer { isDone.set() }
    for _ in 0..<200 {
      let lock = lock(limit: .seconds(60))
      try lock.acquire()
      #expect(try tree.text("s390apconfig.lock") == "\(getpid())\n")
      lock.release()
    }
  }
}

/// Whether a thread is to end.
private final class Flag: Sendable {
  private let value = Atomic(false)

  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}
