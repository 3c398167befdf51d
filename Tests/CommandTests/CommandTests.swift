import Testing

@Suite struct `A command` {
  private static let source = ["--inventory", "machine.json", "--rules", "rules"]

  @Test func `plan tells what it would write and ends with 2`() throws {
    let workspace = try Workspace()
    try workspace.writeMachine()
    #expect(
      try workspace.run(["plan"] + Self.source)
        == Workspace.Run(
          code: 2,
          output: """
            mechanism  bind: this kernel has no masks

            owners
              05.0004  host  ->  vfio_ap  50-db.rules:1 "db guests"

            writes
              1  echo 05.0004 > /sys/bus/ap/drivers/cex4queue/unbind
              2  echo 05.0004 > /sys/bus/ap/drivers/vfio_ap/bind

            1 queue to vfio_ap, 2 writes

            """, messages: ""))
  }

  @Test(arguments: [
    ("APQN==\"05.0047\", RESERVE=\"vfio_ap\"", 0), ("APQN==\"05.0004\", RESERVE=\"vfio_ap\"", 2),
    ("APQN==\"05.*\", RESERVE=\"host\"", 0),
  ])
  func `plan ends with what it has come to`(rules: String, code: Int32) throws {
    let workspace = try Workspace()
    try workspace.writeMachine(rules: rules)
    #expect(try workspace.run(["plan", "--json"] + Self.source).code == code)
  }

  @Test func `plan ends with 3 when a wish is refused`() throws {
    let workspace = try Workspace()
    try workspace.writeMachine(rules: "ADAPTER==\"2\", RESERVE=\"vfio_ap\"")
    try workspace.write(
      "machine.json",
      """
      {"apreserve": "snapshot", "version": 1, "cards": [{"name": "card02", "hwtype": 9,
       "queues": [{"name": "02.0004", "driver": "cex2queue"}]}]}
      """)
    let run = try workspace.run(["plan"] + Self.source)
    #expect(run.code == 3)
    #expect(run.output.hasSuffix("wished queues on vfio_ap, 1 refused\n"))
  }

  @Test(arguments: [
    (["list"], "QUEUE    HMC"), (["list", "--json"], "{\n  \"apreserve\": \"list\""),
    (["matrix"], "         domain"), (["matrix", "--json"], "{\n  \"apreserve\": \"matrix\""),
    (["explain", "05.0004"], "05.0004  (adapter 5, domain 4 on the HMC)"),
    (["explain", "05.0004", "--json"], "{\n  \"apreserve\": \"explain\""),
    (["list", "--color", "always"], "\u{1b}[1mQUEUE\u{1b}[0m"),
  ])
  func `shows the machine`(words: [String], start: String) throws {
    let workspace = try Workspace()
    try workspace.writeMachine()
    let run = try workspace.run(words + Self.source)
    #expect(run.code == 0)
    #expect(run.messages == "")
    #expect(run.output.hasPrefix(start))
  }

  @Test func `matrix draws into a file`() throws {
    let workspace = try Workspace()
    try workspace.writeMachine()
    let run = try workspace.run(["matrix", "--svg", "grid.svg"] + Self.source)
    #expect(run == Workspace.Run(code: 0, output: "", messages: ""))
    #expect(workspace.read("grid.svg")?.hasPrefix("<svg xmlns=") == true)
  }

  @Test func `snapshot is read back the same, without serial numbers if asked`() throws {
    let workspace = try Workspace()
    try workspace.writeMachine()
    let first = try workspace.run("snapshot", "--inventory", "machine.json")
    #expect(first.output.contains("93AABEET"))
    try workspace.write("again.json", first.output)
    #expect(try workspace.run("snapshot", "--inventory", "again.json") == first)
    let redacted = try workspace.run("snapshot", "--redact", "--inventory", "again.json")
    #expect(redacted.code == 0)
    #expect(!redacted.output.contains("93AABEET"))
    #expect(redacted.output.contains("REDACTED-1"))
  }

  @Test func `rules and verify show the rules and end with 0`() throws {
    let workspace = try Workspace()
    try workspace.writeMachine()
    #expect(
      try workspace.run("rules", "--rules", "rules").output
        == "rules/50-db.rules\n  1  APQN==\"05.0004\", RESERVE=\"vfio_ap\", NAME=\"db guests\"\n")
    for words in [["--rules", "rules"], ["rules"], ["rules/50-db.rules"]] {
      #expect(
        try workspace.run(["verify"] + words)
          == Workspace.Run(code: 0, output: "1 file, 1 rule, no errors\n", messages: ""))
    }
  }

  @Test func `reads a plain tree as a sysfs`() throws {
    let workspace = try Workspace()
    try workspace.writeMachine()
    try workspace.layOutSysfs()
    let run = try workspace.run("list", "--sysfs", "sys", "--rules", "rules")
    #expect(run.messages == "")
    #expect(run.code == 0)
    #expect(
      run.output.hasSuffix(
        "05.0004  5.4  CEX7C  cca   host   online  vfio_ap  50-db.rules:1  db guests\n"))
  }

  @Test func `apply fails when a write has no effect, and says which queue`() throws {
    let workspace = try Workspace()
    try workspace.writeMachine()
    try workspace.layOutSysfs()
    let run = try workspace.run("apply", "--sysfs", "sys", "--rules", "rules")
    #expect(run.code == 1)
    #expect(
      run.output.contains("05.0004 was to go to vfio_ap, the kernel took the write, and the queue"))
    #expect(workspace.read("sys/bus/ap/drivers/cex4queue/unbind") == "05.0004")
    #expect(workspace.read("sys/bus/ap/drivers/vfio_ap/bind") == "05.0004")
  }

  @Test func `does its work although nobody reads what it prints`() throws {
    let workspace = try Workspace()
    try workspace.writeMachine()
    try workspace.layOutSysfs()
    let list = try workspace.runUnread(["list"] + Self.source)
    #expect(list == Workspace.Run(code: 0, output: "", messages: ""))
    #expect(try workspace.runUnread(["plan"] + Self.source).code == 2)
    #expect(
      try workspace.runUnread(["apply", "--sysfs", "sys", "--rules", "rules"]).code == 1)
    #expect(workspace.read("sys/bus/ap/drivers/vfio_ap/bind") == "05.0004")
  }

  @Test func `reports a result that cannot be written`() throws {
    let workspace = try Workspace()
    try workspace.writeMachine()
    let run = try workspace.run(["list"] + Self.source, output: "/dev/full")
    #expect(run.code == 1)
    #expect(run.messages == "apreserve: writing the result: errno 28\n")
  }
}
