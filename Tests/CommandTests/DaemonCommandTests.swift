import Glibc
import JSONText
import TestSupport
import Testing

@Suite struct `apreserve daemon` {
  private let tree: DaemonTree

  init() throws {
    tree = try DaemonTree()
  }

  private var bench: Workbench { tree.bench }

  @Test func `answers status, settle and reload, and ends with 0 when it is asked to`() throws {
    let daemon = try tree.start()
    let settled = try bench.run("settle --control c --timeout 60")
    #expect(settled.status == 0)
    #expect(settled.output == "0 of 0 queues reserved\n")
    let status = try bench.run("status --control c")
    #expect(status.output.hasPrefix("0 of 0 queues reserved\ndaemon     0.1.0, process "))
    #expect(status.output.contains("\nmechanism  mask: "))
    #expect(status.output.contains("\nrules      1 in 1 file\n"))
    #expect(!status.output.contains("FightLimit"))
    let settings = try bench.run("status --control c --settings").output
    #expect(settings.contains("\n  FightLimit=3  (default)\n"))
    let history = try bench.run("status --control c --history").output
    #expect(history.split(separator: "\n").count == 2, "\(history)")
    let metrics = try bench.run("status --control c --metrics").output
    #expect(metrics.contains("# TYPE apreserve_reconciliations_total counter\n"))
    #expect(metrics.contains("\napreserve_rules 1\n"))
    let json = try JSONParser.parse(Array(try bench.run("status --control c --json").output.utf8))
    #expect(json["phase"] == "settled")
    #expect(daemon.end(SIGTERM) == 0)
    #expect(access(bench.path + "/c", F_OK) != 0)
    #expect(try bench.text(".daemon").hasSuffix("stopping; what is reserved stays reserved\n"))
    let orphan = try bench.run("status --control c")
    #expect(orphan.status == 1)
    #expect(
      orphan.messages == "apreserve: the daemon is not running: nothing listens on c\n")
  }

  @Test func `reports errors to the caller of reload, and keeps the rules`() throws {
    let daemon = try tree.start()
    try bench.file("rules/60.rules", "ADAPTER==\"10\", RESERVE=\"vfio_ap\"\n")
    let refused = try bench.run("reload --control c")
    #expect(refused.status == 1)
    #expect(refused.messages.contains("/rules/60.rules:1:11: "))
    let settled = try bench.run("settle --control c --timeout 60")
    #expect(settled.status == 1)
    #expect(settled.output.hasPrefix("DEGRADED, "))
    try bench.file("rules/60.rules", "# nothing\n")
    let reloaded = try bench.run("reload --control c")
    #expect(reloaded.status == 0)
    #expect(reloaded.output == "1 rule in 2 files in force\n")
    try bench.file("rules/60.rules", "ADAPTER==\"9\", RESERVE=\"vfio_ap\"\n")
    #expect(try bench.run("reload --control c").status == 0)
    let log = try bench.text(".daemon")
    #expect(log.contains("apreserve: notice: reload requested by apreserve (process "), "\(log)")
    #expect(log.contains("/rules/60.rules:1  ADAPTER==\"9\", RESERVE=\"vfio_ap\"\n"), "\(log)")
    withExtendedLifetime(daemon) {}
  }

  @Test func `says what is in the way while it cannot open its record`() throws {
    try bench.directory("state/ownership.new")
    let daemon = try tree.start()
    for words in ["list", "plan", "explain 01.0004"] {
      let result = try bench.run("\(words) --control c")
      #expect(result.status == 1, "\(words): \(result.messages)")
      #expect(
        result.messages.contains("the daemon is blocked: nothing is moved until "),
        "\(words): \(result.messages)")
      #expect(result.messages.contains("/ownership.new"), "\(words): \(result.messages)")
    }
    let changeover = try bench.run("changeover override --control c")
    #expect(changeover.status == 1)
    #expect(changeover.messages.contains("nothing is moved until "), "\(changeover.messages)")
    bench.remove("state/ownership.new")
    #expect(try bench.run("settle --control c --timeout 60").status == 0)
    withExtendedLifetime(daemon) {}
  }

  @Test func `limits the wait of its callers when it is stuck`() throws {
    let daemon = try tree.start()
    _ = try bench.run("settle --control c --timeout 60")
    daemon.signal(SIGSTOP)
    let settled = try bench.run("settle --control c --timeout 1")
    #expect(settled.status == 1)
    #expect(settled.messages == "apreserve: the daemon at c does not answer\n")
    let changeover = try bench.run("changeover override --control c --timeout 1")
    #expect(changeover.status == 1)
    #expect(
      changeover.messages.hasSuffix(
        "apreserve: not finished after 1 s: the daemon does not answer; the daemon goes on\n"),
      "\(changeover.messages)")
    daemon.signal(SIGCONT)
    #expect(try bench.run("settle --control c --timeout 60").status == 0)
  }

  @Test(arguments: [
    (
      "--require 05.0004", 3, "05.0004 is refused: neither a rule nor a mediated device requests it"
    ),
    ("--require 05.*", 1, "no requested queue matches --require 05.*"),
    (
      "--name web1 --guest db", 1,
      """
      no requested queue matches --name web1 --guest db
      apreserve: --guest takes the name of a virtual machine of libvirt, or the UUID of a mediated \
      device; --name takes the NAME of a rule
      """
    ),
    ("--require 5.4", 64, ""),
  ])
  func `settles only if what is required is reserved`(
    words: String, status: Int, message: String
  ) throws {
    let daemon = try tree.start()
    let result = try bench.run("settle --control c --timeout 60 \(words)")
    #expect(result.status == status)
    #expect(status == 64 || result.messages == "apreserve: \(message)\n")
    withExtendedLifetime(daemon) {}
  }

  @Test func `names a mediated device of a guest that is not defined`() throws {
    let uuid = "11111111-2222-3333-4444-555555555555"
    try bench.file(
      "host/etc/libvirt/qemu/web1.xml",
      """
      <domain><name>web1</name>
      <hostdev type='mdev'><source><address uuid='\(uuid)'/></source></hostdev></domain>
      """)
    let daemon = try tree.start("--root host")
    let result = try bench.run("settle --control c --timeout 60 --guest web1")
    #expect(result.status == 1)
    #expect(
      result.messages == """
        apreserve: \(uuid) (virtual machine web1) is neither active nor defined
        apreserve: no requested queue matches --guest web1

        """)
    withExtendedLifetime(daemon) {}
  }

  @Test func `reads its rules again on SIGHUP`() throws {
    let daemon = try tree.start()
    _ = try bench.run("settle --control c --timeout 60")
    daemon.signal(SIGHUP)
    try tree.wait {
      try bench.text(".daemon").split(separator: "\n").count { $0.contains("in force") } == 2
    }
    #expect(daemon.end(SIGINT) == 0)
  }

  @Test func `shows its settings and where they come from, and what is wrong with them`() throws {
    try bench.file("my.conf", "[Reservation]\nFightLimit=7\nColour=red\n")
    let daemon = try tree.start("--config my.conf --force fighting")
    let status = try bench.run("status --control c --settings").output
    #expect(status.contains("\n  FightLimit=7  (my.conf:2)\n"))
    #expect(status.contains("\n  Force=fighting  (command line)\n"))
    #expect(status.contains("\n  my.conf:3: unknown setting Colour; "))
    withExtendedLifetime(daemon) {}
  }

  @Test func `is alone on its machine`() throws {
    let daemon = try tree.start()
    let second = try bench.run(DaemonTree.words)
    #expect(second.status == 1)
    #expect(
      second.messages.hasPrefix(
        "apreserve: the daemon (process \(daemon.process)) is using this machine"))
    let apply = try bench.run("apply --sysfs tree --rules rules --state-dir state")
    #expect(apply.status == 1)
    #expect(apply.messages == second.messages)
  }

  @Test func `switches on again what it was draining when it is stopped`() throws {
    try tree.neverAnswer()
    let daemon = try tree.start()
    try tree.wait { try !tree.isOnline }
    #expect(daemon.end(SIGTERM) == 0)
    #expect(try tree.isOnline)
    let apply = try BackgroundProgram(
      "apply --sysfs tree --rules rules --state-dir state", in: bench)
    try tree.wait { try !tree.isOnline }
    #expect(apply.end(SIGINT) == 128 + Int(SIGINT))
    #expect(try tree.isOnline)
  }

  @Test func `takes a control socket and a lock that a killed one has left`() throws {
    let first = try tree.start()
    #expect(first.end(SIGKILL) == 128 + SIGKILL)
    let second = try BackgroundProgram(DaemonTree.words, in: bench)
    try tree.wait { try bench.run("settle --control c --timeout 60").status == 0 }
    #expect(second.end(SIGTERM) == 0)
  }

  @Test(.enabled(if: Python.has("varlink"), Python.hint))
  func `answers the Varlink project's own client`() throws {
    let daemon = try tree.start()
    #expect(try Python.run("varlink-client.py", bench.path + "/c") == 0)
    withExtendedLifetime(daemon) {}
  }

  @Test(.enabled(if: Python.has("prometheus_client"), Python.hint))
  func `has metrics that Prometheus's own library reads`() throws {
    let daemon = try tree.start()
    try bench.file("metrics", try bench.run("status --control c --metrics").output)
    #expect(try Python.run("prometheus-parser.py", bench.path + "/metrics") == 0)
    withExtendedLifetime(daemon) {}
  }

  @Test(arguments: [
    "daemon --sysfs tree", "daemon --sysfs tree --control c --rules rules",
    "daemon --sysfs tree --control c --state-dir s", "settle --timeout -1",
    "status --json --metrics",
  ])
  func `is not started by half`(words: String) throws {
    #expect(try bench.run(words).status == 64)
  }
}
