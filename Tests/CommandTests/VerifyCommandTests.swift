import TestSupport
import Testing

@Suite struct `The command verify` {
  private func bench() throws -> Workbench {
    let bench = try Sample.bench()
    try bench.file("two/10.rules", "ADAPTER==\"5\", RESERVE=\"host\"\n")
    try bench.file("two/20.rules", "APQN==\"*\", RESERVE=\"unmanaged\"\n")
    try bench.file("bad/10.rules", "RESERVE=\"hst\"\n")
    try bench.file("bad/20.rules", "RESERVE=\"hst\"\n")
    try bench.file("root/etc/apreserve/rules.d/50.rules", "APQN==\"*\", RESERVE=\"host\"\n")
    try bench.file("root/usr/lib/apreserve/rules.d/50.rules", "RESERVE=\"hst\"\n")
    return bench
  }

  /// Words, exit status, and the last line printed.
  @Test(arguments: [
    ("two", 0, "2 files, 2 rules, 1 warning"), ("--strict two", 1, "2 files, 2 rules, 1 warning"),
    ("--rules two", 0, "2 files, 2 rules, 1 warning"), ("bad", 1, "2 files, 0 rules, 2 errors"),
    ("two bad/10.rules", 1, "3 files, 2 rules, 1 error, 1 warning"),
    ("two/20.rules two/10.rules", 0, "2 files, 2 rules, 1 warning"),
    ("--root root", 0, "1 file, 1 rule, 1 warning"),
    ("--root root --strict", 1, "1 file, 1 rule, 1 warning"),
    ("--root none", 0, "0 files, 0 rules, no errors"),
    ("guests --inventory machine.json", 0, "1 file, 1 rule, no errors"),
    ("guests --inventory machine.json --strict", 0, "1 file, 1 rule, no errors"),
    ("alone --inventory machine.json", 0, "1 file, 1 rule, 1 warning"),
    ("alone --inventory machine.json --strict", 1, "1 file, 1 rule, 1 warning"),
    ("two --inventory machine.json", 0, "2 files, 2 rules, 1 warning"),
    ("bad --inventory machine.json", 1, "2 files, 0 rules, 2 errors"),
    ("nowhere", 1, "1 file, 0 rules, 1 error"),
  ])
  func `sums up what it found and ends with the right status`(
    words: String, status: Int, last: String
  ) throws {
    let result = try bench().run("verify " + words)
    #expect(result.status == status)
    #expect(result.output.hasSuffix(last + "\n"), "\(result.output)")
    #expect(result.messages == "")
  }

  @Test func `names the queues that a mask would take on the machine`() throws {
    let result = try bench().run("verify alone --inventory machine.json")
    #expect(
      result.output.hasPrefix(
        "alone/50.rules:1:1: warning: 01.0004 cannot be reserved alone by masks: apmask without "
          + "adapter 0x01 would also take 01.0005, aqmask without domain 0x0004 would also take "
          + "02.0004; "))
  }

  @Test func `says so where a place that was named has no rules, or the machine is none`() throws {
    let bench = try bench()
    try bench.directory("empty")
    for words in ["empty", "--rules empty"] {
      let result = try bench.run("verify " + words)
      #expect(result.status == 1)
      #expect(result.output == "")
      #expect(
        result.messages
          == "apreserve: no rule files in empty; names of rule files end in .rules\n")
    }
    let result = try bench.run("verify two --inventory two/10.rules")
    #expect(result.status == 1)
    #expect(
      result.messages
        == "apreserve: two/10.rules: this is not a machine description; one is JSON, as \"apreserve "
        + "snapshot\" prints it\n")
  }

  @Test func `reads standard input where the path is -`() throws {
    let bench = try bench()
    let good = try bench.run("verify -", input: "two/10.rules")
    #expect(good.status == 0)
    #expect(good.output == "1 file, 1 rule, no errors\n")
    let both = try bench.run("verify two/20.rules -", input: "bad/10.rules")
    #expect(both.status == 1)
    #expect(both.output.hasPrefix("-:1:10: error: "), "\(both.output)")
    #expect(both.output.hasSuffix("2 files, 1 rule, 1 error\n"), "\(both.output)")
  }

  @Test(arguments: ["two", "--rules two", "two/20.rules"])
  func `finds an error where a file is being written`(words: String) throws {
    let bench = try bench()
    let file = try bench.writer("two/20.rules")
    let refused = try bench.run("verify " + words)
    #expect(refused.status == 1)
    #expect(
      refused.output.contains(
        "two/20.rules:1:1: error: two/20.rules is being written by another process; wait until that "
          + "process has closed it [incomplete-file]\n"), "\(refused.output)")
    file.close()
    #expect(try bench.run("verify " + words).status == 0)
  }
}
