import Glibc
import TestSupport
import Testing

/// What other users, an odd umask or an odd parent process have prepared for a daemon.
@Suite struct `A daemon in a hostile place` {
  private let tree: DaemonTree

  init() throws {
    tree = try DaemonTree()
  }

  private var bench: Workbench { tree.bench }

  private func mode(_ name: String) -> mode_t {
    var status = stat()
    return stat(bench.path + "/" + name, &status) == 0 ? status.st_mode & 0o7777 : 0
  }

  /// Starts the daemon by a shell that does something before; its messages go to `.daemon`.
  private func start(
    after script: String, _ more: String = "", by starter: [String] = []
  ) throws -> BackgroundProgram {
    let words = "\(DaemonTree.words) \(more)".split(separator: " ").map(String.init)
    let shell = starter + ["sh"]
    let daemon = BackgroundProgram(
      try Program.start(
        shell[0],
        shell.dropFirst() + [
          "-c", "cd \"$0\"; exec 2> .daemon; \(script); exec \"$@\"", bench.path,
          try Program.location(),
        ] + words))
    return daemon
  }

  @Test(arguments: ["000", "022", "077", "777"])
  func `opens nothing to others and keeps itself out of nothing, whatever the umask`(
    mask: String
  ) throws {
    for _ in 0..<2 {
      let daemon = try start(after: "umask \(mask)")
      try tree.wait { access(bench.path + "/c", F_OK) == 0 }
      #expect(try bench.run("settle --control c --timeout 60").status == 0)
      #expect(mode("state") == 0o755)
      #expect(mode("state/lock") == 0o600)
      #expect(mode("state/ownership") == 0o600)
      #expect(mode("c") == 0o600)
      #expect(daemon.end(SIGTERM) == 0)
    }
  }

  @Test(.enabled(if: Guest.isPossible, "other users cannot run programs here"))
  func `is not kept from starting by another user's lock of a file from before`() throws {
    try bench.file("state/lock", "1\n")
    #expect(mode("state/lock") == 0o644)
    #expect(chmod(bench.path, 0o755) == 0)
    let guest = BackgroundProgram(
      try Program.start(
        "setpriv",
        Guest.identity + [
          "flock", "--no-fork", "-s", bench.path + "/state/lock", "sh", "-c",
          "echo here; exec sleep 3600",
        ], output: bench.path + "/.guest"))
    try tree.wait { (try? bench.text(".guest")) == "here\n" }
    let daemon = try start(after: ":")
    try tree.wait {
      let words = (try? bench.text(".daemon")) ?? ""
      return access(bench.path + "/c", F_OK) == 0 || words.contains("another apreserve")
    }
    #expect(try bench.run("settle --control c --timeout 60").status == 0)
    #expect(
      try bench.text(".daemon").contains("state/lock was locked by a process of another user"))
    #expect(mode("state/lock") == 0o600)
    #expect(daemon.end(SIGTERM) == 0)
    _ = guest.end(SIGKILL)
  }

  @Test(arguments: [
    ("4711\n", "another apreserve (process 4711)"),
    ("4711 command\n", "another apreserve command (process 4711)"),
    ("4711 daemon\n", "the daemon (process 4711)"), ("many words", "another apreserve"),
  ])
  func `does not replace a lock of a process of the same user, open to others or not`(
    text: String, holder: String
  ) throws {
    try bench.file("state/lock", text)
    let other = BackgroundProgram(
      try Program.start(
        "flock",
        [
          "--no-fork", "-x", bench.path + "/state/lock", "sh", "-c", "echo here; exec sleep 3600",
        ],
        output: bench.path + "/.other"))
    try tree.wait { (try? bench.text(".other")) == "here\n" }
    let refused = try bench.run(DaemonTree.words)
    #expect(refused.status == 1)
    #expect(refused.messages.contains(": \(holder) is using this machine"), "\(refused.messages)")
    #expect(try bench.text("state/lock") == text)
    _ = other.end(SIGKILL)
  }

  @Test(arguments: ["2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"])
  func `writes its messages into no file that it has opened`(closing: String) throws {
    let daemon = try start(after: "exec \(closing)")
    try tree.wait { access(bench.path + "/c", F_OK) == 0 }
    #expect(try bench.run("settle --control c --timeout 60").status == 0)
    #expect(try bench.text("state/lock") == "\(daemon.process) daemon\n")
    #expect(try !bench.text("state/ownership").contains("apreserve: "))
    #expect(daemon.end(SIGTERM) == 0)
  }

  @Test func `does not take the control socket of another daemon`() throws {
    let first = try tree.start()
    let second = try bench.run(
      "daemon --sysfs tree --rules rules --control c --state-dir other-state")
    #expect(second.status == 1)
    #expect(
      second.messages.contains(
        "/c is in use: apreserve (process \(first.process)) listens on it; use another path"),
      "\(second.messages)")
    #expect(try bench.run("settle --control c --timeout 60").status == 0)
    // A dead one's is taken over.
    #expect(first.end(SIGKILL) == 137)
    let third = try BackgroundProgram(DaemonTree.words, in: bench)
    try tree.wait { try bench.run("status --control c --metrics").status == 0 }
    #expect(third.end(SIGTERM) == 0)
  }

  @Test func `does not replace a file that is not a socket by its control socket`() throws {
    try bench.file("precious", "text\n")
    let daemon = try BackgroundProgram(
      "daemon --sysfs tree --rules rules --control precious --state-dir state", in: bench)
    try tree.wait { try bench.text(".daemon").contains("requests cannot be served: ") }
    #expect(try bench.text(".daemon").contains("/precious exists and is not a socket; remove it"))
    #expect(daemon.end(SIGTERM) == 0)
    #expect(try bench.text("precious") == "text\n")
  }

  @Test(arguments: [
    ("exec 3</dev/null", "a device"),
    ("exec 3<state/record", "a file"),
    ("exec 3>&-", "nothing"),
  ])
  func `does not use a passed descriptor that does not listen, and creates a socket`(
    opening: String, what: String
  ) throws {
    try bench.file("state/record", "")
    let daemon = try start(
      after: "LISTEN_FDS=1 LISTEN_FDNAMES=control; export LISTEN_FDS LISTEN_FDNAMES; "
        + "export LISTEN_PID=$$; \(opening)")
    try tree.wait { try bench.run("status --control c --metrics").status == 0 }
    _ = try bench.run("settle --control c --timeout 60")
    let status = try bench.run("status --control c").output
    #expect(
      status.contains(
        "  descriptor 3, which the service manager passed (LISTEN_FDS=), is not a listening stream "
          + "socket of the family AF_UNIX"), "\(what): \(status)")
    #expect(daemon.end(SIGTERM) == 0)
  }

  private static let hasOwnLimits: Bool =
    (try? Program.start(
      "unshare",
      ["--user", "--map-root-user", "sh", "-c", "echo 9 > /proc/sys/user/max_inotify_watches"])).map
  { Program.wait(for: $0) } == 0

  /// What the user may not have any more, and the error that says so.
  @Test(
    .enabled(if: hasOwnLimits, "a user namespace of its own is refused here"),
    arguments: [("watches", "ENOSPC"), ("instances", "EMFILE")])
  func `reads its rules from time to time where no directory can be watched`(
    limit: String, error: String
  ) throws {
    try bench.file("my.conf", "[Daemon]\nRescanIntervalSec=1s\n")
    let daemon = try start(
      after: "echo 0 > /proc/sys/user/max_inotify_\(limit)", "--config my.conf",
      by: ["unshare", "--user", "--map-root-user"])
    try tree.wait { try bench.run("status --control c --metrics").status == 0 }
    func isInForce(_ rules: String) throws -> Bool {
      try bench.run("status --control c").output.contains("\nrules      \(rules)")
    }
    #expect(try isInForce("1 in 1 file"))
    let log = try bench.text(".daemon")
    #expect(log.contains(error), "\(log)")
    #expect(log.contains("; changes there are noticed only by the next scan of everything or by "))
    try bench.file("rules/60.rules", "ADAPTER==\"3\", RESERVE=\"vfio_ap\"\n")
    try tree.wait { try isInForce("2 in 2 files") }
    let file = try bench.writer("rules/70.rules")
    try file.write("ADAPTER==\"4\", RESERVE=\"vfio_ap\"\n")
    try tree.wait { try bench.text(".daemon").contains("/70.rules is being written by another ") }
    #expect(try isInForce("2 in 2 files"))
    file.close()
    try tree.wait { try isInForce("3 in 3 files") }
    #expect(daemon.end(SIGTERM) == 0)
  }

  @Test func `uses no passed socket that is connected or of another family`() throws {
    for script in [
      "s = socket.socketpair()[0]", "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()",
      "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('')",
      "s = socket.socket(socket.AF_UNIX); s.bind('')",
    ] {
      let words = DaemonTree.words.split(separator: " ").map(String.init)
      let daemon = BackgroundProgram(
        try Program.start(
          "sh",
          [
            "-c", "cd \"$0\"; exec \"$@\" 2> .daemon", bench.path, "python3", "-B", "-c",
            """
            import os, socket, sys
            \(script)
            os.dup2(s.fileno(), 3)
            os.environ.update(LISTEN_FDS="1", LISTEN_FDNAMES="control", LISTEN_PID=str(os.getpid()))
            os.execv(sys.argv[1], sys.argv[1:])
            """, try Program.location(),
          ] + words))
      try tree.wait { try bench.run("status --control c --metrics").status == 0 }
      #expect(try bench.text(".daemon").contains("descriptor 3, which"), "\(script)")
      #expect(daemon.end(SIGTERM) == 0)
    }
  }
}
