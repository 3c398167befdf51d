import Glibc
import JSONText
import TestSupport
import Testing

@Suite struct `Commands while a daemon is running` {
  private let tree: DaemonTree

  init() throws {
    tree = try DaemonTree()
  }

  private var bench: Workbench { tree.bench }

  @Test(arguments: ["plan", "list", "matrix", "explain 01.0004"])
  func `ask it, and say so at the top`(command: String) throws {
    let daemon = try tree.start()
    #expect(try bench.run("settle --control c --timeout 60").status == 0)
    let result = try bench.run("\(command) --control c")
    #expect(result.status == 0)
    #expect(result.messages == "")
    let heading = result.output.prefix { $0 != "\n" }
    #expect(heading.contains("as scanned by the daemon "), "\(heading)")
    #expect(result.output.dropFirst(heading.count).hasPrefix("\n\n"))
    let json = try JSONParser.parse(
      Array(try bench.run("\(command) --control c --json").output.utf8))
    #expect(json["machine"]?["source"] == "daemon")
    #expect(json["machine"]?["age"]?.integer != nil)
    // Decided for itself, the machine is another one: this host has no bus.
    #expect(try bench.run("\(command) --offline").status == 4)
    withExtendedLifetime(daemon) {}
  }

  @Test func `show the rules in force and the errors of the files`() throws {
    let daemon = try tree.start()
    #expect(try bench.run("settle --control c --timeout 60").status == 0)
    let inForce = try bench.run("rules --control c --in-force")
    #expect(inForce.output.contains("  1  ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n"))
    #expect(try bench.run("rules --control c --diff --rules rules").status == 0)
    try bench.file("rules/60.rules", "ADAPTER==\"10\", RESERVE=\"vfio_ap\"\n")
    #expect(try bench.run("reload --control c").status == 1)
    for command in ["list", "matrix", "explain 01.0004", "plan", "rules"] {
      let result = try bench.run("\(command) --control c")
      #expect(result.status == 0, "\(command)")
      #expect(
        result.messages.hasPrefix(
          "apreserve: the rule files are not used, and the rules from before stay in force:\n"),
        "\(command): \(result.messages)")
      #expect(result.messages.contains("/rules/60.rules:1:11: "), "\(command)")
    }
    #expect(try bench.run("rules --control c").output == inForce.output)
    let broken = try bench.run("rules --control c --diff --rules rules")
    #expect(broken.status == 1)
    #expect(broken.messages.contains("the rules have errors, and none of them is used"))
    withExtendedLifetime(daemon) {}
  }

  @Test func `show how other rules differ from those in force`() throws {
    let daemon = try tree.start()
    #expect(try bench.run("settle --control c --timeout 60").status == 0)
    try bench.file("other/50.rules", "ADAPTER==\"3\", RESERVE=\"vfio_ap\"\n")
    let result = try bench.run("rules --control c --diff --rules other")
    #expect(result.status == 2)
    let lines = result.output.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines.first?.hasPrefix("- ") == true)
    #expect(
      lines.first?.hasSuffix("/rules/50.rules:1  ADAPTER==\"2\", RESERVE=\"vfio_ap\"") == true)
    #expect(lines.last == "+ other/50.rules:1  ADAPTER==\"3\", RESERVE=\"vfio_ap\"")
    let json = try JSONParser.parse(
      Array(try bench.run("rules --control c --diff --rules other --json").output.utf8))
    let changed = try #require(json["changed"]?.elements.first)
    #expect(changed["from"]?["text"] == "ADAPTER==\"2\", RESERVE=\"vfio_ap\"")
    #expect(changed["to"]?["text"] == "ADAPTER==\"3\", RESERVE=\"vfio_ap\"")
    #expect(json["added"]?.elements.isEmpty == true)
    withExtendedLifetime(daemon) {}
  }

  @Test(arguments: [
    ("plan --offline --control c", "--offline and --control exclude each other."),
    (
      "plan --control c --sysfs tree",
      "--sysfs cannot be combined with --control: the daemon has its own."
    ),
    (
      "list --control c --rules rules",
      "--rules cannot be combined with --control: the daemon has its own."
    ),
    (
      "explain 01.0004 --control c --force fighting",
      "--force cannot be combined with --control: the daemon has its own."
    ),
    ("rules --in-force --diff", "--in-force and --diff exclude each other."),
    ("rules --offline --diff", "--diff asks the daemon; omit --offline."),
    (
      "rules --diff --control c", "--diff with --control needs --rules: which files to compare."
    ),
  ])
  func `refuse options that contradict that`(command: String, message: String) throws {
    let result = try bench.run(command)
    #expect(result.status == 64)
    #expect(result.messages.contains(message), "\(result.messages)")
  }

  /// Something else listens there: it answers every call with an empty object, or not as a daemon does.
  @Test(
    .enabled(if: access("/usr/bin/python3", X_OK) == 0, "python3 is not installed"),
    arguments: [
      (#"{"parameters": {}}"#, ["status", "settle --timeout 2", "reload", "list", "rules"]),
      ("nonsense", ["status", "list", "rules --in-force"]),
    ] as [(String, [String])])
  func `end with an error where no daemon answers`(answer: String, commands: [String]) throws {
    let script = """
      import socket
      listener = socket.socket(socket.AF_UNIX)
      listener.bind("\(bench.path)/c")
      listener.listen()
      while True:
          peer, _ = listener.accept()
          while peer.recv(65536):
              peer.sendall(b'\(answer)' + bytes(1))
          peer.close()
      """
    let server = try Program.start("/usr/bin/python3", ["-c", script])
    defer {
      kill(server, SIGTERM)
      _ = Program.wait(for: server)
    }
    try tree.wait { access(bench.path + "/c", F_OK) == 0 }
    for command in commands {
      let result = try bench.run("\(command) --control c")
      #expect(result.status == 1, "\(command)")
      #expect(result.output == "", "\(command)")
      #expect(result.messages.hasPrefix("apreserve: "), "\(command): \(result.messages)")
    }
  }

  @Test(arguments: ["plan", "list", "rules", "rules --in-force", "rules --diff --rules rules"])
  func `say that it is not running where an option names it`(command: String) throws {
    let result = try bench.run("\(command) --control c")
    #expect(result.status == 1)
    #expect(result.messages.hasPrefix("apreserve: the daemon is not running: nothing listens on c"))
  }
}
