import TestSupport
import Testing

@Suite struct `Bad input` {
  private static let source = ["--inventory", "machine.json", "--rules", "rules"]

  @Test(arguments: [
    (
      "ADAPTER==\"256\", RESERVE=\"vfio_ap\"", "rules/50-db.rules:1:11: error: \"256\" is too large"
    ),
    ("DOMAIN==\"-1\", RESERVE=\"vfio_ap\"", "rules/50-db.rules:1:10: error: -1 is negative"),
    ("ADAPTER==\"10\", RESERVE=\"vfio_ap\"", "rules/50-db.rules:1:11: error: "),
    ("\n# c\nADAPTER==\"1\", RESERVE=\"vfio_ap\"\0", "rules/50-db.rules:3:"),
  ])
  func `in rules is told with its place, and nothing is planned or written`(
    rules: String, message: String
  ) throws {
    let workspace = try Workspace()
    try workspace.writeMachine(rules: rules)
    try workspace.layOutSysfs()
    let plan = try workspace.run(["plan"] + Self.source)
    #expect(plan.code == 1)
    #expect(plan.output == "")
    #expect(plan.messages.contains(message), "\(plan.messages)")
    let apply = try workspace.run("apply", "--sysfs", "sys", "--rules", "rules")
    #expect(apply.code == 1)
    #expect(apply.messages == plan.messages)
    #expect(workspace.read("sys/bus/ap/drivers/cex4queue/unbind") == "")
    let verify = try workspace.run("verify", "rules")
    #expect(verify.code == 1)
    #expect(verify.output.contains(message))
  }

  @Test func `that is no UTF-8 is told with its place`() throws {
    let workspace = try Workspace()
    try workspace.writeMachine()
    try workspace.write("rules/60-x.rules", Array("ADAPTER==\"".utf8) + [0xff, 0x22, 0x0a])
    let run = try workspace.run(["plan"] + Self.source)
    #expect(run.code == 1)
    #expect(run.output == "")
    #expect(run.messages.contains("rules/60-x.rules:1:11: error: "), "\(run.messages)")
  }

  @Test func `in two files is told of both at once`() throws {
    let workspace = try Workspace()
    try workspace.writeMachine(rules: "ADAPTER==\"256\", RESERVE=\"vfio_ap\"")
    try workspace.write("rules/60-x.rules", "DOMAIN==\"-1\", RESERVE=\"host\"")
    let run = try workspace.run(["plan"] + Self.source)
    #expect(run.messages.contains("rules/50-db.rules:1:11"))
    #expect(run.messages.contains("rules/60-x.rules:1:10"))
    #expect(run.messages.contains("2 files, 0 rules, 2 errors"))
  }

  @Test func `of two queues of one name is refused`() throws {
    let workspace = try Workspace()
    try workspace.writeMachine()
    try workspace.write(
      "machine.json",
      """
      {"apreserve": "snapshot", "version": 1, "cards": [{"name": "card05", "hwtype": 13,
       "queues": [{"name": "05.0004"}, {"name": "05.0004"}]}]}
      """)
    #expect(
      try workspace.run(["plan"] + Self.source)
        == Workspace.Run(
          code: 1, output: "",
          messages: "apreserve: machine.json: cards[0].queues[1].name: queue 05.0004 is described "
            + "twice\n"))
  }

  @Test(arguments: [
    (["plan", "--inventory", "absent.json", "--rules", "rules"], "opening absent.json: ENOENT"),
    (["plan", "--inventory", "rules", "--rules", "rules"], "reading rules: EISDIR"),
    (["plan", "--inventory", "machine.json", "--rules", "absent"], "there is no directory absent"),
    (["plan", "--inventory", "machine.json", "--rules", "machine.json"], "machine.json: ENOTDIR"),
    (["plan", "--sysfs", "absent", "--rules", "rules"], "opening absent: ENOENT"),
    (["plan", "--sysfs", "machine.json", "--rules", "rules"], "machine.json: ENOTDIR"),
    (["list", "--capture", "machine.json", "--rules", "rules"], "machine.json:1: "),
    (
      ["plan", "--mechanism", "mask", "--inventory", "machine.json", "--rules", "rules"],
      "mechanism mask cannot be used here: this kernel has no apmask; use bind"
    ),
  ])
  func `is named in one message and ends with 1`(words: [String], message: String) throws {
    let workspace = try Workspace()
    try workspace.writeMachine()
    let run = try workspace.run(words)
    #expect(run.code == 1)
    #expect(run.output == "")
    #expect(run.messages.contains(message), "\(run.messages)")
    #expect(run.messages.hasPrefix("apreserve: "))
    #expect(run.messages.split(separator: "\n").count == 1)
  }

  @Test(arguments: ["list", "plan", "apply", "matrix"])
  func `that is a sysfs without an AP bus ends with 4 and one sentence`(command: String) throws {
    let workspace = try Workspace()
    workspace.makeDirectory("sys/bus")
    #expect(
      try workspace.run(command, "--sysfs", "sys")
        == Workspace.Run(
          code: 4, output: "",
          messages: "apreserve: there is no AP bus below sys: bus/ap/devices is absent there\n"))
  }

  @Test func `of an empty rule directory is a remark, no error`() throws {
    let workspace = try Workspace()
    try workspace.writeMachine()
    workspace.makeDirectory("none")
    let run = try workspace.run("plan", "--inventory", "machine.json", "--rules", "none")
    #expect(run.code == 0)
    #expect(run.messages == "apreserve: no rule files in none: every queue is unmanaged\n")
  }

  @Test func `of a capture that is cut off plans nothing`() throws {
    let workspace = try Workspace()
    try workspace.writeMachine()
    try workspace.write("cut.events", try CaptureFile.bytes("sim-mask.events").prefix(3000))
    let run = try workspace.run("plan", "--capture", "cut.events", "--rules", "rules")
    #expect(run.code == 1)
    #expect(run.output == "")
    #expect(run.messages.hasPrefix("apreserve: cut.events:152: the file is cut off"))
  }

  @Test(arguments: [
    (["apply", "--inventory", "machine.json"], "use plan to see what would be written"),
    (["apply", "--capture", "x"], "use plan to see what would be written"),
    (["plan", "--sysfs", "sys", "--inventory", "machine.json"], "--sysfs names a machine"),
    (["plan", "--mechanism", "magic"], "one of 'bind', 'mask' or 'override'"),
    (["explain", "100.0004"], "\"100.0004\" is no queue; write adapter and domain as sysfs does"),
    (["explain"], "Missing expected argument"),
    (["verify", "rules", "--rules", "rules"], "not both"),
    (["frobnicate"], "frobnicate"),
  ])
  func `on the command line is wrong usage, 64`(words: [String], message: String) throws {
    let run = try Workspace().run(words)
    #expect(run.code == 64)
    #expect(run.output == "")
    #expect(run.messages.contains(message), "\(run.messages)")
  }

  @Test func `does not stop the help`() throws {
    let help = try Workspace().run("--help")
    #expect(help.code == 0)
    for command in ["plan", "apply", "list", "matrix", "explain", "verify", "rules", "snapshot"] {
      #expect(help.output.contains("\n  \(command) "), "\(command)")
    }
    #expect(try Workspace().run("--version").output == "0.1.0\n")
  }
}
