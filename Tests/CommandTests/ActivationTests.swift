import Glibc
import TestSupport
import Testing

/// The control socket as the service manager opens it, and who may do what over it.
@Suite(
  .enabled(
    if: access("/usr/bin/systemd-socket-activate", X_OK) == 0,
    "systemd-socket-activate is not installed"))
struct `A control socket that the service manager has opened` {
  private let tree: DaemonTree

  init() throws {
    tree = try DaemonTree()
  }

  private var bench: Workbench { tree.bench }

  /// Listens as the service manager does; the first who connects starts the daemon.
  private func listen() throws -> BackgroundProgram {
    let path = bench.path
    let manager = BackgroundProgram(
      try Program.start(
        "sh",
        [
          "-c", "exec \"$@\" 2> \"$0\"/.daemon", path, "systemd-socket-activate", "-l", path + "/c",
          "--fdname=control", try Program.location(), "daemon", "--sysfs", path + "/tree",
          "--rules", path + "/rules", "--control", path + "/c", "--state-dir", path + "/state",
        ]))
    try tree.wait { access(path + "/c", F_OK) == 0 }
    return manager
  }

  @Test func `is taken over, answers the client that started the daemon, and stays`() throws {
    let daemon = try listen()
    let settled = try bench.run("settle --control c --timeout 60")
    #expect(settled.output == "0 of 0 queues reserved\n", "\(settled.messages)")
    #expect(try bench.run("status --control c").status == 0)
    #expect(daemon.end(SIGTERM) == 0)
    // It belongs to the manager, and a connection starts the daemon again.
    #expect(access(bench.path + "/c", F_OK) == 0)
  }

  @Test(.enabled(if: Guest.isPossible, "other users cannot run the program here"))
  func `lets others read, and only root change`() throws {
    let daemon = try listen()
    #expect(try Guest.run("status --control c", in: bench) != 0, "the socket is not open to all")
    #expect(chmod(bench.path + "/c", 0o666) == 0)
    #expect(try bench.run("settle --control c --timeout 60").status == 0)
    for command in ["status", "status --history", "settle"] {
      #expect(try Guest.run("\(command) --control c", in: bench) == 0, "\(command)")
    }
    #expect(try Guest.run("reload --control c", in: bench) == 1)
    #expect(try bench.text(".guest") == "apreserve: only root may ask the daemon for this\n")
    #expect(try bench.run("reload --control c").status == 0)
    withExtendedLifetime(daemon) {}
  }

  @Test(.enabled(if: Guest.isPossible, "other users cannot run the program here"))
  func `has room for root, and for each user, however many connections one of them has`() throws {
    let daemon = try listen()
    #expect(chmod(bench.path, 0o755) == 0)
    #expect(chmod(bench.path + "/c", 0o666) == 0)
    #expect(try bench.run("settle --control c --timeout 60").status == 0)
    let crowd = BackgroundProgram(
      try Program.start(
        "sh",
        [
          "-c", "exec \"$@\" > \"$0\"/.crowd", bench.path, "python3", "-B", "-c", Self.crowd,
          bench.path + "/c",
        ]))
    try tree.wait { (try? bench.text(".crowd")) == "here\n" }
    for _ in 0..<5 { #expect(try bench.run("status --control c").status == 0) }
    // A connection with a request replaces an idle one of the same user.
    #expect(try Guest.run("status --control c", in: bench) == 0)
    #expect(try Guest.run("status --control c", in: bench, user: 65533) == 0)
    _ = crowd.end(SIGKILL)
    withExtendedLifetime(daemon) {}
  }

  /// Three times as many connections as the daemon takes from others; then it waits.
  private static let crowd = """
    import os, socket, sys, time
    os.setresuid(65534, 65534, 65534)
    crowd = []
    for _ in range(100):
        client = socket.socket(socket.AF_UNIX)
        client.connect(sys.argv[1])
        crowd.append(client)
    print("here", flush=True)
    time.sleep(3600)
    """
}
